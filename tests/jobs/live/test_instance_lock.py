"""InstanceLock: a process keeps its number while it lives, and the number is free as soon as the process is dead."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.live.instance_lock import MAX_NAME_LENGTH, InstanceLock

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = (
    "import sys; from stream_rnn.jobs.live.instance_lock import InstanceLock;"
    "lock = InstanceLock(sys.argv[1]); print(lock.number, flush=True); sys.stdin.read()"
)


def start_process(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """Start a process that holds a number, and return both."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_processes_have_different_numbers_and_that_of_a_killed_one_is_free_at_once(tmp_path: Path) -> None:
    one, first = start_process(tmp_path)
    two, second = start_process(tmp_path)
    with one, two, InstanceLock(tmp_path) as third:
        assert [first, second, third.number] == [0, 1, 2]
        one.kill()
        one.wait()
        with InstanceLock(tmp_path) as again:
            assert again.number == 0
        two.kill()


def test_locks_of_one_process_have_different_numbers(tmp_path: Path) -> None:
    with ExitStack() as stack:
        assert [stack.enter_context(InstanceLock(tmp_path)).number for _ in range(5)] == [0, 1, 2, 3, 4]


def test_every_folder_has_its_own_numbers(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "a") as one, InstanceLock(tmp_path / "b") as other:
        assert one.number == other.number == 0


def test_a_released_number_is_used_again(tmp_path: Path) -> None:
    InstanceLock(tmp_path).close()
    with InstanceLock(tmp_path) as again:
        assert again.number == 0


def test_a_lock_can_be_closed_twice(tmp_path: Path) -> None:
    lock = InstanceLock(tmp_path)
    lock.close()
    with InstanceLock(tmp_path) as other:
        lock.close()
        assert other.number == 0
        with InstanceLock(tmp_path) as third:
            assert third.number == 1


def test_a_second_process_is_refused_if_only_one_is_allowed(tmp_path: Path) -> None:
    with InstanceLock(tmp_path, 1), pytest.raises(SettingError) as error:
        InstanceLock(tmp_path, 1)
    assert str(error.value) == (
        f"another process uses the checkpoint folder {tmp_path}, and no more may: stop one, or set another folder"
    )


def test_the_folder_is_created(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "deep" / "folder"):
        assert (tmp_path / "deep" / "folder").is_dir()


def test_a_folder_that_cannot_be_created_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError) as error:
        InstanceLock(tmp_path / "file" / "state")
    assert str(error.value) == f"cannot write to checkpoint folder {tmp_path}/file/state: Not a directory"


@pytest.mark.parametrize("group", ["readings", "naïve group / 7", "", "g" * 300])
def test_a_name_has_only_characters_that_kafka_allows(tmp_path: Path, group: str) -> None:
    with InstanceLock(tmp_path) as one, InstanceLock(tmp_path) as two:
        assert re.fullmatch(rf"[A-Za-z0-9._-]{{1,{MAX_NAME_LENGTH}}}", one.name(group))
        assert one.name(group) != two.name(group)


def test_a_name_is_the_same_after_a_restart(tmp_path: Path) -> None:
    names = []
    for _ in range(2):
        with InstanceLock(tmp_path) as lock:
            names.append(lock.name("readings"))
    assert names[0] == names[1]


def test_names_in_different_folders_differ(tmp_path: Path) -> None:
    with InstanceLock(tmp_path / "a") as one, InstanceLock(tmp_path / "b") as other:
        assert one.name("readings") != other.name("readings")
