"""Files that are damaged, cannot be written, or are the input itself: one line on standard error, nothing is lost."""

from __future__ import annotations

import gzip
import os
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from command import COMMAND, SMALL, error_line, waves

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke


def names_of(path: Path, kind: str) -> Path:
    """Return another name of a file."""
    other = path.with_name("other.csv")
    match kind:
        case "relative":
            return path.parent / "." / ".." / path.parent.name / path.name
        case "symbolic link":
            other.symlink_to(path)
        case "hard link":
            other.hardlink_to(path)
    return other


@pytest.mark.parametrize("option", ["--output", "--dead-letters"])
@pytest.mark.parametrize("kind", ["relative", "symbolic link", "hard link"])
@pytest.mark.parametrize("pattern", [False, True])
def test_the_input_is_never_overwritten(invoke: Invoke, recording: Path, option: str, kind: str, pattern: bool) -> None:
    before = recording.read_bytes()
    files = recording.parent / "w*.csv" if pattern else recording
    result = invoke("replay", files, *SMALL, option, names_of(recording, kind))
    assert error_line(result).startswith(f"{option[2:].replace('-', '_')} must not be one of the files, '{recording}'")
    assert result.exit_code == 2
    assert recording.read_bytes() == before


def test_an_output_that_matches_a_pattern_of_inputs_is_refused(invoke: Invoke, recording: Path) -> None:
    output = waves(recording.with_name("earlier.csv"))
    result = invoke("replay", recording.parent / "*.csv", *SMALL, "--output", output)
    assert "output must not be one of the files" in error_line(result)


def test_output_and_dead_letters_must_be_two_files(invoke: Invoke, recording: Path) -> None:
    path = recording.with_name("out.jsonl")
    result = invoke("replay", recording, *SMALL, "--output", path, "--dead-letters", f"{path.parent}/./out.jsonl")
    assert "dead_letters must not be the output" in error_line(result)
    assert not path.exists()


def test_parts_of_a_folder_that_are_read_are_not_replaced(invoke: Invoke, recording: Path) -> None:
    folder = f"{recording.parent}/out/"
    assert invoke("replay", recording, *SMALL, "--output", folder).exit_code == 0
    result = invoke("replay", f"{folder}*.parquet", *SMALL, "--output", f"{recording.parent}/./out/")
    assert "output must not be one of the files" in error_line(result)
    assert [path.name for path in (recording.parent / "out").iterdir()] == ["part-000000.parquet"]


def test_redirected_input_and_output_are_not_overwritten(recording: Path) -> None:
    before = recording.read_bytes()
    result = limited(["replay", "-", *SMALL, "--output", recording], f"COMMAND < {recording}")
    assert error_line(result) == f"output must not be one of the files, '-', got '{recording}'"
    result = limited(["replay", recording, *SMALL, "--output", "-"], f"COMMAND >> {recording}")
    assert error_line(result) == f"output must not be one of the files, '{recording}', got '-'"
    assert recording.read_bytes() == before


@pytest.mark.parametrize(
    ("redirection", "args", "words"),
    [
        ("<&-", ["-"], "standard input: is closed"),
        ("< /dev/null", ["-"], "standard input: is empty"),
        (">&-", ["waves.csv", "--output", "-"], "standard output: is closed"),
    ],
)
def test_closed_and_empty_streams_are_named(recording: Path, redirection: str, args: list[str], words: str) -> None:
    result = limited(["replay", *args, *SMALL], f"cd {recording.parent}; COMMAND {redirection}")
    assert error_line(result) == words
    assert result.returncode == 1


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([""], "files must be the name of a file or folder, got ''"),
        (["waves.csv", "--output", ""], "output must be the name of a file or folder, got ''"),
        (["waves.csv", "--dead-letters", ""], "dead_letters must be the name of a file or folder, got ''"),
        (["waves.csv", "--checkpoint", ""], "checkpoint must be the name of a file or folder, got ''"),
        (["waves.csv", "--output", "out.csv.gz"], "out.csv.gz: output is not compressed, name it out.csv"),
        (["waves.csv", "./waves.csv"], "./waves.csv: is named twice, also as waves.csv"),
        (["--config", "nul.toml"], "files must be the name of a file or folder, got 'a\\x00b.csv'"),
    ],
)
def test_names_that_cannot_be_right_are_refused(
    invoke: Invoke, recording: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], words: str
) -> None:
    monkeypatch.chdir(recording.parent)
    recording.with_name("nul.toml").write_text('[job]\nfiles = ["a\\u0000b.csv"]\n')
    result = invoke("replay", *args, *SMALL)
    assert words in error_line(result)
    assert result.exit_code == 2


