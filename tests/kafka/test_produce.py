"""`stream-rnn produce` writes recorded events to a topic as a live job reads them, each once, in order."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from broker import PASSWORD, USER, Broker, Cluster
from kafka import KafkaAdminClient, TopicPartition
from topics import read_all, send, wait_for

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.open import open_files
from stream_rnn.connectors.kafka.decoder import Decoder

COMMAND = [sys.executable, "-m", "stream_rnn.cli", "produce"]
ROOT = Path(__file__).parents[2]
START = 1_700_000_000


def start(broker: Cluster | None, *args: object, **options: Any) -> subprocess.Popen[str]:
    servers = [] if broker is None else ["--servers", broker.bootstrap]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *map(str, args), *servers], **(pipes | options))


def run(broker: Cluster | None, *args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    process = start(broker, *args, **options)
    stdout, stderr = process.communicate(timeout=120)
    assert "Traceback" not in stderr
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


def failure(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    """Return the exit code and the one error message; log lines of the Kafka client may precede it."""
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.stdout, len(lines)) == ("", 1), done.stderr
    return done.returncode, lines[0].removeprefix("error: ")


def fields(broker: Cluster, topic: str) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in read_all(broker.bootstrap, topic)]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return a file of two sensors, a reading a minute; one value is missing, and one line is broken."""
    path = tmp_path / "sensors.jsonl"
    rows = [{"at": START + 60 * t, "sensor": f"s{k}", "a": t + k / 4, "b": -t} for t in range(50) for k in range(2)]
    del rows[3]["b"]
    lines = [json.dumps(row) for row in rows]
    path.write_text("\n".join([*lines[:10], '{"at": 17', *lines[10:]]) + "\n")
    return path


