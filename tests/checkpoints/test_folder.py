"""A folder of checkpoints keeps the newest few, and falls back to an older one if the newest is damaged."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

import pytest
from contents import contents

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import CheckpointError
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.checkpoints.file import CheckpointData

SETTINGS = Settings(inputs=("a",), hidden=4, window=4)


def write(folder: CheckpointFolder, engine: Engine) -> Path:
    """Write a checkpoint whose positions hold the number of events."""
    events = engine.counts.events
    return folder.write(engine.snapshot(positions={"at": events}).finish(), events)


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    """Return a folder with three checkpoints, after one, two and three events."""
    folder = CheckpointFolder(tmp_path / "state", keep=3)
    engine = Engine(SETTINGS)
    for count in (1, 2, 3):
        engine.step("k", [count])
        write(folder, engine)
    return folder


def newest(folder: CheckpointFolder) -> tuple[Path, CheckpointData]:
    found = folder.newest()
    assert found is not None
    return found


def test_the_newest_checkpoint_is_found(folder: CheckpointFolder) -> None:
    path, data = newest(folder)
    assert path == folder.files[-1]
    assert data.positions == {"at": 3}


def test_only_the_newest_few_are_kept(folder: CheckpointFolder, tmp_path: Path) -> None:
    two = CheckpointFolder(tmp_path / "state", keep=2)
    engine = Engine.load(folder.files[-1])
    engine.step("k", [4])
    write(two, engine)
    assert [path.name for path in two.files] == [f"checkpoint-{count:015d}.safetensors" for count in (3, 4)]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_logged_and_the_previous_one_is_used(
    folder: CheckpointFolder, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder.files[-1]
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        path, data = newest(folder)
    assert (path, data.positions) == (folder.files[-2], {"at": 2})
    assert "damaged" in caplog.text
    assert "falling back to the previous checkpoint" in caplog.text


def damage(file: Path) -> None:
    """Flip a bit in the arrays."""
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)


def test_a_flipped_bit_is_detected(folder: CheckpointFolder, caplog: pytest.LogCaptureFixture) -> None:
    damage(folder.files[-1])
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        assert newest(folder)[1].positions == {"at": 2}
    assert "checksum" in caplog.text


def test_a_folder_without_a_readable_checkpoint_is_refused_with_the_reason(folder: CheckpointFolder) -> None:
    for path in folder.files:
        path.write_bytes(b"")
    message = (
        r"no checkpoint in .* can be read, use another folder to start from scratch: checkpoint .*3\.safetensors is"
    )
    with pytest.raises(CheckpointError, match=message) as caught:
        folder.newest()
    assert "\n" not in str(caught.value)


def test_an_empty_or_missing_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path).newest() is None
    assert CheckpointFolder(tmp_path / "none").newest() is None


def test_checkpoints_that_are_not_accepted_are_skipped(folder: CheckpointFolder) -> None:
    found = folder.newest(accept=lambda positions: positions["at"] < 3)
    assert found is not None
    assert (found[0], found[1].positions) == (folder.files[1], {"at": 2})
    assert folder.newest(accept=lambda _: False) is None


def test_checkpoints_that_are_not_accepted_are_not_read(
    folder: CheckpointFolder, caplog: pytest.LogCaptureFixture
) -> None:
    damage(folder.files[-1])
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        assert folder.newest(accept=lambda positions: positions["at"] == 1) is not None
    assert caplog.text == ""


def test_an_accepted_checkpoint_that_is_damaged_is_logged(
    folder: CheckpointFolder, caplog: pytest.LogCaptureFixture
) -> None:
    damage(folder.files[-1])
    folder.files[1].write_bytes(b"cut")
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        found = folder.newest(accept=lambda positions: positions["at"] != 2)
    assert found is not None
    assert found[1].positions == {"at": 1}
    assert [record.message.count("damaged") for record in caplog.records] == [1, 1]


def test_a_snapshot_is_written_as_the_engine_itself(folder: CheckpointFolder, tmp_path: Path) -> None:
    engine = Engine.load(folder.files[-1])
    path = write(CheckpointFolder(tmp_path / "other"), engine)
    assert path.name == folder.files[-1].name
    assert contents(path) == contents(folder.files[-1])


def test_an_old_checkpoint_that_cannot_be_removed_is_told_and_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, stuck = CheckpointFolder(tmp_path, keep=1), tmp_path / "checkpoint-000000000000000.safetensors"
    stuck.mkdir()
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        engine = Engine(SETTINGS)
        engine.step("s", [1.0])
        path = write(folder, engine)
    assert folder.files == [stuck, path]
    assert caplog.messages == [f"cannot remove the old checkpoint {stuck}: Is a directory"]


def test_files_of_a_killed_process_are_removed_but_not_those_of_a_running_one(folder: CheckpointFolder) -> None:
    old, young = (folder.folder / f".checkpoint-000000000000009.safetensors.{name}" for name in ("old", "young"))
    for path in (old, young):
        path.mkdir()
        (path / ".tmpAbc").write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    write(folder, Engine(SETTINGS))
    assert not old.exists()
    assert young.exists()


def test_a_partial_file_is_not_taken_for_a_checkpoint(folder: CheckpointFolder) -> None:
    (partial := folder.folder / ".checkpoint-000000000000009.safetensors.abc").mkdir()
    (partial / "checkpoint-000000000000009.safetensors").write_bytes(b"half")
    assert newest(folder)[1].positions == {"at": 3}
