"""Engine settings of a live job: what is required, what is added, and which checkpoint engines start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import BASE, engine_of

from stream_rnn.checkpoints.file import read
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.live.resolve import RESERVED_NAMES, find_initial_checkpoint, resolve_model

if TYPE_CHECKING:
    from pathlib import Path


def test_inputs_are_required() -> None:
    with pytest.raises(SettingError, match=r"^inputs must be set for a live job: columns of a topic are not detected$"):
        resolve_model({"hidden": 4}, None)


def test_targets_of_a_forecast_are_inputs_as_well() -> None:
    assert resolve_model({"inputs": ("a",), "targets": ("b",)}, None).settings.inputs == ("a", "b")
    labels = resolve_model({"inputs": ("a",), "targets": ("b",), "task": "regression"}, None).settings
    assert labels.inputs == ("a",)


@pytest.mark.parametrize("name", RESERVED_NAMES)
def test_a_target_must_not_have_the_name_of_an_output_field(name: str) -> None:
    with pytest.raises(SettingError, match=f"^targets must not be named time, key, .*, got {name!r}$"):
        resolve_model({"inputs": (name,)}, None)


def test_settings_of_the_initial_checkpoint_are_completed_by_those_of_the_job(tmp_path: Path) -> None:
    engine_of().save(tmp_path / "month")
    resolved = resolve_model({"learning_rate": 0.5}, read(tmp_path / "month")).settings
    assert (resolved.inputs, resolved.hidden, resolved.learning_rate) == (("x",), (BASE["hidden"],), 0.5)


def test_the_initial_checkpoint_is_a_file_or_the_newest_of_a_folder(tmp_path: Path) -> None:
    assert find_initial_checkpoint(None) is None
    engine, folder = engine_of(), CheckpointFolder(tmp_path)
    folder.write(engine.snapshot().finish(), 5)
    newest = folder.write(engine.snapshot().finish(), 9)
    for path in (newest, tmp_path):
        found = find_initial_checkpoint(str(path))
        assert found is not None
        assert found[0] == newest


def test_a_folder_without_checkpoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as error:
        find_initial_checkpoint(str(tmp_path))
    assert str(error.value) == f"begin_with: the folder {tmp_path} has no checkpoint"
