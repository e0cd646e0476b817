"""Labels and states as words in a live job: numbered by offset, saved in checkpoints, the same after any restart."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support import bits, settings
from workers import PARTITION, BoundedSource, decoded, make_config, open_at, record_of, write_checkpoint

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.live.recovery import open_worker
from stream_rnn.jobs.live.resolve import find_initial_checkpoint, resolve_model
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.jobs.words import WordRules
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.jobs.live.worker import WorkerConfig

RULES = WordRules(("valve",), 2)
LABELS: dict[str, Any] = {"task": "classification", "classes": 3, "targets": ("state",), "horizon": 1}
ENGINE: dict[str, Any] = {"inputs": ("x", "valve"), "hidden": 4, "window": 4, **LABELS}
SCHEMA = Schema(columns=("x", "valve", "state"), time="", words=("valve", "state"))
STATES, VALVES = ("ok", "worn", None, "ok", "fault"), ("on", "off", "halb geöffnet", None, 1)


def config_of(folder: Path, **changes: Any) -> WorkerConfig:
    return make_config(folder, model=resolve_model(ENGINE, None, RULES), words=RULES, **changes)


def batch_of(start: int, stop: int, **fields: Any) -> KafkaBatch:
    values = [
        {"x": t % 7, "valve": VALVES[t // 3 % 5], "state": STATES[t // 4 % 5]} | fields for t in range(start, stop)
    ]
    records = [
        record_of(start + i, json.dumps(value).encode(), key=b"s", timestamp=1000 * (start + i))
        for i, value in enumerate(values)
    ]
    return decoded(*records, schema=SCHEMA)


def test_forecasts_name_the_labels(tmp_path: Path) -> None:
    payloads = list(map(json.loads, open_at(config_of(tmp_path), None).process(batch_of(0, 40)).payloads))
    assert [payload["state"] for payload in payloads] == [STATES[t // 4 % 5] for t in range(40)]
    assert payloads[0]["state.forecast"] is None
    assert {payload["state.forecast"] for payload in payloads[20:]} <= {"ok", "worn", "fault"}


@pytest.mark.parametrize("cut", [1, 13, 39])
def test_forecasts_do_not_depend_on_batches_or_restarts(cut: int, tmp_path: Path) -> None:
    whole = open_at(config_of(tmp_path / "whole"), None).process(batch_of(0, 40)).payloads
    first = open_at(config_of(tmp_path / "parts"), None)
    payloads = first.process(batch_of(0, cut)).payloads
    first.mark_all_committed()
    write_checkpoint(first)
    first.process(batch_of(cut, 40))  # was not committed: what it has learned is lost
    second = open_at(config_of(tmp_path / "parts"), cut)
    assert payloads + second.process(batch_of(cut, 40)).payloads == whole


def test_records_that_are_processed_again_number_words_as_before(tmp_path: Path) -> None:
    whole = open_at(config_of(tmp_path / "whole"), None)
    expected = whole.process(batch_of(0, 40)).payloads
    open_at(config_of(tmp_path / "again"), None)  # a checkpoint at the start
    again = open_at(config_of(tmp_path / "again"), 25)
    assert again.process(batch_of(0, 40)).payloads == expected[25:]
    assert again.words.positions() == whole.words.positions()
    assert bits(again.model) == bits(whole.model)


def test_a_label_beyond_the_classes_is_a_dead_letter(tmp_path: Path) -> None:
    worker = open_at(config_of(tmp_path), None)
    worker.process(batch_of(0, 40))
    output = worker.process(batch_of(40, 42, state="lost"))
    assert [(letter.record, letter.reason) for letter in output.dead] == [
        (40, "not a class of this job"),
        (41, "not a class of this job"),
    ]
    assert not output.payloads


def test_a_word_among_codes_is_a_bad_value(tmp_path: Path) -> None:
    worker = open_at(config_of(tmp_path), None)
    worker.process(batch_of(0, 3, state=0))
    output = worker.process(batch_of(3, 4, state="unavailable"))
    assert [(value.record, value.column, value.word) for value in output.bad_values] == [(3, "state", "unavailable")]
    assert json.loads(output.payloads[0])["state"] is None


def test_an_added_partition_starts_with_the_words_of_its_neighbour(tmp_path: Path) -> None:
    worker = open_at(config_of(tmp_path), None, partition=PARTITION._replace(partition=0))
    worker.process(replace(batch_of(0, 40), partition=PARTITION._replace(partition=0)))
    added = PARTITION._replace(partition=7)
    source = BoundedSource(partitions=8)
    other = open_worker(partition_name(added), config_of(tmp_path), {added: None}, source, [worker])
    assert other.words.positions()["words"]["categories"] == worker.words.positions()["words"]["categories"]


def test_a_live_job_continues_with_the_words_of_a_replay(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x,valve,state\n" + "".join(f"{t % 7},{['off', 'on'][t % 2]},worn\n" for t in range(9)))
    network = {"inputs": "x", "hidden": 4, "window": 4} | LABELS
    rules = {"categories": "valve", "max_categories": 2}
    open_replay(ReplaySettings(files=str(file), checkpoint=str(tmp_path / "month"), **rules), network).run()
    found = find_initial_checkpoint(str(tmp_path / "month"))
    assert found is not None
    model = resolve_model({}, found[1], RULES)
    worker = open_at(make_config(tmp_path, model=model, words=RULES, initial_checkpoint=found[0]), None)
    assert worker.words.categories["valve"].states == ["off", "on"]
    assert worker.words.labels["state"].names == {0: "worn"}


def test_settings_that_cannot_work_are_refused_by_name() -> None:
    with pytest.raises(SettingError, match="targets must not be categories, got 'valve'"):
        resolve_model({"inputs": "x", "targets": "valve"}, None, RULES)
    with pytest.raises(SettingError, match="inputs must have a column of numbers to forecast"):
        resolve_model({"inputs": "valve"}, None, RULES)


def test_forecasts_are_of_numbers_and_not_of_states() -> None:
    resolved = resolve_model({"inputs": ("valve", "x")}, None, RULES).settings
    assert resolved.inputs == ("valve#1", "valve#2", "valve#other", "x")
    assert resolved.targets == ("x",)


@pytest.mark.parametrize(
    "words",
    [
        {"labels": {"state": {"numeric": False, "codes": True, "labels": {"a": 3}, "seen": []}}},
        {"labels": {"state": {"numeric": False, "codes": True, "labels": {"a": 0, "b": 0}, "seen": []}}},
        {"labels": {"state": {"numeric": True, "codes": True, "labels": {"a": 0}, "seen": []}}},
        {"labels": {"state": {"numeric": False, "codes": True, "labels": {"a": 0}, "seen": [1]}}},
        {"labels": {"state": {"numeric": False, "codes": True, "labels": {"a": -1}, "seen": []}}},
        {"categories": {"valve": ["on", "on"]}},
        {"categories": {"valve": 3}},
        {"tokens": {"unit": "letter", "seen": []}},
        {"tokens": {"unit": "word", "seen": [-1]}},
        {"tokens": {"unit": "word", "seen": [1 << 24]}},
        [],
    ],
)
def test_words_that_cannot_be_right_are_refused(words: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    Engine(settings(**LABELS)).save(path, positions={"words": words})
    with pytest.raises(CheckpointError, match="is not valid"):
        find_initial_checkpoint(str(path))
