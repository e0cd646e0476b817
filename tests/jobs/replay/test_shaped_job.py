"""Files in every shape: the forecasts are those of the same events as records, also after a stop within an event."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import pytest
from replays import NETWORK, last_state, replay

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.errors import SettingError
from stream_rnn.jobs.replay.open import open_race, open_replay
from stream_rnn.settings.race import RaceConfig, RaceSettings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from stream_rnn.jobs.replay.summary import Summary

EVENTS = 4000
TAGS = ("load", "flow", "level")
START = 1_700_000_000
CLASSES: dict[str, Any] = {"targets": "b", "task": "classification", "horizon": 1}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the same events wide, long in three formats, and long with a key."""
    folder, rng = tmp_path_factory.mktemp("shapes"), random.Random(1)  # noqa: S311 - data
    wide, long, objects = ["time,load,flow,level"], ["time,tag,value"], []
    for t in range(EVENTS):
        time = START + 60 * t
        row = [f"{math.sin(t / 9):.4f}", f"{rng.gauss(0, 1):.4f}", "" if t % 50 == 7 else f"{t % 17}"]
        wide.append(f"{time},{','.join(row)}")
        for tag, value in zip(TAGS, row, strict=True):
            long.append(f"{time},{tag},{value}")
            objects.append(f'{{"time": {time}, "tag": "{tag}", "value": {value or "null"}}}')
    (folder / "wide.csv").write_text("\n".join(wide) + "\n")
    (folder / "long.csv").write_text("\n".join(long) + "\n")
    (folder / "long.jsonl").write_text("\n".join(objects) + "\n")
    return folder


def run(path: Path, folder: Path, *, stop_after: int | None = None, **more: Any) -> Summary:
    settings = ReplaySettings(
        files=(str(path),), output=f"{folder}/out.csv", checkpoint=f"{folder}/state", time_format="s", **more
    )
    return replay(settings, stop_after)


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def outputs(folder: Path, **runs: tuple[Path, dict[str, Any]]) -> list[bytes]:
    """Return the forecasts of several runs."""
    for name, (path, options) in runs.items():
        (folder / name).mkdir()
        run(path, folder / name, **options)
    return [(folder / name / "out.csv").read_bytes() for name in runs]


@pytest.mark.parametrize("name", ["long.csv", "long.jsonl"])
def test_long_files_give_the_forecasts_of_the_table(folder: Path, tmp_path: Path, name: str) -> None:
    long = (folder / name, {"pivot": "tag=value"})
    table, pivoted = outputs(tmp_path, table=(folder / "wide.csv", {}), pivoted=long)
    assert pivoted == table


def test_wide_files_give_the_forecasts_of_the_long_one_with_a_key(folder: Path, tmp_path: Path) -> None:
    long = (folder / "long.csv", {"key": "tag"})
    melted, wide = outputs(tmp_path, long=long, wide=(folder / "wide.csv", {"wide": True}))
    assert wide == melted
    assert wide.startswith(b"time,key,value,value+1")


