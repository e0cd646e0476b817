"""Compare a session that a document shows with what the program really prints.

Digits differ from machine to machine. Words, the signs of numbers, and the claims that a session is there to show do
not: `check` compares these, and a claim must be true of both texts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TABLE_BORDERS = "─━│┃┏┓┗┛┡┩└┘├┤┬┴╇╈┳┻╋═╺╸╷╵"

NUMBER = re.compile(
    r"""
    (?P<sign> (?<![\w.,)\]%]) [-+] )?                    # a hyphen after a word or a number is not a sign
    (?: (?<![\w]) (?<![A-Za-z][-+]) | (?<=\dT) )          # x0, pump-7 and load+1 are names; 2026-01-01T00 is not
    (?: \d{1,3} (?:,\d{3})+ (?!\d) | \d+ ) (?:\.\d*)?     # 1,234.5
    (?: e[-+]?\d+ )?
    """,
    re.VERBOSE,
)


class Claim(NamedTuple):
    """Something that a session shows, such as that a model beats persistence."""

    statement: str
    holds: Callable[[str], bool]
    """of the text that a program prints"""


def words(text: str, free: Iterable[str] = ()) -> list[str]:
    """Return the words of a text, with the digits of every number replaced by ``#``; signs stay.

    Parameters
    ----------
    text
        What a program prints.
    free
        Starts of lines whose rest may be anything, such as generated text.

    Examples
    --------
    >>> words("gru, window 16: +75.8 % in -4e5 s")
    ['gru,', 'window', '#:', '+#', '%', 'in', '-#', 's']
    >>> words("generated: To be or not", free=["generated:"])
    ['generated:']
    """
    for start in free:
        text = re.sub(rf"(?m)^({re.escape(start)}).*", r"\1", text)
    bare = text.translate(dict.fromkeys(map(ord, TABLE_BORDERS), " "))
    return NUMBER.sub(lambda number: f"{number['sign'] or ''}#", bare).split()


def numbers(text: str, label: str = "") -> list[float]:
    """Return the numbers on the right of a label, on the first line that has the label.

    Raises
    ------
    ValueError
        If no line has the label, so that a claim cannot become empty.

    Examples
    --------
    >>> numbers("dense 49% right\\ngru 16  100% right, 1,234 events/s", "gru 16")
    [100.0, 1234.0]
    """
    for line in text.splitlines():
        if label in line:
            return _parse(line.partition(label)[2])
    raise ValueError(f"no line has {label!r}")


def rows(text: str) -> list[list[float]]:
    """Return the numbers of each line that has numbers.

    Examples
    --------
    >>> rows("h error\\n1 101.4%\\n12 24.5%")
    [[1.0, 101.4], [12.0, 24.5]]
    """
    return [row for line in text.splitlines() if (row := _parse(line))]


def check(shown: str, printed: str, claims: Iterable[Claim] = (), free: Iterable[str] = ()) -> None:
    """Check that a program prints what a document shows: the same words and signs, and that the claims are true.

    Raises
    ------
    AssertionError
        With the first difference, or the claim that does not hold and the text that it does not hold of.
    """
    expected, actual = words(shown, free), words(printed, free)
    if expected != actual:
        at = next((n for n, pair in enumerate(zip(expected, actual, strict=False)) if len(set(pair)) > 1), None)
        at = min(len(expected), len(actual)) if at is None else at
        context = slice(max(at - 5, 0), at + 5)
        raise AssertionError(
            f"the document shows {' '.join(expected[context])!r}, "
            f"but the program prints {' '.join(actual[context])!r}:\n{printed}"
        )
    for source, text in (("document", shown), ("program", printed)):
        for claim in claims:
            if not claim.holds(text):
                raise AssertionError(f"not true of the {source}: {claim.statement}:\n{text}")


def _parse(text: str) -> list[float]:
    return [float(number[0].replace(",", "")) for number in NUMBER.finditer(text)]
