"""Events out of order are processed in order, also by a job that is resumed with events held back."""

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
from replays import NETWORK, last_state, replay

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.ordering.ordering import AHEAD, LATE
from stream_rnn.errors import SettingError
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.records import CENTURY
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.jobs.replay.summary import Summary

EVENTS = 20_000  # three batches
START = 1_700_000_000
LATENESS = 50.0
LATE_EVENTS, DUPLICATES = 40, 400

Row = tuple[int, str]


def write_rows(path: Path, rows: list[Row]) -> Path:
    path.write_text("time,sensor,a,b\n" + "".join(f"{START + at},{rest}\n" for at, rest in rows))
    return path


def readings() -> list[Row]:
    """Return one reading per second of one of two sensors, in order of time."""
    rng = random.Random(1)  # noqa: S311 - data
    return [(t, f"s{rng.randrange(2)},{math.sin(t / 9):.4f},{rng.gauss(0, 1):.4f}") for t in range(EVENTS)]


def shuffled(rows: list[Row]) -> list[Row]:
    """Return rows in order of arrival, each within the lateness of those before it."""
    rng = random.Random(2)  # noqa: S311 - data
    return [row for _, row in sorted((row[0] + rng.uniform(0, LATENESS), row) for row in rows)]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write rows out of order, some too late, some twice, and some that are not rows."""
    rows = shuffled(readings())
    for place in range(EVENTS - 1, 0, -EVENTS // DUPLICATES):
        rows.insert(place, rows[place - 1])
    for place in range(1000, 1000 + 400 * LATE_EVENTS, 400):
        rows.insert(place, (rows[place][0] - 500, "s0,0,0"))
    for place in range(500, EVENTS, 1000):
        rows.insert(place, (0, "garbled"))
    return write_rows(tmp_path_factory.mktemp("recording") / "waves.csv", rows)


def run(recording: Path, folder: Path, *, stop_after: int | None = None, **more: Any) -> Summary:
    """Replay with ordering; stop after this many batches."""
    options: dict[str, Any] = {"key": "sensor", "lateness": LATENESS, "duplicates": "drop"}
    settings = ReplaySettings(
        files=(str(recording),),
        output=f"{folder}/out.csv",
        checkpoint=f"{folder}/state",
        dead_letters=f"{folder}/refused.jsonl",
        **options | more,
    )
    return replay(settings, stop_after)


def saved_events(folder: Path) -> int:
    """Return how many events the newest checkpoint has seen."""
    newest = CheckpointFolder(folder / "state").newest()
    return int(newest[1].arrays["counts"][0]) if newest is not None else 0


def assert_same(one: Path, other: Path) -> None:
    """Compare the outputs, the refused records and the last checkpoints of two folders."""
    for name in ("out.csv", "refused.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name
    states = last_state(one), last_state(other)
    assert states[0].positions == states[1].positions
    assert states[0].arrays.keys() == states[1].arrays.keys()
    for name, array in states[0].arrays.items():
        assert array.tobytes() == states[1].arrays[name].tobytes(), name


@pytest.fixture(scope="module")
def complete(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of an uninterrupted run."""
    folder = tmp_path_factory.mktemp("complete")
    run(recording, folder)
    return folder


def test_rows_out_of_order_give_the_forecasts_of_sorted_rows(tmp_path: Path) -> None:
    rows = readings()
    for name, given, lateness in (("sorted", rows, None), ("shuffled", shuffled(rows), LATENESS)):
        (folder := tmp_path / name).mkdir()
        run(write_rows(folder / "waves.csv", given), folder, key=None, lateness=lateness, duplicates="keep")
    assert (tmp_path / "sorted/out.csv").read_bytes() == (tmp_path / "shuffled/out.csv").read_bytes()
    assert (tmp_path / "sorted/waves.csv").read_bytes() != (tmp_path / "shuffled/waves.csv").read_bytes()


def test_late_events_and_duplicates_are_counted(recording: Path, tmp_path: Path) -> None:
    summary = run(recording, tmp_path)
    assert summary.late == summary.skipped_reasons[LATE] == LATE_EVENTS
    assert summary.duplicates == DUPLICATES
    assert (summary.events, summary.held) == (EVENTS, 0)
    assert summary.events + summary.skipped + summary.duplicates == len(recording.read_text().splitlines()) - 1
    letters = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert len(letters) == summary.skipped
    rows = recording.read_text().splitlines()[1:]
    for letter in letters:
        if letter["reason"] == LATE:
            assert rows[letter["record"]].endswith("s0,0,0")