SHAPES: dict[str, tuple[str, dict[str, Any]]] = {
    "wide": ("wide.csv", {"wide": True}),
    "pivot": ("long.csv", {"pivot": "tag=value", "pivot_tolerance": "90s"}),
    "every": ("wide.csv", {"every": "7min", "aggregate": "mean"}),
    "every, of states": ("wide.csv", {"every": "7min", "categories": "level"}),
    "pivot and every": ("long.jsonl", {"pivot": "tag=value", "every": "45s", "lateness": 100.0}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(folder: Path, tmp_path: Path, shape: str) -> None:
    name, options = SHAPES[shape]
    (complete := tmp_path / "complete").mkdir()
    (parts := tmp_path / "parts").mkdir()
    whole = run(folder / name, complete, **options)
    stops: tuple[int | None, ...] = (1, 300, None)
    done = [run(folder / name, parts, resume=True, stop_after=stop, **options) for stop in stops]
    assert not done[0].finished
    assert sum(part.events for part in done) == whole.events
    assert (parts / "out.csv").read_bytes() == (complete / "out.csv").read_bytes()
    one, other = last_state(complete), last_state(parts)
    assert one.positions == other.positions
    for array in one.arrays:
        assert one.arrays[array].tobytes() == other.arrays[array].tobytes(), array


def test_another_shape_cannot_be_resumed(folder: Path, tmp_path: Path) -> None:
    run(folder / "wide.csv", tmp_path, every="2min", stop_after=1)
    with pytest.raises(ConnectorError, match=r"^the checkpoint has every = 120\.0, the settings have 180\.0: use the"):
        run(folder / "wide.csv", tmp_path, every="3min", resume=True)


def test_tags_that_are_not_among_the_first_are_refused_and_counted(tmp_path: Path) -> None:
    rows = [f"{START + t},{tag},{t}" for t in range(600) for tag in ("a", "b")] + [f"{START + 600},c,1"]
    (tmp_path / "long.csv").write_text("time,tag,value\n" + "\n".join(rows) + "\n")
    (tmp_path / "named").mkdir()
    assert run(tmp_path / "long.csv", tmp_path, pivot="tag=value").skipped_reasons == {
        "column 'tag': not a tag of this job": 1
    }
    settings = ReplaySettings(files=str(tmp_path / "long.csv"), pivot="tag=value")  # type: ignore[arg-type]
    job = open_replay(settings, NETWORK | {"inputs": ("a", "c"), "targets": ("c",)})
    assert job.model.settings.inputs == ("a", "c")
    assert job.run().skipped == 600


def test_what_a_shape_replaces_and_fills_is_in_the_summary(tmp_path: Path) -> None:
    times = [0, 60, 60, 300, 90_000_000]
    (tmp_path / "long.csv").write_text("time,tag,value\n" + "".join(f"{START + t},a,{t}\n" for t in times))
    summary = run(tmp_path / "long.csv", tmp_path, pivot="tag=value", every="1min", max_gap=10)
    assert summary.reshaped == {"replaced": 1, "filled": 3, "gaps": 1}
    assert summary.resets == 1


@pytest.mark.parametrize(("horizon", "events"), [("6h", 6), ("1d", 24), (3, 3)])
def test_a_horizon_in_time_is_one_in_events(tmp_path: Path, horizon: str | int, events: int) -> None:
    path = tmp_path / "hourly.csv"
    path.write_text("time,a\n" + "".join(f"{START + 3600 * t},{t % 5}\n" for t in range(50)))
    settings = ReplaySettings(files=(str(path),), time_format="s")
    config = RaceConfig({"one": {"horizon": horizon}, "two": {"layer": "rnn", "horizon": horizon}}, RaceSettings())
    for job in (open_replay(settings, NETWORK | {"horizon": horizon}), open_race(settings, config)):
        assert job.model.settings.horizon == events
        job.source.close()


def test_the_interval_of_dates_and_times_of_day_in_two_columns_is_known(tmp_path: Path) -> None:
    rows = [f"2025-01-{1 + t // 24:02},{t % 24:02}:00,{t % 5}" for t in range(50)]
    (tmp_path / "hourly.csv").write_text("Date,Time,a\n" + "\n".join(rows) + "\n")
    settings = ReplaySettings(files=(str(tmp_path / "hourly.csv"),), time="Date+Time", timezone="Europe/Berlin")
    job = open_replay(settings, NETWORK | {"horizon": "6h"})
    assert (job.model.settings.horizon, job.model.settings.timezone) == (6, "Europe/Berlin")
    job.source.close()


def test_values_that_stand_for_a_missing_one_are_missing_in_every_shape(folder: Path, tmp_path: Path) -> None:
    codes = tmp_path / "codes.csv"
    codes.write_text(
        "".join(f"{line}-999\n" if line[-1] in ",;" else f"{line}\n" for line in lines(folder / "long.csv"))
    )
    coded = (codes, {"pivot": "tag=value", "missing_values": -999})
    plain, without = outputs(tmp_path, plain=(folder / "long.csv", {"pivot": "tag=value"}), coded=coded)
    assert without == plain


def test_what_is_far_out_among_the_values_of_another_tag_is_no_warning(tmp_path: Path) -> None:
    rows = [f"{START + t},{tag},{value}" for t in range(20) for tag, value in (("a", t % 7), ("pressure", 1013.25))]
    (tmp_path / "long.csv").write_text("time,tag,value\n" + "\n".join(rows) + "\n")
    settings = ReplaySettings(files=(str(tmp_path / "long.csv"),), time_format="s", pivot="tag=value")
    job = open_replay(settings, NETWORK)
    assert job.source.warnings == ()
    job.source.close()


@pytest.mark.parametrize(
    ("text", "options", "engine", "words"),
    [
        ("time,a\n0,1\n9,2\n11,3\n", {}, {"horizon": "6h"}, "horizon '6h' needs every, such as every 1min"),
        ("a\n1\n2\n", {}, {"horizon": "6h"}, "horizon '6h' needs every"),
        ("time,a\n0,1\n9,2\n", {"every": "4h"}, {"horizon": "6h"}, "horizon must be a multiple of every, 4h, got '6h'"),
        ("time,a\n0,1\n9,2\n", {"every": "1h"}, {"horizon": "6 parsecs"}, "or a duration such as 30s, 1min, 6h or 1d"),
        ("a,b\n1,2\n", {"every": "1min"}, {}, "every needs times: set time to the name of the time column"),
        ("tag,value\na,2\n", {"pivot": "tag=value"}, {}, "pivot needs times"),
        ("time,a\n0,1\n", {"wide": True}, {"targets": "a"}, "targets must be value or not set with wide"),
        ("time,a\n0,1\n", {"wide": True}, CLASSES | {"targets": "value"}, "task must not be classification with wide"),
        ("time,tag,v\n0,b,1\n", {"pivot": "tag=v"}, CLASSES, "task must not be classification with pivot"),
        ("time,a,b\n0,1,1\n", {"every": "1s", "aggregate": "mean"}, CLASSES, "aggregate must be last with classes"),
    ],
)
def test_what_cannot_be_right_is_refused(
    tmp_path: Path, text: str, options: dict[str, Any], engine: dict[str, Any], words: str
) -> None:
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(SettingError) as caught:
        open_replay(ReplaySettings(files=(str(tmp_path / "data.csv"),), **options), NETWORK | engine)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("time,note\n0,a\n1,b\n", {"wide": True}, "no numeric column; 'note' is text ('a')"),
        (
            "time,tag,v\n0,1.5,2\n1,2.5,3\n",
            {"pivot": "tag=v"},
            "column 'tag' has numbers such as 1.5, which are no tags",
        ),
        ("time,tag,v\n0,a,on\n1,b,on\n", {"pivot": "tag=v"}, "column 'v' is text ('on'), an input must be numbers"),
        ("time,tag,v\n0,a,1\n", {"pivot": "tagg=v"}, "no column 'tagg'; did you mean 'tag'?"),
        ("time,tag,v\n0,,1\n", {"pivot": "tag=v"}, "column 'tag' has no tags"),
    ],
)
def test_files_that_do_not_have_the_shape_are_refused(
    tmp_path: Path, text: str, options: dict[str, Any], words: str
) -> None:
    (tmp_path / "data.csv").write_text(text)
    with pytest.raises(ConnectorError) as caught:
        open_replay(ReplaySettings(files=(str(tmp_path / "data.csv"),), **options), NETWORK)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"every": "0"}, "every must be at least 1ms, such as 30s, 1min or 6h, got '0'"),
        (
            {"every": "-1min"},
            "every must be a number of seconds, or a duration such as 30s, 1min, 6h or 1d, got '-1min'",
        ),
        ({"every": "1 fortnight"}, "got '1 fortnight'"),
        ({"pivot": "tag"}, "pivot must be TAG=VALUE, two columns, got 'tag'"),
        ({"pivot": "tag=tag"}, "pivot must be TAG=VALUE, two columns, got 'tag=tag'"),
        ({"pivot": "tag=v", "wide": True}, "wide and pivot exclude each other"),
        ({"pivot": "tag=v", "categories": "v"}, "categories must not be set with pivot, which is for numbers, got 'v'"),
        ({"pivot": "tag=v", "duplicates": "drop"}, "duplicates must be keep with pivot"),
        ({"pivot_tolerance": "1s"}, "pivot_tolerance needs pivot, got '1s'"),
        ({"aggregate": "median"}, "aggregate must be one of last, mean, got 'median'"),
        ({"max_gap": -1}, "max_gap must be from 0 to 1000000, got -1"),
    ],
)
def test_invalid_settings_of_a_shape_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError) as caught:
        ReplaySettings.parse(values)
    assert words in str(caught.value)