def test_a_record_has_the_names_of_the_columns_and_null_for_missing_values(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("At,Sensor,flow [l/s],note,last\n2026-01-31T12:00:00.25+01:00,pömp,,x,false\n1,q,2.5,y,true\n")
    done = run(broker, path, "--topic", topic, "--key", "Sensor", "--time", "At", "--end", "last")
    assert done.returncode == 0
    records = read_all(broker.bootstrap, topic)
    found = {record.key.decode(): (record.timestamp, record.value.decode()) for record in records}
    assert found == {
        "pömp": (
            1_769_857_200_250,
            '{"At":"2026-01-31T11:00:00.250000Z","Sensor":"pömp","flow [l/s]":null,"last":false}',
        ),
        "q": (1000, '{"At":"1970-01-01T00:00:01.000000Z","Sensor":"q","flow [l/s]":2.5,"last":true}'),
    }
    assert done.stdout.splitlines()[1] == "ignored columns: note: text ('x')"


def test_a_live_job_reads_the_events_of_the_file(broker: Cluster, topic: str, recording: Path) -> None:
    run(broker, recording, "--topic", topic, "--key", "sensor", "--time", "at")
    schema = Schema("sensor", "at", None, ("a", "b"))
    (expected,) = open_files(recording, schema)
    records = read_all(broker.bootstrap, topic)
    batch = Decoder(schema).decode(TopicPartition(topic, 0), records)
    assert not batch.dead
    for key in ("s0", "s1"):
        from_file, from_topic = expected[expected.keys == key], batch.events[batch.events.keys == key]
        np.testing.assert_array_equal(from_file.times, from_topic.times)
        for name in ("a", "b"):
            np.testing.assert_array_equal(from_file.columns[name], from_topic.columns[name])


def test_a_stream_goes_to_the_partition_that_kafkas_own_clients_choose(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    keys = [f"sensor-{i}" for i in range(40)]
    path = tmp_path / "events.csv"
    path.write_text("sensor,a\n" + "".join(f"{key},1\n" for key in keys))
    run(broker, path, "--topic", topic, "--key", "sensor")
    ours = {record.key: record.partition for record in read_all(broker.bootstrap, topic)}
    theirs = send(broker.bootstrap, topic, [b"1"] * 40, [key.encode() for key in keys])
    assert ours == {key.encode(): sent.partition for key, sent in zip(keys, theirs, strict=True)}
    assert len(set(ours.values())) == 4


def test_streams_of_several_files_stay_in_order_of_time(broker: Cluster, topic: str, tmp_path: Path) -> None:
    for half in range(2):
        lines = [f"{START + t},s{t // 2 % 7},{t}" for t in range(half, 20_000, 2)]
        (tmp_path / f"{half}.csv").write_text("\n".join(["time,sensor,a", *lines]) + "\n")
    done = run(broker, tmp_path / "*.csv", "--topic", topic, "--key", "sensor")
    assert done.stdout.startswith(f"20,000 events of 7 streams to topic {topic} in ")
    found: dict[str, list[int]] = {}
    for event in fields(broker, topic):
        found.setdefault(event["sensor"], []).append(event["a"])
    assert found == {f"s{k}": [t for t in range(20_000) if t // 2 % 7 == k] for k in range(7)}


def test_without_a_key_all_events_are_one_stream_in_one_partition(broker: Cluster, topic: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("a\n" + "".join(f"{i}\n" for i in range(100)))
    start_time = time.time()
    run(broker, path, "--topic", topic)
    records = read_all(broker.bootstrap, topic)
    assert [json.loads(record.value) for record in records] == [{"a": i} for i in range(100)]
    assert {(record.partition, record.key) for record in records} == {(records[0].partition, b"")}
    assert records[0].timestamp >= 1000 * start_time - 1  # the current time, for events without time


def test_words_where_numbers_belong_are_counted_and_sent_as_null(broker: Cluster, topic: str, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("a\n1\nunavailable\n3\n")
    done = run(broker, path, "--topic", topic)
    assert done.stdout.endswith("not numbers, sent as null: 1 value\n")
    assert [json.loads(record.value) for record in read_all(broker.bootstrap, topic)] == [
        {"a": 1},
        {"a": None},
        {"a": 3},
    ]


def test_refused_records_are_counted(broker: Cluster, topic: str, recording: Path) -> None:
    done = run(broker, recording, "--topic", topic, "--key", "sensor", "--time", "at")
    assert done.stdout.startswith(f"100 events of 2 streams to topic {topic} in ")
    assert done.stdout.endswith(" events/s; 1 record skipped: not JSON (1)\n")


def test_a_missing_topic_is_reported_with_the_most_similar_one(broker: Cluster, topic: str, recording: Path) -> None:
    done = run(broker, recording, "--topic", f"{topic}s", "--key", "sensor", "--time", "at")
    message = f"no topic '{topic}s' at {broker.bootstrap}; did you mean '{topic}'?"
    assert failure(done) == (1, message)


def test_partitions_creates_a_topic_and_leaves_an_existing_one_alone(broker: Cluster, recording: Path) -> None:
    name = f"made-{time.time_ns()}"
    for partitions in (3, 5):
        done = run(broker, recording, "--topic", name, "--partitions", partitions, "--key", "sensor", "--time", "at")
        assert done.returncode == 0
        with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
            (found,) = admin.describe_topics([name])
        assert len(found["partitions"]) == 3
    broker.delete_topic(name)


def test_a_topic_that_it_creates_accepts_any_time(broker: Cluster, tmp_path: Path) -> None:
    name, path = f"made-{time.time_ns()}", tmp_path / "ages.csv"
    path.write_text("time,a\n1960-01-01,1\n2000-01-01,2\n2999-01-01,3\n")
    assert run(broker, path, "--topic", name, "--partitions", 1).returncode == 0
    assert [event["a"] for event in fields(broker, name)] == [1, 2, 3]
    broker.delete_topic(name)


def test_a_topic_that_cannot_be_created_is_an_error(broker: Cluster, recording: Path) -> None:
    code, message = failure(run(broker, recording, "--topic", "a b", "--partitions", 3))
    assert (code, message.partition(":")[0]) == (1, "cannot create topic 'a b'")


def test_an_event_that_is_not_delivered_is_an_error(broker: Cluster, topic: str, tmp_path: Path) -> None:
    path = tmp_path / "future.csv"
    path.write_text("time,a\n2999-01-01,1\n")  # Kafka rejects times that far ahead, unless the topic allows them
    code, message = failure(run(broker, path, "--topic", topic))
    assert code == 1
    assert message.startswith(f"Kafka at {broker.bootstrap}: ")
    assert "is out of range" in message


def test_a_loop_continues_in_time_until_it_is_stopped(broker: Cluster, topic: str, recording: Path) -> None:
    args = [recording, "--topic", topic, "--key", "sensor", "--time", "at", "--speed", "3000", "--loop"]
    process = start(broker, *args)
    wait_for(lambda: len(read_all(broker.bootstrap, topic)) > 250)
    process.send_signal(signal.SIGINT)
    stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    found = [(event["at"], event["a"]) for event in fields(broker, topic) if event["sensor"] == "s0"]
    times = np.array([moment.removesuffix("Z") for moment, _ in found], "datetime64[us]")
    assert set(np.diff(times)) == {np.timedelta64(60, "s")}
    assert [a for _, a in found] == [i % 50 for i in range(len(found))]
    assert stdout.startswith(f"{len(fields(broker, topic)):,} events of 2 streams ")


def test_a_replay_at_a_speed_takes_its_time_and_can_be_stopped(broker: Cluster, topic: str, recording: Path) -> None:
    args = [recording, "--topic", topic, "--key", "sensor", "--time", "at", "--speed", "60"]
    start_time = time.monotonic()
    process = start(broker, *args)
    wait_for(lambda: len(read_all(broker.bootstrap, topic)) >= 6)
    assert time.monotonic() - start_time > 2  # seconds, until the third minute
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 143
    sent = len(fields(broker, topic))
    assert sent < 100
    assert stdout.startswith(f"{sent} events of 2 streams ")


def test_records_that_the_topic_does_not_keep_are_announced(broker: Cluster, recording: Path) -> None:
    args = ["--key", "sensor", "--time", "at"]
    warned = run(broker, recording, "--topic", broker.topic(retention_ms=86_400_000), *args)
    assert "keeps records for 24 hours by their timestamps" in warned.stderr
    assert warned.stderr.count("retention.ms") == 1
    compacted = broker.topic(retention_ms=86_400_000, cleanup_policy="compact")
    for topic in (broker.topic(), compacted):
        assert "retention.ms" not in run(broker, recording, "--topic", topic, *args).stderr


def test_a_pipe_is_read_as_it_is_written_and_can_be_left_while_silent(broker: Cluster, topic: str) -> None:
    process = start(broker, "-", "--topic", topic, "--format", "jsonl", stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write('{"a": 1}\n{"a": 2}\n')
    process.stdin.flush()
    wait_for(lambda: len(read_all(broker.bootstrap, topic)) == 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 130
    stdout, _ = process.communicate()
    assert stdout.startswith("2 events of 1 stream ")


def test_servers_and_client_options_are_read_from_the_job_file(
    started_broker: Broker, topic: str, recording: Path, tmp_path: Path
) -> None:
    client = {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": USER,
        "sasl_plain_password": {"env": "SENSORS_PASSWORD"},
    }
    path = tmp_path / "job.toml"
    path.write_bytes(msgspec.toml.encode({"kafka": {"servers": [started_broker.sasl_bootstrap], "client": client}}))
    args = [recording, "--topic", topic, "--key", "sensor", "--time", "at", "--config", path]
    done = run(None, *args, env=os.environ | {"SENSORS_PASSWORD": PASSWORD})
    assert done.stdout.startswith(f"100 events of 2 streams to topic {topic} in ")
    assert len(fields(started_broker, topic)) == 100


def test_the_docker_job_forecasts_what_is_produced(broker: Cluster, topic: str, tmp_path: Path) -> None:
    output, path = f"{topic}-forecasts", tmp_path / "sensors.jsonl"
    command = [sys.executable, ROOT / "examples" / "make_sensors.py", path, "--readings", "20"]
    subprocess.run(command, check=True, capture_output=True)
    run(broker, path, "--topic", topic, "--key", "sensor")
    topics = ["--topics", topic, "--output", broker.topic(name=output), "--dead-letter-topic", broker.topic()]
    others = ["--servers", broker.bootstrap, "--group", topic, "--metrics-port", "0"]
    job = [*COMMAND[:-1], "run", str(ROOT / "docker" / "job.toml"), *topics, *others]
    process = subprocess.Popen(job, cwd=tmp_path, stderr=subprocess.DEVNULL)
    wait_for(lambda: len(read_all(broker.bootstrap, output)) == len(read_all(broker.bootstrap, topic)), 120)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert {"key", "temperature+1.q0.05", "temperature+3.q0.95"} <= fields(broker, output)[0].keys()
    broker.delete_topic(output)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "files must name at least one file, got none"),
        (["{none}.csv"], "{none}.csv: no such file"),
        (["{recording}", "--key", "senor"], "{recording}: no column 'senor'; did you mean 'sensor'?"),
        (["{recording}", "--speed", "1"], "speed needs times: set time to the name of the time column"),
        (["{recording}", "--time", "at", "--speed", "0"], "speed must be a positive number, got 0.0"),
        (["{recording}", "--partitions", "0"], "invalid value for '--partitions': 0 is not in the range x>=1"),
        (["-", "--loop"], "loop needs files: standard input can be read only once"),
        (["{recording}", "--servers", "nowhere:x"], "servers must be host:port, got 'nowhere:x'"),
        (["{recording}", "--servers", "127.0.0.1:1"], "no Kafka broker answers at 127.0.0.1:1"),
    ],
)
def test_a_mistake_is_reported_in_one_line(recording: Path, args: list[str], message: str) -> None:
    names = {"recording": str(recording), "none": "missing"}
    _, found = failure(run(None, "--topic", "t", *(arg.format(**names) for arg in args)))
    assert found.startswith(message.format(**names))


def test_stopped_while_the_broker_is_down_it_exits_with_an_error(own_broker: Broker, tmp_path: Path) -> None:
    topic, path = own_broker.topic(), tmp_path / "waves.csv"
    path.write_text("time,a\n" + "".join(f"{START + t},{math.sin(t)}\n" for t in range(10_000)))
    process = start(own_broker, path, "--topic", topic, "--speed", "100")
    wait_for(lambda: read_all(own_broker.bootstrap, topic))
    own_broker.kill()
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (1, "")
    assert stderr.splitlines()[-1] == "error: no answer from Kafka within 10 s: the last events may be missing"
