"""Times as text: which notations there are, and how a column of them is read at once.

Digits are replaced by 0, which leaves the layout of a text, such as `00.00.0000 00:00`. The texts of a column have few
layouts. A notation is a pattern that is matched with a layout; then it is known where in all these texts the year is.
"""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.time_formats import expand_shorthands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_800.0
"""The years 1 and 10000 in seconds since 1970: the range of the calendar."""
DAY = 86_400.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a time without an offset
MAX_LENGTH = 64
"""Characters; a longer text is not a time."""
MAX_LAYOUTS = 256
"""Layouts of one length that are looked for among texts; more of them are texts, not times, and are read one by one."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_MONTH = (
    r"(?P<b>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = (
    r"(?P<a>mon(?:day)?|tue(?:s(?:day)?)?|wed(?:nesday)?|thu(?:rs(?:day)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
)
_ZONE = r"(?P<z>Z|(?:UTC|GMT)(?![+-])|(?:UTC|GMT)?(?P<sign>[+-])(?P<zh>0{2})(?::?(?P<zm>0{2}))?)"
_CLOCK = r"(?P<H>0{1,2}):(?P<M>0{2})(?::(?P<S>0{2})(?:[.,](?P<f>0{1,9}))?)?(?: ?(?P<p>[ap]\.?m\.?))?"
_COMPACT_CLOCK = r"(?P<H>00)(?P<M>00)(?:(?P<S>00)(?:[.,](?P<f>0{1,9}))?)?"
_TAIL = rf"(?:(?:T| +|, ?){_CLOCK}(?: ?{_ZONE})?)?"
_YEAR = r"(?:(?P<Y>0000)|(?P<y>00))"

ISO = (
    rf"(?P<Y>0000)-(?P<m>00)-(?P<d>00){_TAIL}",
    r"(?P<Y>0000)-(?P<m>00)",
    rf"(?P<Y>0000)-?(?P<m>00)-?(?P<d>00)T{_COMPACT_CLOCK}{_ZONE}?",
)
"""ISO 8601: months, dates, and times with or without an offset; a space may stand for the T."""
CERTAIN = (
    *ISO,
    rf"(?P<Y>0000)(?P<sep>[-/.])(?P<m>0{{1,2}})(?P=sep)(?P<d>0{{1,2}}){_TAIL}",
    rf"(?P<d>0{{1,2}})\. ?(?P<m>0{{1,2}})\. ?{_YEAR}{_TAIL}",
    rf"(?:{_WEEKDAY}\.?,? )?(?P<d>0{{1,2}})(?P<sep>[ /.-]) ?{_MONTH}\.?(?P=sep){_YEAR}{_TAIL}",
    rf"(?P<d>0{{1,2}})/{_MONTH}/(?P<Y>0000):{_CLOCK}(?: ?{_ZONE})?",
    rf"(?:{_WEEKDAY}\.?,? )?{_MONTH}\.? (?P<d>0{{1,2}}),? (?P<Y>0000){_TAIL}",
    rf"(?:{_WEEKDAY} )?{_MONTH} {{1,2}}(?P<d>0{{1,2}}) {_CLOCK}(?: {_ZONE})? (?P<Y>0000)",
    rf"(?P<Y>0000)(?P<sep>[ /-]){_MONTH}(?P=sep)(?P<d>0{{1,2}}){_TAIL}",
    rf"{_MONTH}\.?[ -](?P<Y>0000)",
    rf"(?P<Y>0000)[ -]{_MONTH}",
    r"(?P<Y>0000)-?Q(?P<q>0)",
)
"""Unambiguous notations: the year comes first, the month is a name, or dots separate them."""
DAY_FIRST = rf"(?P<d>0{{1,2}})(?P<sep>[/-])(?P<m>0{{1,2}})(?P=sep){_YEAR}{_TAIL}"
MONTH_FIRST = rf"(?P<m>0{{1,2}})(?P<sep>[/-])(?P<d>0{{1,2}})(?P=sep){_YEAR}{_TAIL}"
YEAR_FIRST = rf"(?P<y>00)(?P<sep>[/-])(?P<m>0{{1,2}})(?P=sep)(?P<d>0{{1,2}}){_TAIL}"
NOTATIONS: dict[str, tuple[str, ...]] = {
    "auto": CERTAIN,
    "iso": ISO,
    "day-first": (*CERTAIN, DAY_FIRST),
    "month-first": (*CERTAIN, MONTH_FIRST),
    "year-first": (*CERTAIN, YEAR_FIRST),
}
"""The patterns that each name of a time format stands for."""
CLOCK = (rf"{_CLOCK}",)
"""A time of day without a date."""

_PLAIN = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DIRECTIVES = {
    "Y": "(?P<Y>0000)",
    "y": "(?P<y>00)",
    "m": "(?P<m>0{1,2})",
    "d": "(?P<d>0{1,2})",
    "b": _MONTH,
    "B": _MONTH,
    "a": _WEEKDAY,
    "A": _WEEKDAY,
    "j": "(?P<j>000)",
    "H": "(?P<H>0{1,2})",
    "I": "(?P<H>0{1,2})",
    "M": "(?P<M>0{1,2})",
    "S": "(?P<S>0{1,2})",
    "f": "(?P<f>0{1,9})",
    "p": r"(?P<p>[ap]\.?m\.?)",
    "z": _ZONE,
    "Z": "(?P<Z>UTC|GMT|Z)",
    "%": "%",
}


class Texts(NamedTuple):
    """N texts, one after another."""

    characters: NDArray[np.uint8]
    """(C,) ASCII"""
    starts: NDArray[np.int64]
    """(N,) where each text starts"""
    lengths: NDArray[np.int64]
    """(N,) number of its characters"""

    @staticmethod
    def of(texts: Sequence[str]) -> Texts:
        """Return texts as one array; one with other characters than those of ASCII is no time, and becomes empty."""
        joined = "".join(texts)
        if not joined.isascii():
            texts = [text if text.isascii() else "" for text in texts]
            joined = "".join(texts)
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        return Texts(np.frombuffer(joined.encode(), np.uint8), np.cumsum(lengths) - lengths, lengths)


class ReadTimes(NamedTuple):
    """N times that were read."""

    seconds: NDArray[np.float64]
    """(N,) since 1970-01-01 UTC, or as if the local clock showed UTC where `is_local`; NaN if the text is no time"""
    is_local: NDArray[np.bool_]
    """(N,) whether the text has no offset from UTC"""


def read_texts(texts: Texts, time_format: str) -> ReadTimes:
    """Return texts (N,) as times, each on its own.

    Parameters
    ----------
    texts
        Without surrounding spaces.
    time_format
        A name in `NOTATIONS`, or a format for strptime.

    Examples
    --------
    >>> read_texts(Texts.of(["1970-01-01 00:01", "02.01.1970", "1970-01-01T01:00:00.5+01:00", "noon"]), "auto").seconds
    array([6.00e+01, 8.64e+04, 5.00e-01,      nan])
    >>> read_texts(Texts.of(["1/2/70 1:30 PM"]), "%m/%d/%y %I:%M %p").seconds
    array([135000.])
    """
    return _read(texts, patterns_of(time_format))


def read_few(texts: Sequence[str]) -> ReadTimes | None:
    """Return what `read_texts` returns for ISO 8601, one by one, which is faster for few; None if one is not plain.

    Examples
    --------
    >>> times = read_few(["1970-01-01T01:00:00.5+01:00"])
    >>> times.seconds, times.is_local
    (array([0.5]), array([False]))
    """
    seconds, is_local = [], []
    for text in texts:
        match = _PLAIN.fullmatch(text)
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        if match is None:
            return None
        second = (moment - (NAIVE_EPOCH if moment.tzinfo is None else EPOCH)).total_seconds()
        if not EARLIEST <= second < LATEST:
            return None
        seconds.append(second)
        is_local.append(moment.tzinfo is None)
    return ReadTimes(np.array(seconds, np.float64), np.array(is_local, np.bool_))


def read_clocks(texts: Sequence[str]) -> NDArray[np.float64]:
    """Return times of day as seconds since midnight (N,), NaN if a text is something else.

    Examples
    --------
    >>> read_clocks(["00:01", "1:00:00 PM", "25:00"])
    array([   60., 46800.,    nan])
    """
    return _read(Texts.of(texts), _compiled(CLOCK)).seconds


def describe(text: str, time_format: str) -> str:
    """Return how strptime would be told to read a text that is a time in this format.

    Examples
    --------
    >>> describe("06.01.2025 12:30:00.5", "auto"), describe("2025-01-06T12:30:00Z", "auto")
    ('%d.%m.%Y %H:%M:%S.%f', '%Y-%m-%dT%H:%M:%S%z')
    """
    layout = re.sub(r"[0-9]", "0", text)
    match = _match(layout, patterns_of(time_format))
    if match is None:
        return time_format
    groups = match.groupdict()
    places = sorted(
        (*match.span(name), name) for name in groups.keys() & _DIRECTIVES.keys() if groups[name] is not None
    )
    pieces, at = [], 0
    for start, end, name in places:
        directive = "I" if name == "H" and groups.get("p") else name
        long_name = name in ("a", "b") and end - start > 3 and layout[start:end].lower() != "sept"
        pieces += [text[at:start], "%", directive.upper() if long_name else directive]
        at = end
    return "".join([*pieces, text[at:]])


@functools.cache
def patterns_of(time_format: str) -> tuple[re.Pattern[str], ...]:
    """Return the patterns of a time format."""
    if time_format in NOTATIONS:
        return _compiled(NOTATIONS[time_format])
    return (_compile_format(time_format),)


def _compile_format(time_format: str) -> re.Pattern[str]:
    """Return a format for strptime, which was checked, as a pattern of layouts."""
    pieces = []
    for literal, directive in re.findall(r"([^%]+)|%(.?)", expand_shorthands(time_format), re.DOTALL):
        if literal:
            pieces.append(re.sub(r"(?:\\ )+", " +", re.escape(re.sub("[0-9]", "0", literal))))
        else:
            pieces.append(_DIRECTIVES[directive])
    return re.compile("".join(pieces), re.IGNORECASE | re.ASCII)


@functools.cache
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE | re.ASCII) for pattern in patterns)


@functools.lru_cache(maxsize=1024)
def _match(layout: str, patterns: tuple[re.Pattern[str], ...]) -> re.Match[str] | None:
    return next((match for pattern in patterns if (match := pattern.fullmatch(layout))), None)


def _read(texts: Texts, patterns: tuple[re.Pattern[str], ...]) -> ReadTimes:
    count = len(texts.lengths)
    seconds, is_local = np.full(count, np.nan), np.zeros(count, np.bool_)
    for length in np.unique(texts.lengths).tolist():
        if not 0 < length <= MAX_LENGTH:
            continue
        rows = np.flatnonzero(texts.lengths == length)
        if len(rows) * length == len(texts.characters):
            characters = texts.characters.reshape(-1, length)
        else:
            characters = texts.characters[texts.starts[rows, np.newaxis] + np.arange(length)]
        for layout, same in _layouts(characters):
            if (match := _match(layout, patterns)) is not None:
                chosen = characters if len(same) == len(rows) else characters[same]
                seconds[rows[same]] = _seconds(match, np.ascontiguousarray(chosen.T))
                is_local[rows[same]] = not _has_zone(match)
    return ReadTimes(seconds, is_local)


def _layouts(characters: NDArray[np.uint8]) -> list[tuple[str, NDArray[np.intp]]]:
    """Return each layout of texts (N, length), with the rows that have it."""
    zero = np.uint8(ord("0"))
    layouts = np.where(characters - zero < 10, zero, characters)
    if (layouts == layouts[0]).all():
        return [(layouts[0].tobytes().decode("latin-1"), np.arange(len(layouts)))]
    rows = layouts.view(f"S{layouts.shape[1]}").ravel()
    found: list[tuple[str, NDArray[np.intp]]] = []
    rest = np.arange(len(rows))
    while len(rest):  # few layouts: a sort would take longer
        is_same = rows[rest] == rows[rest[0]]
        found.append((layouts[rest[0]].tobytes().decode("latin-1"), rest[is_same]))
        rest = rest[~is_same]
        if len(found) == MAX_LAYOUTS:
            break
    return found + [(layouts[row].tobytes().decode("latin-1"), rest[i : i + 1]) for i, row in enumerate(rest.tolist())]


def _has_zone(match: re.Match[str]) -> bool:
    groups = match.groupdict()
    return groups.get("z") is not None or groups.get("Z") is not None


def _seconds(match: re.Match[str], characters: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the times (N,) that texts (length, N) of one layout spell, NaN for those that are outside the calendar."""
    groups = match.groupdict()

    def number(name: str, missing: int) -> NDArray[np.int64]:
        if groups.get(name) is None:
            return np.full(characters.shape[1], missing)
        return _number(characters[match.start(name) : match.end(name)])

    year = number("Y", 1970)
    if groups.get("y") is not None:
        short = number("y", 0)
        year = short + np.where(short < 69, 2000, 1900)  # as POSIX
    month, day = number("m", 1), number("d", 1)
    if groups.get("b") is not None:
        month = np.full_like(day, 1 + MONTHS.index(match["b"][:3].lower()))
    quarter = number("q", 1)
    if groups.get("q") is not None:
        month = 3 * quarter - 2
    hour, minute, second = number("H", 0), number("M", 0), number("S", 0)
    first_day = _days_before(year, month)
    days = _days_before(year, month + 1) - first_day
    valid = (year >= 1) & (month >= 1) & (month <= 12) & (quarter >= 1) & (quarter <= 4)
    if groups.get("j") is not None:
        day = number("j", 1)
        first_day = _days_before(year, np.ones_like(month))
        days = _days_before(year, np.full_like(month, 13)) - first_day
    valid &= (day >= 1) & (day <= days) & (minute < 60) & (second < 60)
    if groups.get("p") is not None:
        valid &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + (12 if match["p"][0] in "pP" else 0)
    valid &= (hour < 24) | ((hour == 24) & (minute == 0) & (second == 0))  # the end of a day
    whole = (((first_day + day - 1) * 24 + hour) * 60 + minute) * 60 + second
    if groups.get("sign") is not None:
        hours, minutes = number("zh", 0), number("zm", 0)
        valid &= (hours < 24) & (minutes < 60)
        whole -= (60 * hours + minutes) * (-60 if match["sign"] == "-" else 60)
    seconds = whole.astype(np.float64)
    if groups.get("f") is not None:
        digits = match.end("f") - match.start("f")
        micros = (number("f", 0) * 10 ** (9 - digits) + 500) // 1000  # to the nearest, as numbers are
        seconds = np.where(micros == 0, seconds, (whole * 1_000_000 + micros) / 1e6)
    return np.where(valid & (seconds >= EARLIEST) & (seconds < LATEST), seconds, np.nan)


def _number(characters: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the numbers (N,) that decimal digits (length, N) spell."""
    number = np.zeros(characters.shape[1], np.int64)
    for row in characters:
        number = number * 10 + (row - ord("0"))
    return number


def _days_before(year: NDArray[np.int64], month: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return days from 1970-01-01 to the first day of a month, which may be the 13th."""
    months = (12 * (year - 1970) + month - 1).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
