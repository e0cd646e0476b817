"""A process's place among those of a folder: kept while it lives, free the moment it is dead."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.live.instance_lock import LONGEST, Slot

if TYPE_CHECKING:
    from pathlib import Path

HOLD = (
    "import sys; from stream_rnn.jobs.live.instance_lock import Slot;"
    "s = Slot(sys.argv[1]); print(s.number, flush=True); sys.stdin.read()"
)


def held(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a process that takes a number, and return both."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_processes_of_a_folder_have_different_numbers_and_a_killed_ones_is_free_at_once(tmp_path: Path) -> None:
    one, first = held(tmp_path)
    two, second = held(tmp_path)
    with one, two, Slot(tmp_path) as third:
        assert [first, second, third.number] == [0, 1, 2]
        one.kill()
        one.wait()
        with Slot(tmp_path) as again:
            assert again.number == 0
        two.kill()


def test_in_one_process_too_no_number_is_given_twice(tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert [stack.enter_context(Slot(tmp_path)).number for _ in range(5)] == [0, 1, 2, 3, 4]


def test_each_folder_has_its_own_numbers(tmp_path: Path) -> None:
    with Slot(tmp_path / "a") as one, Slot(tmp_path / "b") as other:
        assert one.number == other.number == 0


def test_a_freed_number_is_given_again(tmp_path: Path) -> None:
    slot = Slot(tmp_path)
    slot.close()
    with Slot(tmp_path) as again:
        assert again.number == 0


def test_where_one_may_work_a_second_is_refused(tmp_path: Path) -> None:
    with Slot(tmp_path, most=1), pytest.raises(SettingError) as error:
        Slot(tmp_path, most=1)
    assert str(error.value) == f"another process works in the folder {tmp_path}: there may be 1 at a time"


def test_the_folder_is_made(tmp_path: Path) -> None:
    with Slot(tmp_path / "deep" / "er"):
        assert (tmp_path / "deep" / "er").is_dir()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError) as error:
        Slot(tmp_path / "file" / "state")
    assert str(error.value) == f"checkpoint folder {tmp_path}/file/state cannot be written: Not a directory"


@pytest.mark.parametrize("group", ["readings", "naïve group / 7", "", "g" * 300])
def test_a_name_is_one_that_kafka_allows(tmp_path: Path, group: str) -> None:
    with Slot(tmp_path) as one, Slot(tmp_path) as two:
        assert re.fullmatch(rf"[A-Za-z0-9._-]{{1,{LONGEST}}}", one.name(group))
        assert one.name(group) != two.name(group)


def test_a_name_is_the_same_again_after_a_restart(tmp_path: Path) -> None:
    names = []
    for _ in range(2):
        with Slot(tmp_path) as slot:
            names.append(slot.name("readings"))
    assert names[0] == names[1]


def test_names_of_different_folders_differ(tmp_path: Path) -> None:
    with Slot(tmp_path / "a") as one, Slot(tmp_path / "b") as other:
        assert one.name("readings") != other.name("readings")
