"""Compressed files and zip files hold the same events as the file in them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from reading import read

from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files import csv, framing
from stream_rnn.connectors.files.open import open_files, open_sink

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CSV = "time,x\n" + "".join(f"{i},{i / 8}\n" for i in range(3000))
JSON = "".join(f'{{"time": {i}, "x": {i / 8}}}\n' for i in range(3000))


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file.getvalue()


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, codec="zstd", asbytes=True),
}


def put(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("content", ["csv", "jsonl"])
@pytest.mark.parametrize("kind", COMPRESS)
def test_a_compressed_file_has_the_events_of_the_file(tmp_path: Path, kind: str, content: str) -> None:
    data = (CSV if content == "csv" else JSON).encode()
    plain = read(put(tmp_path, f"a.{content}", data))
    assert read(put(tmp_path, f"a.{content}.{kind}", COMPRESS[kind](data))) == plain
    assert read(put(tmp_path, f"b.{content}.{kind.upper()}", COMPRESS[kind](data))) == plain
    half = len(data) // 2
    parts = COMPRESS[kind](data[:half]) + COMPRESS[kind](data[half:])
    assert read(put(tmp_path, f"c.{content}.{kind}", parts)) == plain


@pytest.mark.parametrize(
    "members",
    [
        [("data.csv", CSV.encode())],
        [("folder/", b""), ("folder/data.csv", CSV.encode())],
        [("data.csv", CSV.encode()), ("__MACOSX/._data.csv", b"x")],
    ],
)
def test_a_zip_file_has_the_events_of_its_only_file(tmp_path: Path, members: list[tuple[str, bytes]]) -> None:
    plain = read(put(tmp_path, "a.csv", CSV.encode()))
    assert read(put(tmp_path, "a.zip", zipped(*members))) == plain


def test_the_format_of_a_zip_file_is_that_of_its_file(tmp_path: Path) -> None:
    plain = read(put(tmp_path, "a.jsonl", JSON.encode()))
    assert read(put(tmp_path, "a.zip", zipped(("data.jsonl", JSON.encode())))) == plain
    assert read(put(tmp_path, "b.csv.zip", zipped(("data.xyz", JSON.encode()))), format="jsonl") == plain


@pytest.mark.parametrize("kind", [*COMPRESS, "zip"])
def test_reading_continues_in_the_middle_of_a_container(tmp_path: Path, kind: str) -> None:
    data = zipped(("a.csv", CSV.encode())) if kind == "zip" else COMPRESS[kind](CSV.encode())
    path = put(tmp_path, f"a.csv.{kind}", data)
    everything, _ = read(path)
    assert read(path, start={path: 1234})[0] == everything[1234:]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("a.csv", b"x\n1\n"), ("b/c.csv", b"x\n1\n")], r"has 2 files, one is needed \(a\.csv, b/c\.csv\): unpack it"),
        ([("folder/", b"")], "has no file in it"),
        ([], "has no file in it"),
        ([("a.xyz", b"x\n1\n")], "unknown extension"),
        ([("a.parquet", b"PAR1")], "parquet files are read unpacked only"),
        ([("a.csv", b"")], "is empty"),
    ],
)
def test_a_zip_file_that_is_not_one_text_file_is_refused(
    tmp_path: Path, members: list[tuple[str, bytes]], message: str
) -> None:
    with pytest.raises(ConnectorError, match=message):
        open_files(put(tmp_path, "a.zip", zipped(*members)))


def test_an_encrypted_zip_file_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped(("a.csv", b"x\n1\n")))
    data[6] |= 1  # in the header of the member, and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ConnectorError, match=r"a\.csv is encrypted: unpack it"):
        open_files(put(tmp_path, "a.zip", bytes(data)))


@pytest.mark.parametrize("kind", [*COMPRESS, "zip"])
@pytest.mark.parametrize("damage", ["cut", "changed", "other"])
def test_a_damaged_container_is_named(tmp_path: Path, kind: str, damage: str) -> None:
    noise = CSV.encode()
    data = zipped(("a.csv", noise)) if kind == "zip" else COMPRESS[kind](noise)
    if (kind, damage) == ("zst", "changed"):
        pytest.skip("these files have no checksum")
    middle = len(data) // 2
    changes = {
        "cut": data[:middle],
        "changed": data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 64]) + data[middle + 64 :],
        "other": noise,
    }
    path = put(tmp_path, f"a.csv.{kind}", changes[damage])
    with pytest.raises(ConnectorError) as caught:
        read(path)
    assert str(caught.value).startswith(path)
    assert "is not a complete" in str(caught.value) or "is not an intact" in str(caught.value)


@pytest.mark.parametrize("kind", [*COMPRESS, "zip"])
@pytest.mark.parametrize(
    "content", [b"x\n" + b"0" * (1 << 25), b"x\n" + (b"1." + b"0" * 61 + b"\n") * (1 << 19)], ids=["line", "lines"]
)
def test_a_bomb_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, content: bytes) -> None:
    for module in (framing, csv):
        monkeypatch.setattr(module, "MAX_RECORD_BYTES", 1 << 21)
    data = zipped(("a.csv", content)) if kind == "zip" else COMPRESS[kind](content)
    path = put(tmp_path, f"a.csv.{kind}", data)
    size = len(content)
    del content, data
    tracemalloc.start()
    try:
        with open_files(path) as source:
            events = sum(map(len, source))
    except ConnectorError as error:
        assert "a record is longer than" in str(error)  # noqa: PT017 - or else all events are read
    else:
        assert events == size // 64
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 1 << 25  # some copies of the longest record


@pytest.mark.parametrize("kind", [*COMPRESS, "zip"])
def test_a_container_is_neither_followed_nor_written(tmp_path: Path, kind: str) -> None:
    path: Any = tmp_path / f"a.csv.{kind}"
    path.write_bytes(zipped(("a.csv", b"x\n1\n")) if kind == "zip" else COMPRESS[kind](b"x\n1\n"))
    with pytest.raises(UsageError, match="a compressed file cannot be followed"):
        open_files(path, follow=True)
    with pytest.raises(UsageError, match=r"output is not compressed, name it .*a\.csv$"):
        open_sink(path)
