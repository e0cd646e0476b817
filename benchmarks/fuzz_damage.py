"""Damage to the bytes of a record, such as transmission, other programs and people cause."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    Damage = Callable[[random.Random, bytes], bytes]

TOKENS = (
    *(b'"', b'""', b"'", b"\n", b"\r", b"\r\n", b"\n\n", b"\0", b",", b";", b"\t", b"\\", b"{", b"}", b"[", b"]", b":"),
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xc0\x80", b"\xe9", b"\x80", b"\xf5", b"\xe2\x80\xa8", b"\xc2\x85", b"\x1b[31m"),
    *(b"\\ud800", b"\\udc00\\ud800", b"\\u0000", b"\xed\xa0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"[/x]", b"=1+1"),
    *(b'",', b',"', b'"\n', b'\n"', b"/*", b"//", b"#", b"\x1a", "\u202e\u0663\U0001f600".encode()),
)
"""Pieces that mean something to a parser, a decoder, a terminal or a spreadsheet. Surrogates, also as CESU-8."""
WORDS = (
    *("unavailable", "#N/A", "Bad", "", "-", "NaN", "nan", "null", "None", "true", "False", "Infinity", "-inf"),
    *("9" * 400, "-" + "9" * 400, "1e308", "-1e308", "1e999", "1e-400", "-0", "+1", ".5", "5.", "1e", "--1", "1.2.3"),
    *("0x10", "1_000", "1,5", "1 000", "1e18", "18446744073709551616", "-9223372036854775809", "\u0663", "\x00"),
    *("253402300799", "253402300800", "-62135596801", "9999-12-31T23:59:59Z", "0001-01-01", "10000-01-01"),
    *("1970-01-01T24:00:00", "2024-02-30", "12:00", "[1,2]", "[]", "{}", '{"x":1}', '""', '"\\ud800"', '"7"'),
    *("\\N", "=1+1", "@x", "[red]"),
)
"""What is found where a number belongs."""
NUMBER = re.compile(rb"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?")
ENCODINGS = ("utf-16", "utf-16-be", "utf-32", "utf-7", "utf-8-sig", "cp500")
LONG = 70_000
"""Bytes of a piece that is longer than the longest field."""


def damage(rng: random.Random, record: bytes) -> bytes:
    """Return a record with one to three damages."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        record = rng.choice(RARE if rng.random() < 0.002 else FREQUENT)(rng, record)
    return record


def damage_file(rng: random.Random, data: bytes) -> bytes:
    """Return the bytes of a binary file with one to three damages."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        data = rng.choice(BINARY)(rng, data)
    return data


def _place(rng: random.Random, record: bytes) -> int:
    return rng.randrange(len(record) + 1)


def _flip_bit(rng: random.Random, record: bytes) -> bytes:
    at = _place(rng, record)
    return record[:at] + bytes(byte ^ 1 << rng.randrange(8) for byte in record[at : at + 1]) + record[at + 1 :]


def _set_byte(rng: random.Random, record: bytes) -> bytes:
    at = _place(rng, record)
    return record[:at] + rng.randbytes(1) + record[at + 1 :]


def _insert_bytes(rng: random.Random, record: bytes) -> bytes:
    at = _place(rng, record)
    return record[:at] + rng.randbytes(rng.randint(1, 8)) + record[at:]


def _insert_token(rng: random.Random, record: bytes) -> bytes:
    at = _place(rng, record)
    return record[:at] + rng.choice(TOKENS) + record[at:]


def _replace_by_token(rng: random.Random, record: bytes) -> bytes:
    at = _place(rng, record)
    return record[:at] + rng.choice(TOKENS) + record[at + 1 :]


def _delete(rng: random.Random, record: bytes) -> bytes:
    at = _place(rng, record)
    return record[:at] + record[at + rng.randint(1, 12) :]


def _truncate(rng: random.Random, record: bytes) -> bytes:
    return record[: _place(rng, record)]


def _cut_start(rng: random.Random, record: bytes) -> bytes:
    return record[_place(rng, record) :]


def _repeat(rng: random.Random, record: bytes) -> bytes:
    start, stop = sorted((_place(rng, record), _place(rng, record)))
    return record[:stop] + record[start:]


def _replace_number(rng: random.Random, record: bytes) -> bytes:
    numbers = list(NUMBER.finditer(record))
    if not numbers:
        return record
    number, word = rng.choice(numbers), rng.choice(WORDS)
    text = f'"{word}"' if rng.random() < 0.3 else word
    return record[: number.start()] + text.encode() + record[number.end() :]


def _shuffle_fields(rng: random.Random, record: bytes) -> bytes:
    fields = record.split(b",")
    rng.shuffle(fields)
    return b",".join(fields[rng.choice((0, 0, 1)) :])


def _repeat_field(rng: random.Random, record: bytes) -> bytes:
    """Repeat a field: a key that is there twice in JSON, one field too many in CSV."""
    fields = record.strip(b"{}").split(b",")
    fields.insert(rng.randrange(len(fields) + 1), _replace_number(rng, rng.choice(fields)))
    return b",".join(fields).join((b"{", b"}") if record.startswith(b"{") else (b"", b""))


def _other_encoding(rng: random.Random, record: bytes) -> bytes:
    return record.decode("latin-1").encode(rng.choice(ENCODINGS))


def _other_record(rng: random.Random, record: bytes) -> bytes:
    others = (b"", b" ", b"null", b"[]", b"{}", b"[1]", b'"x"', b"1", b"a,b", b",,,,", b"{" + record + b"}", record * 2)
    return rng.choice(others) if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 60))


def _nest(rng: random.Random, record: bytes) -> bytes:
    """Put a deeply nested value in the place of a number."""
    depth, opening, closing = rng.choice((10, 900, 1_100, 30_000)), *rng.choice(((b"[", b"]"), (b'{"x":', b"}")))
    value = opening * depth + b"1" + (closing * depth if rng.random() < 0.7 else b"")
    return NUMBER.sub(lambda _: value, record, count=1)


def _lengthen(rng: random.Random, record: bytes) -> bytes:
    at = _place(rng, record)
    return record[:at] + rng.choice((b"x", b"1", b'"', b",", b" ", b"\0")) * LONG + record[at:]


def _zero(rng: random.Random, data: bytes) -> bytes:
    start = _place(rng, data)
    stop = min(len(data), start + rng.choice((1, 4, 8, 64, 512)))
    return data[:start] + bytes(stop - start) + data[stop:]


def _flip_near_end(rng: random.Random, data: bytes) -> bytes:
    """Flip a bit of the last 1,000 bytes, where Parquet has its footer."""
    start = max(0, len(data) - 1000)
    return data[:start] + _flip_bit(rng, data[start:])


def _flip_near_start(rng: random.Random, data: bytes) -> bytes:
    """Flip a bit of the first 1,000 bytes, where a checkpoint has its header."""
    return _flip_bit(rng, data[:1000]) + data[1000:]


FREQUENT: tuple[Damage, ...] = (
    *(_flip_bit, _set_byte, _insert_bytes, _insert_token, _insert_token, _replace_by_token, _delete, _truncate),
    *(_cut_start, _repeat, _replace_number, _replace_number, _replace_number, _shuffle_fields, _repeat_field),
    *(_other_encoding, _other_record),
)
RARE: tuple[Damage, ...] = (_nest, _lengthen)
"""Large pieces, which take time."""
BINARY: tuple[Damage, ...] = (
    *(_flip_bit, _flip_bit, _flip_near_start, _flip_near_end, _flip_near_end, _set_byte, _insert_bytes, _delete),
    *(_truncate, _cut_start, _repeat, _zero),
)
