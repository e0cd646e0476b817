"""A replay that is stopped and resumed gives the results of an uninterrupted one."""

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.dataset
import pytest
from replays import NETWORK, last_state, replay

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.jobs.replay.job import BatchReport, Job
    from stream_rnn.jobs.replay.summary import Summary

EVENTS = 20_000  # three batches


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write events of two streams, a second apart, with missing values and unusable records."""
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
    """Replay with a checkpoint folder; stop after this many batches."""
    settings = ReplaySettings(
        files=(str(recording),),
        key="sensor",
        output=f"{folder}/{output}" if output else None,
        checkpoint=f"{folder}/state",
        dead_letters=f"{folder}/refused.jsonl",
        **more,
    )
    return replay(settings, stop_after)


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
@pytest.mark.parametrize("stop_after", [1, 8000, 13_000])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(
    recording: Path, tmp_path: Path, output: str | None, stop_after: int | None
) -> None:
    (complete := tmp_path / "complete").mkdir()
    (parts := tmp_path / "parts").mkdir()
    done = run(recording, complete, output=output)
    first = run(recording, parts, output=output, stop_after=stop_after)
    assert not first.finished
    assert 0 < first.events < EVENTS
    second = run(recording, parts, output=output, resume=True)
    assert second.resumed_at == first.events
    assert first.events + second.events == done.events == EVENTS
    assert first.skipped + second.skipped == done.skipped == 21
    assert_same_state(last_state(complete), last_state(parts))
    assert (complete / "refused.jsonl").read_bytes() == (parts / "refused.jsonl").read_bytes()
    if output == "out/":
        assert_same_rows(rows(complete / output), rows(parts / output))
    else:
        assert (complete / output).read_bytes() == (parts / output).read_bytes()


def test_a_resumed_job_detects_the_same_drifts(recording: Path, tmp_path: Path) -> None:
    summaries = []
    for name, stop_after in (("complete", None), ("parts", 8000), ("parts", None)):
        settings = ReplaySettings(
            files=(str(recording),), key="sensor", checkpoint=f"{tmp_path}/{name}/state", resume=True
        )
        summaries.append(replay(settings, stop_after, drift="boost", drift_threshold=5.0))
    complete, first, second = summaries
    assert 0 < first.drifts < second.drifts == complete.drifts
    assert second.newest_drifts[-1] == complete.newest_drifts[-1]
    assert complete.newest_drifts[-1]["key"] in {"s0", "s1"}
    assert_same_state(last_state(tmp_path / "complete"), last_state(tmp_path / "parts"))


def test_a_batch_limit_does_not_change_the_results(recording: Path, tmp_path: Path) -> None:
    states, calls, limits = [], [], [1000, 7, 1, 5000]
    for name in ("complete", "split"):
        settings = ReplaySettings(files=(str(recording),), key="sensor", checkpoint=f"{tmp_path}/{name}/state")
        job = open_replay(settings, NETWORK)

        def batch_limit(upcoming: EventBatch, job: Job = job) -> int:
            calls.append((job.model.counts.events, upcoming.times[0]))
            return min(len(upcoming), limits[len(calls) % len(limits)])

        job.run(batch_limit=batch_limit if name == "split" else None)
        states.append(last_state(tmp_path / name))
    assert_same_state(*states)
    assert len(calls) > len(limits)
    # The limit is asked for before the events are processed, not after.
    assert [time - 1_700_000_000 for _, time in calls] == [events for events, _ in calls]


def test_output_written_after_the_checkpoint_is_cut_off_on_resuming(recording: Path, tmp_path: Path) -> None:
    (complete := tmp_path / "complete").mkdir()
    (parts := tmp_path / "parts").mkdir()
    run(recording, complete, output="out.csv")
    run(recording, parts, output="out.csv", checkpoint_every=1)
    newest = CheckpointFolder(parts / "state").files
    for path in newest[1:]:
        path.unlink()  # as if the machine had crashed before these were written
    assert run(recording, parts, output="out.csv", resume=True).events > 0
    assert (complete / "out.csv").read_bytes() == (parts / "out.csv").read_bytes()
    assert (complete / "refused.jsonl").read_bytes() == (parts / "refused.jsonl").read_bytes()
    assert_same_state(last_state(complete), last_state(parts))


def test_a_run_that_ends_before_its_first_checkpoint_leaves_no_dead_letter_that_is_written_again(
    recording: Path, tmp_path: Path
) -> None:
    (complete := tmp_path / "complete").mkdir()
    (parts := tmp_path / "parts").mkdir()
    for folder in (complete, parts):
        (folder / "refused.jsonl").write_text('{"source":"earlier","record":7,"reason":"not JSON","raw":"?"}\n')
    run(recording, complete, output="out.csv")

    def fail(_: BatchReport) -> None:
        raise KeyboardInterrupt

    for _ in range(2):
        settings = ReplaySettings(
            files=(str(recording),),
            key="sensor",
            output=f"{parts}/out.csv",
            checkpoint=f"{parts}/state",
            dead_letters=f"{parts}/refused.jsonl",
            resume=True,
        )
        with pytest.raises(KeyboardInterrupt):
            open_replay(settings, NETWORK).run(fail)
    assert len((parts / "refused.jsonl").read_bytes().splitlines()) > 1
    assert run(recording, parts, output="out.csv", resume=True).resumed_at == 0
    assert (complete / "refused.jsonl").read_bytes() == (parts / "refused.jsonl").read_bytes()
    assert (complete / "out.csv").read_bytes() == (parts / "out.csv").read_bytes()
    assert_same_state(last_state(complete), last_state(parts))


def test_errors_whose_sum_overflows_are_infinite(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_text("x,y\n" + "1,2\n" * 30 + "1.2e154,1.2e154\n")  # each square is finite, but not their sum
    summary = replay(ReplaySettings(files=(str(path),)), None)
    assert summary.scores["persistence"]["rmse"] == math.inf


def test_a_paced_replay_resumes_within_a_batch(recording: Path, tmp_path: Path) -> None:
    (complete := tmp_path / "complete").mkdir()
    (parts := tmp_path / "parts").mkdir()
    run(recording, complete, output="out.csv")
    paced = [run(recording, parts, output="out.csv", resume=True, speed=2e4, stop_after=5) for _ in range(3)]
    last = run(recording, parts, output="out.csv", resume=True)
    assert 0 < paced[0].events < paced[0].events + paced[1].events < last.resumed_at < EVENTS
    assert last.resumed_at + last.events == EVENTS
    assert (complete / "out.csv").read_bytes() == (parts / "out.csv").read_bytes()
    assert (complete / "refused.jsonl").read_bytes() == (parts / "refused.jsonl").read_bytes()
    assert_same_state(last_state(complete), last_state(parts))


def test_resuming_a_finished_run_processes_nothing(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path, output="out.csv")
    before = (tmp_path / "out.csv").read_bytes()
    again = run(recording, tmp_path, output="out.csv", resume=True)
    assert (again.events, again.resumed_at) == (0, EVENTS)
    assert (tmp_path / "out.csv").read_bytes() == before


def test_resuming_without_a_checkpoint_starts_from_scratch(recording: Path, tmp_path: Path) -> None:
    assert run(recording, tmp_path, resume=True).events == EVENTS


def test_resuming_with_other_settings_is_refused(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path)
    settings = ReplaySettings(files=(str(recording),), key="sensor", checkpoint=str(tmp_path / "state"), resume=True)
    with pytest.raises(CheckpointError, match="window"):
        open_replay(settings, NETWORK | {"window": 5})


def test_a_single_parquet_file_cannot_be_resumed(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path, output="out.parquet", stop_after=1)
    before = (tmp_path / "out.parquet").read_bytes()
    with pytest.raises(SettingError, match="cannot be resumed: write to a folder/"):
        run(recording, tmp_path, output="out.parquet", resume=True)
    assert (tmp_path / "out.parquet").read_bytes() == before


def test_the_output_has_one_row_per_event(recording: Path, tmp_path: Path) -> None:
    run(recording, tmp_path, output="out.parquet")
    table = rows(tmp_path / "out.parquet")
    assert table.num_rows == EVENTS
    assert table.column_names == ["time", "key", "a", "b", "a+1", "b+1", "a+2", "b+2"]


def test_the_summary_counts_skipped_records_and_measures_time(recording: Path, tmp_path: Path) -> None:
    summary = run(recording, tmp_path, output="out.csv")
    assert summary.events_per_second == pytest.approx(summary.events / summary.seconds)
    lines = (tmp_path / "refused.jsonl").read_bytes().splitlines()
    assert len(lines) == summary.skipped == sum(summary.skipped_reasons.values())
    assert json.loads(lines[0])["raw"] == "garbled"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1, got 0"),
        ({"season": -1}, "season must be from 0 to 1000000, got -1"),
        ({"speed": 0.0}, "speed must be above 0, got 0.0"),
        ({"speed": math.nan}, "speed must be a finite number, got nan"),
        ({"resume": True}, "resume needs checkpoint"),
        ({"files": ("a.csv",), "output": "a.csv"}, "output must not be one of the files"),
        ({"checkpoint_every": "often"}, "checkpoint_every: expected `int`, got `str`, got 'often'"),
        ({"format": "xml"}, "format must be one of csv, tsv, jsonl, parquet, got 'xml'"),
        ({"kee": "x"}, "unknown setting 'kee'; did you mean 'key'?"),
    ],
)
def test_invalid_settings_are_refused_by_name(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        ReplaySettings.parse(values)
    assert words in str(caught.value)


def test_a_job_without_files_is_refused() -> None:
    with pytest.raises(SettingError, match="files must name at least one file"):
        open_replay(ReplaySettings(), {})


def test_a_job_can_learn_without_inputs(recording: Path, tmp_path: Path) -> None:
    settings = ReplaySettings(files=(str(recording),), key="sensor", checkpoint=f"{tmp_path}/state")
    summary = open_replay(
        settings, NETWORK | {"inputs": (), "targets": ("a",), "task": "regression", "horizon": 1}
    ).run()
    assert summary.events == EVENTS
    assert last_state(tmp_path).settings.inputs == ()


def test_labels_need_a_column_that_is_not_a_target(recording: Path) -> None:
    settings = ReplaySettings(files=(str(recording),), key="sensor")
    with pytest.raises(SettingError, match=r"inputs must be numeric columns of .* that are not targets, got none"):
        open_replay(settings, NETWORK | {"targets": ("a", "b"), "task": "regression", "horizon": 1})


def test_the_season_is_detected_also_where_the_first_batch_has_one_event_of_each_stream(tmp_path: Path) -> None:
    rows = [f"{900 * t},s{k},{t % 7}" for t in range(30) for k in range(300)]
    (tmp_path / "many.csv").write_text("\n".join(["time,sensor,x", *rows]) + "\n")
    settings = ReplaySettings(files=str(tmp_path / "many.csv"), key="sensor")
    assert replay(settings, None).season == 96
