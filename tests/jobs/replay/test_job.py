"""A job that is stopped and resumed leaves what an uninterrupted one leaves."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.dataset
import pytest
from replays import NETWORK, last_state, replayed

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.replay.open import replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.jobs.replay.job import Job, Shown, Summary

EVENTS = 20_000  # three batches


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two streams with missing values and records that cannot be used, a second apart."""
    rng = random.Random(1)  # noqa: S311 - data
    path = tmp_path_factory.mktemp("recording") / "waves.csv"
    lines = ["time,sensor,a,b"]
    for t in range(EVENTS):
        b = "" if t % 50 == 7 else f"{rng.gauss(0, 1):.4f}"
        lines.append(f"{1_700_000_000 + t},s{rng.randrange(2)},{math.sin(t / 9):.4f},{b}")
        if t % 1000 == 500:
            lines.append("garbled")
    lines.append("garbled, too")
    path.write_text("\n".join(lines) + "\n")
    return path


def run(
    recording: Path, folder: Path, *, output: str | None = None, stop_after: int | None = None, **more: Any
) -> Summary:
    """Replay with a checkpoint folder; stop after so many batches."""
    settings = ReplaySettings(
        files=(str(recording),),
        key="sensor",
        output=f"{folder}/{output}" if output else None,
        checkpoint=f"{folder}/state",
        dead_letters=f"{folder}/refused.jsonl",
        **more,
    )
    return replayed(settings, stop_after)


def assert_same_state(one: CheckpointData, other: CheckpointData) -> None:
    assert one.keys == other.keys
    assert one.positions["source"] == other.positions["source"]
    assert one.positions["dead_letters"] == other.positions["dead_letters"]
    for name, array in one.arrays.items():
        np.testing.assert_array_equal(array, other.arrays[name], err_msg=name)


def rows(path: Path) -> pyarrow.Table:
    return pyarrow.dataset.dataset(path).to_table()


def assert_same_rows(one: pyarrow.Table, other: pyarrow.Table) -> None:
    assert one.column_names == other.column_names
    for name in one.column_names:
        np.testing.assert_array_equal(one.column(name).to_numpy(), other.column(name).to_numpy(), err_msg=name)


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out/"])
@pytest.mark.parametrize("stop_after", [1, 2])
def test_stopped_and_resumed_is_as_never_stopped(
    recording: Path, tmp_path: Path, output: str | None, stop_after: int | None
) -> None:
    (whole := tmp_path / "whole").mkdir()
    (parts := tmp_path / "parts").mkdir()
    done = run(recording, whole, output=output)
    first = run(recording, parts, output=output, stop_after=stop_after)
    assert not first.finished
    assert 0 < first.events < EVENTS
    second = run(recording, parts, output=output, resume=True)
    assert second.resumed_at == first.events
    assert first.events + second.events == done.events == EVENTS
    assert first.skipped + second.skipped == done.skipped == 21
    assert_same_state(last_state(whole), last_state(parts))
    assert (whole / "refused.jsonl").read_bytes() == (parts / "refused.jsonl").read_bytes()
    if output == "out/":
        assert_same_rows(rows(whole / output), rows(parts / output))
    else:
        assert (whole / output).read_bytes() == (parts / output).read_bytes()


def test_drifts_are_told_and_found_again_by_a_resumed_job(recording: Path, tmp_path: Path) -> None:
    summaries = []
    for name, stops in (("whole", [None]), ("parts", [1, None])):
        for stop_after in stops:
            settings = ReplaySettings(
                files=(str(recording),), key="sensor", checkpoint=f"{tmp_path}/{name}/state", resume=True
            )
            job, batches = replay(settings, NETWORK | {"drift": "boost", "drift_threshold": 5.0}), list[int]()

            def watch(shown: Shown, job: Job = job, stop: int | None = stop_after, seen: list[int] = batches) -> None:
                seen.append(len(shown.batch))
                if len(seen) == stop:
                    job.stop()

            summaries.append(job.run(watch))
    whole, first, second = summaries
    assert 0 < first.drifts < second.drifts == whole.drifts
    assert second.newest_drifts[-1] == whole.newest_drifts[-1]
    assert whole.newest_drifts[-1]["key"] in {"s0", "s1"}
    assert_same_state(last_state(tmp_path / "whole"), last_state(tmp_path / "parts"))


def test_batches_that_are_cut_to_look_ahead_leave_what_whole_ones_leave(recording: Path, tmp_path: Path) -> None:
    states, told, some = [], [], [1000, 7, 1, 5000]
    for name in ("whole", "cut"):
        settings = ReplaySettings(files=(str(recording),), key="sensor", checkpoint=f"{tmp_path}/{name}/state")
        job = replay(settings, NETWORK)

        def ahead(coming: EventBatch, job: Job = job) -> int:
            told.append((job.engine.counts.events, coming.times[0]))
            return min(len(coming), some[len(told) % len(some)])

        job.run(None, ahead if name == "cut" else None)
        states.append(last_state(tmp_path / name))
    assert_same_state(*states)
    assert len(told) > len(some)
    assert [time - 1_700_000_000 for _, time in told] == [events for events, _ in told]  # told before, not after


