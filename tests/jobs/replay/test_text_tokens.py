"""Text from files: each word or character is an event, numbered by the engine's vocabulary as in Python."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from replays import last_state
from support import TOKENS, settings

from stream_rnn import Engine
from stream_rnn.errors import SettingError
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_rnn.jobs.replay.job import BatchReport, Job

TEXTS = (
    ("a", "to be, or  not to be"),
    ("b", " NA - that 2.0 is"),
    ("a", None),
    ("a", "TRUE to be"),
    ("b", "the question\nñ 🦆 to"),
) * 5
NETWORK: dict[str, Any] = TOKENS | {"inputs": ("text",), "window": 4, "top": 2, "vocabulary": 40, "classes": 40}
SPLIT = {"word": str.split, "character": list}


@pytest.fixture
def file(tmp_path: Path) -> str:
    return write(tmp_path, "csv")


def write(folder: Path, kind: str) -> str:
    path = folder / f"a.{kind}"
    table = pa.table({"k": [key for key, _ in TEXTS], "text": [text for _, text in TEXTS]})
    if kind == "csv":
        pa.csv.write_csv(table, path)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        pa.parquet.write_table(table, path)
    return str(path)


def open_text(file: str, network: dict[str, Any] | None = None, **changes: Any) -> Job[Engine]:
    return open_replay(ReplaySettings(files=file, **({"key": "k", "tokens": "word"} | changes)), network or NETWORK)


def forecasts_of(job: Job[Engine], stop_after: int | None = None) -> NDArray[np.float64]:
    found: list[NDArray[np.float64]] = []

    def collect(report: BatchReport) -> None:
        found.append(report.result.forecasts)
        if stop_after is not None and job.events >= stop_after:
            job.stop()

    job.run(collect, (lambda _: 1) if stop_after is not None else None)
    return np.concatenate(found)


def steps_of(unit: str) -> tuple[Engine, NDArray[np.float64]]:
    """Return the engine and the forecasts of a step for each token."""
    engine = Engine(settings(**NETWORK, skip=False))
    tokens = [(key, token) for key, text in TEXTS for token in (SPLIT[unit](text) if text else [None])]
    return engine, np.array([engine.step(key, {"text": token}) for key, token in tokens])


@pytest.mark.parametrize("unit", ["word", "character"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_tokens_of_a_file_are_steps_with_tokens(unit: str, kind: str, tmp_path: Path) -> None:
    engine, expected = steps_of(unit)
    job = open_text(write(tmp_path, kind), engine.settings.describe(), tokens=unit)
    np.testing.assert_array_equal(forecasts_of(job), expected)
    assert job.model.vocabulary is not None
    assert engine.vocabulary is not None
    assert job.model.vocabulary.tokens == engine.vocabulary.tokens


@pytest.mark.parametrize("cut", [1, 3, 40])
def test_a_resumed_replay_continues_within_a_text(cut: int, file: str, tmp_path: Path) -> None:
    whole = open_text(file, output=str(tmp_path / "whole.csv"))
    expected = forecasts_of(whole)
    parts = {"checkpoint": str(tmp_path / "state"), "output": str(tmp_path / "parts.csv"), "resume": True}
    first = forecasts_of(open_text(file, **parts), stop_after=cut)
    assert len(first) == cut
    np.testing.assert_array_equal(np.concatenate([first, forecasts_of(open_text(file, **parts))]), expected)
    assert (tmp_path / "parts.csv").read_text() == (tmp_path / "whole.csv").read_text()
    assert whole.model.vocabulary is not None
    assert list(last_state(tmp_path).tokens) == whole.model.vocabulary.tokens


def test_output_names_tokens_that_have_occurred(file: str, tmp_path: Path) -> None:
    open_text(file, output=str(tmp_path / "out.jsonl")).run()
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    words = [word for _, text in TEXTS for word in (text.split() if text else [None])]
    assert [row["text"] for row in rows] == words
    assert all(row["text+1.top1"] in {"\ufffd", *words[:i]} for i, row in enumerate(rows))
    assert {row["text+1.top2"] for row in rows[20:]} & set(words)


def test_tokens_beyond_the_vocabulary_are_unknown(file: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    few = NETWORK | {"vocabulary": 3, "classes": 3}
    open_text(file, few, output=str(tmp_path / "out.jsonl")).run()
    rows = [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows[:6] == ["to", "be,", "\ufffd", "\ufffd", "to", "\ufffd"]
    assert caplog.messages == [
        "column 'text' has more than 2 tokens; further ones, such as 'or', are unknown: raise vocabulary"
    ]


def test_texts_held_back_are_in_the_order_of_time(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps({"time": t, "text": f"t{t} u v"}) + "\n" for t in (10, 30, 20, 40)))
    timed = {"key": None, "lateness": 15.0}
    expected = open_text(str(path), output=str(tmp_path / "whole.jsonl"), **timed)
    expected.run()
    rows = [json.loads(line)["text"] for line in (tmp_path / "whole.jsonl").read_text().splitlines()]
    assert rows == ["t10", "u", "v", "t20", "u", "v", "t30", "u", "v", "t40", "u", "v"]
    parts = {"checkpoint": str(tmp_path / "state"), "output": str(tmp_path / "parts.jsonl"), "resume": True}
    for stop_after in (2, 5, None):
        forecasts_of(open_text(str(path), **timed, **parts), stop_after)
    assert (tmp_path / "parts.jsonl").read_text() == (tmp_path / "whole.jsonl").read_text()


def test_text_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text("k;text\na;1,234\nb;NA\n")  # numbers would be ambiguous
    open_text(str(path), output=str(tmp_path / "out.jsonl")).run()
    assert [json.loads(line)["text"] for line in (tmp_path / "out.jsonl").read_text().splitlines()] == ["1,234", "NA"]


def test_only_the_last_token_ends_a_sequence(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("text,end\na b c,0\na b,1\na c,0\n")
    begins: list[bool] = []
    open_text(str(path), key=None, end="end").run(lambda report: begins.extend(report.result.begins.tolist()))
    assert np.flatnonzero(begins).tolist() == [0, 5]


def test_labels_are_those_of_all_tokens_of_a_record(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text("text,mood\ngood day,up\nbad,down\n")
    network = NETWORK | {"task": "classification", "targets": "mood", "top": None, "classes": 3}
    open_text(str(path), network, key=None, output=str(tmp_path / "out.jsonl")).run()
    rows = [json.loads(line)["mood"] for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert rows == ["up", "up", "down"]


def test_a_checkpoint_of_other_tokens_is_refused(tmp_path: Path) -> None:
    file, saved = str(tmp_path / "n.csv"), {"key": None, "checkpoint": str(tmp_path / "state"), "resume": True}
    (tmp_path / "n.csv").write_text("text\n3\n1\n")
    open_text(file, **saved).run()
    for tokens in ("character", "id"):
        with pytest.raises(SettingError, match=f"tokens must be word, as in the checkpoint, got '{tokens}'"):
            open_text(file, tokens=tokens, **saved)


@pytest.mark.parametrize(
    ("changes", "network", "message"),
    [
        ({"tokens": "letter"}, {}, "tokens must be one of id, word, character, got 'letter'"),
        ({}, {"layer": "gru", "hidden": 3}, "tokens needs embedding as the lowest layer, got word for gru"),
        ({}, {"top": None}, "tokens word needs top, such as 1, to name the tokens of a forecast"),
        ({}, {"inputs": None}, "inputs must name the column of text with tokens word, got none"),
        ({"wide": True}, {}, "tokens must be id with wide"),
        ({"pivot": "k=text", "key": None}, {}, "tokens must be id with pivot"),
        ({"every": "1min"}, {}, "tokens must be id with every"),
        ({"duplicates": "drop"}, {}, "duplicates must be keep with tokens word, got 'drop'"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(
    changes: dict[str, Any], network: dict[str, Any], message: str, file: str
) -> None:
    values = {name: value for name, value in (NETWORK | network).items() if name != "inputs" or value is not None}
    with pytest.raises(SettingError, match=message):
        open_text(file, values, **changes)
