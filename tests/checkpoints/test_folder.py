"""A folder of checkpoints: the newest few are kept, and a damaged one costs only what came after the one before."""

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


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    """Three checkpoints, after one, two and three events."""
    folder = CheckpointFolder(tmp_path / "state", keep=3)
    engine = Engine(SETTINGS)
    for count in (1, 2, 3):
        engine.step("k", [count])
        folder.write(engine.snapshot(positions={"at": count}).finish(), engine.counts.events)
    return folder


def newest(folder: CheckpointFolder, settings: Settings | None = None) -> tuple[Path, CheckpointData]:
    found = folder.newest(settings)
    assert found is not None
    return found


def test_the_newest_is_found(folder: CheckpointFolder) -> None:
    path, saved = newest(folder, SETTINGS)
    assert path == folder.files[-1]
    assert saved.positions == {"at": 3}


def test_only_the_newest_few_are_kept(folder: CheckpointFolder, tmp_path: Path) -> None:
    few = CheckpointFolder(tmp_path / "state", keep=2)
    engine = Engine.load(folder.files[-1])
    engine.step("k", [4])
    few.write(engine.snapshot(positions={"at": 4}).finish(), engine.counts.events)
    assert [path.name for path in few.files] == [f"checkpoint-{count:015d}.safetensors" for count in (3, 4)]


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_newest_cut_short_is_reported_and_the_one_before_is_taken(
    folder: CheckpointFolder, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    file = folder.files[-1]
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        path, saved = newest(folder, SETTINGS)
    assert (path, saved.positions) == (folder.files[-2], {"at": 2})
    assert "damaged" in caplog.text


def damage(file: Path) -> None:
    """Flip a bit in the arrays."""
    data = bytearray(file.read_bytes())
    data[-5] ^= 1
    file.write_bytes(data)


def test_a_flipped_bit_is_seen(folder: CheckpointFolder, caplog: pytest.LogCaptureFixture) -> None:
    damage(folder.files[-1])
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        assert newest(folder)[1].positions == {"at": 2}
    assert "checksum" in caplog.text


def test_no_sound_one_is_an_error(folder: CheckpointFolder) -> None:
    for path in folder.files:
        path.write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no checkpoint in .* can be read"):
        folder.newest()


def test_other_settings_are_an_error_that_names_them(folder: CheckpointFolder) -> None:
    with pytest.raises(CheckpointError, match=r"window = 4, the settings say 5"):
        folder.newest(Settings(inputs=("a",), hidden=4, window=5))


def test_an_empty_or_missing_folder_has_none(tmp_path: Path) -> None:
    assert CheckpointFolder(tmp_path).newest() is None
    assert CheckpointFolder(tmp_path / "none").newest() is None


def test_those_that_are_not_accepted_are_passed_over(folder: CheckpointFolder) -> None:
    found = folder.newest(SETTINGS, accept=lambda positions: positions["at"] < 3)
    assert found is not None
    assert (found[0], found[1].positions) == (folder.files[1], {"at": 2})
    assert folder.newest(accept=lambda _: False) is None


def test_those_that_are_not_accepted_are_not_read(folder: CheckpointFolder, caplog: pytest.LogCaptureFixture) -> None:
    damage(folder.files[-1])
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        assert folder.newest(accept=lambda positions: positions["at"] == 1) is not None
    assert caplog.text == ""


def test_an_accepted_one_that_is_damaged_is_reported(
    folder: CheckpointFolder, caplog: pytest.LogCaptureFixture
) -> None:
    damage(folder.files[-1])
    folder.files[1].write_bytes(b"cut")
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        found = folder.newest(accept=lambda positions: positions["at"] != 2)
    assert found is not None
    assert found[1].positions == {"at": 1}
    assert [record.message.count("damaged") for record in caplog.records] == [1, 1]


def test_the_state_of_a_snapshot_is_saved_as_the_engine_is(folder: CheckpointFolder, tmp_path: Path) -> None:
    engine = Engine.load(folder.files[-1])
    other = CheckpointFolder(tmp_path / "other")
    path = other.write(engine.snapshot(positions={"at": 3}).finish(), 3)
    assert path.name == folder.files[-1].name
    assert contents(path) == contents(folder.files[-1])


def test_what_a_killed_process_left_is_swept_up_but_not_a_living_ones(folder: CheckpointFolder) -> None:
    old, young = (folder.folder / f".checkpoint-000000000000009.safetensors.{name}" for name in ("old", "young"))
    for path in (old, young):
        path.mkdir()
        (path / ".tmpAbc").write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    folder.write(Engine(SETTINGS).snapshot().finish(), 0)
    assert not old.exists()
    assert young.exists()


def test_what_a_crash_left_half_written_is_not_taken_for_one(folder: CheckpointFolder) -> None:
    (left := folder.folder / ".checkpoint-000000000000009.safetensors.abc").mkdir()
    (left / "checkpoint-000000000000009.safetensors").write_bytes(b"half")
    assert newest(folder)[1].positions == {"at": 3}
