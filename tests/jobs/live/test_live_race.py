"""A worker with a race restarts, begins with a checkpoint and starts in an added partition as one with an engine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from workers import PARTITION, BoundedSource, batch_of, make_config, open_at, write_checkpoint, write_progress

from stream_rnn.checkpoints.file import read
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.live.resolve import find_initial_checkpoint, resolve_model
from stream_rnn.jobs.models import EngineModel, RaceModel
from stream_rnn.race.race import Race
from stream_rnn.settings.race import RaceConfig, RaceSettings, preset

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.live.worker import WorkerConfig

SMALL = {"inputs": ("x",), "hidden": (3,), "window": 3}
CONFIG = RaceConfig(
    {"stuck": SMALL | {"learning_rate": 1e-9}, "quick": SMALL | {"learning_rate": 0.02}},
    RaceSettings(naive=("persistence", "seasonal_naive"), max_season=8, retire_below=0.2, check_every=10),
)


def race_config(folder: Path, config: RaceConfig = CONFIG) -> WorkerConfig:
    return make_config(folder, model=resolve_model(config, None))


def state(model: Engine | Race) -> dict[str, Any]:
    """Return everything that a checkpoint of a model holds, as bytes."""
    data = model.snapshot().finish()
    return {name: array.tobytes() for name, array in data.arrays.items()} | {"keys": data.keys}


def test_a_restarted_race_writes_nothing_twice_and_equals_an_uninterrupted_one(tmp_path: Path) -> None:
    config = race_config(tmp_path / "killed")
    first = open_at(config, None)
    written = first.process(batch_of(0, 32)).payloads
    first.mark_all_committed()
    write_checkpoint(first)
    written += first.process(batch_of(32, 45)).payloads  # committed, but not in the checkpoint
    second = open_at(config, 45)
    replayed = second.process(batch_of(32, 45))
    assert (replayed.payloads, replayed.replayed) == ([], replayed.events)
    written += second.process(batch_of(45, 60)).payloads
    uninterrupted = open_at(race_config(tmp_path / "uninterrupted"), None)
    assert written == uninterrupted.process(batch_of(0, 60)).payloads
    assert state(second.model) == state(uninterrupted.model)
    assert isinstance(second.model, Race)
    assert len(second.model.members) < 2  # some member was retired on the way


def test_its_forecasts_are_those_of_the_race_and_name_its_settings(tmp_path: Path) -> None:
    payloads = open_at(race_config(tmp_path / "a"), None).process(batch_of(0, 7)).payloads
    rows = [json.loads(payload) for payload in payloads]
    race = resolve_model(CONFIG, None).create()
    x = np.array([[row["x"]] for row in rows])
    made = race.process([row["key"] for row in rows], x, times=[float(offset) for offset in range(7)])
    np.testing.assert_array_equal([row["x+1"] for row in rows], made[:, 0, 0])
    other = race_config(tmp_path / "b", CONFIG._replace(race=RaceSettings()))
    assert json.loads(open_at(other, None).process(batch_of(0, 1)).payloads[0])["model"] != rows[0]["model"]


def test_a_partition_that_was_added_starts_with_the_weights_of_a_neighbours_race(tmp_path: Path) -> None:
    config = race_config(tmp_path)
    neighbour = write_progress(config, 40, BoundedSource(partitions=4))
    worker = open_at(config, None, BoundedSource(partitions=6), PARTITION._replace(partition=5))
    assert isinstance(worker.model, Race)
    assert isinstance(neighbour.model, Race)
    assert (worker.model.keys, list(worker.model.members)) == ([], list(neighbour.model.members))
    for name, engine in worker.model.members.items():
        for weights, array in engine.parameters.items():
            np.testing.assert_array_equal(array, neighbour.model.members[name].parameters[weights])
    x = np.arange(5.0)[:, None]
    assert worker.model.process("s", x).tobytes() != resolve_model(CONFIG, None).create().process("s", x).tobytes()


def test_a_topic_that_was_created_again_ends_the_sequences_of_a_race(tmp_path: Path) -> None:
    config = race_config(tmp_path)
    write_progress(config, 20)
    worker = open_at(config, None, BoundedSource(topic_id="b"))
    assert isinstance(worker.model, Race)
    assert worker.model.keys == ["s0", "s1"]
    assert worker.offsets.processed == {PARTITION: 0}
    assert [engine.length("s0") for engine in worker.model.members.values()] == [0] * len(worker.model.members)


def test_a_race_begins_with_the_checkpoint_of_another_and_has_its_settings(tmp_path: Path) -> None:
    month = resolve_model(CONFIG, None).create()
    month.process("s0", np.arange(50.0)[:, None])
    month.save(tmp_path / "month")
    initial = find_initial_checkpoint(str(tmp_path / "month"))
    assert initial is not None
    for given in (dict[str, Any](), CONFIG, RaceConfig({"stuck": {}, "quick": {}}, CONFIG.race)):
        model = resolve_model(given, initial[1])
        model.check(*initial)
        assert model == resolve_model(CONFIG, None)
    worker = open_at(make_config(tmp_path / "live", model=model, initial_checkpoint=initial[0]), None)
    assert worker.model.counts.events == 50
    assert json.loads(worker.process(batch_of(0, 1)).payloads[0])["learned"] == 51


def test_a_checkpoint_of_another_kind_of_model_is_refused(tmp_path: Path) -> None:
    race, engine = race_config(tmp_path / "race"), make_config(tmp_path / "engine")
    for config in (race, engine):
        write_progress(config, 10)
    with pytest.raises(CheckpointError, match="is of a race of stuck, quick, the settings are of a single engine: use"):
        open_at(engine._replace(folder=race.folder), 10)
    with pytest.raises(
        CheckpointError,
        match="is of a single engine, the settings are of a race of stuck, quick: use the checkpoint's preset",
    ):
        open_at(race._replace(folder=engine.folder), 10)
    path = next((engine.folder / "sensors-3").glob("*.safetensors"))
    with pytest.raises(CheckpointError, match="single engine"):
        resolve_model(CONFIG, read(path)).check(path, read(path))


def test_the_preset_auto_needs_inputs_and_has_its_targets_among_them() -> None:
    with pytest.raises(SettingError, match="inputs must be set for a live job"):
        resolve_model(preset("auto", {"horizon": 2}), None)
    model = resolve_model(preset("auto", {"inputs": ("a",), "targets": ("b",)}), None)
    assert isinstance(model, RaceModel)
    assert {settings.inputs for settings in model.members.values()} == {("a", "b")}
    assert isinstance(resolve_model({"inputs": ("a",)}, None), EngineModel)
