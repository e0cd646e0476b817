"""Text in a live job: each token is an event of its record, numbered by offset, the same after any restart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from support import TOKENS, bits
from workers import decoded, make_config, open_at, record_of, write_checkpoint

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.jobs.live.resolve import find_initial_checkpoint, resolve_model
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.jobs.words import WordRules
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.jobs.live.worker import WorkerConfig

RULES = WordRules(tokens="word")
ENGINE: dict[str, Any] = TOKENS | {"inputs": ("text",), "window": 4, "top": 1, "vocabulary": 9, "classes": 9}
SCHEMA = Schema(columns=("text",), time="", words=("text",), texts=("text",))
TEXTS = ("to be or not", "to be", None, "that is", "the  question here now")


def config_of(folder: Path, **changes: Any) -> WorkerConfig:
    return make_config(folder, model=resolve_model(ENGINE, None, RULES), words=RULES, **changes)


def batch_of(start: int, stop: int) -> KafkaBatch:
    records = [
        record_of(t, json.dumps({"text": TEXTS[t % 5]}).encode(), key=b"s%d" % (t % 2), timestamp=1000 * t)
        for t in range(start, stop)
    ]
    return decoded(*records, schema=SCHEMA)


def test_each_token_has_a_forecast_with_its_place_in_the_record(tmp_path: Path) -> None:
    output = open_at(config_of(tmp_path), None).process(batch_of(0, 3))
    rows = [json.loads(payload) for payload in output.payloads]
    assert [(row["offset"], row.get("element", 0), row["text"]) for row in rows] == [
        (0, 0, "to"),
        (0, 1, "be"),
        (0, 2, "or"),
        (0, 3, "not"),
        (1, 0, "to"),
        (1, 1, "be"),
        (2, 0, None),
    ]
    assert (output.events, output.records) == (7, 3)
    assert all(row["text+1.top1"] in {"\ufffd", *(other["text"] for other in rows[:i])} for i, row in enumerate(rows))


@pytest.mark.parametrize("cut", [1, 4, 19])
def test_forecasts_do_not_depend_on_batches_or_restarts(cut: int, tmp_path: Path) -> None:
    whole = open_at(config_of(tmp_path / "whole"), None)
    expected = whole.process(batch_of(0, 20)).payloads
    first = open_at(config_of(tmp_path / "parts"), None)
    payloads = first.process(batch_of(0, cut)).payloads
    first.mark_all_committed()
    write_checkpoint(first)
    first.process(batch_of(cut, 20))  # was not committed: what it has learned is lost
    second = open_at(config_of(tmp_path / "parts"), cut)
    assert payloads + second.process(batch_of(cut, 20)).payloads == expected
    assert bits(second.model) == bits(whole.model)


def test_records_that_are_processed_again_number_tokens_as_before(tmp_path: Path) -> None:
    whole = open_at(config_of(tmp_path / "whole"), None)
    expected = whole.process(batch_of(0, 20)).payloads
    open_at(config_of(tmp_path / "again"), None)  # a checkpoint at the start
    again = open_at(config_of(tmp_path / "again"), 13)
    written = [payload for payload in expected if json.loads(payload)["offset"] >= 13]
    assert again.process(batch_of(0, 20)).payloads == written
    assert again.words.positions() == whole.words.positions()


def test_headers_of_a_record_are_those_of_its_tokens(tmp_path: Path) -> None:
    values = (b'{"text": "a b"}', b'{"text": "c"}')
    records = [
        record_of(t, value, key=b"s", timestamp=1000 * t)._replace(headers=[("n", b"%d" % t)])
        for t, value in enumerate(values)
    ]
    output = open_at(config_of(tmp_path), None).process(decoded(*records, schema=SCHEMA))
    assert output.headers is not None
    assert [list(headers) for headers in output.headers] == [[("n", b"0")], [("n", b"0")], [("n", b"1")]]


def test_a_live_job_continues_with_the_tokens_of_a_replay(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("text\nnot to be\n")
    settings = ReplaySettings(files=str(file), tokens="word", checkpoint=str(tmp_path / "month"))
    open_replay(settings, ENGINE).run()
    found = find_initial_checkpoint(str(tmp_path / "month"))
    assert found is not None
    model = resolve_model({}, found[1], RULES)
    worker = open_at(make_config(tmp_path, model=model, words=RULES, initial_checkpoint=found[0]), None)
    worker.process(batch_of(0, 1))
    assert worker.model.vocabulary is not None
    assert worker.model.vocabulary.tokens == ["not", "to", "be", "or"]
