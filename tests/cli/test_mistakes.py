"""A mistake of the user is one line on standard error that says what is allowed, and an exit status."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import SMALL, error_line, run, waves

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.layers import REGISTRY

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--horzon", "3"], "no such option --horzon; did you mean --horizon?"),
        (["--horizon", "0"], "horizon must be from 1 to 100000, got 0"),
        (["--horizon", "many"], "'many' is not a valid integer"),
        (["--window", "-1"], "window must be from 1 to 100000, got -1"),
        (["--layer", "gro"], f"layer must be one of {', '.join(REGISTRY)}, got 'gro'; did you mean 'gru'?"),
        (["--layer", "gru,embedding"], "embedding must be the lowest layer, got layer gru,embedding"),
        (["--layer", "embedding"], "loss must be softmax or hierarchical_softmax to forecast a token, got 'squared'"),
        (["--loss", "square"], "'square' is not one of 'squared'"),
        (["--learning-rate", "nan"], "learning_rate must be a finite number"),
        (["--hidden", "8,x"], "'x' is not a valid integer"),
        (["--targets", "aa"], "got 'aa'; did you mean 'a'?"),
        (["--targets", "sensor"], "got 'sensor': it is text ('s0')"),
        (["--task", "regression"], "targets must be named for regression, got none"),
        (["--resume"], "resume needs checkpoint"),
        (["--speed", "0"], "speed must be above 0, got 0.0"),
        (["--output", "-", "--json"], "output must not be - with --json"),
        (["--output", "out.xlsx"], "unknown extension"),
        (["--plot", "out.pdf"], "plot must be a .png file"),
        (["--plot", "none/out.png"], "plot must be in an existing folder"),
        (["--config", "none.toml"], "none.toml: cannot be read: No such file or directory"),
    ],
)
def test_invalid_settings_and_options_exit_with_status_2(
    invoke: Invoke, recording: Path, args: list[str], words: str
) -> None:
    result = invoke("replay", recording, *SMALL, *args)
    assert words in error_line(result)
    assert result.exit_code == 2


def test_a_file_of_which_no_record_can_be_used_is_a_failure_with_the_most_frequent_reasons(
    invoke: Invoke, tmp_path: Path
) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"time": "noon", "a": 1}\n' * 3 + "?\n" + '{"a": 1}\n' * 2)
    result = invoke("replay", path, *SMALL, "--time", "time")
    assert result.exit_code == 1
    assert [line for line in result.stderr.splitlines() if not line.startswith("compiling")] == [
        "error: no record can be used, of 6",
        f"  3 records: column 'time': not a time; the first is record 0 of {path}",
        f"  2 records: time is missing; the first is record 4 of {path}",
        f"  1 record: not JSON; the first is record 3 of {path}",
        "  set --time-format to how times are written, such as iso, ms, day-first or '%d.%m.%Y %H:%M'",
    ]
    as_json = invoke("replay", path, *SMALL, "--time", "time", "--json")
    assert (as_json.exit_code, json.loads(as_json.stdout)["skipped"]) == (1, 6)


def test_a_file_without_any_value_is_a_failure(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"a": null}\n' * 1000 + '{"a": "off"}\n' * 2)
    result = invoke("replay", path, *SMALL, "--inputs", "a")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2:] == [
        "error: no input has a value, in 1,002 events",
        "  not numbers, counted as missing: 2 values of a: off (2)",
    ]


def test_the_end_of_a_resumed_file_may_have_only_refused_records(invoke: Invoke, tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv")
    checkpoint = ["--checkpoint", tmp_path / "state", "--resume"]
    assert invoke("replay", path, *SMALL, *checkpoint).exit_code == 0
    with path.open("a") as file:
        file.write("garbled\n")
    result = invoke("replay", path, *SMALL, *checkpoint)
    assert result.exit_code == 0
    assert "skipped: 1 record" in result.stdout


def test_a_key_that_was_forgotten_is_suggested(invoke: Invoke, tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv", keys=3)
    result = invoke("replay", path, *SMALL)
    assert result.exit_code == 0
    assert f"{path}: no key is set, times repeat, and column 'sensor' has 3 distinct texts" in result.stderr
    assert "no key is set" not in invoke("replay", path, *SMALL, "--key", "sensor").stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--key", "senor"], "no column 'senor'; did you mean 'sensor'?"),
        (["--time", "tine"], "no column 'tine'; did you mean 'time'?"),
        (["--inputs", "a,c"], "no column 'c'"),
        (["--inputs", "a,sensor"], "column 'sensor' is text ('s0'), an input must be numbers"),
        (["--output", "none/out.csv"], "none/out.csv: cannot be written: No such file or directory"),
        (["--output", "none/out.parquet"], "none/out.parquet: cannot be written: no folder 'none'"),
        (["--output", "/proc/out.csv"], "/proc/out.csv: cannot be written"),
        (["--dead-letters", "none/refused.jsonl"], "none/refused.jsonl: cannot be written"),
    ],
)
def test_unusable_data_and_outputs_exit_with_status_1(
    invoke: Invoke, recording: Path, args: list[str], words: str
) -> None:
    result = invoke("replay", recording, *SMALL, *args)
    assert words in error_line(result)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "is empty"),
        ("twice.csv", b"a,a\n1,2\n", "'a' is the name of two columns"),
        ("headless.csv", b"1,2\n3,4\n", "the first line has only numbers"),
        ("text.csv", b"name,place\nx,y\n", "no numeric column"),
        ("semicolons.csv", b"a,b;c\n", "the delimiter may be ',' or ';': set delimiter"),
        ("utf16.csv", "a,b\n1,2\n".encode("utf-16-le"), "set encoding to utf-16-le"),
        ("half.csv.gz", gzip.compress(b"a\n" + b"1\n" * 50_000, mtime=0)[:40], "is not a complete gzip file"),
        ("none.parquet", b"PAR1 and no more", ""),
    ],
)
def test_an_unreadable_file_is_named(invoke: Invoke, tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    result = invoke("replay", path, *SMALL)
    line = error_line(result)
    assert name in line
    assert words in line
    assert result.exit_code == 1


def test_a_missing_file_suggests_a_similar_one(invoke: Invoke, recording: Path) -> None:
    result = invoke("replay", recording.with_name("wave.csv"))
    assert "no such file; did you mean" in error_line(result)
    assert result.exit_code == 1


def test_a_truncated_parquet_file_is_named(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "cut.parquet"
    pq.write_table(pa.table({"a": list(range(10_000))}), path)
    path.write_bytes(path.read_bytes()[:-100])
    result = invoke("replay", path)
    assert "cut.parquet" in error_line(result)
    assert result.exit_code == 1


def test_a_pattern_without_files_exits_with_status_2(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("replay", tmp_path / "*.csv")
    assert "no file matches this pattern" in error_line(result)
    assert result.exit_code == 2


def test_a_replay_without_files_exits_with_status_2(invoke: Invoke) -> None:
    result = invoke("replay")
    assert error_line(result) == "files must name at least one file, got none"
    assert result.exit_code == 2


def test_an_unknown_command_suggests_a_similar_one(invoke: Invoke) -> None:
    result = invoke("reply")
    assert error_line(result) == "no such command 'reply'; did you mean 'replay'?"
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[engine]\nhorzon = 3\n", "unknown setting 'horzon' in [engine]; did you mean 'horizon'?"),
        ("[engine]\nkey = 'a'\n", "unknown setting 'key' in [engine]; it belongs to [job]"),
        ("[engin]\nhorizon = 3\n", "unknown table 'engin'; there are [job], [kafka], [engine], [race] and [mqtt]"),
        ("horizon = 3\n", "unknown table 'horizon'; there are [job], [kafka], [engine], [race] and [mqtt]"),
        ("[engine\n", "is not TOML"),
        ("[job]\nspeed = 'fast'\n", "speed: expected `float | null`, got `str`"),
        ("[engine]\nhorizon = 'far'\n", "horizon: expected `int`, got `str`"),
    ],
)
def test_an_invalid_job_file_is_refused(
    invoke: Invoke, recording: Path, tmp_path: Path, content: str, words: str
) -> None:
    path = tmp_path / "job.toml"
    path.write_text(content)
    result = invoke("replay", recording, "--config", path)
    assert words in error_line(result)
    assert result.exit_code == 2


def test_a_checkpoint_with_other_settings_is_refused_by_name(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert invoke("replay", recording, *SMALL, "--checkpoint", state).exit_code == 0
    result = invoke("replay", recording, *SMALL, "--checkpoint", state, "--resume", "--horizon", "2")
    assert "has horizon = 1, the settings have 2" in error_line(result)
    assert result.exit_code == 1


def test_a_truncated_checkpoint_is_refused(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    state = tmp_path / "state"
    invoke("replay", recording, *SMALL, "--checkpoint", state)
    (file,) = CheckpointFolder(state).files
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    result = invoke("inspect", file)
    assert "is damaged" in error_line(result)
    assert result.exit_code == 1
    result = run("replay", recording, *SMALL, "--checkpoint", state, "--resume")
    assert "is damaged" in result.stderr
    assert "error: no checkpoint in" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.returncode == 1


def test_an_output_that_is_an_input_is_refused_and_not_changed(invoke: Invoke, recording: Path) -> None:
    before = recording.read_bytes()
    result = invoke("replay", recording, "--output", recording)
    assert "output must not be one of the files" in error_line(result)
    assert recording.read_bytes() == before


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    recording = waves(tmp_path / "waves.csv", 20_000)
    result = run("replay", recording, *SMALL, "--output", "/dev/full", "--output-format", "csv")
    assert "Traceback" not in result.stderr
    assert "No space left" in result.stderr
    assert result.returncode == 1
