"""Arrow columns of text to numbers, flags and keys: a whole column at once, one by one only where that fails.

What a text means is defined in `values`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.numerals import PLAIN
from stream_rnn.connectors.decode.time_text import Texts, read_texts
from stream_rnn.errors import require
from stream_rnn.time_formats import UNITS

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    import pyarrow.compute as pc
    from numpy.typing import NDArray

    from stream_rnn.connectors.decode.missing import MissingValues
    from stream_rnn.connectors.decode.numerals import Numerals
else:
    pa, pc = require("pyarrow", "files"), require("pyarrow.compute", "files")


def is_text(kind: pa.DataType) -> bool:
    """Return whether values of this type are text, which may spell something else."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_binary(kind)
    )


def decode_text(array: pa.Array) -> pa.Array:
    """Return text or bytes as strings; bytes that are not UTF-8 become U+FFFD, which no parser accepts."""
    if pa.types.is_string(array.type):
        return array
    try:
        return array.cast(pa.string())
    except pa.ArrowInvalid:
        texts = [None if value is None else value.decode(errors="replace") for value in array.to_pylist()]
        return pa.array(texts, pa.string())


def parse_numbers(
    array: pa.Array, numerals: Numerals = PLAIN, missing_texts: Iterable[str] = ()
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return texts as numbers, each as `values.parse_number` reads it; `missing_texts` are missing, too.

    Returns
    -------
    numbers : (N,) float64
        NaN where missing or bad.
    bad : (N,) bool
        True where the text is not a number.

    Examples
    --------
    >>> parse_numbers(pa.array(["1", "NA", "one"]))
    (array([ 1., nan, nan]), array([False, False,  True]))
    """
    texts = pc.utf8_trim_whitespace(decode_text(array))
    missing = pa.array([*values.MISSING, *missing_texts])
    if not numerals.is_plain:
        texts = _plain(texts, numerals, missing)
    try:
        present = pc.if_else(pc.is_in(texts, missing), pa.scalar(None, pa.string()), texts)
        return _to_floats(present.cast(pa.float64())), np.zeros(len(texts), dtype=np.bool_)
    except pa.ArrowInvalid:
        codes, distinct = _distinct(texts)
    numbers, is_number = _cast(_booleans_as_digits(distinct))
    is_missing = pc.is_in(distinct, missing).to_numpy(zero_copy_only=False)
    numbers[is_missing] = np.nan
    return numbers[codes], ~(is_number | is_missing)[codes]


def parse_words(
    array: pa.Array, missing: MissingValues, numerals: Numerals = PLAIN, *, as_text: bool = False
) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Return texts as words (N,), each as `values.parse_word` reads it, None if missing, and which are damaged (N,).

    As text they stay unchanged; see `values.parse_text`.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.missing import MissingValues
    >>> words, damaged = parse_words(pa.array(["on", "", " on", "2.0"]), MissingValues())
    >>> words
    array(['on', None, 'on', '2'], dtype=object)
    """
    codes, distinct = _distinct(decode_text(array))
    texts = distinct.to_pylist()
    parsed = [values.parse_text(text) if as_text else values.parse_word(text, numerals) for text in texts]
    words = np.array([None if not word or missing.has(word) else word for word in parsed], object)
    return words[codes], np.array([word is None for word in parsed], np.bool_)[codes]


def _plain(texts: pa.Array, numerals: Numerals, missing: pa.Array) -> pa.Array:
    """Return numbers as programs write them, missing values unchanged, and other texts as a word."""
    plain = texts
    for sign in numerals.thousands_signs:
        plain = pc.replace_substring(plain, sign, "")
    if numerals.decimal != ".":
        plain = pc.replace_substring(plain, numerals.decimal, ".")
    is_number = pc.match_substring_regex(texts, f"^(?:{numerals.pattern})$")
    if pc.all(is_number).as_py():
        return plain
    is_missing = pc.or_(pc.match_substring_regex(texts, values.MISSING_PATTERN), pc.is_in(texts, missing))
    is_kept = pc.or_(is_missing, pc.match_substring_regex(texts, "^(?i:true|false)$"))
    is_number = pc.and_not(is_number, pc.is_in(texts, missing))
    return pc.if_else(is_number, plain, pc.if_else(is_kept, texts, "?"))


def parse_flags(array: pa.Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return texts as flags (N,), each as `values.parse_flag` reads it, and which are neither true nor false (N,).

    Examples
    --------
    >>> parse_flags(pa.array(["yes", "maybe"]))
    (array([ True, False]), array([False,  True]))
    """
    codes, distinct = _distinct(decode_text(array))
    parsed = [values.parse_flag(text) for text in distinct.to_pylist()]
    flags = np.array([flag is True for flag in parsed], dtype=np.bool_)
    bad = np.array([flag is None for flag in parsed], dtype=np.bool_)
    return flags[codes], bad[codes]


def parse_keys(array: pa.Array) -> tuple[NDArray[np.object_], NDArray[np.bool_]]:
    """Return texts as keys (N,), one `str` object per stream, and which are not keys (N,): empty ones.

    Spaces belong to a key.

    Examples
    --------
    >>> parse_keys(pa.array(["a", ""]))
    (array(['a', ''], dtype=object), array([False,  True]))
    """
    if not pa.types.is_dictionary(array.type):
        array = decode_text(array).dictionary_encode()
    names = np.array([*array.dictionary.to_pylist(), None], dtype=object)
    codes = array.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
    bad = np.array([not name or values.DAMAGED in name for name in names], dtype=np.bool_)
    return names[codes], bad[codes]


def parse_times(array: pa.Array, time_format: str) -> values.Times:
    """Return texts as times, each as `values.parse_times` reads it.

    Examples
    --------
    >>> parse_times(pa.array(["1970-01-02", "2.1.1970 00:01", "noon"]), "auto").seconds
    array([86400., 86460.,    nan])
    """
    texts = pc.fill_null(pc.utf8_trim_whitespace(decode_text(array)), "")
    if time_format in UNITS:
        return values.parse_times(texts.to_pylist(), time_format)
    seconds, is_local = read_texts(_as_texts(texts), time_format)
    bad = np.zeros(len(texts), np.bool_)
    unread = np.flatnonzero(np.isnan(seconds))
    if len(unread):
        rest = values.parse_times(texts.take(pa.array(unread)).to_pylist(), time_format)
        seconds[unread], bad[unread], is_local[unread] = rest
    return values.Times(seconds, bad, is_local)


def _as_texts(array: pa.Array) -> Texts:
    """Return texts without a copy."""
    _, offsets, characters = array.buffers()
    ends = np.frombuffer(offsets, np.int32)[array.offset : array.offset + len(array) + 1].astype(np.int64)
    lengths = np.diff(ends)
    data = np.zeros(0, np.uint8) if characters is None else np.frombuffer(characters, np.uint8)[ends[0] : ends[-1]]
    return Texts(data, ends[:-1] - ends[0], lengths)


def _distinct(texts: pa.Array) -> tuple[NDArray[np.intp], pa.Array]:
    """Return codes (N,) and the distinct texts: bad values repeat, and parsing them is expensive."""
    encoded = pc.fill_null(texts, "").dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.intp), encoded.dictionary


def _booleans_as_digits(texts: pa.Array) -> pa.Array:
    """Return texts with 1 and 0 for true and false."""
    lower = pc.utf8_lower(texts)
    return pc.case_when(pc.make_struct(pc.equal(lower, "true"), pc.equal(lower, "false")), "1", "0", texts)


def _to_floats(array: pa.Array) -> NDArray[np.float64]:
    """Return a writable copy of a float64 array, null as NaN."""
    return np.array(pc.fill_null(array, float("nan")).to_numpy(zero_copy_only=False), dtype=np.float64)


def _cast(texts: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return texts as float64, and which of them are numbers; parts that fail are halved down to single texts."""
    numbers = np.full(len(texts), np.nan)
    is_number = np.zeros(len(texts), dtype=np.bool_)
    parts = [(0, len(texts))] if len(texts) else []
    while parts:
        start, stop = parts.pop()
        try:
            numbers[start:stop] = _to_floats(texts.slice(start, stop - start).cast(pa.float64()))
        except pa.ArrowInvalid:
            if stop - start > 1:
                middle = (start + stop) // 2
                parts += [(start, middle), (middle, stop)]
        else:
            is_number[start:stop] = True
    return numbers, is_number
