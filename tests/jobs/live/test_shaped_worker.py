"""Records of a partition become events of another shape; a restarted worker continues within an event."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from support import bits, settings
from workers import PARTITION, make_config, open_at, record_of, write_checkpoint

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.decoder import Decoder
from stream_rnn.connectors.shapes.shape import Shape
from stream_rnn.connectors.stop import Stop
from stream_rnn.errors import SettingError
from stream_rnn.jobs.live.job import LiveJob
from stream_rnn.jobs.models import EngineModel
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.jobs.live.worker import WorkerConfig

SHAPES: dict[str, tuple[Shape, dict[str, Any], Schema]] = {
    "wide": (
        Shape(wide=True),
        {"inputs": ("value",)},
        Schema(columns=("load", "flow"), time=""),
    ),
    "pivot": (
        Shape(pivot=("tag", "v"), tolerance=1.0),
        {"inputs": ("a", "b")},
        Schema(columns=("v",), time="", tag="tag", tags=("a", "b")),
    ),
    "every": (
        Shape(every=4.0, aggregate="mean"),
        {"inputs": ("load", "flow")},
        Schema(columns=("load", "flow"), time=""),
    ),
}


def config_of(name: str, folder: Path) -> tuple[WorkerConfig, Schema]:
    shape, engine, schema = SHAPES[name]
    fields = schema.columns if shape.wide else ()
    return make_config(folder, model=EngineModel(settings(**engine)), shape=shape, fields=fields), schema


def batch_of(schema: Schema, start: int, stop: int) -> KafkaBatch:
    """Return the records with these offsets: one stream each, whose tags alternate."""
    records = []
    for offset in range(start, stop):
        value = {"load": math.sin(offset / 4), "flow": offset % 5, "tag": "ab"[offset % 2], "v": offset % 7}
        records.append(record_of(offset, json.dumps(value).encode(), key=b"p", timestamp=500 * offset))
    return Decoder(schema).decode(PARTITION, records)


@pytest.mark.parametrize("name", SHAPES)
def test_a_restarted_worker_continues_within_an_event(tmp_path: Path, name: str) -> None:
    config, schema = config_of(name, tmp_path / "killed")
    first = open_at(config, None)
    written = first.process(batch_of(schema, 0, 13)).payloads
    first.mark_all_committed()
    write_checkpoint(first)
    written += first.process(batch_of(schema, 13, 27)).payloads  # committed, but not in the checkpoint

    second = open_at(config, 27)
    assert second.process(batch_of(schema, 13, 27)).payloads == []
    written += second.process(batch_of(schema, 27, 60)).payloads

    uninterrupted = open_at(config_of(name, tmp_path / "uninterrupted")[0], None)
    assert written == uninterrupted.process(batch_of(schema, 0, 60)).payloads
    assert bits(second.model) == bits(uninterrupted.model)
    assert second.held == uninterrupted.held


def test_events_of_a_wide_topic_have_the_names_of_fields_in_their_keys(tmp_path: Path) -> None:
    config, schema = config_of("wide", tmp_path)
    output = open_at(config, None).process(batch_of(schema, 0, 2))
    assert output.keys == [b"p/load", b"p/flow"] * 2
    assert (output.records, output.events) == (2, 4)


def test_the_first_value_that_is_replaced_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config, schema = config_of("pivot", tmp_path)
    records = [
        record_of(offset, b'{"tag": "a", "v": 1}', key=b"p", timestamp=5000 * (offset // 4)) for offset in range(12)
    ]
    open_at(config, None).process(Decoder(schema).decode(PARTITION, records))
    assert [record.getMessage() for record in caplog.records if "replaced" in record.getMessage()] == [
        "sensors-3: a value was replaced by a later one for the same tag and time; more like it are not logged"
    ]


def test_a_checkpoint_of_another_shape_is_refused(tmp_path: Path) -> None:
    config, _ = config_of("every", tmp_path)
    open_at(config, None)
    with pytest.raises(ConnectorError, match=r"^the checkpoint has every = 4\.0, the settings have 8\.0: use the"):
        open_at(config._replace(shape=Shape(every=8.0, aggregate="mean")), None)
    with pytest.raises(ConnectorError, match=r"^the checkpoint has every = 4\.0, the settings have None"):
        open_at(config._replace(shape=Shape()), None)


@pytest.mark.parametrize(
    ("job", "engine", "words"),
    [
        ({"wide": True}, {}, "inputs must name the fields that are streams with wide, got none"),
        ({"wide": True}, {"inputs": "a", "targets": "a"}, "targets must be value or not set with wide"),
        ({}, {"inputs": "a", "horizon": "6h"}, "horizon '6h' needs every, such as every 1min"),
        ({"every": "4h"}, {"inputs": "a", "horizon": "6h"}, "horizon must be a multiple of every, 4h, got '6h'"),
        (
            {"pivot": "tag=v"},
            {"inputs": "a", "targets": "b", "task": "classification"},
            "pivot is for numbers in a live job",
        ),
        (
            {"every": "4h", "aggregate": "mean"},
            {"inputs": "a", "targets": "b", "task": "classification"},
            "aggregate must be last with classes or tokens, got 'mean'",
        ),
        ({"wide": True, "categories": "b"}, {"inputs": "a"}, "categories must not be set with wide"),
    ],
)
def test_wrong_settings_are_refused(job: dict[str, Any], engine: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        LiveJob(LiveSettings(topics="sensors", **job), engine, Stop())
    assert words in str(caught.value)


def test_a_live_job_has_a_horizon_in_time() -> None:
    job = LiveJob(LiveSettings(topics="sensors", every="1min"), {"inputs": "a", "horizon": "1h"}, Stop())
    assert job._config.model.settings.horizon == 60


def test_a_record_without_value_ends_the_sequences_of_all_streams_of_its_key(tmp_path: Path) -> None:
    config, schema = config_of("wide", tmp_path)
    worker = open_at(config, None)
    worker.process(batch_of(schema, 0, 9))
    resets = worker.model.counts.resets
    ended = worker.process(Decoder(schema).decode(PARTITION, [record_of(9, None, key=b"p", timestamp=4500)]))
    assert ended.tombstones == 1
    assert worker.model.counts.resets == resets + 2


@pytest.mark.parametrize("name", SHAPES)
def test_several_readings_in_a_record_form_the_events_of_readings_in_records_of_their_own(
    tmp_path: Path, name: str
) -> None:
    (shape, _, schema), rows = SHAPES[name], [(n, n // 3) for n in range(60)]
    one_by_one, together = [], []
    for n, time in rows:
        value = {"load": math.sin(n / 4), "flow": n % 5, "tag": "ab"[n % 2], "v": n % 7}
        one_by_one.append(record_of(n, json.dumps(value).encode(), key=b"p", timestamp=1000 * time))
        if n % 3 == 0:
            together.append((n // 3, time, []))
        together[-1][2].append(value)
    arrays = [record_of(n, json.dumps(values).encode(), key=b"p", timestamp=1000 * t) for n, t, values in together]
    workers = [open_at(config_of(name, tmp_path / part)[0], None) for part in ("single", "array")]
    for worker, records in zip(workers, (one_by_one, arrays), strict=True):
        for start in range(0, len(records), 7):
            worker.process(Decoder(schema).decode(PARTITION, records[start : start + 7]))
    assert bits(workers[0].model) == bits(workers[1].model)
    assert workers[0].held == workers[1].held
    assert shape.active
