"""`stream-rnn init` writes a job file that works, and in which every setting can be uncommented."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from stream_rnn.cli.arguments.config_file import TABLES, gather, gather_live
from stream_rnn.cli.arguments.fields import fields_of
from stream_rnn.cli.commands.init import SUBTABLES, job_file
from stream_rnn.connectors.kafka.client import make_cluster
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

FIELDS = [(table, field) for table, struct in TABLES.items() for field in fields_of(struct)]
SETTING = r"(?m)^# (\[kafka\.\w+\]|\w+ = .*[^.])$"
"""A setting that is commented out; explanations end with a full stop."""


def test_the_job_file_works(invoke: Invoke, tmp_path: Path, recording: Path) -> None:
    path = tmp_path / "job.toml"
    assert invoke("init", path).exit_code == 0
    result = invoke("replay", "--config", path, recording, "--json", "--hidden", "4", "--window", "4")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["events"] == 200


def test_the_job_file_works_for_both_kinds_of_jobs(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text(job_file("job.toml"))
    assert gather(str(path), {}) == (ReplaySettings(files=("events.csv",)), {})
    assert gather_live(str(path), {}) == (LiveSettings(topics=("events",)), {})


def test_the_job_file_has_every_setting_with_its_default() -> None:
    tables = msgspec.toml.decode(re.sub(SETTING, r"\1", job_file("job.toml")))
    assert tables["engine"].pop("preset") == "forecast"
    assert [(table, name) for table in TABLES for name in tables[table]] == [(t, field.name) for t, field in FIELDS]
    for table, field in FIELDS:
        if field.name not in {"files", "client", "registry"} and field.default not in (None, (), msgspec.NODEFAULT):
            value = tables[table][field.name]
            assert (tuple(value) if field.is_list else value) == field.default


NEEDS = {
    "idle_flush": "lateness = 60.0\n",
    "readout_lags": "skip = true\n",
    "resume": "checkpoint = 'c'\n",
    "top": "loss = 'softmax'\nclasses = 20\nreadout = 'gradient'\nreversion = false\n",
}
"""Other settings that a setting needs."""


@pytest.mark.parametrize(
    ("table", "name"), [(table, field.name) for table, field in FIELDS if field.name not in SUBTABLES]
)
def test_each_setting_can_be_uncommented(tmp_path: Path, table: str, name: str) -> None:
    head, mark, body = job_file("job.toml").partition(f"\n[{table}]\n")
    needs = NEEDS.get(name, "")
    path = tmp_path / "job.toml"
    path.write_text(head + mark + re.sub(rf"(?m)^# ({name} = .*)$", rf"{needs}\1", body, count=1))
    _, engine = (gather_live if table == "kafka" else gather)(str(path), {})
    Settings.parse({"inputs": ("x",)} | engine)


def test_the_client_settings_can_be_uncommented(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "secret")
    head, mark, client = job_file("job.toml").partition("# [kafka.client]\n")
    path = tmp_path / "job.toml"
    path.write_text(head + re.sub(SETTING, r"\1", mark + client.partition("\n\n")[0]))
    live, _ = gather_live(str(path), {})
    assert make_cluster(live.servers, live.client).options == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "stream-rnn",
        "sasl_plain_password": "secret",
    }


def test_every_setting_is_explained() -> None:
    explained = " ".join(job_file("job.toml").replace("\n# ", " ").split())
    for _, field in FIELDS:
        assert " ".join(field.help.split()) in explained


def test_an_existing_file_is_not_overwritten(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text("mine")
    result = invoke("init", path)
    assert (result.exit_code, path.read_text()) == (2, "mine")
    assert result.stderr == f"error: {path} exists: name another file\n"


def test_a_missing_folder_is_reported(invoke: Invoke, tmp_path: Path) -> None:
    result = invoke("init", tmp_path / "none" / "job.toml")
    assert result.exit_code == 2
    assert "cannot be written: No such file or directory" in result.stderr
