"""Values as people have them: the same events give bitwise the same forecasts from every format."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from replays import NETWORK, last_state, replay, run_job

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.errors import CheckpointError, SettingError
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.jobs.replay.summary import Summary

EVENTS = 120
Row = dict[str, Any]
LABELS: dict[str, Any] = {"task": "classification", "classes": 3, "horizon": 1, "inputs": "x", "targets": "state"}
STATES = {"categories": "state", "max_categories": 2}


def rows_of(value: Callable[[int], Any]) -> list[Row]:
    """Return readings whose second column is the value at each event."""
    return [{"x": round(float(np.sin(t / 5)), 3), "state": value(t)} for t in range(EVENTS)]


def write_csv(path: Path, rows: list[Row]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def write_jsonl(path: Path, rows: list[Row]) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def write_parquet(path: Path, rows: list[Row]) -> str:
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def write_dictionaries(path: Path, rows: list[Row]) -> str:
    table = pa.Table.from_pylist(rows)
    pq.write_table(table.set_column(1, "state", table["state"].dictionary_encode()), path)
    return str(path)


WRITERS: dict[str, Callable[[Path, list[Row]], str]] = {
    "a.csv": write_csv,
    "a.jsonl": write_jsonl,
    "a.parquet": write_parquet,
    "b.parquet": write_dictionaries,
}


def forecasts(path: str, job: dict[str, Any], network: dict[str, Any]) -> str:
    output = Path(path).with_suffix(".out.csv")
    replay(ReplaySettings(files=path, output=str(output), **job), None, **network)
    return output.read_text()


KINDS: dict[str, tuple[Callable[[int], Any], dict[str, Any], dict[str, Any]]] = {
    "states": (lambda t: ("on", "off", "halb geöffnet", "停止")[t // 7 % 4], STATES, {}),
    "states with spaces": (lambda t: (" on", "on ", "off")[t // 3 % 3], STATES, {}),
    "states with gaps": (lambda t: ("on", None, "off")[t // 3 % 3], STATES, {}),
    "states as numbers": (lambda t: (10, 20, 30)[t // 5 % 3], STATES, {}),
    "states as fractions": (lambda t: (0.5, 1.0, 2.5)[t // 5 % 3], STATES, {}),
    "states as booleans": (lambda t: t // 5 % 2 == 0, STATES, {}),
    "booleans": (lambda t: t // 5 % 2 == 0, {}, {}),
    "labels as words": (lambda t: ("ok", "worn", "fault")[t // 5 % 3], {}, LABELS),
    "labels with gaps": (lambda t: ("ok", None, "worn")[t // 5 % 3], {}, LABELS),
    "labels as codes": (lambda t: t // 5 % 3, {}, LABELS),
    "labels from 1": (lambda t: 1 + t // 5 % 3, {}, LABELS),
    "labels as booleans": (lambda t: t // 5 % 2 == 1, {}, LABELS | {"classes": 2}),
    "named missing values": (lambda t: -999 if t % 9 == 4 else t % 7, {"missing_values": -999}, {}),
    "missing values of a column": (
        lambda t: -99.5 if t % 9 == 4 else t % 7 / 2,
        {"missing_values": {"state": "-99.50", "x": 7}},
        {},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_gives_the_same_forecasts(kind: str, tmp_path: Path) -> None:
    value, job, network = KINDS[kind]
    rows = rows_of(value)
    files = [write(tmp_path / name, rows) for name, write in WRITERS.items()]
    first, *others = [forecasts(file, job, network) for file in files]
    assert len(first.splitlines()) == 1 + EVENTS
    assert all(other == first for other in others)


@pytest.mark.parametrize("missing", [-999, "n/a", {"state": [-999, "n/a"]}, {"*": [-999], "state": "n/a"}])
@pytest.mark.parametrize("write", [write_csv, write_jsonl])
def test_a_named_missing_value_is_an_empty_cell(
    missing: Any, write: Callable[[Path, list[Row]], str], tmp_path: Path
) -> None:
    code = "n/a" if missing == "n/a" else -999
    empty, coded = (
        write(tmp_path / f"{name}.{write.__name__[6:]}", rows_of(lambda t, hole=hole: hole if t % 9 == 4 else t % 7))
        for name, hole in (("empty", None), ("coded", code))
    )
    assert forecasts(coded, {"missing_values": missing}, {}) == forecasts(empty, {}, {})


@pytest.mark.parametrize("stop_after", [1, 37, 80])
@pytest.mark.parametrize("kind", ["states", "labels as words", "labels from 1", "labels as codes"])
def test_a_stopped_and_resumed_run_equals_an_uninterrupted_one(kind: str, stop_after: int, tmp_path: Path) -> None:
    value, job, network = KINDS[kind]
    path = write_csv(tmp_path / "a.csv", rows_of(value))
    whole = forecasts(path, job, network)
    settings = ReplaySettings(
        files=path, output=str(tmp_path / "b.csv"), checkpoint=str(tmp_path / "state"), resume=True, **job
    )
    run_job(limited(settings, network, stop_after), stop_after)
    assert last_state(tmp_path).positions["words"]
    replay(settings, None, **network)
    assert Path(str(settings.output)).read_text() == whole


def limited(settings: ReplaySettings, network: dict[str, Any], size: int) -> Any:
    """Return a job that processes at most so many events at a time."""
    job = open_replay(settings, NETWORK | network)
    run = job.run
    job.run = lambda on_batch: run(on_batch, lambda _: size)  # type: ignore[method-assign]
    return job


@pytest.mark.parametrize("kind", ["states", "labels as words"])
def test_words_do_not_depend_on_how_files_are_merged_and_held_back(kind: str, tmp_path: Path) -> None:
    value, job, network = KINDS[kind]
    rows = [{"time": t, "end": t % 50 == 49} | row for t, row in enumerate(rows_of(value))]
    whole = write_csv(tmp_path / "all.csv", rows)
    parts = [write_csv(tmp_path / f"{part}.csv", rows[part::2]) for part in range(2)]
    job = job | {"end": "end", "time": "time"}
    assert forecasts(whole, job, network) == forecasts_of(parts, tmp_path, job, network)
    assert forecasts(whole, job | {"lateness": 9}, network) == forecasts_of(parts, tmp_path, job, network)


def forecasts_of(paths: list[str], folder: Path, job: dict[str, Any], network: dict[str, Any]) -> str:
    output = folder / "merged.out.csv"
    replay(ReplaySettings(files=tuple(paths), output=str(output), **job), None, **network)
    return output.read_text()


def summary_of(tmp_path: Path, value: Callable[[int], Any], job: dict[str, Any], **network: Any) -> Summary:
    path = write_csv(tmp_path / "a.csv", rows_of(value))
    letters = str(tmp_path / "refused.jsonl")
    return replay(
        ReplaySettings(files=path, output=str(tmp_path / "out.jsonl"), dead_letters=letters, **job), None, **network
    )


def test_outputs_name_the_labels(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, lambda t: ("ok", "worn")[t // 9 % 2], {}, **LABELS)
    assert summary.words == {"state": ["0: ok", "1: worn"]}
    first, *_, last = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert (first["state"], first["state.forecast"]) == ("ok", None)
    assert last["state"] in {"ok", "worn"}
    assert last["state.forecast"] == ("ok", "worn")[int(last["state.p1"] > last["state.p0"])]


def test_words_give_what_their_codes_give(tmp_path: Path) -> None:
    words, codes = (
        summary_of(tmp_path, lambda t, names=names: names[t // 5 % 3], {}, **LABELS)
        for names in (("ok", "worn", "fault"), (0, 1, 2))
    )
    assert words.scores == codes.scores
    numbers = summary_of(tmp_path, lambda t: (1, 2, 3)[t // 5 % 3], {}, **LABELS)
    assert numbers.scores == codes.scores
    assert (
        json.loads((tmp_path / "out.jsonl").read_text().splitlines()[-1])["state"] == (1, 2, 3)[(EVENTS - 1) // 5 % 3]
    )


def test_a_label_beyond_the_classes_is_a_dead_letter_and_the_replay_goes_on(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, lambda t: ("ok", "worn", "fault", "lost")[t // 5 % 4], {}, **LABELS)
    assert summary.finished
    assert summary.skipped_reasons == {"not a class of this job": EVENTS // 4}
    assert summary.events == EVENTS - EVENTS // 4


@pytest.mark.parametrize(("bad_values", "skipped"), [("missing", 0), ("refuse", 1)])
def test_a_word_among_codes_is_a_bad_value(bad_values: str, skipped: int, tmp_path: Path) -> None:
    summary = summary_of(tmp_path, lambda t: "unavailable" if t == 7 else t % 3, {"bad_values": bad_values}, **LABELS)
    assert summary.skipped == skipped
    assert summary.bad_values == ({} if skipped else {"state": {"unavailable": 1}})


def test_states_beyond_the_limit_count_as_one(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, lambda t: ("on", "off", "half")[t // 5 % 3], STATES)
    assert summary.words == {"state": ["on", "off"]}
    assert summary.other_states == {"state": EVENTS // 3}
    assert summary.settings["inputs"] == ("x", "state#1", "state#2", "state#other")
    assert summary.settings["targets"] == ("x",)


def test_text_is_ignored_unless_it_is_named(tmp_path: Path) -> None:
    summary = summary_of(tmp_path, lambda t: ("on", "off")[t % 2], {})
    assert summary.ignored == {"state": "text ('on')"}
    assert summary.settings["inputs"] == ("x",)


@pytest.mark.parametrize(
    ("job", "network", "words"),
    [
        (
            {},
            {"inputs": ("x", "state")},
            "an input must be numbers: name it in categories if it has few different texts",
        ),
        ({"categories": "stat"}, {}, "no column 'stat'; did you mean 'state'"),
        ({"categories": "state"}, {"inputs": "x", "targets": "state"}, "targets must not be categories, got 'state'"),
        ({"categories": ("x", "state")}, {}, "inputs must have a numeric column of"),
        (
            {"categories": "state"},
            {"layer": ("embedding", "gru"), "inputs": "x", "loss": "softmax", "classes": 256},
            "categories are not for",
        ),
        ({"missing_values": {"y": 1}}, {}, "no column 'y'"),
    ],
)
def test_what_cannot_work_is_refused_by_name(
    job: dict[str, Any], network: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "a.csv", rows_of(lambda t: ("on", "off")[t % 2]))
    with pytest.raises((SettingError, ConnectorError), match=words):
        open_replay(ReplaySettings(files=path, **job), NETWORK | network)


def test_resuming_with_another_number_of_states_is_refused(tmp_path: Path) -> None:
    path, folder = write_csv(tmp_path / "a.csv", rows_of(lambda t: ("on", "off")[t % 2])), str(tmp_path / "state")
    replay(ReplaySettings(files=path, checkpoint=folder, categories="state", max_categories=2), None)
    with pytest.raises(CheckpointError, match="has inputs = "):
        replay(ReplaySettings(files=path, checkpoint=folder, resume=True, categories="state", max_categories=3), None)


@pytest.mark.parametrize(
    "values",
    [
        {"missing_values": [True]},
        {"missing_values": [None]},
        {"missing_values": {"x": [[1]]}},
        {"missing_values": float("nan")},
        {"missing_values": 10**400},
        {"categories": ["a", "a"]},
        {"categories": "k", "key": "k"},
        {"categories": [1]},
        {"max_categories": 0},
        {"max_categories": 1.5},
    ],
)
def test_bad_option_values_are_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=f"^{next(iter(values))}"):
        ReplaySettings(files="a.csv", **values)
