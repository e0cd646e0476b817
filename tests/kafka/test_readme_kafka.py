"""The live sessions in the documentation are run again on a broker; everything but the numbers must be the same."""

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
TEXT = "\n".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
PRODUCE, RUN = re.findall(r"```console kafka\n\$ (.*?)```", TEXT, re.DOTALL)


def shape(line: str) -> str:
    """Return a line without its time, and with every number as #."""
    return re.sub(r"\d[\d,.]*", "#", re.sub(r"^\S+Z ", "", line.strip()))


@pytest.fixture
def folder(broker: Cluster, tmp_path: Path) -> Path:
    """Return a folder with the recording and the job file, which names the broker of the tests."""
    subprocess.run([sys.executable, ROOT / "examples" / "make_sensors.py", tmp_path / "sensors.jsonl"], check=True)
    job = (ROOT / "examples" / "pumps.toml").read_text().replace("localhost:9092", broker.bootstrap)
    (tmp_path / "pumps.toml").write_text(job.replace("metrics_port = 9400 ", "metrics_port = 0 "))
    for name in ("forecasts", "refused"):
        broker.topic(name=name)
    return tmp_path


def test_the_documented_live_sessions(folder: Path, broker: Cluster) -> None:
    command, _, shown = PRODUCE.partition("\n")
    words = [*command.split()[1:], "--servers", broker.bootstrap]
    ran = subprocess.run(
        [*COMMAND[:-1], *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"COLUMNS": "100"},
    )
    assert [shape(line) for line in ran.stdout.splitlines()] == [shape(line) for line in shown.splitlines()]

    with (folder / "log").open("w") as log:
        job = subprocess.Popen([*COMMAND, "pumps.toml"], cwd=folder, stderr=log)
        lines = lambda: [shape(line) for line in (folder / "log").read_text().splitlines()]  # noqa: E731
        wait_for(lambda: len(read_all(broker.bootstrap, "forecasts")) == 39_971, 120)
        wait_for(lambda: any(line.startswith("INFO events") for line in lines()))
        job.terminate()
        assert job.wait(60) == 0
    for line in RUN.splitlines()[1:]:
        assert any(logged.startswith(shape(line)[:30]) for logged in lines()), line

    after = TEXT.partition(RUN)[2]
    example = json.loads(re.findall(r"```json\n(.*?)```", after, re.DOTALL)[0])
    forecasts = [json.loads(forecast.value) for forecast in read_all(broker.bootstrap, "forecasts")]
    assert {tuple(row) for row in forecasts} == {tuple(example)}
    refused = read_all(broker.bootstrap, "refused")
    assert not refused  # produce has refused the broken lines of the file
