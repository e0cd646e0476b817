"""A live job survives failures of the broker, the disk and the group, and records of any kind."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest
from broker import Cluster
from kafka import KafkaConsumer, KafkaProducer
from live import Live, feed, health, positions, reading
from topics import read_all, send, wait_for

from stream_rnn.connectors.ordering.ordering import AHEAD

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Broker


def assert_forecast_once(live: Live, usable: int) -> None:
    found = positions(live.forecasts())
    assert len(found) == len(set(found)) == usable


def test_nothing_is_lost_or_changed_when_the_broker_is_killed_and_restarted(own_broker: Broker, tmp_path: Path) -> None:
    topic = own_broker.topic()
    live = Live(own_broker, tmp_path / "live", topic, own_broker.topic(), "live")
    live.start()
    usable = feed(own_broker, topic, 0, 2000)
    live.wait_for_forecasts(usable)
    usable += feed(own_broker, topic, 2000, 4000)
    own_broker.kill()
    own_broker.start()
    usable += feed(own_broker, topic, 4000, 5000)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    assert_forecast_once(live, usable)
    assert "Traceback" not in live.log()

    uninterrupted = Live(own_broker, tmp_path / "uninterrupted", topic, own_broker.topic(), "uninterrupted")
    uninterrupted.start()
    uninterrupted.wait_for_forecasts(usable)
    assert uninterrupted.stop() == [0]
    assert live.forecasts() == uninterrupted.forecasts()


def test_a_job_can_be_stopped_while_the_broker_is_down(own_broker: Broker, tmp_path: Path) -> None:
    topic = own_broker.topic()
    live = Live(own_broker, tmp_path, topic, own_broker.topic(), "stops")
    live.start()
    live.wait_for_forecasts(feed(own_broker, topic, 0, 500))
    own_broker.kill()
    assert live.stop()[0] in {0, 1}
    assert "Traceback" not in live.log()


def test_a_process_whose_session_timed_out_returns_and_nothing_is_lost(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    group = Live(broker, tmp_path, topic, broker.topic(), "pauses", {"session_timeout": 2.0})
    first = group.start("first")
    usable = feed(broker, topic, 0, 2000)
    group.wait_for_forecasts(usable)
    os.kill(first.pid, signal.SIGSTOP)
    group.start("second")
    wait_for(lambda: group.assigned("second") == 4)
    usable += feed(broker, topic, 2000, 4000)
    group.wait_for_forecasts(usable)
    os.kill(first.pid, signal.SIGCONT)
    wait_for(lambda: group.assigned("first") > 4)
    usable += feed(broker, topic, 4000, 6000)
    group.wait_for_forecasts(usable)
    assert group.stop() == [0, 0]
    assert_forecast_once(group, usable)
    assert "Traceback" not in group.log("first")


def test_with_at_least_once_nothing_is_missing_after_a_kill(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "once", {"delivery": "at_least_once"})
    live.start()
    usable = feed(broker, topic, 0, 3000)
    live.wait_for_forecasts(1000)
    live.kill()
    live.start()
    usable += feed(broker, topic, 3000, 4000)
    wait_for(lambda: len(set(positions(live.forecasts()))) == usable)
    assert live.stop() == [0]


def test_unusable_records_are_written_to_a_file_once(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "letters", {"dead_letters": str(tmp_path / "refused.jsonl")})
    live.start()
    usable = feed(broker, topic, 0, 1000)
    live.wait_for_forecasts(usable)
    live.kill()
    live.start()
    usable += feed(broker, topic, 1000, 2000)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    letters = [json.loads(line) for line in (tmp_path / "refused.jsonl").read_text().splitlines()]
    assert {letter["reason"] for letter in letters} == {"not JSON"}
    assert len({(letter["source"], letter["record"]) for letter in letters}) == len(letters) == 2000 - usable


def test_no_record_stops_the_job(broker: Cluster, topic: str, tmp_path: Path) -> None:
    letters = broker.topic(partitions=1)
    settings = {"dead_letter_topic": letters, "key": "sensor"}
    live = Live(broker, tmp_path, topic, broker.topic(), "odd", settings)
    odd = [
        rb'{"time": 1, "sensor": "\ud800", "x": 1, "y": 1}',
        b'{"time": 1, "sensor": "\xed\xa0\x80", "x": 1, "y": 1}',
        rb'{"time": 1, "sensor": "a", "x": 1, "y": 1, "note": "\udfff"}',
        b'{"time": "9999-12-31", "sensor": "a", "x": 1, "y": 1}',
        b'{"time": 3, "sensor": "a", "x": 1e999, "y": 1}',
    ]
    good = b'{"time": 2, "sensor": "a", "x": 1, "y": 1}'
    live.start()
    send(broker.bootstrap, topic, [good, *odd, good], partition=0)
    live.wait_for_forecasts(2)
    live.kill()
    live.start()
    send(broker.bootstrap, topic, [good], partition=0)
    live.wait_for_forecasts(3)
    assert live.stop() == [0]
    refused = [json.loads(letter.value) for letter in read_all(broker.bootstrap, letters)]
    assert {letter["record"]: letter["reason"] for letter in refused} == {
        1: "not UTF-8",
        2: "not UTF-8",
        3: "not UTF-8",
        4: AHEAD,
        5: "column 'x': not a finite number",
    }
    assert positions(live.forecasts()) == [(0, 0), (0, 6), (0, 7)]


def test_a_changing_schema_spoils_only_the_records_that_do_not_fit(broker: Cluster, topic: str, tmp_path: Path) -> None:
    letters = broker.topic(partitions=1)
    live = Live(broker, tmp_path, topic, broker.topic(), "changes", {"dead_letter_topic": letters})
    live.start()
    events = [
        {"time": 1, "x": 1.0, "y": 2.0},
        {"time": 2, "x": 1.0, "y": 2.0, "humidity": 0.5},
        {"time": 3, "y": 2.0},
        {"time": 4, "x": "warm", "y": 2.0},
        {"time": 5, "x": {"celsius": 1.0}, "y": 2.0},
        {"time": 6, "x": "1.5", "y": 2.0},
        {"at": 7, "x": 1.0, "y": 2.0},
        {"time": 8, "temperature": 1.0},
        {"time": "2026-01-01T00:00:00Z", "x": 1, "y": None},
    ]
    send(broker.bootstrap, topic, [json.dumps(event).encode() for event in events], partition=0)
    live.wait_for_forecasts(7)
    assert live.stop() == [0]
    refused = [json.loads(letter.value) for letter in read_all(broker.bootstrap, letters)]
    assert {letter["record"]: letter["reason"] for letter in refused} == {
        6: "time is missing",
        7: "has none of the columns",
    }
    assert positions(live.forecasts()) == [(0, offset) for offset in (0, 1, 2, 3, 4, 5, 8)]
    assert "record 3: column 'x': 'warm' is not a number and counts as missing" in live.log()
    assert "record 4: column 'x': '<object>' is not a number and counts as missing" in live.log()


@pytest.mark.parametrize("column", ["y", "x"])
def test_invalid_classes_and_tokens_are_refused_and_the_rest_is_learned(
    column: str, broker: Cluster, topic: str, tmp_path: Path
) -> None:
    letters = broker.topic(partitions=1)
    live = Live(broker, tmp_path, topic, broker.topic(), f"labels-{column}", {"dead_letter_topic": letters})
    live.engine |= {"inputs": ["x"], "targets": ["y"], "task": "classification", "horizon": 1, "classes": 3}
    if column == "x":
        live.engine |= {"layer": ["embedding", "gru"], "vocabulary": 3}
    live.start()
    events = [{"time": t, "x": 1, "y": 1} | {column: value} for t, value in enumerate([0, 2, 2.5, 3, None, 1])]
    send(broker.bootstrap, topic, [json.dumps(event).encode() for event in events], partition=0)
    live.wait_for_forecasts(4)
    assert live.stop() == [0]
    refused = [json.loads(letter.value) for letter in read_all(broker.bootstrap, letters)]
    assert [(letter["record"], letter["reason"]) for letter in refused] == [
        (2, f"not a {'class' if column == 'y' else 'token'} of this job"),
        (3, f"not a {'class' if column == 'y' else 'token'} of this job"),
    ]
    assert positions(live.forecasts()) == [(0, offset) for offset in (0, 1, 4, 5)]


def test_headers_are_copied_to_the_forecast(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "headers")
    live.start()
    key, value = reading(0)
    send(broker.bootstrap, topic, [value, value], [key, key], headers=[("trace", b"abc")])
    live.wait_for_forecasts(2)
    assert live.stop() == [0]
    assert [forecast.headers for forecast in read_all(broker.bootstrap, live.output)] == [[("trace", b"abc")]] * 2


def test_a_checkpoint_that_cannot_be_written_is_logged_and_counted_and_the_job_continues(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "full", {"metrics_port": 0, "checkpoint_seconds": 0.3})
    live.start()
    usable = feed(broker, topic, 0, 500)
    live.wait_for_forecasts(usable)
    folder = tmp_path / "state" / f"{topic}-{read_all(broker.bootstrap, topic)[0].partition}"
    away = folder.with_name("away")
    folder.rename(away)
    folder.write_text("a file instead of the folder: not even root can write below it")
    usable += feed(broker, topic, 500, 1000)
    live.wait_for_forecasts(usable)
    wait_for(lambda: "cannot write checkpoint" in live.log())
    port = live.log().partition("metrics and health at http://127.0.0.1:")[2].split()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        assert 'stream_rnn_failures_total{kind="checkpoint"} 0' not in answer.read().decode()
    folder.unlink()
    away.rename(folder)
    usable += feed(broker, topic, 1000, 1500)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    assert_forecast_once(live, usable)
    assert live.checkpoint(folder.name).arrays["counts"][0] > 0


def test_metrics_and_health_are_served(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "metrics", {"metrics_port": 0, "log_format": "json"})
    live.start()
    usable = feed(broker, topic, 0, 1000)
    live.wait_for_forecasts(usable)
    lines = [json.loads(line) for line in live.log().splitlines()]
    url = next(line["message"] for line in lines if "metrics and health" in line["message"]).split()[-1]
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        series = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
    assert sum(float(count) for name, count in series.items() if "_forecasts_total" in name) == usable
    assert sum(float(count) for name, count in series.items() if "_dead_letters_total" in name) == 1000 - usable
    with urllib.request.urlopen(f"{url}/health") as answer:
        assert json.load(answer)["ok"]
    assert live.stop() == [0]


def test_a_job_that_starts_before_the_broker_waits_for_it(own_broker: Broker, tmp_path: Path) -> None:
    topic, output = own_broker.topic(), own_broker.topic()
    usable = feed(own_broker, topic, 0, 200)
    own_broker.stop()
    live = Live(own_broker, tmp_path, topic, output, "waits", {"metrics_port": 0})
    live.start()
    wait_for(lambda: "waiting, next attempt in" in live.log())
    port = live.log().partition("metrics and health at http://127.0.0.1:")[2].split()[0]
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health")
    assert (error.value.code, json.load(error.value)["reason"]) == (503, "starting: the broker does not answer")
    own_broker.start()
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    assert f"no Kafka broker answers at {own_broker.bootstrap}; waiting" in live.log()


@pytest.mark.parametrize("server", ["127.0.0.1:9", "nowhere.invalid:9092"], ids=["refused", "not resolved"])
def test_a_job_that_waits_for_its_broker_stops_at_once(server: str, tmp_path: Path) -> None:
    live = Live(Cluster(server), tmp_path, "a", "b", "waits", {"metrics_port": 0})
    process = live.start()
    wait_for(lambda: "metrics and health at" in live.log())
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert "INFO stopped before the broker answered" in live.log()
    assert "Traceback" not in live.log()


def test_a_topic_of_another_format_is_reported_and_makes_the_job_unhealthy(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "avro", {"metrics_port": 0})
    live.start()
    send(broker.bootstrap, topic, [b"\0\0\0\0\7\x02\x04"] * 500)
    wait_for(lambda: "WARNING" in live.log() and "500 records were refused" in health(live)["reason"])
    reason = "begins with a schema registry's mark (schema id 7): set registry to read Avro and Protobuf (500)"
    assert health(live)["reason"] == f"500 of the last minute's 500 records were refused: {reason}"
    assert not health(live)["ok"]
    live.wait_for_forecasts(feed(broker, topic, 0, 1000))
    wait_for(lambda: health(live)["ok"])
    assert live.stop() == [0]
    assert f"records were refused: {reason.removesuffix(' (500)')}" in live.log()


def test_a_partition_that_an_open_transaction_holds_is_reported(broker: Cluster, topic: str, tmp_path: Path) -> None:
    settings = {"metrics_port": 0, "open_transaction_seconds": 1.0}
    live = Live(broker, tmp_path, topic, broker.topic(), "held", settings)
    key, value = reading(0)
    send(broker.bootstrap, topic, [value] * 10, [key] * 10, partition=2)
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topic)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, value, key, partition=2)
        producer.flush()
        send(broker.bootstrap, topic, [value] * 10, [key] * 10, partition=2)
        live.start()
        held = f"an open transaction holds {topic}-2 at offset 10"
        wait_for(lambda: f"WARNING {held}" in live.log())
        assert health(live)["reason"].startswith(held)
        producer.abort_transaction()
    live.wait_for_forecasts(20)
    wait_for(lambda: health(live)["ok"])
    assert live.stop() == [0]
    assert f"INFO no longer: an open transaction holds {topic}-2" in live.log()


def test_no_record_is_too_large_for_the_job(broker: Cluster, topic: str, tmp_path: Path) -> None:
    letters = broker.topic(partitions=1)
    live = Live(broker, tmp_path, topic, broker.topic(), "large", {"dead_letter_topic": letters})
    live.start()
    key, value = reading(0)
    padded = value[:-1] + b',"pad":"' + b"p" * 1_000_000 + b'"}'
    send(broker.bootstrap, topic, [value, padded, b"?" * 1_000_000], [key, key, key], partition=0)
    send(broker.bootstrap, topic, [value, value], [b"k" * 900_000, b""], partition=0)
    send(broker.bootstrap, topic, [value], [key], partition=0, headers=[("trace", b"t" * 1_047_400)])
    send(broker.bootstrap, topic, [None, value], [key, key], partition=0)
    live.wait_for_forecasts(4)
    assert live.stop() == [0]
    assert positions(live.forecasts()) == [(0, 0), (0, 1), (0, 4), (0, 7)]
    refused = [json.loads(letter.value) for letter in read_all(broker.bootstrap, letters)]
    assert {letter["record"]: letter["reason"] for letter in refused} == {
        2: "not JSON",
        3: "key and headers are too large for a forecast",
        5: "key and headers are too large for a forecast",
    }


def test_a_deleted_topic_is_reported_and_read_when_it_is_back(broker: Cluster, tmp_path: Path) -> None:
    topic = broker.topic(partitions=1)
    settings = {"metrics_port": 0, "client": {"metadata_max_age_ms": 500}}
    live = Live(broker, tmp_path, topic, broker.topic(), f"vanishes-{topic}", settings)
    live.start()
    usable = feed(broker, topic, 0, 100)
    live.wait_for_forecasts(usable)
    broker.delete_topic(topic)
    missing = f"topic {topic} was deleted; waiting until it is created again"
    wait_for(lambda: f"WARNING {missing}" in live.log())
    assert health(live)["reason"] == missing
    broker.topic(partitions=1, name=topic)
    usable += feed(broker, topic, 100, 200)
    live.wait_for_forecasts(usable)
    wait_for(lambda: health(live)["ok"])
    assert live.stop() == [0]
    assert "Traceback" not in live.log()


def test_a_deleted_output_topic_ends_the_job_with_its_name(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "mute", {"client": {"metadata_max_age_ms": 500}})
    process = live.start()
    live.wait_for_forecasts(feed(broker, topic, 0, 100))
    broker.delete_topic(live.output)
    feed(broker, topic, 100, 200)
    assert process.wait(60) == 1
    assert live.log().splitlines()[-1].startswith(f"error: no topic '{live.output}' at {broker.bootstrap}")


def joined(broker: Cluster, topic: str, group: str) -> KafkaConsumer:
    """Return a consumer that has partitions; on a busy machine the client may lose its place while it joins."""
    while True:
        consumer = KafkaConsumer(topic, bootstrap_servers=broker.bootstrap, group_id=group)
        with suppress(TimeoutError):
            wait_for(lambda consumer=consumer: consumer.poll(timeout_ms=100) or consumer.assignment(), seconds=20)
            return consumer
        consumer.close()


def test_a_group_of_other_consumers_is_refused(broker: Cluster, topic: str, tmp_path: Path) -> None:
    with closing(joined(broker, topic, f"taken-{topic}")) as consumer:
        process = Live(broker, tmp_path, topic, broker.topic(), f"taken-{topic}").start()
        wait_for(lambda: consumer.poll(timeout_ms=100) or process.poll() is not None)
    assert process.returncode == 1
    message = f"error: group 'taken-{topic}' is used by consumers of another kind: stop them, or set another group"
    assert (tmp_path / "job.log").read_text().splitlines()[-1] == message
