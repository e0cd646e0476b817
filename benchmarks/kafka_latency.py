"""From a record's way in to its forecast's way out: three processes and a broker, at a steady rate below the most."""

from __future__ import annotations

import multiprocessing
import socket
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.kafka_job import new_group, running
from benchmarks.kafka_topic import PARTITIONS, events, name_of, payload, topic

if TYPE_CHECKING:
    from benchmarks.kafka_job import Running
    from tests.kafka.broker import Cluster

RATE = 1000
"""Records per second."""
SECONDS, WARM = 20, 5
"""Of sending, and those at its beginning that are not counted."""
PATIENCE = 60.0
"""Seconds without a forecast after which none is waited for."""
START = 300.0
"""Seconds in which the job has to be there; it may have to compile."""
COMMITS = "stream_rnn_commit_duration_seconds"


class Forecast(msgspec.Struct):
    """What is read of one."""

    time: str


def measure(cluster: Cluster) -> dict[str, Any]:
    """Return how long forecasts take to come out, and the transactions that bring them."""
    port = _free_port()
    with (
        topic(cluster) as source,
        topic(cluster) as output,
        running(
            servers=[cluster.bootstrap], topics=[source], output=output, group=new_group(), metrics_port=port
        ) as job,
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as others,
    ):
        _wait_for_partitions(port, job)
        arrived = others.submit(stamp, cluster.bootstrap, output, RATE * SECONDS)
        sending = others.submit(send, cluster.bootstrap, source, RATE * SECONDS)
        time.sleep(WARM)
        before, began = _commits(port), time.perf_counter()
        late = sending.result()
        after, seconds = _commits(port), time.perf_counter() - began
        took = _counted(arrived.result())
        job.stop()
    p50, p90, p99 = (1e3 * float(q) for q in np.quantile(took, [0.5, 0.9, 0.99]))
    return {
        "records_per_second": RATE,
        "records": len(took),
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "max_ms": 1e3 * float(took.max()),
        "sent_late_p99_ms": 1e3 * late,
        **_transactions(before, after, seconds),
    }


def send(bootstrap: str, name: str, count: int) -> float:
    """Send records at a steady rate, each with the time it is sent at; return how late the latest hundredth was."""
    some = events(count)
    rows = list(zip(some.numbers.tolist(), some.x.tolist(), strict=True))
    late = np.empty(count)
    with closing(KafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)) as producer:
        producer.partitions_for(name)
        began = time.perf_counter()
        for i, (number, x) in enumerate(rows):
            ahead = began + i / RATE - time.perf_counter()
            if ahead > 0:
                time.sleep(ahead)
            late[i] = time.perf_counter() - began - i / RATE
            record = payload(number, time.time(), x)
            producer.send(name, record, name_of(number).encode(), partition=number % PARTITIONS)
        producer.flush()
    return float(np.quantile(late, 0.99))


def stamp(bootstrap: str, name: str, count: int) -> list[tuple[float, float]]:
    """Read so many committed forecasts; return when each record was sent, and when its forecast arrived."""
    found: list[tuple[float, bytes]] = []
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, isolation_level="read_committed", enable_auto_commit=False)
    with closing(consumer):
        consumer.assign([TopicPartition(name, number) for number in range(PARTITIONS)])
        consumer.seek_to_beginning()
        last = time.monotonic()
        while len(found) < count:
            polled = consumer.poll(timeout_ms=1000)
            at = time.time()
            found += [(at, record.value) for records in polled.values() for record in records]
            last = time.monotonic() if polled else last
            if time.monotonic() - last > PATIENCE:
                raise TimeoutError(f"{len(found)} of {count} forecasts came, and then none for {PATIENCE:g} s")
    decode = msgspec.json.Decoder(Forecast).decode
    return [(datetime.fromisoformat(decode(value).time).timestamp(), at) for at, value in found]


def _counted(times: list[tuple[float, float]]) -> Any:
    """Return the seconds that forecasts took, of records that were sent after the beginning."""
    sent, arrived = np.array(times).T
    return (arrived - sent)[sent >= sent.min() + WARM]


def _wait_for_partitions(port: int, job: Running) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end:
        job.check()
        try:
            if _metrics(port).get(("stream_rnn_partitions", "")) == PARTITIONS:
                return
        except OSError:  # it compiles, and does not serve yet
            pass
        time.sleep(0.1)
    raise TimeoutError(f"the job was not given its partitions in {START:g} s")


def _metrics(port: int) -> dict[tuple[str, str], float]:
    """Return what the job says of itself, by name and bucket, over all partitions."""
    found: dict[tuple[str, str], float] = {}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            place = sample.name, sample.labels.get("le", "")
            found[place] = found.get(place, 0.0) + sample.value
    return found


def _commits(port: int) -> dict[float, float]:
    """Return how many commits took up to so many seconds, by these."""
    return {float(most): n for (name, most), n in _metrics(port).items() if name == f"{COMMITS}_bucket"}


def _transactions(before: dict[float, float], after: dict[float, float], seconds: float) -> dict[str, float]:
    """Return the transactions between two looks at the metrics; quantiles by straight lines within the buckets."""
    bounds = sorted(after)
    counts = np.array([after[bound] - before[bound] for bound in bounds])
    bounds[-1] = bounds[-2]  # instead of infinity, as Prometheus has it
    p50, p99 = (1e3 * float(np.interp(q * counts[-1], [0, *counts], [0, *bounds])) for q in (0.5, 0.99))
    return {"commits_per_second": float(counts[-1]) / seconds, "commit_p50_ms": p50, "commit_p99_ms": p99}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
