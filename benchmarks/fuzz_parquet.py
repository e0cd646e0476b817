"""Parquet files with odd types and values, and with damaged bytes.

A damaged file is either read completely, or causes an error that names it; rows that were not read then count as
refused. Values are not compared: only the checksums of pages, which few files have, protect them.
"""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.fuzz_damage import damage, damage_file
from benchmarks.fuzz_outcome import Outcome, examine, message_kind
from stream_rnn.connectors.deadletter import DeadLetterCounter
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

SCHEMA = Schema(key="sensor", time="time", columns=("x", "y"))
FILE_ROWS = (1, 20, 60, 120)
INTACT_FILES = 0.3
"""Share of files whose bytes are not damaged; all have odd values."""
COMPRESSION = ("none", "snappy", "gzip", "zstd", "lz4")
FLOATS = (np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, -0.0)
INTEGERS = (-(2**63), 2**63 - 1, 253_402_300_800_000_000, -62_135_596_801_000_000, 0, -1)


def fuzz(folder: Path, rng: random.Random, count: int) -> Outcome:
    """Return the outcome of files with `count` rows in total."""
    outcome, first = Outcome(), 0
    while first < count:
        size = min(rng.choice(FILE_ROWS), count - first)
        data = _file(rng, first, size)
        if rng.random() >= INTACT_FILES:
            data = damage_file(rng, data)
        outcome += examine([data], partial(_read, folder / "damaged.parquet", size), bytes)
        first += size
    return outcome


def _read(path: Path, size: int, files: Sequence[bytes]) -> Outcome:
    path.write_bytes(files[0])
    letters, outcome = DeadLetterCounter(), Outcome(written=size)
    try:
        with open_files(path, SCHEMA, dead_letters=letters) as source:
            for batch in source:
                outcome.processed += len(batch)
                outcome.missing += int(np.isnan(batch.table(SCHEMA.columns)).sum())
    except ConnectorError as error:
        unread = size - outcome.processed - len(letters)
        outcome.reasons[f"file: {message_kind(error, path)}"] += unread
        outcome.refused += unread
    outcome.refused += len(letters)
    outcome.reasons += letters.reasons
    outcome.check()
    return outcome


def _file(rng: random.Random, first: int, size: int) -> bytes:
    columns = {"sensor": _keys(rng, size), "time": _times(rng, first, size), "x": _numbers(rng, size)}
    columns |= {"y": _numbers(rng, size), "note": _texts(rng, size)}
    if rng.random() < 0.1:
        columns["list"] = pa.array([[1, 2]] * size)
    file = io.BytesIO()
    pq.write_table(
        pa.table(columns),
        file,
        row_group_size=rng.choice((7, 50, 1000)),
        compression=rng.choice(COMPRESSION),
        write_page_checksum=rng.random() < 0.5,
        data_page_version=rng.choice(("1.0", "2.0")),
        use_dictionary=rng.random() < 0.5,
        write_statistics=rng.random() < 0.5,
    )
    return file.getvalue()


def _keys(rng: random.Random, size: int) -> pa.Array:
    kind = rng.randrange(5)
    if kind == 0:
        return pa.array([rng.choice((1, 2, 7, None)) for _ in range(size)], pa.int64())
    if kind == 1:
        return _texts(rng, size)
    keys = pa.array(["" if rng.random() < 0.02 else rng.choice(("a", "b")) for _ in range(size)])
    return keys.dictionary_encode() if kind == 2 else keys.cast(pa.large_string()) if kind == 3 else keys


def _times(rng: random.Random, first: int, size: int) -> pa.Array:
    kind, seconds = rng.randrange(4), [1_700_000_000 + first + i for i in range(size)]
    if kind == 0:
        return pa.array(_with_odd(rng, [float(value) for value in seconds], (*FLOATS, None)), pa.float64())
    if kind == 1:
        return pa.array([rng.choice((str(value), "2024-02-30", "2024-02-29T00:00:00Z", None)) for value in seconds])
    unit = rng.choice(("ms", "us", "ns"))
    scale = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    numbers = _with_odd(rng, [value * scale for value in seconds], (*INTEGERS, None))
    return pa.array(numbers, pa.int64()).cast(pa.timestamp(unit, rng.choice((None, "UTC", "Europe/Berlin"))))


def _numbers(rng: random.Random, size: int) -> pa.Array:
    kind = rng.randrange(6)
    if kind == 0:
        return pa.array(_with_odd(rng, [rng.randrange(100) for _ in range(size)], (*INTEGERS, None)), pa.int64())
    if kind == 1:
        return _texts(rng, size)
    if kind == 2:
        return pa.array([rng.choice((True, False, None)) for _ in range(size)])
    floats = _with_odd(rng, [rng.gauss(0, 1) for _ in range(size)], (*FLOATS, None))
    return pa.array(floats, pa.float32() if kind == 3 else pa.float64())


def _texts(rng: random.Random, size: int) -> pa.Array:
    """Return texts, some of which are not UTF-8."""
    texts = [damage(rng, b"1.5") if rng.random() < 0.1 else rng.choice((b"1", b"pump", None)) for _ in range(size)]
    binary = pa.array(texts, pa.binary())
    return pa.Array.from_buffers(pa.string(), size, binary.buffers())


def _with_odd(rng: random.Random, values: list[Any], odd: Sequence[Any]) -> list[Any]:
    return [rng.choice(odd) if rng.random() < 0.05 else value for value in values]
