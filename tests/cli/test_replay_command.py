"""`stream-rnn replay`: its summary for people and for programs, and its outputs."""

from __future__ import annotations

import csv
import json
import math
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from command import COMMAND, SMALL, error_line, run, waves

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke


def summary(invoke: Invoke, *args: object) -> dict[str, Any]:
    """Return the JSON output of the command."""
    result = invoke("replay", *args, "--json", *SMALL)
    assert result.exit_code == 0, result.stderr
    output: dict[str, Any] = json.loads(result.stdout)
    return output


def test_by_default_every_numeric_column_is_forecast_one_event_ahead(invoke: Invoke, recording: Path) -> None:
    output = summary(invoke, recording)
    assert output["settings"]["inputs"] == ["a", "b"]
    assert output["settings"]["horizon"] == 1
    assert list(output["per_target"]) == ["a", "b"]
    assert output["ignored"] == {"sensor": "text ('s0')"}


def test_json_output_is_one_object(recording: Path) -> None:
    done = run("replay", recording, "--json", *SMALL)
    assert done.returncode == 0
    output = json.loads(done.stdout)
    assert output["events"] == output["forecasts"] / 2 == 200
    assert output["streams"] == 1
    assert output["skipped"] == 0
    assert output["events_per_second"] > 0
    for name in ("model", "persistence", "seasonal_naive"):
        assert set(output["scores"]) == {"model", "persistence", "seasonal_naive"}
        scores = output["scores"][name]
        assert scores is None or set(scores) == {"mae", "rmse", "mse", "count"}


def test_persistence_forecasts_the_last_value(invoke: Invoke, recording: Path) -> None:
    values = [float(row["a"]) for row in csv.DictReader(recording.read_text().splitlines())]
    output = summary(invoke, recording, "--targets", "a")
    errors = [abs(after - before) for before, after in pairwise(values)]
    assert output["scores"]["persistence"]["mae"] == pytest.approx(sum(errors) / len(errors))


def test_the_table_shows_the_naive_forecasts_next_to_the_model(recording: Path) -> None:
    done = run(
        "replay", recording, *SMALL, "--targets", "a", "--season", "10", "--output", recording.with_name("o.csv")
    )
    assert done.returncode == 0
    for words in (
        "model",
        "persistence",
        "seasonal naive",
        "MAE",
        "RMSE",
        "skill",
        "200 events of 1 stream",
        "events/s",
    ):
        assert words in done.stdout
    assert "ignored columns: sensor: text ('s0')" in done.stdout
    assert f"output: {recording.with_name('o.csv')}" in done.stdout


def test_without_a_terminal_there_is_no_progress_bar(recording: Path) -> None:
    run("warmup", *SMALL)
    assert run("replay", recording, *SMALL).stderr == ""


