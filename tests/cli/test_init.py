"""`stream-rnn init` writes a job file that runs, and in which every line may be uncommented."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from stream_rnn.cli.config_file import gather
from stream_rnn.cli.init import text
from stream_rnn.cli.options import fields_of
from stream_rnn.config import Settings
from stream_rnn.job_settings import JobSettings

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

FIELDS = [("job", field.name) for field in fields_of(JobSettings)] + [
    ("engine", field.name) for field in fields_of(Settings)
]


def test_the_job_file_runs(invoke: Invoke, tmp_path: Path, recording: Path) -> None:
    path = tmp_path / "job.toml"
    assert invoke("init", path).exit_code == 0
    result = invoke("replay", "--config", path, recording, "--json", "--hidden", "4", "--window", "4")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["events"] == 200


def test_it_names_every_setting_with_its_default(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(re.sub(r"(?m)^# (\w+ = .*)$", lambda line: line[1], text("job.toml")))
    tables = msgspec.toml.decode(path.read_bytes())
    assert [(table, name) for table in ("job", "engine") for name in tables[table]] == FIELDS
    for struct, table in ((JobSettings, "job"), (Settings, "engine")):
        for field in fields_of(struct):
            if field.name != "files" and field.default not in (None, (), msgspec.NODEFAULT):
                found = tables[table][field.name]
                assert (tuple(found) if field.several else found) == field.default


@pytest.mark.parametrize(("table", "name"), FIELDS)
def test_each_line_uncommented_is_allowed(tmp_path: Path, table: str, name: str) -> None:
    needs = {"resume": "checkpoint = 'c'\n", "residual": "", "targets": ""}.get(name, "")
    head, engine = text("job.toml").split("\n[engine]\n")
    body = head if table == "job" else engine
    body = re.sub(rf"(?m)^# ({name} = .*)$", lambda line: needs + line[1], body, count=1)
    path = tmp_path / "job.toml"
    path.write_text(f"{body}\n[engine]\n{engine}" if table == "job" else f"{head}\n[engine]\n{body}")
    _, found = gather(str(path), {})
    Settings.parse({"inputs": ("x",)} | found)


def test_it_replaces_no_file(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text("mine")
    result = invoke("init", path)
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert result.stderr == f"error: {path} is there already; name another file\n"


def test_a_missing_folder_is_said(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("init", tmp_path / "none" / "job.toml")
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.stderr
