"""Options for missing values and states: on the command line and in a job file, a wrong one is one line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Invoke = Callable[..., Any]

SMALL = ("--hidden", "4", "--window", "4")


@pytest.fixture
def readings(tmp_path: Path) -> Path:
    path = tmp_path / "readings.csv"
    rows = [
        f"{-99.9 if t % 9 == 3 else t % 7},{'n/a' if t % 9 == 5 else t % 5},{('on', 'off')[t // 5 % 2]}"
        for t in range(90)
    ]
    path.write_text("temp,flow,valve\n" + "\n".join(rows) + "\n")
    return path


def summary(result: Any) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize(
    "options",
    [
        ("--missing-values", "n/a", "--missing-values", "temp=-99.9"),
        ("--missing-values", "n/a,temp=-99.9"),
        ("--missing-values", "flow=n/a", "--missing-values", "-99.9"),
        ("--missing-values", "-99.9,n/a"),
    ],
)
def test_missing_values_are_named_for_all_columns_or_one(
    options: tuple[str, ...], invoke: Invoke, readings: Path
) -> None:
    found = summary(invoke("replay", readings, "--json", *SMALL, *options))
    assert (found["missing_inputs"], found["bad_values"]) == (20, {})


def test_a_job_file_and_the_command_line_name_the_same(invoke: Invoke, readings: Path, tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(
        f'[job]\nfiles = ["{readings}"]\nmissing_values = {{ temp = [-99.9], "*" = ["n/a"] }}\ncategories = ["valve"]\n'
    )
    from_file = summary(invoke("replay", "--config", job, "--json", *SMALL))
    options = ("--missing-values", "n/a,temp=-99.9", "--categories", "valve")
    from_options = summary(invoke("replay", readings, "--json", *SMALL, *options))
    assert from_file["scores"] == from_options["scores"]
    assert from_file["words"] == {"valve": ["on", "off"]}


def test_likely_sentinels_are_named_with_the_option(invoke: Invoke, readings: Path) -> None:
    result = invoke("replay", readings, *SMALL)
    assert "column 'temp' has -99.9" in result.stderr
    assert "--missing-values temp=-99.9" in result.stderr


def test_states_and_labels_are_listed(invoke: Invoke, readings: Path) -> None:
    assert "valve: on, off\n" in invoke("replay", readings, *SMALL, "--categories", "valve").stdout
    labels = ("--task", "classification", "--targets", "valve", "--inputs", "flow")
    assert "valve: 0: on, 1: off\n" in invoke("replay", readings, *SMALL, *labels).stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--missing-values", "tmp=1"), "no column 'tmp'; did you mean 'temp'"),
        (("--categories", "valv"), "no column 'valv'; did you mean 'valve'"),
        (("--max-categories", "0"), "max_categories must be from 1 to 1000, got 0"),
        (("--inputs", "valve"), "name it in categories"),
    ],
)
def test_a_wrong_value_is_one_line(options: tuple[str, ...], words: str, invoke: Invoke, readings: Path) -> None:
    result = invoke("replay", readings, *SMALL, *options)
    assert result.exit_code in {1, 2}
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1
