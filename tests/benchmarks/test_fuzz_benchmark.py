"""Damaged records and checkpoints crash nothing, and each is processed or refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import fuzz

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("seed", [1, 2])
def test_a_fixed_corpus_of_damaged_records_crashes_nothing_and_is_accounted_for(seed: int) -> None:
    program = [sys.executable, "-m", "benchmarks.fuzz", "--records", "5000", "--seed", str(seed), "--json"]
    completed = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    results = json.loads(completed.stdout)
    assert results["failures"] == []
    rows = {row["format"]: row for row in results["formats"]}
    assert set(rows) == {*fuzz.FORMATS, "all"}
    for row in rows.values():
        assert row["written"] == row["processed"] + row["refused"] > 0
    assert rows["all"]["refused"] > 500
