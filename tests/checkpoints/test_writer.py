"""Checkpoints that are written while the engine keeps running: their contents, failures, and reports."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
from contents import contents

from stream_rnn.checkpoints import snapshot
from stream_rnn.checkpoints import writer as writer_module
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.checkpoints.writer import CheckpointWriter
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.jobs.replay.job import BatchReport, Job

pytestmark = pytest.mark.slow

SETTINGS = Settings(inputs=("a",), hidden=4, window=4)


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "state")


@pytest.fixture
def engine() -> Engine:
    """Return an engine that has processed three events."""
    engine = Engine(SETTINGS)
    engine.process(["k", "l", "k"], [[1.0], [2.0], [3.0]])
    return engine


@contextmanager
def full_disk() -> Iterator[None]:
    with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
        yield


def writer_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "checkpoint"]


def wait_for_thread() -> None:
    """Wait until the checkpoint that is being written is written, or has failed, without asking the writer."""
    for thread in writer_threads():
        thread.join(60)
    assert writer_threads() == []


def poll(writer: CheckpointWriter) -> Path | None:
    """Return the next result of the writer, asking again and again as a job does between batches."""
    while (path := writer.advance()) is None and writer.busy:
        time.sleep(0.01)
    return path


def test_a_checkpoint_holds_the_state_of_the_moment_it_was_begun(
    folder: CheckpointFolder, engine: Engine, tmp_path: Path
) -> None:
    engine.save(tmp_path / "saved", positions={"at": 3})
    writer = CheckpointWriter(folder, engine)
    writer.begin({"at": 3})
    engine.process("k", [[4.0]] * 100)
    path = writer.finish()
    assert path == folder.files[-1]
    assert path.name == "checkpoint-000000000000003.safetensors"
    assert contents(path) == contents(tmp_path / "saved")


def test_the_contents_do_not_depend_on_the_chunks_in_which_they_are_copied(
    folder: CheckpointFolder, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (writer_module, snapshot):
        monkeypatch.setattr(module, "CHUNK_BYTES", 1)
    engine.process(range(50), [[1.0]] * 50)
    engine.save(tmp_path / "saved")
    writer = CheckpointWriter(folder, engine)
    writer.begin({})
    first, path = 0, None
    while writer.busy:
        engine.process(range(first, 50), [[2.0]] * (50 - first))
        first = (first + 7) % 50
        path = writer.advance()
    assert path is not None
    assert contents(path) == contents(tmp_path / "saved")


def test_positions_that_the_caller_changes_later_are_saved_as_they_were(
    folder: CheckpointFolder, engine: Engine
) -> None:
    positions = {"partitions": {"0": 3}}
    writer = CheckpointWriter(folder, engine)
    writer.begin(positions)
    positions["partitions"]["0"] = 4
    writer.finish()
    found = folder.newest()
    assert found is not None
    assert found[1].positions == {"partitions": {"0": 3}}


def test_a_path_is_reported_once(folder: CheckpointFolder, engine: Engine) -> None:
    writer = CheckpointWriter(folder, engine)
    assert (writer.busy, writer.advance(), writer.finish()) == (False, None, None)
    writer.begin({})
    assert writer.busy
    assert poll(writer) == folder.files[-1]
    assert not writer.busy
    assert (writer.advance(), writer.finish()) == (None, None)


def test_a_checkpoint_is_completed_without_further_events(folder: CheckpointFolder, engine: Engine) -> None:
    writer = CheckpointWriter(folder, engine)
    writer.begin({})
    assert poll(writer) is not None  # the engine copies rows before it changes them, but here it changes none


# Every result is reported, oldest first.


class BlockedFolder(CheckpointFolder):
    """A folder whose writes do not end before somebody waits for the thread that writes; some of them fail."""

    def __init__(self, folder: Path, failing: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(folder)
        self._failing = failing
        self._released = released = threading.Event()
        join = threading.Thread.join

        def release_and_join(thread: threading.Thread, timeout: float | None = None) -> None:
            released.set()
            join(thread, timeout)

        monkeypatch.setattr(threading.Thread, "join", release_and_join)

    def write(self, data: CheckpointData, events: int) -> Path:
        assert self._released.wait(60)
        self._released.clear()
        if events in self._failing:
            raise CheckpointError(f"the disk is full at {events}")
        return super().write(data, events)


@pytest.mark.parametrize("ask", [CheckpointWriter.advance, CheckpointWriter.finish])
@pytest.mark.parametrize("failing", [[], [3], [4], [5], [3, 4], [3, 5], [4, 5], [3, 4, 5]], ids=str)
def test_every_checkpoint_that_ended_is_reported_oldest_first(
    failing: list[int],
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[CheckpointWriter], Path | None],
) -> None:
    folder = BlockedFolder(tmp_path / "state", failing, monkeypatch)
    writer = CheckpointWriter(folder, engine)
    for _ in range(3):
        writer.begin({})  # while the previous one is being written
        assert len(writer_threads()) == 1
        engine.step("k", [4.0])
    wait_for_thread()
    for events in (3, 4, 5):
        if events in failing:
            with pytest.raises(CheckpointError, match=f"full at {events}"):
                ask(writer)
        else:
            assert ask(writer) == folder.folder / f"checkpoint-{events:015d}.safetensors"
    assert ask(writer) is None
    assert len(folder.files) == 3 - len(failing)


def test_a_checkpoint_that_was_waited_for_is_reported_while_the_next_is_written(
    folder: CheckpointFolder, engine: Engine
) -> None:
    writer = CheckpointWriter(folder, engine)
    writer.begin({"at": 3})
    engine.step("k", [4.0])
    writer.begin({"at": 4})
    assert writer.advance() == folder.files[0]
    assert writer.finish() == folder.files[1]


def test_only_the_newest_few_are_kept(tmp_path: Path, engine: Engine) -> None:
    folder = CheckpointFolder(tmp_path, keep=2)
    writer = CheckpointWriter(folder, engine)
    for value in range(4):
        engine.step("k", [value])
        writer.begin({})
        writer.finish()
    assert [path.name[-13:] for path in folder.files] == ["6.safetensors", "7.safetensors"]


# Failures.


@pytest.mark.parametrize("ask", [poll, CheckpointWriter.finish])
def test_a_full_disk_is_reported_once_and_the_previous_checkpoint_stays(
    folder: CheckpointFolder, engine: Engine, ask: Callable[[CheckpointWriter], Path | None]
) -> None:
    writer = CheckpointWriter(folder, engine)
    writer.begin({"at": 3})
    good = writer.finish()
    engine.step("k", [4.0])
    with full_disk():
        writer.begin({"at": 4})
        with pytest.raises(CheckpointError, match="No space left"):
            ask(writer)
    assert writer.advance() is None
    assert list(folder.folder.iterdir()) == [good]
    writer.begin({"at": 4})
    assert writer.finish() == folder.files[-1] != good


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path, engine: Engine) -> None:
    (tmp_path / "file").write_text("")
    writer = CheckpointWriter(CheckpointFolder(tmp_path / "file"), engine)
    writer.begin({})
    with pytest.raises(CheckpointError, match="cannot write checkpoint"):
        writer.finish()
    assert writer.last is None


def test_no_thread_is_left(folder: CheckpointFolder, engine: Engine) -> None:
    writer = CheckpointWriter(folder, engine)
    writer.begin({})
    assert len(writer_threads()) <= 1  # it may have finished
    writer.finish()
    assert writer_threads() == []


def test_timings_and_size_are_those_of_the_newest_checkpoint(folder: CheckpointFolder, engine: Engine) -> None:
    writer = CheckpointWriter(folder, engine)
    writer.begin({})
    engine.step("k", [1.0])
    path, last = writer.finish(), writer.last
    assert path is not None
    assert last is not None
    assert last.bytes == path.stat().st_size
    assert 0 < last.copied < last.written
    assert last.pause > 0


def test_each_checkpoint_is_reported_with_its_own_size(folder: CheckpointFolder, engine: Engine) -> None:
    writer = CheckpointWriter(folder, engine)
    writer.begin({})
    engine.process(range(50), [[1.0]] * 50)
    writer.begin({})
    wait_for_thread()
    for _ in range(2):
        path, last = writer.finish(), writer.last
        assert path is not None
        assert last is not None
        assert last.bytes == path.stat().st_size
    assert last.bytes > folder.files[0].stat().st_size


# Processes that end while a checkpoint is being written.


PROGRAM = """
import os, sys, time
import numpy as np
from stream_rnn import CheckpointError, Engine, Settings
from stream_rnn.checkpoints.writer import CheckpointWriter
from stream_rnn.checkpoints.folder import CheckpointFolder
engine = Engine(Settings(inputs=("a",), hidden=4, window=4))
writer = CheckpointWriter(CheckpointFolder(sys.argv[1]), engine)
rng = np.random.default_rng(0)
engine.process(range(2000), rng.normal(size=(2000, 1)))
"""

ENDLESS = """
while True:
    engine.process(rng.integers(2000, size=100), rng.normal(size=(100, 1)))
    if writer.advance() is not None:
        print("saved", flush=True)
    if not writer.busy:
        writer.begin({"events": engine.counts.events})