def test_what_was_written_after_a_checkpoint_is_cut_back(recording: Path, tmp_path: Path) -> None:
    (whole := tmp_path / "whole").mkdir()
    (parts := tmp_path / "parts").mkdir()
    run(recording, whole, output="out.csv")
    run(recording, parts, output="out.csv", checkpoint_every=1)
    newest = CheckpointFolder(parts / "state").files
    for path in newest[1:]:
        path.unlink()  # as if the machine had died before these
    assert run(recording, parts, output="out.csv", resume=True).events > 0
    assert (whole / "out.csv").read_bytes() == (parts / "out.csv").read_bytes()
    assert (whole / "refused.jsonl").read_bytes() == (parts / "refused.jsonl").read_bytes()
    assert_same_state(last_state(whole), last_state(parts))


def test_a_paced_replay_resumes_within_a_batch(recording: Path, tmp_path: Path) -> None:
    (whole := tmp_path / "whole").mkdir()
    (parts := tmp_path / "parts").mkdir()
    run(recording, whole, output="out.csv")
    paced = [run(recording, parts, output="out.csv", resume=True, speed=2e4, stop_after=5) for _ in range(3)]
    last = run(recording, parts, output="out.csv", resume=True)
    assert 0 < paced[0].events < paced[0].events + paced[1].events < last.resumed_at < EVENTS
    assert last.resumed_at + last.events == EVENTS
    assert (whole / "out.csv").read_bytes() == (parts / "out.csv").read_bytes()
    assert (whole / "refused.jsonl").read_bytes() == (parts / "refused.jsonl").read_bytes()
    assert_same_state(last_state(whole), last_state(parts))


def test_a_finished_run_resumed_has_nothing_left(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path, output="out.csv")
    before = (tmp_path / "out.csv").read_bytes()
    again = run(recording, tmp_path, output="out.csv", resume=True)
    assert (again.events, again.resumed_at) == (0, EVENTS)
    assert (tmp_path / "out.csv").read_bytes() == before


def test_resuming_without_a_checkpoint_begins(recording: Path, tmp_path: Path) -> None:
    assert run(recording, tmp_path, resume=True).events == EVENTS


def test_resuming_with_other_settings_is_refused(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path)
    settings = ReplaySettings(files=(str(recording),), key="sensor", checkpoint=str(tmp_path / "state"), resume=True)
    with pytest.raises(CheckpointError, match="window"):
        replay(settings, NETWORK | {"window": 5})


def test_one_parquet_file_cannot_be_gone_on_with(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path, output="out.parquet", stop_after=1)
    before = (tmp_path / "out.parquet").read_bytes()
    with pytest.raises(SettingError, match="cannot be gone on with"):
        run(recording, tmp_path, output="out.parquet", resume=True)
    assert (tmp_path / "out.parquet").read_bytes() == before


def test_the_output_has_a_row_per_event_with_what_was_known_then(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path, output="out.parquet")
    table = rows(tmp_path / "out.parquet")
    assert table.num_rows == EVENTS
    assert table.column_names == ["time", "key", "a", "b", "a+1", "b+1", "a+2", "b+2"]


def test_a_job_counts_the_time_of_everything(recording: Path, tmp_path: Path) -> None:
    summary = run(recording, tmp_path, output="out.csv")
    assert summary.events_per_second == pytest.approx(summary.events / summary.seconds)
    lines = (tmp_path / "refused.jsonl").read_bytes().splitlines()
    assert len(lines) == summary.skipped == sum(summary.skipped_reasons.values())
    assert json.loads(lines[0])["raw"] == "garbled"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1, got 0"),
        ({"season": -1}, "season must be from 0 to 1,000,000, got -1"),
        ({"speed": 0.0}, "speed must be above 0, got 0.0"),
        ({"speed": math.nan}, "speed must be a finite number, got nan"),
        ({"resume": True}, "resume needs checkpoint"),
        ({"files": ("a.csv",), "output": "a.csv"}, "output must not be one of the files"),
        ({"checkpoint_every": "often"}, "checkpoint_every: expected `int`, got `str`, got 'often'"),
        ({"format": "xml"}, "format must be one of csv, tsv, jsonl, parquet, got 'xml'"),
        ({"kee": "x"}, "unknown setting 'kee'; did you mean 'key'?"),
    ],
)
def test_wrong_settings_are_refused_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        ReplaySettings.parse(values)
    assert words in str(caught.value)


def test_no_files_is_refused() -> None:
    with pytest.raises(SettingError, match="files must name at least one file"):
        replay(ReplaySettings(), {})


def test_a_job_may_learn_without_inputs(recording: Path, tmp_path: Path) -> None:
    settings = ReplaySettings(files=(str(recording),), key="sensor", checkpoint=f"{tmp_path}/state")
    summary = replay(settings, NETWORK | {"inputs": (), "targets": ("a",), "task": "regression", "horizon": 1}).run()
    assert summary.events == EVENTS
    assert last_state(tmp_path).settings.inputs == ()


def test_a_file_of_targets_alone_is_refused_for_labels(recording: Path) -> None:
    settings = ReplaySettings(files=(str(recording),), key="sensor")
    with pytest.raises(SettingError, match=r"inputs must be numeric columns of .* that are no targets, got none"):
        replay(settings, NETWORK | {"targets": ("a", "b"), "task": "regression", "horizon": 1})
