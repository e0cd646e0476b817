"""Broker: records and offsets survive, transactions hide what is not committed, and no broker is left running."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from broker import PASSWORD, USER, Broker, Cluster, NoBrokerError
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaTimeoutError
from topics import read_all, send, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable


def log_in(address: str, password: str) -> list[str]:
    """Connect with a password and return the names of the topics."""
    client = KafkaAdminClient(
        bootstrap_servers=address,
        bootstrap_timeout_ms=3000,
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        sasl_plain_username=USER,
        sasl_plain_password=password,
    )
    with closing(client) as admin:
        return list(admin.list_topics())


def values(cluster: Cluster, topic: str, committed: bool = True) -> list[bytes]:
    return [record.value for record in read_all(cluster.bootstrap, topic, committed)]


def test_a_record_is_read_as_it_was_sent(broker: Cluster, topic: str) -> None:
    headers = [("schema", b"1")]
    send(broker.bootstrap, topic, [b"1", None], [None, b"a"], partition=3, timestamps=[5, 6], headers=headers)
    found = read_all(broker.bootstrap, topic)
    assert [(r.partition, r.offset, r.timestamp, r.key, r.value) for r in found] == [
        (3, 0, 5, None, b"1"),
        (3, 1, 6, b"a", None),
    ]
    assert [tuple(found[0].headers[0]), tuple(found[1].headers[0])] == headers * 2


def test_records_survive_a_kill_and_a_restart(own_broker: Broker) -> None:
    topic = own_broker.topic()
    send(own_broker.bootstrap, topic, [b"before"], partition=0)
    own_broker.kill()
    own_broker.start()
    send(own_broker.bootstrap, topic, [b"after"], partition=0)
    assert values(own_broker, topic) == [b"before", b"after"]


@pytest.mark.parametrize("end", [Broker.kill, Broker.stop])
def test_committed_offsets_survive_a_kill_and_a_stop(own_broker: Broker, end: Callable[[Broker], None]) -> None:
    partition = TopicPartition(own_broker.topic(), 2)
    group = {"bootstrap_servers": own_broker.bootstrap, "group_id": "group", "enable_auto_commit": False}
    send(own_broker.bootstrap, partition.topic, [b"1", b"2", b"3"], partition=2)
    with closing(KafkaConsumer(**group)) as consumer:
        consumer.assign([partition])
        consumer.commit({partition: OffsetAndMetadata(2, "", -1)})
    end(own_broker)
    own_broker.start()
    with closing(KafkaConsumer(**group)) as consumer:
        assert consumer.committed(partition) == 2


def test_a_reader_of_committed_records_does_not_see_an_aborted_transaction(broker: Cluster, topic: str) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topic)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"committed", partition=0)
        producer.commit_transaction()
        producer.begin_transaction()
        producer.send(topic, b"aborted", partition=0)
        producer.flush()
        producer.abort_transaction()
    assert values(broker, topic) == [b"committed"]
    assert values(broker, topic, committed=False) == [b"committed", b"aborted"]


def test_records_after_an_open_transaction_are_not_visible_yet(broker: Cluster, topic: str) -> None:
    with closing(KafkaProducer(bootstrap_servers=broker.bootstrap, transactional_id=topic)) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(topic, b"open", partition=0)
        producer.flush()
        send(broker.bootstrap, topic, [b"after"], partition=0)
        assert values(broker, topic) == []
        assert values(broker, topic, committed=False) == [b"open", b"after"]
        producer.commit_transaction()
        assert wait_for(lambda: values(broker, topic)) == [b"open", b"after"]


def test_the_right_password_is_accepted(started_broker: Broker, topic: str) -> None:
    assert topic in log_in(started_broker.sasl_bootstrap, PASSWORD)


def test_a_wrong_password_is_rejected(started_broker: Broker) -> None:
    with pytest.raises(KafkaTimeoutError):  # kafka-python logs the rejection and tries again until its time is up
        log_in(started_broker.sasl_bootstrap, "wrong")


@pytest.mark.usefixtures("started_broker")  # if one can be started, so can another
def test_a_broker_ends_with_the_process_that_started_it() -> None:
    program = "import sys, broker; b = broker.Broker(); b.start(); print(b.pid, b.folder, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        pid, folder = process.stdout.readline().split()
        process.kill()
    wait_for(lambda: not Path("/proc", pid).exists(), seconds=10)
    shutil.rmtree(folder)


def test_a_missing_java_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        NoBrokerError, match=r"^no Kafka broker: java is not installed; install Java 17 or newer, Maven"
    ):
        Broker()
