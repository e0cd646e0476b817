"""What docker/ holds fits together; no container engine is needed to see that."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from stream_rnn.cli.app import cli
from stream_rnn.cli.arguments.config_file import gather_live
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.open import open_files
from stream_rnn.settings.engine import Settings

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "docker" / "Dockerfile").read_text()
COPIED = [word for line in re.findall(r"(?m)^COPY (?!--)(.+)$", DOCKERFILE) for word in line.split()[:-1]]
COMPOSE = ROOT / "docker" / "compose.yaml"
LIVE, ENGINE = gather_live(str(ROOT / "docker" / "job.toml"), {})


def test_the_image_is_built_of_files_that_are_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert COPIED
    assert [name for name in COPIED if not (ROOT / name).exists() or f"!{name}" not in ignored] == []


def test_the_image_has_what_the_wheel_is_built_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    named = [*wheel, project["project"]["readme"], *project["project"]["license-files"]]
    assert [name for name in named if name not in COPIED] == []


def test_the_job_forecasts_what_the_sensors_send(tmp_path: Path) -> None:
    path = tmp_path / "sensors.jsonl"
    script = ROOT / "examples" / "make_sensors.py"
    subprocess.run([sys.executable, script, path, "--readings", "3"], check=True, capture_output=True)
    settings = Settings.parse(ENGINE)
    with open_files(path, Schema(LIVE.key)) as source:
        assert (source.time, source.columns) == (LIVE.time, settings.inputs)
    assert set(settings.target_names) <= set(settings.inputs)


def test_the_topics_of_the_job_are_made() -> None:
    made = re.findall(r"\$\$CREATE (\S+)", COMPOSE.read_text())
    assert made == [*LIVE.topics, LIVE.output, LIVE.dead_letter_topic]


def test_the_sensors_send_to_the_topic_that_the_job_reads() -> None:
    (line,) = re.findall(r"exec stream-rnn produce (.+)", COMPOSE.read_text())
    produce = cli.commands["produce"]
    assert isinstance(produce, click.Command)
    asked = produce.make_context("produce", shlex.split(line)).params
    assert (asked["servers"], (asked["topic"],), asked["key"]) == (LIVE.servers, LIVE.topics, LIVE.key)


def test_health_is_asked_where_the_job_answers() -> None:
    assert f"http://127.0.0.1:{LIVE.metrics_port}/health" in DOCKERFILE
    assert f"127.0.0.1:{LIVE.metrics_port}:{LIVE.metrics_port}" in COMPOSE.read_text()
    assert LIVE.metrics_address == "0.0.0.0"  # noqa: S104 - inside a container: what is published is compose's to say


def test_the_compose_file_is_one() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    done = subprocess.run(
        [docker, "compose", "-f", COMPOSE, "config", "-q"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
