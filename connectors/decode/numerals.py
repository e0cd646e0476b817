"""Numerals: how numbers are written, with a decimal sign and a sign between thousands, and how that is recognised."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DECIMALS = (".", ",")
THOUSANDS = (",", ".", "'", " ")
"""A space stands for the spaces that do not break a line, too, and an apostrophe for the typographic one."""
VARIANTS = {" ": " \u00a0\u202f", "'": "'\u2019"}
"""Characters that a sign between thousands stands for, where it is not only itself."""
MIN_SHARE = 0.5
"""A column has numbers if at least this share of its values that are not empty look like numbers."""


RARE = 0.5
"""A decimal sign is rare in a column if fewer than this share of the numbers with the other sign have it."""


class Numerals(NamedTuple):
    """How numbers are written.

    Examples
    --------
    >>> german = Numerals(decimal=",", thousands=".")
    >>> german.plain("1.234,5"), german.plain("-20,1"), german.plain("1.5"), german.plain("warm")
    ('1234.5', '-20.1', None, None)
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as programs write them."""
        return self == PLAIN

    @property
    def thousands_signs(self) -> str:
        """All characters that may be between thousands."""
        return VARIANTS.get(self.thousands, self.thousands)

    @property
    def pattern(self) -> str:
        """A regular expression of numbers without spaces around them, in the syntax of Python and of RE2."""
        digits = r"[0-9]+"
        if self.thousands:
            digits = rf"(?:[0-9]{{1,3}}(?:[{self.thousands_signs}][0-9]{{3}})+|[0-9]+)"
        decimals = rf"{re.escape(self.decimal)}[0-9]"
        return rf"[+-]?(?:(?:{digits}(?:{decimals}*)?|{decimals}+)(?:[eE][+-]?[0-9]+)?|(?i:inf(?:inity)?))"

    def plain(self, text: str) -> str | None:
        """Return a number as programs write it, None if it is not a number."""
        text = text.strip()
        if not _compiled(self).fullmatch(text):
            return None
        for sign in self.thousands_signs:
            text = text.replace(sign, "")
        return text.replace(self.decimal, ".")


PLAIN = Numerals()


@lru_cache(maxsize=16)
def _compiled(numerals: Numerals) -> re.Pattern[str]:
    return re.compile(numerals.pattern)


class Evidence(NamedTuple):
    """What the numbers of a column say about how they are written."""

    decimals: dict[str, str]
    """signs that can only be decimal signs, each with a number that shows it"""
    thousands: dict[str, str]
    """signs that can only be between thousands, in the same way"""
    unclear: dict[str, str]
    """signs that may be either, in the same way"""


_SIGNS = ".,'\u2019 \u00a0\u202f"
_SHAPE = re.compile(rf"(?=.*[0-9])[+-]?[0-9]*(?:[{_SIGNS}][0-9]+)*[.,]?(?:[eE][+-]?[0-9]+)?")
_OTHER_SIGN = re.compile(r"(?m)^\s*[+-]?[0-9.]*[,'\u2019 \u00a0\u202f][0-9]")
"""Where lines may be numbers with another sign than a point: none in most files, which are not looked at further."""
_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_SIGN = re.compile(rf"([{_SIGNS}])")


def evidence_of(texts: Sequence[str]) -> Evidence | None:
    """Return the evidence from the numbers of a column; None if it is not a column of numbers, or they have no signs.

    Examples
    --------
    >>> evidence_of(["1.234,5", "20,1"])
    Evidence(decimals={',': '1.234,5'}, thousands={'.': '1.234,5'}, unclear={})
    >>> evidence_of(["1.234"])
    Evidence(decimals={}, thousands={}, unclear={'.': '1.234'})
    """
    found = Evidence({}, {}, {})
    numbers = others = 0
    for raw in texts:
        if text := raw.strip():
            is_number = bool(_SHAPE.fullmatch(text) and not _IPV4.fullmatch(text)) and _add(found, text)
            numbers += is_number
            others += not is_number
    is_numeric = numbers and numbers >= MIN_SHARE * (numbers + others)
    if len(found.decimals) > 1:
        _drop_rare(found.decimals, texts)
    for sign in (*found.decimals, *found.thousands):
        found.unclear.pop(sign, None)
    return found if is_numeric and any(found) else None


def _add(found: Evidence, text: str) -> bool:
    """Add the evidence from a number; return whether it is a number."""
    lead, *parts = _SIGN.split(re.split("[eE]", text.lstrip("+-"))[0])
    signs, groups = [_sign(sign) for sign in parts[::2]], [len(digits) == 3 for digits in parts[1::2]]
    if not signs:
        return True
    are_groups = 1 <= len(lead) <= 3 and not lead.startswith("0") and all(groups[:-1])
    last, before = signs[-1], set(signs[:-1])
    if (before and not are_groups) or len(before) > 1:
        return False
    if before - {last}:  # 1.234,5
        if last not in DECIMALS:
            return False
        found.thousands.setdefault(before.pop(), text)
        found.decimals.setdefault(last, text)
    elif before or last not in DECIMALS:  # 1.234.567, or 1 234
        if not (are_groups and groups[-1]):
            return False
        found.thousands.setdefault(last, text)
    elif are_groups and groups[-1]:  # 1.234
        found.unclear.setdefault(last, text)
    else:  # 20.1
        found.decimals.setdefault(last, text)
    return True


def _drop_rare(decimals: dict[str, str], texts: Sequence[str]) -> None:
    """Remove a decimal sign that few numbers of a column have: a garbled number must not decide for the others."""
    counts = dict.fromkeys(decimals, 0)
    for text in texts:
        one = Evidence({}, {}, {})
        if _SHAPE.fullmatch(text.strip()) and _add(one, text.strip()):
            for sign in one.decimals:
                counts[sign] += 1
    for sign, count in counts.items():
        if count < RARE * max(counts.values()):
            del decimals[sign]


def _sign(character: str) -> str:
    """Return the sign that a character is a variant of."""
    return next((sign for sign, variants in VARIANTS.items() if character in variants), character)


class Recognised(NamedTuple):
    """How the numbers of a file are written."""

    numerals: Numerals
    asked: dict[str, str]
    """what the user must specify, for each column whose numbers can be read in two ways"""
    grouped: frozenset[str] = frozenset()
    """columns with signs between thousands"""
    is_certain: bool = True
    """whether the decimal sign was named, or a number shows it"""
    words: tuple[str, ...] = ()
    """what was recognised without being named"""


def recognise_numerals(
    columns: Mapping[str, Sequence[str]], decimal: str | None, thousands: str | None, delimiter: str
) -> Recognised:
    """Decide how the numbers of a file are written.

    Parameters
    ----------
    columns
        The first values of each column.
    decimal, thousands
        Signs that the user named.
    delimiter
        Of the fields: where it is a comma, a decimal comma is never assumed; where it is a semicolon, a point is not
        taken for a decimal point if all numbers have exactly three digits after it.

    Examples
    --------
    >>> found = recognise_numerals({"x": ["20,1"], "y": ["1,234"]}, None, None, ";")
    >>> found.numerals, found.words
    (Numerals(decimal=',', thousands=''), ("decimal ','",))
    >>> recognise_numerals({"x": ["1.234"]}, None, None, ";").asked
    {'x': "'1.234' is 1234 or 1.234: set decimal to . or ,"}
    """
    is_named = decimal is not None or thousands is not None
    if (
        not is_named
        and delimiter != ";"
        and not any(_OTHER_SIGN.search("\n".join(texts)) for texts in columns.values())
    ):
        return Recognised(PLAIN, {})
    found = {name: evidence for name, texts in columns.items() if (evidence := evidence_of(texts)) is not None}
    sign, asked, is_certain = decimal, dict[str, str](), True
    if sign is None and thousands is not None and thousands in DECIMALS:
        sign = _other(thousands)
    elif sign is None:
        sign, asked = _decimal_of(found, delimiter)
        is_certain = any(evidence.decimals or evidence.thousands for evidence in found.values())
    between = _thousands_of(found, sign) if thousands is None else thousands
    grouped = {name for name, one in found.items() if between and between in (*one.thousands, *one.unclear)}
    words = [f"decimal {sign!r}"] if sign != "." and decimal is None else []
    words += [f"thousands {between!r}"] if between and thousands is None else []
    return Recognised(Numerals(sign, between), asked, frozenset(grouped), is_certain, tuple(words))


def _other(sign: str) -> str:
    """Return the other one of the decimal signs."""
    return DECIMALS[1 - DECIMALS.index(sign)]


def _decimal_of(found: Mapping[str, Evidence], delimiter: str) -> tuple[str, dict[str, str]]:
    """Return the decimal sign, and what the user must say about columns for which it is not certain."""
    point, comma = _decimals(found, "."), _decimals(found, ",")
    if delimiter == ",":  # the points in 1.234.567 do not say that it is a number
        comma = {name: evidence.decimals[","] for name, evidence in found.items() if "," in evidence.decimals}
    if delimiter == "," or (point and comma):
        other = next(iter(point.values()), "")
        reason = f", but another column has {other!r}" if point else ""
        asked = {name: f"{text!r} has a decimal comma{reason}: set decimal to . or ," for name, text in comma.items()}
        if point and delimiter != ",":
            other = next(iter(comma.values()))
            asked |= {
                name: f"{text!r} has a decimal point, but another column has {other!r}: set decimal to . or ,"
                for name, text in point.items()
            }
        decimal = "."
    else:
        decimal, asked = ("," if comma else "."), {}
    decided = bool(point or comma)
    for name, evidence in found.items():
        for sign, text in evidence.unclear.items():
            plain = sign == "." and delimiter != ";"
            if not (plain or (decided and not asked and sign == decimal)):
                asked.setdefault(name, _two_ways(text, sign))
    return decimal, asked


def _decimals(found: Mapping[str, Evidence], sign: str) -> dict[str, str]:
    """Return a number that shows that this is the decimal sign, by column: points between thousands show a comma."""
    shown = {
        name: evidence.decimals.get(sign) or evidence.thousands.get(_other(sign), "")
        for name, evidence in found.items()
    }
    return {name: text for name, text in shown.items() if text}


def _two_ways(text: str, sign: str) -> str:
    return f"{text!r} is {text.replace(sign, '')} or {text.replace(sign, '.')}: set decimal to . or ,"


def _thousands_of(found: Mapping[str, Evidence], decimal: str) -> str:
    """Return the sign between thousands, empty if there is none."""
    for evidence in found.values():
        for sign in (*evidence.thousands, *evidence.unclear):
            if sign != decimal:
                return sign
    return ""
