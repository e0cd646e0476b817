from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from stream_rnn.connectors.deadletter import DeadLetterCounter, DeadLetterFile, DeadLetterLog
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter

if TYPE_CHECKING:
    from pathlib import Path


def test_dead_letters_are_counted_by_reason_with_an_example() -> None:
    counter = DeadLetterCounter()
    for record, reason in enumerate(["not JSON", "time is missing", "not JSON"]):
        counter.add(DeadLetter.of("a.jsonl", record, reason, b"?"))
    assert counter.reasons == {"not JSON": 2, "time is missing": 1}
    assert counter.examples["not JSON"].record == 0
    assert len(counter) == 3


def test_each_dead_letter_is_a_json_line(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetterFile(path) as file:
        file.add(DeadLetter.of("a.csv", 7, "not a number", b"\xff" + b"x" * 2000))
    (line,) = path.read_text().splitlines()
    assert json.loads(line) == {
        "source": "a.csv",
        "record": 7,
        "reason": "not a number",
        "raw": "\ufffd" + "x" * 999,
    }


def test_a_file_is_appended_to_or_truncated_to_a_position(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetterFile(path) as file:
        file.add(DeadLetter.of("a.csv", 0, "first", ""))
        position = file.position()
        file.add(DeadLetter.of("a.csv", 1, "second", ""))
    with DeadLetterFile(path, at=position) as file:
        file.add(DeadLetter.of("a.csv", 1, "again", ""))
    with DeadLetterFile(path) as file:
        file.add(DeadLetter.of("a.csv", 2, "third", ""))
    reasons = [json.loads(line)["reason"] for line in path.read_text().splitlines()]
    assert reasons == [
        "first",
        "again",
        "third",
    ]


def test_a_file_that_cannot_be_written_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match="cannot be written"):
        DeadLetterFile(tmp_path / "nowhere" / "dead.jsonl")
    with pytest.raises(ConnectorError, match="has 0 bytes, cannot be truncated to 5"):
        DeadLetterFile(tmp_path / "dead.jsonl", at=5)


def letter(record: int, source: str = "readings-0") -> DeadLetter:
    return DeadLetter.of(source, record, "not JSON", "?")


def records_in(path: Path) -> list[tuple[str, int]]:
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    return [(letter["source"], letter["record"]) for letter in letters]


def test_a_log_has_each_record_once_however_often_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    for _ in range(3):
        with DeadLetterLog(path) as log:
            log.add_all([letter(3), letter(5)])
            log.add_all([letter(5), letter(8)])
    assert records_in(path) == [("readings-0", record) for record in (3, 5, 8)]


def test_a_log_counts_only_what_it_writes(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetterLog(path) as log:
        log.add_all([letter(3)])
    with DeadLetterLog(path) as log:
        log.add_all([letter(3), letter(4)])
        assert len(log) == 1


def test_a_log_tracks_each_source_separately(tmp_path: Path) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetterLog(path) as log:
        log.add_all([letter(9, "readings-0"), letter(2, "readings-1")])
    with DeadLetterLog(path) as log:
        log.add_all(
            [letter(9, "readings-0"), letter(2, "readings-1"), letter(3, "readings-1"), letter(0, "readings-2")]
        )
    assert records_in(path) == [("readings-0", 9), ("readings-1", 2), ("readings-1", 3), ("readings-2", 0)]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_an_incomplete_last_line_of_a_log_is_removed_and_written_again(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "dead.jsonl"
    with DeadLetterLog(path) as log:
        log.add_all([letter(3), letter(5)])
    complete = path.read_bytes()
    path.write_bytes(complete[:-cut])
    with DeadLetterLog(path) as log:
        log.add_all([letter(3), letter(5)])
    assert path.read_bytes() == complete


@pytest.mark.parametrize("content", [b"x\n", b'{"a": 1}\n', b"[]\n", b"\xff\xfe\n", b'{"source": 1}\n', b"\n"])
def test_a_file_that_is_not_a_log_is_refused_in_one_line_and_not_changed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(ConnectorError) as error:
        DeadLetterLog(path)
    assert str(error.value).startswith(f"{path}: is not a dead-letter file: ")
    assert "\n" not in str(error.value)
    assert path.read_bytes() == content


def test_a_file_without_a_line_end_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"a note of mine")
    with pytest.raises(ConnectorError, match="is not a dead-letter file"):
        DeadLetterLog(path)
    assert path.read_bytes() == b"a note of mine"


def test_a_log_that_cannot_be_opened_is_named_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match=r"dead\.jsonl: cannot be written"):
        DeadLetterLog(tmp_path / "nowhere" / "dead.jsonl")
    with pytest.raises(ConnectorError, match="cannot be read: Is a directory"):
        DeadLetterLog(tmp_path)


def test_dead_letters_are_written_to_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    with DeadLetterFile(tmp_path / "pipe") as file:
        file.add(letter(0))
        file.flush()
        assert len(os.read(reader, 1000)) == file.position()
    os.close(reader)


def test_a_file_that_is_nested_too_deeply_is_not_a_dead_letter_file(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"source":"a","x":' + "[" * 100_000 + "]" * 100_000 + "}\n")
    with pytest.raises(ConnectorError, match="is not a dead-letter file"):
        DeadLetterLog(path)


def test_a_source_whose_name_is_not_utf8_is_written_escaped(tmp_path: Path) -> None:
    with DeadLetterFile(tmp_path / "refused.jsonl") as file:
        file.add(letter(0, source="\udcff.csv"))
    assert records_in(tmp_path / "refused.jsonl") == [("\\udcff.csv", 0)]
