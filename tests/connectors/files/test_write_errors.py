"""What cannot be written is an error with the file's name, and no other file is touched."""

from __future__ import annotations

import os
import resource
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

from stream_rnn.connectors.deadletter import DeadLetter, DeadLetterFile
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files.open import open_sink

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = {"x": np.random.default_rng(0).standard_normal(200_000)}


@contextmanager
def disk_full_at(size: int) -> Iterator[None]:
    """Let no file grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.jsonl", "out.parquet", "out/"])
@pytest.mark.parametrize("size", [0, 1000, 500_000])
def test_a_full_disk_is_an_error_with_the_name_of_the_file(tmp_path: Path, name: str, size: int) -> None:
    path = f"{tmp_path}/{name}"
    sink = open_sink(path)
    with disk_full_at(size), pytest.raises(ConnectorError) as caught, sink:
        sink.write(ROWS)
    assert str(caught.value).startswith(path)
    assert str(caught.value).endswith(": cannot be written: File too large")
    assert sink.position() <= len("x\n")  # the header may have been written
    sink.close()
    assert sink.position() <= len("x\n")
    assert not list(tmp_path.rglob("*.parquet*"))


def test_a_full_device_is_an_error_with_its_name() -> None:
    message = r"^/dev/full: cannot be written: No space left on device$"
    with pytest.raises(ConnectorError, match=message), open_sink("/dev/full", "csv") as sink:
        sink.write({"x": np.zeros(1)})


def test_dead_letters_on_a_full_disk_are_an_error_with_the_name_of_the_file(tmp_path: Path) -> None:
    file = DeadLetterFile(tmp_path / "refused.jsonl")
    file.add(DeadLetter("a.csv", 0, "not a number", "?"))
    with disk_full_at(0), pytest.raises(ConnectorError, match=r"refused\.jsonl: cannot be written: File too large$"):
        file.close()
    file.close()


@pytest.mark.parametrize("name", ["out.parquet", "out/"])
def test_a_link_in_place_of_the_partial_file_is_not_followed(tmp_path: Path, name: str) -> None:
    other = tmp_path / "other"
    other.write_text("valuable")
    with open_sink(f"{tmp_path}/{name}") as sink:
        final = tmp_path / "out.parquet" if name == "out.parquet" else tmp_path / "out" / "part-000000.parquet"
        Path(f"{final}.partial").symlink_to(other)
        sink.write(ROWS)
    assert other.read_text() == "valuable"
    assert pq.ParquetFile(final).metadata.num_rows == len(ROWS["x"])
    assert not final.is_symlink()


def test_a_folder_in_place_of_the_partial_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out.parquet.partial").mkdir()
    message = r"out\.parquet: cannot be written: Is a directory"
    with pytest.raises(ConnectorError, match=message), open_sink(tmp_path / "out.parquet") as sink:
        sink.write(ROWS)


def test_a_partial_file_of_a_killed_run_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out.parquet.partial").write_bytes(b"half")
    with open_sink(tmp_path / "out.parquet") as sink:
        sink.write(ROWS)
    assert pq.ParquetFile(tmp_path / "out.parquet").metadata.num_rows == len(ROWS["x"])
    assert [path.name for path in tmp_path.iterdir()] == ["out.parquet"]


def test_parquet_is_not_written_in_place_of_a_device_or_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", str(tmp_path / "pipe")):
        with pytest.raises(UsageError, match=f"{path}: is not a regular file"):
            open_sink(path, "parquet")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_text_is_written_to_devices_and_pipes(tmp_path: Path) -> None:
    with open_sink("/dev/null", "csv") as sink:
        sink.write({"x": np.zeros(1)})
    os.mkfifo(tmp_path / "pipe.csv")
    reader = os.open(tmp_path / "pipe.csv", os.O_RDONLY | os.O_NONBLOCK)
    with open_sink(tmp_path / "pipe.csv") as sink:
        sink.write({"x": np.zeros(1)})
    assert os.read(reader, 100) == b"x\n0\n"
    os.close(reader)


@pytest.mark.parametrize("name", ["out.csv", "out.parquet", "out/"])
def test_the_names_of_new_files_are_synced(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bool] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        synced.append(stat.S_ISDIR(os.fstat(descriptor).st_mode))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    with open_sink(f"{tmp_path}/{name}") as sink:
        sink.write(ROWS)
    assert set(synced) == {True, False}
    if name != "out.csv":
        assert synced[-2:] == [False, True]  # the folder after the renamed file
