from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from connectors.deadletter import DeadLetterCounter, DeadLetterFile
from connectors.errors import ConnectorError
from connectors.events import DeadLetter

if TYPE_CHECKING:
    from pathlib import Path


def test_letters_are_counted_by_reason_with_an_example() -> None:
    counter = DeadLetterCounter()
    for record, reason in enumerate(["not JSON", "time is missing", "not JSON"]):
        counter.add(DeadLetter.of("a.jsonl", record, reason, b"?"))
    assert counter.reasons == {"not JSON": 2, "time is missing": 1}
    assert counter.examples["not JSON"].record == 0
    assert len(counter) == 3


def test_each_letter_is_a_json_line(tmp_path: Path) -> None:
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


def test_a_file_is_appended_to_or_cut_back_to_a_position(tmp_path: Path) -> None:
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


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConnectorError, match="cannot be written"):
        DeadLetterFile(tmp_path / "nowhere" / "dead.jsonl")
    with pytest.raises(ConnectorError, match="has 0 bytes, cannot be cut back to 5"):
        DeadLetterFile(tmp_path / "dead.jsonl", at=5)
