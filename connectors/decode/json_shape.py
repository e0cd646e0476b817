"""The events of a JSON record: it is one itself, wraps one, or is an array of several.

The fields of an event are looked up in its own object first, then in the objects around it, from the inside out. An
event has at least one of the inputs. A record that has none is unwrapped if it certainly is an envelope, and an array
of objects has an event in each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.json_paths import ABSENT, Absent, Blocked, Path

NOT_AN_OBJECT = "not a JSON object"
EMPTY_ARRAY = "array is empty"
NUMBER_FIELD = "value"
"""The field of a record that is a bare number."""

Scope = tuple[Any, ...]
"""The object of an event, and those around it, from the inside out."""


@dataclass(frozen=True, eq=False)
class Envelope:
    """An object with metadata around an event."""

    name: str
    inner: str
    """the field with the event"""
    required: dict[str, Any]
    """types of other fields that it always has"""
    optional: tuple[str, ...] = ()
    """the fields that it may have besides"""
    is_open: bool = False
    """whether it may have further fields"""

    @property
    def keys(self) -> tuple[str, ...]:
        """The path to the event."""
        return (self.inner,)

    @property
    def known(self) -> set[str]:
        """The fields that it may have if it is not open."""
        return {self.inner, *self.required, *self.optional}

    def describe(self) -> str:
        """Return the text to report if such envelopes are recognised."""
        return f"{self.name} envelopes around {self.inner!r}"

    def wraps(self, fields: dict[str, Any]) -> bool:
        """Return whether an object is such an envelope.

        Examples
        --------
        >>> ENVELOPES[0].wraps({"schema": None, "payload": {}}), ENVELOPES[0].wraps({"payload": {}})
        (True, False)
        """
        if self.inner not in fields or not (self.is_open or fields.keys() <= self.known):
            return False
        return all(name in fields and _has_type(fields[name], kind) for name, kind in self.required.items())


ENVELOPES = (
    Envelope("Kafka Connect", "payload", {"schema": msgspec.Raw}),
    Envelope(
        "Debezium",
        "after",
        {"op": Literal["c", "r", "u", "d"]},
        ("before", "source", "transaction", "ts_ms", "ts_us", "ts_ns"),
    ),
    Envelope(
        "CloudEvents",
        "data",
        {"specversion": str},
        ("id", "source", "type", "subject", "time", "datacontenttype", "dataschema"),
        is_open=True,
    ),
)


class Unwrap(NamedTuple):
    """A step to the object at a path."""

    path: Path

    @property
    def keys(self) -> tuple[str | int, ...]:
        """The path to the object."""
        return self.path.steps


class Elements(NamedTuple):
    """A step to the elements of an array."""


Step = Envelope | Unwrap | Elements


class UnusableError(Exception):
    """A record has no event."""


class Expanded(NamedTuple):
    """The events of a record."""

    scopes: list[Scope | str]
    """the events; why an element of an array is none"""
    steps: tuple[Step, ...]
    """how the first of them is found"""


class Shape:
    """Finds the events of records.

    Parameters
    ----------
    inputs
        Names of the inputs.
    unwrap
        Path to the object with the event, or array of events; empty if the record is it.
    records
        Path from there to an array of events; empty if there is none.

    Examples
    --------
    >>> Shape(("v",)).expand({"schema": {}, "payload": {"v": 1}}).scopes
    [({'v': 1}, {'schema': {}, 'payload': {'v': 1}})]
    >>> [scope[0] for scope in Shape(("v",), records="a").expand({"id": 7, "a": [{"v": 1}, {"v": 2}]}).scopes]
    [{'v': 1}, {'v': 2}]
    """

    def __init__(self, inputs: tuple[str, ...], unwrap: str = "", records: str = "") -> None:
        self.inputs = tuple(map(Path.of, inputs))
        self._is_number = inputs == (NUMBER_FIELD,)
        self._unwrap = Path.of(unwrap) if unwrap else None
        self._records = Path.of(records) if records else None

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are set."""
        steps: tuple[Step, ...] = () if self._unwrap is None else (Unwrap(self._unwrap),)
        return steps if self._records is None else (*steps, Unwrap(self._records), Elements())

    @property
    def array(self) -> str:
        """The path to an array of events; empty if it is not set."""
        return "" if self._records is None else self._records.name

    def expand(self, record: Any) -> Expanded:
        """Return the events of a JSON value.

        Raises
        ------
        UnusableError
            With the reason why it has none.
        """
        value, steps = record, self.steps
        outers: Scope = ()
        if self._unwrap is not None:
            value, outers = self._unwrap.find(value), (value,)
            if value is None:
                raise UnusableError(values.NO_VALUE)
            if value is ABSENT or isinstance(value, Blocked):
                raise UnusableError(f"has no {self._unwrap.name!r}")
        if self._records is not None:
            value, outers = self._records.find(value), (value, *outers)
            if not isinstance(value, list):
                raise UnusableError(f"has no array {self._records.name!r}")
            return self._expand_elements(value, outers, steps)
        return self._expand(value, outers, steps)

    def _expand(self, value: Any, outers: Scope, steps: tuple[Step, ...]) -> Expanded:
        if self._has_input(value):
            return Expanded([(value, *outers)], steps)
        if isinstance(value, list):
            return self._expand_elements(value, outers, (*steps, Elements()))
        if isinstance(value, int | float) and self._is_number:
            return Expanded([({NUMBER_FIELD: value}, *outers)], steps)
        if not isinstance(value, dict):
            raise UnusableError(NOT_AN_OBJECT)
        envelope = next((some for some in ENVELOPES if some.wraps(value)), None)
        if envelope is None:
            return Expanded([(value, *outers)], steps)
        if value[envelope.inner] is None:
            raise UnusableError(values.NO_VALUE)
        return self._expand(value[envelope.inner], (value, *outers), (*steps, envelope))

    def _expand_elements(self, elements: list[Any], outers: Scope, steps: tuple[Step, ...]) -> Expanded:
        if not elements:
            raise UnusableError(EMPTY_ARRAY)
        scopes: list[Scope | str] = []
        taken: tuple[Step, ...] | None = None
        for element in elements:
            if isinstance(element, list):  # arrays of arrays have no certain meaning
                scopes.append(NOT_AN_OBJECT)
                continue
            try:
                expanded = self._expand(element, outers, steps)
            except UnusableError as error:
                scopes.append(str(error))
            else:
                scopes += expanded.scopes
                taken = taken or expanded.steps
        if taken is None and not any(isinstance(element, dict) for element in elements):
            raise UnusableError(NOT_AN_OBJECT)
        return Expanded(scopes, taken or steps)

    def _has_input(self, value: Any) -> bool:
        if isinstance(value, list):
            return any(not isinstance(path.find(value), Absent | Blocked) for path in self.inputs)
        return isinstance(value, dict) and any(path.find(value) is not ABSENT for path in self.inputs)


def find(scope: Scope, path: Path) -> Any:
    """Return what a path leads to in the innermost object that has it, `ABSENT` if none has.

    Examples
    --------
    >>> find(({"x": 1}, {"x": 2, "t": 3}), Path.of("x")), find(({"x": 1}, {"x": 2, "t": 3}), Path.of("t"))
    (1, 3)
    """
    for fields in scope:
        if (found := path.find(fields)) is not ABSENT:
            return found
    return ABSENT


def _has_type(value: Any, kind: Any) -> bool:
    """Return whether a JSON value has a type of msgspec; every value has the type `Raw`."""
    if kind is msgspec.Raw:
        return True
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True
