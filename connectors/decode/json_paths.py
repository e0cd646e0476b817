"""Paths to the fields of nested JSON, such as ``ENERGY.Power`` and ``values[0].v``.

A field whose name is the rest of the path wins: in ``{"a.b": 1, "a": {"b": 2}}``, ``a.b`` is 1. Brackets without an
index, as in ``Temp [C]``, belong to the name of a field.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from stream_rnn.connectors.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_INDEX = 999
"""The last element of an array that a path may name."""
_INDEX = r"\[([0-9]{1,3})\]"
_NAME = r"((?:[^.\[\]]|\[(?![0-9]{1,3}\])[^.\[\]]*\])+)"
_PATH = re.compile(rf"(?:{_NAME}|{_INDEX})(?:\.{_NAME}|{_INDEX})*")
_STEP = re.compile(rf"{_INDEX}|{_NAME}")
_MISTAKES = {
    "has an empty part": re.compile(r"\.\."),
    "has a bracket that is not closed": re.compile(r"\[[^\]]*$"),
    "has a bracket that is not opened": re.compile(r"^[^\[]*\]"),
    "has a negative index": re.compile(r"\[\s*-\s*[0-9]+\s*\]"),
    f"has an index above {MAX_INDEX}": re.compile(r"\[[0-9]{4,}\]"),
}


class Absent:
    """The result of a lookup that finds nothing."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


class Blocked(NamedTuple):
    """The result of a lookup that meets a number, say, where the path needs an object."""

    word: str
    """the value found instead, or its kind, as a word"""


class Path(NamedTuple):
    """Where a field is.

    Examples
    --------
    >>> path = Path.of("values[0].v")
    >>> path.steps
    ('values', 0, 'v')
    >>> path.find({"values": [{"v": 2.5}]}), path.find({"values": []}), path.find({"values": 7})
    (2.5, ABSENT, Blocked(word='<number>'))
    """

    name: str
    steps: tuple[str | int, ...]
    """names of fields and indices of elements"""
    rests: tuple[str, ...]
    """the path from each step on, which may be the name of a field"""

    @staticmethod
    def of(name: str) -> Path:
        """Return the path that a name spells; a name that is no path is that of a field."""
        if not _PATH.fullmatch(name):
            return Path(name, (name,), (name,))
        steps = list(_STEP.finditer(name))
        return Path(
            name,
            tuple(step[2] if step[1] is None else int(step[1]) for step in steps),
            tuple(name[step.start() :] for step in steps),
        )

    def find(self, value: Any) -> Any:
        """Return the value at this path: `ABSENT` if a part is missing or null, `Blocked` if one has no parts.

        The last part may be null, which is None.
        """
        for step, rest in zip(self.steps, self.rests, strict=True):
            if isinstance(value, dict) and rest in value:
                return value[rest]
            if value is None:
                return ABSENT
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step, ABSENT)
            elif isinstance(value, list) and isinstance(step, int):
                value = value[step] if step < len(value) else ABSENT
            else:
                return Blocked(kind_of(value))
            if value is ABSENT:
                return ABSENT
        return value


def check_path(name: str, role: str = "column") -> None:
    """Check that a name is not a malformed path; `role` is the role of the named field.

    Raises
    ------
    UsageError
        Naming the mistake.

    Examples
    --------
    >>> check_path("Temp [C]")
    >>> check_path("values[-1]")
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.UsageError: column 'values[-1]' has a negative index: write a path as a.b or a[0].b
    """
    for mistake, pattern in _MISTAKES.items():
        if pattern.search(name):
            raise UsageError(f"{role} {name!r} {mistake}: write a path as a.b or a[0].b")


def leaves(fields: dict[str, Any]) -> Iterator[str]:
    """Yield the paths of the fields of an object that are not objects themselves, in order.

    Examples
    --------
    >>> list(leaves({"Time": "noon", "ENERGY": {"Power": 1, "Phases": [1, 2]}}))
    ['Time', 'ENERGY.Power', 'ENERGY.Phases']
    """
    pending = list(reversed(fields.items()))
    while pending:
        name, value = pending.pop()
        if isinstance(value, dict) and value:
            pending += reversed([(f"{name}.{part}", nested) for part, nested in value.items()])
        else:
            yield name


def kind_of(value: object) -> str:
    """Return the kind of a JSON value, as a word that is counted.

    Examples
    --------
    >>> kind_of(7), kind_of([7]), kind_of("on")
    ('<number>', '<array>', '<text>')
    """
    if isinstance(value, dict):
        return "<object>"
    if isinstance(value, list):
        return "<array>"
    return "<text>" if isinstance(value, str) else "<number>"
