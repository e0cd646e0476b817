"""A damaged Parquet file is an error with its name, or all of its rows are read or refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 300
SCHEMA = Schema(key="k", time="time", end="last")


def recording() -> pa.Table:
    """Return rows with columns of every role, and some that are not read."""
    return pa.table(
        {
            "k": [f"sensor-{i % 7}" for i in range(ROWS)],
            "time": pa.array([1_700_000_000_000_000 + i for i in range(ROWS)], pa.timestamp("us", "UTC")),
            "x": [i / 3 for i in range(ROWS)],
            "y": pa.array([i if i % 5 else None for i in range(ROWS)], pa.int32()),
            "word": [str(i) for i in range(ROWS)],
            "last": [i % 10 == 0 for i in range(ROWS)],
            "note": pa.array([f"note {i}" for i in range(ROWS)]).dictionary_encode(),
            "nested": [[i] for i in range(ROWS)],
        }
    )


LAYOUTS = {
    "plain": {"compression": "none", "use_dictionary": False},
    "snappy": {},
    "pages": {"compression": "zstd", "data_page_version": "2.0", "data_page_size": 512},
    "checksums": {"compression": "gzip", "write_page_checksum": True},
}


def damage(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes of a file with a few flipped, overwritten, removed or repeated; often those of the footer."""
    damaged = bytearray(data)
    footer = int.from_bytes(data[-8:-4], "little")
    kind = rng.randrange(4)
    for _ in range(rng.choice([1, 1, 2, 8])):
        lowest = len(damaged) - 8 - footer if rng.random() < 0.4 else 0
        at, size = rng.randrange(max(lowest, 0), len(damaged)), rng.randrange(1, 100)
        if kind == 0:
            damaged[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            damaged[at] = rng.randrange(256)
        elif kind == 2:
            del damaged[at : at + size]
        else:
            source = rng.randrange(len(damaged))
            damaged[at : at + size] = damaged[source : source + size]
    return bytes(damaged)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_damaged_file_is_refused_by_name_or_read_completely(tmp_path: Path, layout: str, seed: int) -> None:
    intact, file = tmp_path / "intact.parquet", tmp_path / "damaged.parquet"
    pq.write_table(recording(), intact, row_group_size=100, **LAYOUTS[layout])
    rng = random.Random(f"{layout} {seed}")  # noqa: S311 - damage, not secrets
    errors, rows = list[str](), list[int]()
    for _ in range(50):
        file.write_bytes(damage(intact.read_bytes(), rng))
        try:
            with open_files(str(file), SCHEMA) as source:
                events = sum(map(len, source))
        except ConnectorError as error:
            errors.append(str(error))
        else:
            rows.append(events + len(source.dead_letters))
    assert errors
    assert all(error.startswith(f"{file}: ") and "\n" not in error for error in errors)
    assert set(rows) == {ROWS}


def with_text(raw: bytes, kind: pa.DataType) -> pa.Array:
    """Return a column of two texts, of which the second one need not be UTF-8."""
    column = pa.array([b"1", raw], pa.binary())
    if pa.types.is_dictionary(kind):
        values = pa.StringArray.from_buffers(2, *column.buffers()[1:])
        return pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), values)
    return pa.StringArray.from_buffers(2, *column.buffers()[1:]).cast(kind)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())], ids=str)
@pytest.mark.parametrize(
    ("column", "reason"),
    [("k", "column 'k': key is missing or not UTF-8"), ("time", "column 'time': not a time"), ("note", None)],
)
def test_text_that_is_not_utf8_costs_its_record_only(
    tmp_path: Path, kind: pa.DataType, column: str, reason: str | None
) -> None:
    columns = {"k": ["a", "b"], "time": ["0", "1"], "x": [1.0, 2.0], "note": ["", ""]}
    pq.write_table(pa.table(columns | {column: with_text(b"\xff\xe0", kind)}), tmp_path / "a.parquet")
    with open_files(str(tmp_path / "a.parquet"), Schema(key="k", time="time", columns=("x",))) as source:
        events = sum(map(len, source))
    assert source.dead_letters.reasons == ({reason: 1} if reason else {})
    assert events == (1 if reason else 2)


def test_a_timestamp_that_python_does_not_have_is_a_dead_letter(tmp_path: Path) -> None:
    times = pa.array([0, 2**62], pa.int64()).cast(pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"time": times, "x": [1.0, 2.0]}), tmp_path / "a.parquet")
    with open_files(str(tmp_path / "a.parquet")) as source:
        assert sum(map(len, source)) == 1
    (letter,) = source.dead_letters.examples.values()
    assert (letter.record, letter.reason) == (1, "column 'time': not a time")
    assert "'x': 2.0" in letter.raw


def test_a_file_with_fewer_rows_than_its_footer_says_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(recording(), tmp_path / "a.parquet", row_group_size=100)
    read = pq.ParquetFile.iter_batches

    def first_rows(self: pq.ParquetFile, *args: object, **options: object) -> object:
        yield next(read(self, *args, **options)).slice(0, 90)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", first_rows)
    message = r"is damaged: has 90 rows, its footer says 300"
    with open_files(str(tmp_path / "a.parquet"), SCHEMA) as source, pytest.raises(ConnectorError, match=message):
        list(source)


def test_damage_in_the_middle_says_how_much_was_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    columns = {"x": [float(i) for i in range(200_000)]}
    pq.write_table(pa.table(columns), path, row_group_size=65_536, compression="none", write_page_checksum=True)
    data = bytearray(path.read_bytes())
    at = pq.ParquetFile(path).metadata.row_group(2).column(0).data_page_offset
    data[at + 100 : at + 200] = bytes(100)
    path.write_bytes(data)
    with open_files(str(path)) as source, pytest.raises(ConnectorError, match="is damaged after 131,072 rows"):
        list(source)


def test_a_time_zone_that_python_does_not_know_costs_no_record(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    times = pa.array([1, 2], pa.timestamp("us", "Europe/Berlih"))
    pq.write_table(pa.table({"k": ["a", None], "time": times, "x": [1.0, 2.0]}), path)
    with open_files(path, Schema(key="k")) as source:
        assert [len(batch) for batch in source] == [1]
    assert sorted(source.dead_letters.reasons.values()) == [1]


@pytest.mark.parametrize("kind", ["nested", "record"])
def test_a_key_that_is_not_text_or_a_number_is_refused(tmp_path: Path, kind: str) -> None:
    pq.write_table(pa.table({"nested": [[1]], "record": [{"a": 1}], "x": [1.0]}), tmp_path / "a.parquet")
    with pytest.raises(ConnectorError, match=rf"column '{kind}' is of type .*, a key must be text or a number"):
        open_files(str(tmp_path / "a.parquet"), Schema(key=kind))