"""


def test_a_killed_process_leaves_an_intact_checkpoint(folder: CheckpointFolder) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM + ENDLESS, folder.folder], stdout=subprocess.PIPE)
    assert process.stdout is not None
    for _ in range(3):
        assert process.stdout.readline() == b"saved\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    found = folder.newest()
    assert found is not None
    data = found[1]
    assert data.positions == {"events": data.arrays["counts"][0]}


SLOW_DISK = """
os.fsync = lambda _: time.sleep(3600)
writer.begin({})
"""


def test_a_checkpoint_that_is_not_written_yet_does_not_keep_the_process_alive(folder: CheckpointFolder) -> None:
    subprocess.run([sys.executable, "-c", PROGRAM + SLOW_DISK, folder.folder], check=True, timeout=280)
    assert folder.files == []


SMALL_FILES = """
import resource
writer.begin({"at": "first"})
writer.finish()
engine.step(0, [1.0])
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
writer.begin({"at": "second"})
try:
    writer.finish()
except Exception as error:
    print(error)
"""


def test_a_disk_that_fills_up_leaves_the_previous_checkpoint_and_no_other_file(folder: CheckpointFolder) -> None:
    completed = subprocess.run(
        [sys.executable, "-c", PROGRAM + SMALL_FILES, folder.folder], check=True, capture_output=True, text=True
    )
    assert "cannot write checkpoint" in completed.stdout
    assert "File too large" in completed.stdout
    assert list(folder.folder.iterdir()) == folder.files
    found = folder.newest()
    assert found is not None
    assert found[1].positions == {"at": "first"}


# Processes that are forked while a checkpoint is being written.


FORK = """
import os, signal, threading
import numpy as np
from stream_rnn import Engine, Settings
from stream_rnn.checkpoints import file
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.checkpoints.snapshot import Snapshot
from stream_rnn.checkpoints.writer import CheckpointWriter

