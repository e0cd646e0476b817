"""A checkpoint whose positions cannot be right is not resumed from; the one before it is."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from replays import replay
from safetensors import safe_open
from safetensors.numpy import save_file

from stream_rnn import CheckpointError
from stream_rnn.checkpoints import file as checkpoint_file
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.errors import StreamRNNError
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_rnn.jobs.replay.job import Job

    Change = Callable[[dict[str, Any], dict[str, NDArray[Any]]], object]

ENGINE = {"hidden": 4, "window": 4}
HELD = "ordering.files.held."


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a replay that held events back when its last but one checkpoint was taken."""
    folder = tmp_path_factory.mktemp("replay")
    lines = [f"{1_700_000_000 + t - 3 * (t % 3)},{t % 7}" for t in range(20_000)]
    (folder / "data.csv").write_text("\n".join(["time,a", *lines]) + "\n")
    open_job(folder, resume=False).run()
    files = CheckpointFolder(folder / "state").files
    assert len(files) >= 2
    files[-1].unlink()  # of the end, where nothing is held back
    return folder


@pytest.fixture
def folder(finished: Path) -> Iterator[Path]:
    """Return that folder, whose checkpoints are restored after the test."""
    shutil.copytree(finished / "state", finished / "copy")
    yield finished
    shutil.rmtree(finished / "state")
    (finished / "copy").rename(finished / "state")


def open_job(folder: Path, *, resume: bool = True) -> Job[Any]:
    values: dict[str, Any] = {"files": (str(folder / "data.csv"),), "checkpoint": str(folder / "state")}
    return open_replay(ReplaySettings(**values, checkpoint_every=1, lateness=20.0, resume=resume), ENGINE)


def forge(path: Path, change: Change) -> None:
    """Change positions and arrays of a checkpoint, with a checksum that matches."""
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        about = json.loads(file.metadata()["about"])
    change(about["positions"], arrays)
    text = json.dumps(about)
    save_file(arrays, path, {"about": text, "checksum": str(checkpoint_file._checksum(arrays, text))})


def replace(name: str, value: Any) -> Change:
    """Return a change of an array."""
    return lambda _, arrays: arrays.update({name: value(arrays[name])})


CHANGES: dict[str, Change] = {
    "nothing": lambda positions, _: positions.clear(),
    "no source": lambda positions, _: positions.pop("source"),
    "no files": lambda positions, _: positions["source"].clear(),
    "a negative record": lambda positions, _: positions["source"]["files"].update(x=-1),
    "text for a record": lambda positions, _: positions["source"]["files"].update(x="1"),
    "a list for a sink": lambda positions, _: positions.update(sink=[]),
    "text for dead letters": lambda positions, _: positions.update(dead_letters="1"),
    "a list of states": lambda positions, _: positions.update(ordering=[]),
    "a state without counts": lambda positions, _: positions["ordering"]["files"].pop("late"),
    "fewer keys": lambda positions, _: positions["ordering"]["files"].update(keys=[]),
    "files without numbers": lambda positions, _: positions["ordering"]["files"].update(places={"x": "y"}),
    "no array of times": lambda _, arrays: arrays.pop(f"{HELD}time"),
    "no array of newest times": lambda _, arrays: arrays.pop("ordering.files.newest"),
    "a shorter column": replace(f"{HELD}stream", lambda array: array[1:]),
    "a column of another dtype": replace(f"{HELD}end", lambda array: array.astype(np.float32)),
    "an unknown stream": replace(f"{HELD}stream", lambda array: array + 1),
    "a negative stream": replace(f"{HELD}stream", lambda array: array - 1),
    "an unknown file": replace(f"{HELD}file", lambda array: array + 7),
}


def test_the_checkpoint_holds_events_back(folder: Path) -> None:
    data = checkpoint_file.read(CheckpointFolder(folder / "state").files[-1])
    assert len(data.arrays[f"{HELD}time"]) > 0
    assert open_job(folder).run().finished


@pytest.mark.parametrize("change", CHANGES)
def test_forged_positions_are_refused_in_one_line(folder: Path, change: str) -> None:
    state = CheckpointFolder(folder / "state")
    for older in state.files[:-1]:
        older.unlink()
    forge(state.files[-1], CHANGES[change])
    with pytest.raises(CheckpointError) as caught:
        open_job(folder)
    assert f"checkpoint {state.files[-1]} is not valid: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_replay_resumes_from_the_checkpoint_before_a_forged_one(folder: Path) -> None:
    state = CheckpointFolder(folder / "state")
    newer = state.folder / "checkpoint-000000000019999.safetensors"
    shutil.copy(state.files[-1], newer)
    forge(newer, CHANGES["no source"])
    summary = open_job(folder).run()
    assert summary.finished
    assert checkpoint_file.read(state.files[-1]).arrays["counts"][0] == 20_000


OPEN = "ordering.files.pivot."
SHAPE_CHANGES: dict[str, Change] = {
    "no array of times": lambda _, arrays: arrays.pop(f"{OPEN}time"),
    "an unknown stream": replace(f"{OPEN}stream", lambda array: array + 1),
    "an unknown file": replace(f"{OPEN}file", lambda array: array + 7),
    "an unknown file of an event": replace("ordering.files.resample.file", lambda array: array + 7),
    "fewer keys": lambda positions, _: positions["ordering"]["files"].update(shape_keys=[]),
    "text for a shape": lambda positions, _: positions["ordering"]["files"].update(shape="wide"),
    "an unknown tag": replace(f"{OPEN}column.tag", lambda array: array + 9),
    "half a tag": replace(f"{OPEN}column.tag", lambda array: array + 0.5),
}


@pytest.mark.parametrize("change", SHAPE_CHANGES)
def test_a_forged_state_of_a_shape_is_refused_in_one_line(tmp_path: Path, change: str) -> None:
    rows = "".join(f"{1_700_000_000 + t},{'ab'[t % 2]},{t}\n" for t in range(20_000))
    (tmp_path / "long.csv").write_text(f"time,tag,v\n{rows}")
    settings = ReplaySettings(
        files=(str(tmp_path / "long.csv"),),
        pivot="tag=v",
        pivot_tolerance=1.0,
        every="1min",
        checkpoint=f"{tmp_path}/state",
        resume=True,
    )
    replay(settings, 1)
    state = CheckpointFolder(tmp_path / "state")
    for older in state.files[:-1]:
        older.unlink()
    forge(state.files[-1], SHAPE_CHANGES[change])
    with pytest.raises(StreamRNNError) as caught:
        open_replay(settings, {"hidden": 4, "window": 4, "horizon": 2})
    assert "\n" not in str(caught.value)