def test_brackets_in_names_are_not_markup(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "flow.csv"
    path.write_text("flow [l/s]\n" + "1\n2\n" * 20)
    assert "flow [l/s], 1 event ahead" in invoke("replay", path, *SMALL).stdout


def test_options_override_the_job_file(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f'[job]\nfiles = ["{recording}"]\n[engine]\nhorizon = 5\nwindow = 4\nhidden = 4\ntargets = ["a"]\n')
    result = invoke("replay", "--config", path, "--json", "--horizon", "2")
    output = json.loads(result.stdout)["settings"]
    assert (output["horizon"], output["window"], output["targets"]) == (2, 4, ["a"])


def test_unusable_records_are_counted_and_written(invoke: Invoke, tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv")
    with path.open("a") as file:
        file.write("1700100000,s0,1\n1700100060,s0,inf,1\n1700100120,s0,1,1\n")
    refused = tmp_path / "refused.jsonl"
    output = summary(invoke, path, "--dead-letters", refused)
    assert (output["events"], output["skipped"]) == (201, 2)
    assert sum(output["skipped_reasons"].values()) == 2
    letters = [json.loads(line) for line in refused.read_text().splitlines()]
    assert [letter["record"] for letter in letters] == [200, 201]
    shown = invoke("replay", path, *SMALL).stdout
    assert "skipped: 2 records: expected 4 fields, got 3 (1)" in shown


@pytest.mark.parametrize(
    ("key", "words"), [([], "the newest at event"), (["--key", "sensor"], "the newest in stream s0 at")]
)
def test_drifts_are_counted_and_the_newest_is_shown(
    invoke: Invoke, recording: Path, key: list[str], words: str
) -> None:
    monitored = ("--drift", "report", "--drift-threshold", "0.1", *key)
    output = summary(invoke, recording, *monitored)
    assert output["drifts"] == len(output["newest_drifts"]) > 0
    shown = invoke("replay", recording, *SMALL, *monitored).stdout
    assert f"drifts: {output['drifts']}, {words}" in shown


def test_failing_streams_are_in_the_summary_the_table_and_the_log(invoke: Invoke, tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv", count=1600, keys=2)
    stuck = ("--targets", "a", "--no-residual", "--learning-rate", "1e-12")  # forecasts stay the running mean
    output = summary(invoke, path, "--key", "sensor", *stuck)
    assert (output["alarms"], output["failing"]) == (2, 2)
    assert output["worst_failing"].keys() == {"s0", "s1"}
    assert min(output["worst_failing"].values()) > 2
    done = invoke("replay", path, "--key", "sensor", *SMALL, *stuck)
    assert "failing: 2 of 2 streams, error over persistence: s" in " ".join(done.stdout.split())
    assert "alarms: 2, 2 streams failing at the end" in done.stdout
    assert "alarm in stream 's0' at event 3,001: its forecasts have been worse than persistence for long" in done.stderr
    shown = invoke("replay", waves(path, count=1600), *SMALL, *stuck).stdout
    assert "failing: 1 of 1 stream, error over persistence: " in " ".join(shown.split())


def test_streams_that_work_are_not_in_the_table(invoke: Invoke, tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv", count=1600)
    assert summary(invoke, path)["alarms"] == 0
    shown = invoke("replay", path, *SMALL)
    assert "failing" not in shown.stdout
    assert "alarm" not in shown.stdout + shown.stderr


@pytest.mark.parametrize("output", ["out.csv", "out.jsonl", "out.parquet"])
def test_a_lone_surrogate_is_a_dead_letter_wherever_it_is(tmp_path: Path, output: str) -> None:
    path = tmp_path / "events.jsonl"
    lines = [b'{"time": %d, "sensor": "a", "x": %d}' % (t, t % 7) for t in range(20)]
    bad = [
        rb'{"time": 20, "sensor": "\ud800", "x": 1}',
        rb'{"time": "\ud800", "sensor": "a", "x": 1}',
        rb'{"time": 21, "sensor": "a", "x": "\ud800"}',
        rb'{"time": 22, "sensor": "a", "x": 1, "note": "\udfff"}',
        b'{"time": 23, "sensor": "\xed\xa0\x80", "x": 1}',
    ]
    path.write_bytes(b"\n".join([*bad[:3], *lines, *bad[3:]]))
    args = ["--key", "sensor", "--output", tmp_path / output, "--dead-letters", tmp_path / "refused.jsonl"]
    done = run("replay", path, *SMALL, *args, "--checkpoint", tmp_path / "state", "--json")
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["events"], json.loads(done.stdout)["skipped_reasons"]) == (20, {"not UTF-8": 5})
    assert len((tmp_path / "refused.jsonl").read_text().splitlines()) == 5


def test_words_where_numbers_belong_are_missing_values_that_are_counted_and_logged(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("a\n1\nunavailable\n2\n#N/A\nunavailable\n3\n4\ninf\n")
    output = summary(invoke, path)
    assert (output["events"], output["missing_inputs"], output["skipped"]) == (7, 3, 1)
    assert output["bad_values"] == {"a": {"unavailable": 2, "#N/A": 1}}
    shown = invoke("replay", path, *SMALL)
    assert "not numbers, counted as missing: 3 values of a: unavailable (2), #N/A (1)" in shown.stdout
    assert "record 1: column 'a': 'unavailable' is not a number and counts as missing" in shown.stderr
    strict = summary(invoke, path, "--bad-values", "refuse")
    assert (strict["events"], strict["skipped"], strict["bad_values"]) == (4, 4, {})


def test_invalid_json_records_are_counted(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"a": 1}\n{"a": \n{"a": 2}\n[3]\n{"a": 4}\n')
    output = summary(invoke, path)
    assert (output["events"], output["skipped"]) == (3, 2)


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("constant", [5.0] * 100),
        ("missing", [math.nan] * 100),
        ("huge", [(-1) ** t * 1e30 for t in range(100)]),
        ("mixed", [[1.0, math.nan, 1e30][t % 3] for t in range(100)]),
        ("beyond", [1e300 if t % 9 == 4 else float(t % 5) for t in range(100)]),
    ],
)
def test_a_column_of_odd_values_does_not_disturb_the_others(
    invoke: Invoke, tmp_path: Path, column: str, values: list[float]
) -> None:
    path, out = tmp_path / "odd.csv", tmp_path / "out.csv"
    lines = [f"{math.sin(t / 3):.4f},{'' if math.isnan(value) else value}" for t, value in enumerate(values)]
    path.write_text(f"a,{column}\n" + "\n".join(lines) + "\n")
    output = summary(invoke, path, "--inputs", f"a,{column}", "--output", out)
    assert output["events"] == 100
    assert output["per_target"]["a"]["model"]["mae"] < 1
    assert (output["per_target"][column]["model"] is None) == (column == "missing")
    assert all(row["a+1"] for row in csv.DictReader(out.read_text().splitlines()))
    assert invoke("replay", path, *SMALL).exit_code == 0


def test_without_target_values_there_are_no_scores(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("a,b\n" + ",\n" * 30)
    assert "no scores: no target had a value" in invoke("replay", path, "--inputs", "a", *SMALL).stdout


def test_with_output_to_standard_output_the_table_goes_to_standard_error(recording: Path) -> None:
    done = run("replay", recording, *SMALL, "--output", "-")
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert len(rows) == 200
    assert {"time", "a", "b", "a+1", "b+1"} == set(rows[0])
    assert "persistence" in done.stderr


def test_standard_input_is_read(recording: Path) -> None:
    done = run("replay", "-", "--json", *SMALL, input=recording.read_text())
    assert json.loads(done.stdout)["events"] == 200


def test_a_closed_pipe_is_not_an_error(tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv", 20_000)
    line = f"{' '.join(COMMAND)} replay {path} {' '.join(SMALL)} --output - | head -1"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("time,")
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_a_paced_replay_keeps_the_pace(tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv", 61)  # an hour
    done = run("replay", path, *SMALL, "--speed", "3600")
    assert "(at 3600 times the recorded pace)" in done.stdout
    output = json.loads(run("replay", path, *SMALL, "--speed", "3600", "--json").stdout)
    assert 0.98 < output["seconds"] < 10  # never faster; slower on a busy machine


def test_the_key_column_separates_streams(invoke: Invoke, tmp_path: Path) -> None:
    output = summary(invoke, waves(tmp_path / "waves.csv", keys=3), "--key", "sensor")
    assert (output["events"], output["streams"]) == (600, 3)
    assert output["scores"]["model"]["count"] == 2 * (600 - 3)


def test_classes_are_scored_by_accuracy(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("a,y\n" + "".join(f"{t % 2},{t % 2}\n" for t in range(300)))
    result = invoke("replay", path, "--task", "classification", "--targets", "y", *SMALL)
    assert result.exit_code == 0
    assert "accuracy" in result.stdout


def test_tokens_are_forecast_from_a_column_of_ids(invoke: Invoke, tmp_path: Path) -> None:
    path, output = tmp_path / "tokens.csv", tmp_path / "out.csv"
    path.write_text("token\n" + "".join(f"{(1, 7, 3, 7)[t % 4]}\n" for t in range(800)))
    args = ["--layer", "embedding,gru", "--inputs", "token", "--targets", "token", "--loss", "softmax"]
    args += ["--classes", "8", "--vocabulary", "8", "--learning-rate", "0.02", "--horizon", "2", "--hidden", "4"]
    result = invoke("replay", path, *args, "--output", output, "--plot", tmp_path / "plot.png")
    assert result.exit_code == 0, result.stderr
    assert "token, 1 to 2 events ahead" in result.stdout
    assert "accuracy" in result.stdout
    *_, before, last = csv.DictReader(output.read_text().splitlines())
    assert list(last) == ["token", *(f"token+{ahead}.p{c}" for ahead in (1, 2) for c in range(8))]
    assert (before["token"], last["token"]) == ("3", "7")
    assert float(last["token+1.p1"]) > 0.9
    assert float(last["token+2.p7"]) > 0.9
    assert (tmp_path / "plot.png").exists()


def test_a_token_id_beyond_the_vocabulary_is_a_dead_letter(invoke: Invoke, tmp_path: Path) -> None:
    path, letters = tmp_path / "tokens.csv", tmp_path / "refused.jsonl"
    path.write_text("token,y\n1,0.5\n8,0.5\n3,0.5\n")
    args = ["--layer", "embedding,gru", "--inputs", "token", "--targets", "y", "--vocabulary", "8", "--hidden", "4"]
    result = invoke("replay", path, *args, "--json", "--dead-letters", letters)
    assert result.exit_code == 0
    summary = json.loads(result.stdout)
    assert (summary["events"], summary["skipped"]) == (2, 1)
    assert json.loads(letters.read_text()) | {"source": ""} == {
        "source": "",
        "record": 1,
        "reason": "not a token of this job",
        "raw": "",
    }


def test_labels_with_lookahead_are_written_at_the_event_that_completes_them(invoke: Invoke, recording: Path) -> None:
    path, late = recording.with_name("labels.csv"), 3
    labels = ["--task", "regression", "--targets", "a", "--layer", "bigru", "--lookahead", late]
    scores = summary(invoke, recording, *labels, "--output", path)["scores"]
    rows = list(csv.DictReader(path.read_text().splitlines()))
    assert [row["a-3"] == "" for row in rows] == [t < late for t in range(200)]
    errors = [abs(float(rows[t + late]["a-3"]) - float(rows[t]["a"])) for t in range(200 - late)]
    assert scores["model"]["count"] == len(errors)
    assert scores["model"]["mae"] == pytest.approx(sum(errors) / len(errors))


# --- preset auto ---------------------------------------------------------------------------------------------------


def test_without_settings_of_a_network_it_is_a_race_and_says_so(invoke: Invoke, recording: Path) -> None:
    default, auto = (invoke("replay", recording, *preset) for preset in ((), ("--preset", "auto")))
    for result in (default, auto):
        assert "model: mixture of " in result.stdout
    assert "preset auto, as no network is set; preset plain is a single network" in default.stdout
    assert "as no network is set" not in auto.stdout


@pytest.mark.parametrize("args", [("--preset", "plain"), SMALL, ("--task", "regression", "--targets", "a")])
def test_with_settings_of_a_network_it_is_a_single_engine(
    invoke: Invoke, recording: Path, args: tuple[str, ...]
) -> None:
    assert "mixture" not in invoke("replay", recording, *args).stdout


def test_the_summary_of_a_race_has_the_members_and_its_outputs_are_those_of_an_engine(
    invoke: Invoke, recording: Path, tmp_path: Path
) -> None:
    output, plot = tmp_path / "out.csv", tmp_path / "out.png"
    result = invoke("replay", recording, "--horizon", 2, "--output", output, "--plot", plot, "--json")
    summary = json.loads(result.stdout)
    assert list(summary["members"]) == ["forecast", "linear"]
    assert summary["race"]["naive"][0] == "persistence"
    assert output.read_text().splitlines()[0] == "time,sensor,a,b,a+1,b+1,a+2,b+2".replace("sensor,", "")
    assert plot.stat().st_size


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--interval", "0.9"), "got interval: choose the preset of a single engine, such as forecast or plain"),
        (("--layer", "gru"), "got layer: choose the preset of a single engine"),
        (("--task", "classification"), "preset auto needs task forecast, got 'classification': choose the preset of"),
    ],
)
def test_what_a_race_cannot_have_is_refused_with_the_alternative(
    invoke: Invoke, recording: Path, args: tuple[str, ...], words: str
) -> None:
    assert words in error_line(invoke("replay", recording, "--preset", "auto", *args))


def test_a_checkpoint_of_a_single_engine_is_not_continued_by_a_race(
    invoke: Invoke, recording: Path, tmp_path: Path
) -> None:
    assert invoke("replay", recording, "--preset", "plain", "--checkpoint", tmp_path / "s").exit_code == 0
    result = invoke("replay", recording, "--checkpoint", tmp_path / "s", "--resume")
    assert "use the checkpoint's preset, such as plain" in error_line(result)


def test_a_job_file_can_have_a_race(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text('[engine]\npreset = "auto"\n[race]\nweigh_by = "absolute"\nretire_below = 0.01\n')
    race = json.loads(invoke("replay", recording, "--config", path, "--json").stdout)["race"]
    assert (race["weigh_by"], race["retire_below"], len(race["naive"])) == ("absolute", 0.01, 4)
    path.write_text("[engine]\nhidden = 4\n[race]\nrate = 0.1\n")
    assert "[race] needs a race: set preset to auto in [engine], or add tables [members.NAME]" in error_line(
        invoke("replay", recording, "--config", path)
    )


@pytest.mark.parametrize("command", ["gradients", "unfold"])
def test_commands_about_one_network_refuse_a_race(invoke: Invoke, recording: Path, command: str) -> None:
    files = [recording] if command == "gradients" else []
    assert "preset auto is a race of several engines" in error_line(invoke(command, *files, "--preset", "auto"))