@pytest.mark.parametrize("name", ["program.csv", "program.parquet", "program.jsonl"])
def test_a_program_is_no_data(invoke: Invoke, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"\x7fELF\x02\x01\0\0\n" + bytes(range(256)) * 100)
    result = invoke("replay", path, *SMALL)
    assert error_line(result).startswith(f"{path}: ")
    assert len(error_line(result)) < len(str(path)) + 200


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "{a=" * 5000 + "1" + "}" * 5000])
@pytest.mark.parametrize("command", [("replay", "x.csv", "--config"), ("race", "x.csv", "--config"), ("run",)])
def test_a_job_file_that_is_nested_too_deeply_is_refused(
    invoke: Invoke, tmp_path: Path, text: str, command: tuple[str, ...]
) -> None:
    path = tmp_path / "job.toml"
    path.write_text(f"[engine]\nlags = {text}\n")
    result = invoke(*command, path)
    assert error_line(result).startswith(f"{path}: is nested too deeply")
    assert result.exit_code == 2


def test_members_that_are_nested_deeply_are_refused_in_short(invoke: Invoke, recording: Path) -> None:
    path = recording.with_name("job.toml")
    path.write_text(f"members = {'[' * 100}{']' * 100}\n")
    assert len(error_line(invoke("race", recording, "--config", path))) < 300


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda data: data[: len(data) // 2], "is not a complete gzip file"),
        (lambda data: data + b"garbage", "is not an intact gzip file: Not a gzipped file"),
        (lambda data: data[:-8] + bytes(8), "is not an intact gzip file: CRC check failed"),
        (lambda data: b"time,a\n" + data, "is not an intact gzip file"),
    ],
)
def test_a_damaged_gzip_file_is_named(invoke: Invoke, recording: Path, damage: object, words: str) -> None:
    path = recording.with_name("waves.csv.gz")
    path.write_bytes(damage(gzip.compress(recording.read_bytes())))  # type: ignore[operator]
    result = invoke("replay", path, "--key", "sensor", *SMALL)
    assert error_line(result).startswith(f"{path}: {words}")
    assert result.exit_code == 1


@pytest.mark.parametrize("tail", [bytes(100), None])
def test_zeros_or_another_gzip_file_may_follow(invoke: Invoke, recording: Path, tail: bytes | None) -> None:
    path = recording.with_name("waves.csv.gz")
    data = gzip.compress(recording.read_bytes())
    path.write_bytes(data + (gzip.compress(b"\n") if tail is None else tail))
    result = invoke("replay", path, "--key", "sensor", *SMALL)
    assert result.exit_code == 0
    assert "200 events of 1 stream" in result.stdout


def test_a_pipe_is_read_like_a_file(invoke: Invoke, recording: Path) -> None:
    pipe = recording.with_name("pipe.csv")
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(recording.read_bytes()))
    writer.start()
    result = invoke("replay", pipe, "--key", "sensor", *SMALL)
    writer.join()
    assert "200 events of 1 stream" in result.stdout


def limited(arguments: list[object], shell: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a shell that limits what it can write."""
    command = ["/bin/sh", "-c", shell.replace("COMMAND", '"$0" "$@"'), *COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--output", "out.csv"], "out.csv: cannot be written: File too large"),
        (["--output", "out.jsonl"], "out.jsonl: cannot be written: File too large"),
        (["--output", "out.parquet"], "out.parquet: cannot be written: File too large"),
        (["--output", "out/"], "out/part-000000.parquet: cannot be written: File too large"),
        (["--dead-letters", "refused.jsonl"], "refused.jsonl: cannot be written: File too large"),
        (["--plot", "plot.png"], "plot.png: cannot be written: File too large"),
        (["--checkpoint", "state"], "state/checkpoint-"),
    ],
)
def test_a_full_disk_is_reported_with_the_name_of_the_file(tmp_path: Path, options: list[str], words: str) -> None:
    path = waves(tmp_path / "waves.csv", 5000)
    path.write_text(path.read_text() + "bad\n" * 3000)
    named = [options[0], f"{tmp_path}/{options[1]}"]
    result = limited(["replay", path, "--key", "sensor", *SMALL, "--hidden", 32, *named], "ulimit -f 16; COMMAND")
    assert result.returncode == 1
    assert f"{tmp_path}/{words}" in error_line(result)


@pytest.mark.parametrize("options", [[], ["--json"], ["--output", "-"]])
def test_a_full_standard_output_is_reported(recording: Path, options: list[str]) -> None:
    result = limited(["replay", recording, "--key", "sensor", *SMALL, *options], "COMMAND > /dev/full")
    assert error_line(result).startswith("standard output: ")
    assert error_line(result).endswith("No space left on device")
    assert result.returncode == 1
