"""Values that are missing because they are not numbers are counted by column and word."""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream_rnn.connectors.events import BadValue

log = logging.getLogger("stream_rnn")

MAX_WORDS = 20
"""Pairs of a column and a word that are counted each on their own; free text has any number of words."""
OTHER = "other"
"""Counts the words of a column beyond these."""
MAX_WORD_CHARACTERS = 30
_WITH_UNIT = re.compile(
    r"[+-]?(?:[0-9]+(?:[.,][0-9]+)*|[.,][0-9]+)(?:e[+-]?[0-9]+)?\s*((?:[^\W\d_]|[°%‰$€£])[^\s\d]{0,9}[0-9]?)",
    re.IGNORECASE,
)
"""A number, and a unit such as °C, %, kWh or W/m2."""


class BadValueCounter:
    """Counts bad values by column and word; the first of each pair is logged as a warning.

    Attributes
    ----------
    counts : dict of str to Counter of str
        Number of values, by column and word; words beyond the first 20 of all columns together are `other`.

    Examples
    --------
    >>> from stream_rnn.connectors.events import BadValue
    >>> counter = BadValueCounter()
    >>> for record in (3, 5):
    ...     counter.add(BadValue("a.csv", record, "load", "unavailable"))
    >>> counter.counts
    {'load': Counter({'unavailable': 2})}
    """

    def __init__(self) -> None:
        self.counts: dict[str, Counter[str]] = {}
        self._words = 0

    def __len__(self) -> int:
        return sum(words.total() for words in self.counts.values())

    def add(self, value: BadValue) -> None:
        """Count one value."""
        words = self.counts.setdefault(value.column, Counter())
        word = printable(value.word)
        if word not in words:
            if self._words < MAX_WORDS:
                self._words += 1
            else:
                word = OTHER
            if word not in words:
                log.warning(
                    "%s: record %d: column %r: '%s' is not a number and counts as missing; more like it are counted%s",
                    value.source,
                    value.record,
                    value.column,
                    printable(value.word),
                    "; write the numbers without the unit" if unit_of(value.word) else "",
                )
        words[word] += 1


def printable(word: str) -> str:
    r"""Return a word without surrounding spaces, with unprintable characters escaped, and cut to 30 characters.

    Examples
    --------
    >>> printable(" n/a\x1b[31m ")
    'n/a\\x1b[31m'
    """
    cut = word.strip()[: MAX_WORD_CHARACTERS + 1]
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in cut[:MAX_WORD_CHARACTERS])
    return f"{shown}..." if len(cut) > MAX_WORD_CHARACTERS else shown


def unit_of(text: str) -> str:
    """Return the unit that follows a number; empty if the text is anything else.

    Examples
    --------
    >>> unit_of("21.5 °C"), unit_of("35%"), unit_of("1,2 kWh"), unit_of("21.5"), unit_of("pump 7")
    ('°C', '%', 'kWh', '', '')
    """
    match = _WITH_UNIT.fullmatch(text.strip())
    return "" if match is None else match[1]
