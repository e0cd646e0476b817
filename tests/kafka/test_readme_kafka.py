"""The README's live sessions are run again, on a broker of the tests, and have to say the same but for the figures."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from live import COMMAND
from topics import read_all, wait_for

if TYPE_CHECKING:
    from broker import Cluster

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "README.md").read_text()
PRODUCE, RUN = re.findall(r"```console kafka\n\$ (.*?)```", TEXT, re.DOTALL)
TOPICS = ("sensors", "forecasts", "refused")


def shape(line: str) -> str:
    """Return a line with every number as #."""
    return re.sub(r"\d[\d,.]*", "#", re.sub(r"^\S+Z ", "", line.strip()))


@pytest.fixture
def place(broker: Cluster, tmp_path: Path) -> Path:
    """Return a folder with the recording and the job, its broker the tests'."""
    subprocess.run([sys.executable, ROOT / "examples" / "make_sensors.py", tmp_path / "sensors.jsonl"], check=True)
    job = (ROOT / "examples" / "pumps.toml").read_text().replace("localhost:9092", broker.bootstrap)
    (tmp_path / "pumps.toml").write_text(job.replace("metrics_port = 9400 ", "metrics_port = 0 "))
    for name in ("forecasts", "refused"):
        broker.topic(name=name)
    return tmp_path


def test_the_live_sessions_of_the_readme(place: Path, broker: Cluster) -> None:
    command, _, shown = PRODUCE.partition("\n")
    words = [*command.split()[1:], "--servers", broker.bootstrap]
    ran = subprocess.run(
        [*COMMAND[:-1], *words],
        cwd=place,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert [shape(line) for line in ran.stdout.splitlines()] == [shape(line) for line in shown.splitlines()]

    with (place / "log").open("w") as log:
        job = subprocess.Popen([*COMMAND, "pumps.toml"], cwd=place, stderr=log)
        said = lambda: [shape(line) for line in (place / "log").read_text().splitlines()]  # noqa: E731
        wait_for(lambda: len(read_all(broker.bootstrap, "forecasts")) == 39_971, 120)
        wait_for(lambda: any(line.startswith("INFO events") for line in said()))
        job.terminate()
        assert job.wait(60) == 0
    for line in RUN.splitlines()[1:]:
        assert any(line_.startswith(shape(line)[:30]) for line_ in said()), line

    example = json.loads(re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0])
    made = [json.loads(forecast.value) for forecast in read_all(broker.bootstrap, "forecasts")]
    assert {tuple(row) for row in made} == {tuple(example)}
    refused = read_all(broker.bootstrap, "refused")
    assert not refused  # the broken lines of the file were refused by produce