reached, forked = threading.Event(), threading.Event()

def pausing(function):
    def paused(*args):
        if threading.current_thread().name == "checkpoint" and os.getpid() == parent:
            reached.set()
            assert forked.wait(60)
        return function(*args)
    return paused

parent = os.getpid()
if sys.argv[2] == "copying":
    Snapshot._copy = pausing(Snapshot._copy)  # with the lock of the snapshot
else:
    file._sync = pausing(file._sync)  # with a partial file

engine.save(sys.argv[1] + "/expected")
writer.begin({})
assert reached.wait(60)
child = os.fork()
if child == 0:
    signal.alarm(120)
    engine.step(0, [1.0])
    engine.process(range(100), np.ones((100, 1)))
    assert writer.advance() is None
    engine.save(sys.argv[1] + "/child")
    writer = CheckpointWriter(CheckpointFolder(sys.argv[1] + "/of_child"), engine)
    writer.begin({})
    assert writer.finish() is not None
    sys.exit(0)
_, status = os.waitpid(child, 0)
forked.set()
print(os.waitstatus_to_exitcode(status), writer.finish())
"""


@pytest.mark.parametrize("moment", ["copying", "writing"])
def test_a_process_that_is_forked_is_usable_and_does_not_disturb_the_checkpoint(
    folder: CheckpointFolder, moment: str
) -> None:
    completed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM + FORK, folder.folder, moment],
        check=True,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert completed.stdout == f"0 {folder.files[-1]}\n"
    assert contents(folder.files[-1]) == contents(folder.folder / "expected")
    assert Engine.load(folder.folder / "child").counts.events == 2101
    assert Engine.load(CheckpointFolder(folder.folder / "of_child").files[-1]).counts.events == 2101
    assert not list(folder.folder.glob(".*"))


FINISH = """
snapshot = engine.snapshot()
snapshot.advance(1)
child = os.fork()
engine.step(0, [1.0])
if child == 0:
    try:
        snapshot.finish()
    except CheckpointError as error:
        os.write(1, f"{error}\\n".encode())
    os._exit(int(engine.snapshot().finish().arrays["counts"][0] != 2001))
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), snapshot.finish().arrays["counts"][0])
"""


def test_a_snapshot_belongs_to_the_process_that_made_it(folder: CheckpointFolder) -> None:
    completed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM + FINISH, folder.folder],
        check=True,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert completed.stdout == ("the snapshot was made before this process was forked: make another one\n0 2000\n")


# Jobs.


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """Return a job of three batches, with a checkpoint after each."""
    lines = [f"{1_700_000_000 + t},{t % 7}" for t in range(20_000)]
    (tmp_path / "data.csv").write_text("\n".join(["time,a", *lines]) + "\n")
    values: dict[str, Any] = {"files": (str(tmp_path / "data.csv"),), "checkpoint": str(tmp_path / "state")}
    return open_replay(ReplaySettings(**values, checkpoint_every=1), {"hidden": 4, "window": 4})


def test_a_job_survives_a_failed_checkpoint_and_counts_it(
    job: Job, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    disk, batches = ExitStack(), []

    def free_the_disk_at_the_third_batch(report: BatchReport) -> None:
        batches.append(report)
        if len(batches) == 3:
            wait_for_thread()
            disk.close()

    with caplog.at_level(logging.ERROR, "stream_rnn"), disk:
        disk.enter_context(full_disk())
        summary = job.run(free_the_disk_at_the_third_batch)
    assert summary.finished
    assert summary.checkpoint_errors >= 1
    assert [record.levelname for record in caplog.records] == ["ERROR"] * summary.checkpoint_errors
    assert "No space left on device; the last good checkpoint is of event 0" in caplog.text
    assert "Traceback" not in caplog.text
    assert summary.checkpoint == str(CheckpointFolder(tmp_path / "state").files[-1])
    assert summary.checkpoint.endswith("20000.safetensors")


def test_a_job_whose_last_checkpoint_fails_raises_the_error(job: Job, tmp_path: Path) -> None:
    with full_disk(), pytest.raises(CheckpointError, match="No space left"):
        job.run()
    assert list((tmp_path / "state").iterdir()) == []
    assert writer_threads() == []


def test_a_job_that_fails_completes_the_checkpoint_that_is_being_written(job: Job, tmp_path: Path) -> None:
    def fail_at_the_second_batch(report: BatchReport) -> None:
        if report.batch.times[0] > 1_700_000_000:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        job.run(fail_at_the_second_batch)
    assert len(CheckpointFolder(tmp_path / "state").files) == 1
    assert writer_threads() == []
