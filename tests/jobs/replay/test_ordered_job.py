"""Events out of order are learned from in order; a job that held some when it was stopped goes on as never stopped."""

from __future__ import annotations

import json
import math
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from replays import NETWORK, last_state, replayed

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.ordering.ordering import LATE
from stream_rnn.errors import SettingError
from stream_rnn.jobs.replay.open import replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.jobs.replay.job import Summary

EVENTS = 20_000  # three batches
BEGAN = 1_700_000_000
LATENESS = 50.0
TOO_LATE, TWICE = 40, 400

Row = tuple[int, str]


def written(path: Path, rows: list[Row]) -> Path:
    path.write_text("time,sensor,a,b\n" + "".join(f"{BEGAN + at},{rest}\n" for at, rest in rows))
    return path


def readings() -> list[Row]:
    """Return the readings of two sensors, one a second, in order of time."""
    rng = random.Random(1)  # noqa: S311 - data
    return [(t, f"s{rng.randrange(2)},{math.sin(t / 9):.4f},{rng.gauss(0, 1):.4f}") for t in range(EVENTS)]


def shuffled(rows: list[Row]) -> list[Row]:
    """Return rows as they arrive, none more than the lateness after a later one."""
    rng = random.Random(2)  # noqa: S311 - data
    return [row for _, row in sorted((row[0] + rng.uniform(0, LATENESS), row) for row in rows)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows out of order, some much too late, some twice, some no rows at all."""
    rows = shuffled(readings())
    for place in range(EVENTS - 1, 0, -EVENTS // TWICE):
        rows.insert(place, rows[place - 1])
    for place in range(1000, 1000 + 400 * TOO_LATE, 400):
        rows.insert(place, (rows[place][0] - 500, "s0,0,0"))
    for place in range(500, EVENTS, 1000):
        rows.insert(place, (0, "garbled"))
    return written(tmp_path_factory.mktemp("recording") / "waves.csv", rows)


def run(recording: Path, folder: Path, *, stop_after: int | None = None, **more: Any) -> Summary:
    """Replay in order; stop after so many batches."""
    options: dict[str, Any] = {"key": "sensor", "lateness": LATENESS, "duplicates": "drop"}
    settings = ReplaySettings(
        files=(str(recording),),
        output=f"{folder}/out.csv",
        checkpoint=f"{folder}/state",
        dead_letters=f"{folder}/refused.jsonl",
        **options | more,
    )
    return replayed(settings, stop_after)


def events_saved(folder: Path) -> int:
    found = CheckpointFolder(folder / "state").newest()
    return int(found[1].arrays["counts"][0]) if found is not None else 0


def assert_same(one: Path, other: Path) -> None:
    """Compare outputs, refused records and the last checkpoint."""
    for name in ("out.csv", "refused.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    states = last_state(one), last_state(other)
    assert states[0].positions == states[1].positions
    assert states[0].arrays.keys() == states[1].arrays.keys()
    for name, array in states[0].arrays.items():
        assert array.tobytes() == states[1].arrays[name].tobytes(), name


@pytest.fixture(scope="module")
def whole(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run that was not stopped."""
    folder = tmp_path_factory.mktemp("whole")
    run(recording, folder)
    return folder


def test_rows_out_of_order_are_forecast_as_the_same_in_order(tmp_path: Path) -> None:
    rows = readings()
    for name, given, lateness in (("sorted", rows, None), ("shuffled", shuffled(rows), LATENESS)):
        (folder := tmp_path / name).mkdir()
        run(written(folder / "waves.csv", given), folder, key=None, lateness=lateness, duplicates="keep")
    assert (tmp_path / "sorted/out.csv").read_bytes() == (tmp_path / "shuffled/out.csv").read_bytes()
    assert (tmp_path / "sorted/waves.csv").read_bytes() != (tmp_path / "shuffled/waves.csv").read_bytes()


def test_what_is_late_and_what_came_before_is_counted(recording: Path, tmp_path: Path) -> None:
    summary = run(recording, tmp_path)
    assert summary.late == summary.skipped_reasons[LATE] == TOO_LATE
    assert summary.duplicates == TWICE
    assert (summary.events, summary.held) == (EVENTS, 0)
    letters = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert len(letters) == summary.skipped
    rows = recording.read_text().splitlines()[1:]
    for letter in letters:
        if letter["reason"] == LATE:
            assert rows[letter["record"]].endswith("s0,0,0")


@pytest.mark.parametrize("stop_after", [1, 2, 3])
def test_stopped_and_resumed_is_as_never_stopped(recording: Path, whole: Path, tmp_path: Path, stop_after: int) -> None:
    first = run(recording, tmp_path, stop_after=stop_after)
    assert not first.finished
    assert first.held > 0
    second = run(recording, tmp_path, resume=True)
    assert first.events + second.events == EVENTS
    assert (first.late + second.late, first.duplicates + second.duplicates) == (TOO_LATE, TWICE)
    assert_same(tmp_path, whole)


def test_a_paced_replay_resumes_within_what_was_released(recording: Path, whole: Path, tmp_path: Path) -> None:
    for _ in range(3):
        assert run(recording, tmp_path, resume=True, speed=2e4, stop_after=5).events > 0
    last = run(recording, tmp_path, resume=True)
    assert 0 < last.events < EVENTS
    assert_same(tmp_path, whole)


def test_killed_and_resumed_is_as_never_stopped(recording: Path, whole: Path, tmp_path: Path) -> None:
    args = ["replay", recording, "--key", "sensor", "--lateness", LATENESS, "--duplicates", "drop"]
    args += ["--output", tmp_path / "out.csv", "--checkpoint", tmp_path / "state", "--resume"]
    args += ["--dead-letters", tmp_path / "refused.jsonl", "--hidden", 4, "--window", 4, "--horizon", 2]
    args += ["--speed", 5000, "--checkpoint-every", 100]
    for _ in range(2):
        known = events_saved(tmp_path)
        process = subprocess.Popen([sys.executable, "-m", "stream_rnn.cli", *map(str, args)])
        end = time.monotonic() + 60
        try:
            while events_saved(tmp_path) < known + 300:
                assert time.monotonic() < end
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert 0 < run(recording, tmp_path, resume=True).events < EVENTS
    assert_same(tmp_path, whole)


def test_what_was_held_is_taken_when_lateness_is_switched_off(recording: Path, tmp_path: Path) -> None:
    first = run(recording, tmp_path, stop_after=1)
    second = run(recording, tmp_path, resume=True, lateness=None, duplicates="keep")
    assert first.held > 0
    assert second.held == second.late == second.duplicates == 0
    assert first.events + first.held + second.events > EVENTS


def test_times_are_needed(tmp_path: Path) -> None:
    (tmp_path / "waves.csv").write_text("a,b\n1,2\n3,4\n")
    files = (str(tmp_path / "waves.csv"),)
    with pytest.raises(SettingError, match=r"^lateness needs times: name the column with time$"):
        replay(ReplaySettings(files=files, lateness=1.0), NETWORK)
    with pytest.raises(SettingError, match=r"^duplicates needs times: name the column with time$"):
        replay(ReplaySettings(files=files, duplicates="drop"), NETWORK)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lateness": -1.0}, "lateness must be at least 0 seconds, got -1.0"),
        ({"lateness": math.inf}, "lateness must be a finite number, got inf"),
        ({"duplicates": "dropp"}, "duplicates must be one of keep, drop, got 'dropp'"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        ReplaySettings.parse(values)
    assert words in str(caught.value)
