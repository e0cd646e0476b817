"""Mistakes with a live job: each is reported in one line, and nothing starts."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from broker import PASSWORD, USER
from live import COMMAND, ENGINE, Live, feed, reading
from topics import send

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Broker, Cluster


def run(folder: Path, kafka: dict[str, Any], engine: dict[str, Any] | None = None) -> tuple[int, str]:
    """Run a job that must not start; return its exit code and the last line of its log."""
    path = folder / "job.toml"
    path.write_bytes(msgspec.toml.encode({"kafka": kafka, "engine": ENGINE if engine is None else engine}))
    ran = subprocess.run([*COMMAND, str(path)], capture_output=True, text=True, cwd=folder, timeout=120, check=False)
    assert ran.stdout == ""
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("kafka", "message"),
    [
        ({}, "topics must name at least one topic, got none"),
        ({"topics": ["a"], "pattern": "b"}, "topics or pattern must be given, and not both"),
        ({"pattern": "("}, "pattern must be a regular expression, got '('"),
        ({"topics": ["a"], "start": "yesterday"}, "start must be earliest, latest, committed or a time (ISO 8601)"),
        ({"topics": ["a"], "output": "a"}, "output must not be one of topics, got 'a'"),
        ({"topics": ["a"], "commit_seconds": 0.0}, "commit_seconds must be above 0 and at most 10, got 0.0"),
        ({"topics": ["a"], "delivery": "exactly_onec"}, "did you mean 'exactly_once'?"),
        ({"topics": ["a"], "servers": ["http://a"]}, "servers must be host:port, got 'http://a'"),
        ({"topics": ["a"], "client": {"sasl_plain_password": "x"}}, "it is a secret"),
        ({"topics": ["a"], "client": {"sasl_plain_password": {"env": "NOWHERE"}}}, "'NOWHERE' is not set"),
        ({"topics": ["a"], "client": {"ssl_cafil": "x"}}, "did you mean 'ssl_cafile'?"),
        ({"topics": ["a"], "client": {"group_id": "x"}}, "client option 'group_id' is set by group"),
        ({"topics": ["a"], "topic": "b"}, "unknown setting 'topic' in [kafka]; did you mean 'topics'?"),
        ({"topics": ["a"], "begin_with": "nowhere"}, "no checkpoint at nowhere"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(kafka: dict[str, Any], message: str, tmp_path: Path) -> None:
    code, line = run(tmp_path, kafka)
    assert message in line
    assert code == (1 if "nowhere" in message else 2)


def test_inputs_must_be_set(tmp_path: Path) -> None:
    assert run(tmp_path, {"topics": ["a"]}, {"hidden": 4}) == (
        2,
        "error: inputs must be set for a live job: columns of a topic are not detected",
    )


def test_a_target_must_not_have_the_name_of_an_output_field(tmp_path: Path) -> None:
    code, line = run(tmp_path, {"topics": ["a"]}, {"inputs": ["offset"]})
    assert code == 2
    assert "got 'offset'" in line


def test_a_broker_that_does_not_answer_in_time_is_named(tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    code, line = run(tmp_path, {"topics": ["a"], "servers": [f"127.0.0.1:{port}"], "start_timeout": 1.0})
    expected = f"error: no Kafka broker answers at 127.0.0.1:{port}; gave up after start_timeout, 1 s"
    assert (code, line) == (1, expected)


def test_a_wrong_password_is_reported_and_not_shown(
    started_broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", PASSWORD + "x")
    login = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": USER,
        "sasl_plain_password": {"env": "SECRET"},
    }
    code, line = run(tmp_path, {"topics": ["a"], "servers": [started_broker.sasl_bootstrap], "client": login})
    assert code == 1
    assert f"rejects user '{USER}' with PLAIN: check the user name, the password and sasl_mechanism" in line
    assert PASSWORD not in line


@pytest.mark.parametrize("role", ["topics", "output", "dead_letter_topic"])
def test_a_missing_topic_is_named_with_the_most_similar_one(
    role: str, broker: Cluster, topic: str, tmp_path: Path
) -> None:
    wrong = [topic + "s"] if role == "topics" else topic + "s"
    code, line = run(tmp_path, {"servers": [broker.bootstrap], "topics": [topic], role: wrong})
    assert code == 1
    assert f"no topic '{topic}s' at {broker.bootstrap}; did you mean '{topic}'?" in line


def test_a_port_in_use_is_named(broker: Cluster, topic: str, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        port = bound.getsockname()[1]
        code, line = run(tmp_path, {"servers": [broker.bootstrap], "topics": [topic], "metrics_port": port})
    assert (code, line) == (2, f"error: metrics_port {port} cannot be used: address already in use")


def test_without_prometheus_client_only_a_job_that_serves_metrics_is_refused(
    broker: Cluster, topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "modules").mkdir()
    module = tmp_path / "modules" / "prometheus_client.py"
    module.write_text("raise ModuleNotFoundError('not installed', name='prometheus_client')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(module.parent), *map(str, sys.path)]))
    live = Live(broker, tmp_path, topic, broker.topic(), "plain")
    live.start()
    live.wait_for_forecasts(feed(broker, topic, 0, 10))
    assert live.stop() == [0]
    code, line = run(tmp_path, {"servers": [broker.bootstrap], "topics": [topic], "metrics_port": 0})
    assert (code, line) == (1, "error: prometheus_client is not installed: pip install 'stream-rnn[metrics]'")


def test_a_lost_checkpoint_folder_is_reported_instead_of_starting_from_scratch(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "loses")
    live.start()
    key, value = reading(0)
    send(broker.bootstrap, topic, [value], [key])
    live.wait_for_forecasts(1)
    assert live.stop() == [0]
    shutil.rmtree(tmp_path / "state")
    assert live.start().wait(60) == 1
    assert "group 'loses' has committed offset 1 of" in live.log()
    assert "has no checkpoint that matches: restore the folder" in live.log()


def test_start_committed_refuses_partitions_without_a_committed_offset(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "refuses", {"start": "committed"})
    assert live.start().wait(60) == 1
    assert f"group 'refuses' has no committed offset in {topic}-0, and start is committed" in live.log()


def test_settings_that_differ_from_the_checkpoint_are_refused(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "differs")
    live.start()
    key, value = reading(0)
    send(broker.bootstrap, topic, [value], [key])
    live.wait_for_forecasts(1)
    assert live.stop() == [0]
    live.engine["hidden"] = 5
    assert live.start().wait(60) == 1
    assert "has hidden = (4,), the settings have (5,)" in live.log()