def test_one_time_in_the_year_9999_does_not_disable_resets(tmp_path: Path) -> None:
    times = [start + 60 * t for start in (1_700_000_000, 1_750_000_000, 1_800_000_000) for t in range(100)]
    times[50] = 253_370_764_800
    path = tmp_path / "year9999.csv"
    path.write_text("time,a\n" + "".join(f"{time},{i % 7}\n" for i, time in enumerate(times)))
    for max_ahead, resets in ((CENTURY, 2), (1e12, 1)):
        settings = ReplaySettings(files=(str(path),), time_format="s", max_ahead=max_ahead)
        summary = replay(settings, None, reset_after=3600.0)
        assert summary.resets == resets
        assert summary.skipped_reasons == ({AHEAD: 1} if resets == 2 else {})


def test_times_too_far_ahead_are_refused_alike_after_a_restart(tmp_path: Path) -> None:
    rng = random.Random(3)  # noqa: S311 - data
    times = [1_700_000_000 + t + (t % 97 == 50) * rng.choice([4e9, 2e11]) for t in range(20_000)]
    path = tmp_path / "spikes.csv"
    path.write_text("time,a\n" + "".join(f"{time:.0f},{i % 7}\n" for i, time in enumerate(times)))
    options: dict[str, Any] = {"key": None, "lateness": None, "duplicates": "keep", "time_format": "s", "resume": True}
    stops: list[int | None]
    for name, stops in (("complete", [None]), ("parts", [1, None])):
        (folder := tmp_path / name).mkdir()
        for stop_after in stops:
            run(path, folder, **options, stop_after=stop_after)
    assert_same(tmp_path / "complete", tmp_path / "parts")
    letters = (tmp_path / "complete/refused.jsonl").read_text().splitlines()
    assert [json.loads(letter)["record"] for letter in letters] == list(range(50, 20_000, 97))


@pytest.mark.parametrize("stop_after", [1, 3000, 9000])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    recording: Path, complete: Path, tmp_path: Path, stop_after: int
) -> None:
    first = run(recording, tmp_path, stop_after=stop_after)
    assert not first.finished
    assert first.held > 0
    second = run(recording, tmp_path, resume=True)
    assert first.events + second.events == EVENTS
    assert (first.late + second.late, first.duplicates + second.duplicates) == (LATE_EVENTS, DUPLICATES)
    assert_same(tmp_path, complete)


def test_a_paced_replay_resumes_within_a_released_batch(recording: Path, complete: Path, tmp_path: Path) -> None:
    for _ in range(3):
        assert run(recording, tmp_path, resume=True, speed=2e4, stop_after=5).events > 0
    last = run(recording, tmp_path, resume=True)
    assert 0 < last.events < EVENTS
    assert_same(tmp_path, complete)


def test_a_killed_and_resumed_run_equals_an_uninterrupted_one(recording: Path, complete: Path, tmp_path: Path) -> None:
    args = ["replay", recording, "--key", "sensor", "--lateness", LATENESS, "--duplicates", "drop"]
    args += ["--output", tmp_path / "out.csv", "--checkpoint", tmp_path / "state", "--resume"]
    args += ["--dead-letters", tmp_path / "refused.jsonl", "--hidden", 4, "--window", 4, "--horizon", 2]
    args += ["--speed", 5000, "--checkpoint-every", 100]
    for _ in range(2):
        before = saved_events(tmp_path)
        process = subprocess.Popen([sys.executable, "-m", "stream_rnn.cli", *map(str, args)])
        try:
            while saved_events(tmp_path) < before + 300:
                assert process.poll() is None
                time.sleep(0.02)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    assert 0 < run(recording, tmp_path, resume=True).events < EVENTS
    assert_same(tmp_path, complete)


def test_held_events_are_processed_after_ordering_is_switched_off(recording: Path, tmp_path: Path) -> None:
    first = run(recording, tmp_path, stop_after=1)
    second = run(recording, tmp_path, resume=True, lateness=None, duplicates="keep")
    assert first.held > 0
    assert second.held == second.late == second.duplicates == 0
    assert first.events + first.held + second.events > EVENTS


def test_ordering_needs_times(tmp_path: Path) -> None:
    (tmp_path / "waves.csv").write_text("a,b\n1,2\n3,4\n")
    files = (str(tmp_path / "waves.csv"),)
    with pytest.raises(SettingError, match=r"^lateness needs times: set time to the name of the time column$"):
        open_replay(ReplaySettings(files=files, lateness=1.0), NETWORK)
    with pytest.raises(SettingError, match=r"^duplicates needs times: set time to the name of the time column$"):
        open_replay(ReplaySettings(files=files, duplicates="drop"), NETWORK)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lateness": -1.0}, "lateness must be at least 0, got -1.0"),
        ({"lateness": math.inf}, "lateness must be a finite number, got inf"),
        ({"duplicates": "dropp"}, "duplicates must be one of keep, drop, got 'dropp'"),
    ],
)
def test_invalid_settings_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        ReplaySettings.parse(values)
    assert words in str(caught.value)
