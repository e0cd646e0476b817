"""Options for how files are written, the line that tells what was recognised, and names with commas."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from command import SMALL, error_line

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

GERMAN = "Zeit;Leistung, kW;Fluss\n" + "".join(f"{i};1.{200 + i},5;{i},25\n" for i in range(30))


@pytest.fixture
def german(tmp_path: Path) -> Path:
    path = tmp_path / "anlage.csv"
    path.write_text(GERMAN)
    return path


def test_what_was_recognised_is_told_once(invoke: Invoke, german: Path) -> None:
    result = invoke("replay", german, "--time", "Zeit", "--json", *SMALL)
    assert result.exit_code == 0, result.stderr
    line = f"{german}: delimiter ';', decimal ',', thousands '.'"
    assert [shown for shown in result.stderr.splitlines() if "delimiter" in shown] == [line]
    assert json.loads(result.stdout)["settings"]["inputs"] == ["Leistung, kW", "Fluss"]


def test_nothing_is_told_about_a_plain_file(invoke: Invoke, recording: Path) -> None:
    result = invoke("replay", recording, "--json", *SMALL)
    assert str(recording) not in result.stderr


def test_options_say_how_a_file_is_written(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    text = "x\n~ note\nt|'Temp °C'\n" + "".join(f"{i}|'{i} 200,5'\n" for i in range(30))
    path.write_bytes(text.encode("utf-16-le"))
    options = [
        "--delimiter",
        "|",
        "--decimal",
        ",",
        "--quote",
        "'",
        "--comment",
        "~",
        "--skip-lines",
        "1",
        "--encoding",
        "utf-16-le",
    ]
    result = invoke("replay", path, *options, "--skip-lines", 1, "--thousands", " ", "--time", "t", "--json", *SMALL)
    assert result.exit_code == 0, result.stderr
    output = json.loads(result.stdout)
    assert (output["settings"]["inputs"], output["events"], output["skipped"]) == (["Temp °C"], 30, 0)
    assert output["scores"]["persistence"]["mae"] == pytest.approx(1000.0, rel=0.05)


@pytest.mark.parametrize(
    ("args", "inputs"),
    [
        (["--inputs", '"Leistung, kW"'], ["Leistung, kW"]),
        (["--inputs", 'Fluss, "Leistung, kW"'], ["Fluss", "Leistung, kW"]),
        (["--inputs", "Fluss", "--inputs", '"Leistung, kW"'], ["Fluss", "Leistung, kW"]),
    ],
)
def test_a_name_with_a_comma_is_quoted(invoke: Invoke, german: Path, args: list[str], inputs: list[str]) -> None:
    result = invoke("replay", german, *args, "--json", *SMALL)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["settings"]["inputs"] == inputs


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--inputs", "Leistung, kW"], "in a list, a name with a comma is quoted: '\"Leistung, kW\"'"),
        (["--inputs", '"Leistung'], "has a quote that is not closed"),
        (["--delimiter", "ab"], "delimiter must be one character, such as , ; | or tab, got 'ab'"),
        (["--decimal", ";"], "'--decimal'"),
        (["--thousands", "x"], "'--thousands'"),
        (["--decimal", ".", "--thousands", "."], "decimal and thousands must differ"),
        (["--quote", "x"], "'--quote'"),
        (["--skip-lines", "-1"], "skip_lines must be at least 0, got -1"),
        (["--skip-lines", "many"], "'--skip-lines'"),
        (["--encoding", "klingon"], "encoding must be one that Python knows"),
        (["--comment", ""], "comment must be how a line begins"),
    ],
)
def test_a_wrong_option_is_named(invoke: Invoke, german: Path, args: list[str], words: str) -> None:
    result = invoke("replay", german, "--time", "Zeit", *args, *SMALL)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, result.stderr
    assert words in lines[0]
    assert result.exit_code in {1, 2}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"time;x\n1;1.234\n", "'1.234' is 1234 or 1.234: set decimal to . or ,"),
        ("a.lp", b"weather,host=a temp=20.1 1736121600000000000\n", "is line protocol of InfluxDB"),
        ("a.xlsx", b"PK\x03\x04", "is a workbook: save its sheet as CSV"),
    ],
)
def test_a_file_that_is_uncertain_or_of_another_kind_is_refused(
    invoke: Invoke, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert words in error_line(invoke("replay", path, *SMALL))
