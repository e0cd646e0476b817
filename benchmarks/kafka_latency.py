"""Latency from a record to its forecast: three processes and a broker, at a constant rate below the maximum."""

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
from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.kafka_job import new_group, running_job
from benchmarks.kafka_topic import PARTITIONS, committed_reader, events, record, stream_name, topic

if TYPE_CHECKING:
    from benchmarks.kafka_job import RunningJob
    from tests.kafka.broker import Cluster

RATE = 1000
"""Records per second."""
SEND_SECONDS, WARMUP_SECONDS = 20, 5
"""How long records are sent, and how long at the start they are not counted."""
FORECAST_TIMEOUT = 60.0
"""Seconds to wait for the next forecast."""
START_TIMEOUT = 300.0
"""Seconds within which the job must have its partitions; it may have to compile."""
COMMIT_METRIC = "stream_rnn_commit_duration_seconds"


class Forecast(msgspec.Struct):
    """The field of a forecast record that is read."""

    time: str


def measure(cluster: Cluster) -> dict[str, Any]:
    """Return the latency of forecasts, and the rate and duration of the transactions that commit them."""
    port = _free_port()
    with (
        topic(cluster) as source,
        topic(cluster) as output,
        running_job(
            servers=[cluster.bootstrap], topics=[source], output=output, group=new_group(), metrics_port=port
        ) as job,
        ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as clients,
    ):
        _wait_for_partitions(port, job)
        arrivals = clients.submit(receive, cluster.bootstrap, output, RATE * SEND_SECONDS)
        sending = clients.submit(send, cluster.bootstrap, source, RATE * SEND_SECONDS)
        time.sleep(WARMUP_SECONDS)
        before, start = _commit_buckets(port), time.perf_counter()
        delay = sending.result()
        after, seconds = _commit_buckets(port), time.perf_counter() - start
        latencies = _latencies(arrivals.result())
        job.stop()
    p50, p90, p99 = (1e3 * float(q) for q in np.quantile(latencies, [0.5, 0.9, 0.99]))
    return {
        "records_per_second": RATE,
        "records": len(latencies),
        "p50_ms": p50,
        "p90_ms": p90,
        "p99_ms": p99,
        "max_ms": 1e3 * float(latencies.max()),
        "sent_late_p99_ms": 1e3 * delay,
        **transaction_times(before, after, seconds),
    }


def send(bootstrap: str, name: str, count: int) -> float:
    """Send records at a constant rate, with the time in each; return the 99th percentile of the delays in seconds."""
    data = events(count)
    rows = list(zip(data.streams.tolist(), data.x.tolist(), strict=True))
    delays = np.empty(count)
    with closing(KafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)) as producer:
        producer.partitions_for(name)
        start = time.perf_counter()
        for i, (stream, x) in enumerate(rows):
            wait = start + i / RATE - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            delays[i] = time.perf_counter() - start - i / RATE
            value = record(stream, time.time(), x)
            producer.send(name, value, stream_name(stream).encode(), partition=stream % PARTITIONS)
        producer.flush()
    return float(np.quantile(delays, 0.99))


def receive(bootstrap: str, name: str, count: int) -> list[tuple[float, float]]:
    """Read `count` committed forecasts; return when each record was sent, and when its forecast arrived.

    Raises
    ------
    TimeoutError
        If no forecast arrives for a minute.
    """
    received: list[tuple[float, bytes]] = []
    with committed_reader(bootstrap, name) as consumer:
        last = time.monotonic()
        while len(received) < count:
            polled = consumer.poll(timeout_ms=1000)
            at = time.time()
            received += [(at, forecast.value) for forecasts in polled.values() for forecast in forecasts]
            last = time.monotonic() if polled else last
            if time.monotonic() - last > FORECAST_TIMEOUT:
                raise TimeoutError(
                    f"{len(received)} of {count} forecasts arrived, then none for {FORECAST_TIMEOUT:g} s"
                )
    decode = msgspec.json.Decoder(Forecast).decode
    return [(datetime.fromisoformat(decode(value).time).timestamp(), at) for at, value in received]


def _latencies(times: list[tuple[float, float]]) -> Any:
    """Return the latencies in seconds of the records sent after the warm-up."""
    sent, arrived = np.array(times).T
    return (arrived - sent)[sent >= sent.min() + WARMUP_SECONDS]


def _wait_for_partitions(port: int, job: RunningJob) -> None:
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        job.check()
        try:
            if _metrics(port).get(("stream_rnn_partitions", "")) == PARTITIONS:
                return
        except OSError:  # it is compiling, and not serving yet
            pass
        time.sleep(0.1)
    raise TimeoutError(f"the job was not assigned its partitions within {START_TIMEOUT:g} s")


def _metrics(port: int) -> dict[tuple[str, str], float]:
    """Return the job's metrics by name and bucket, summed over all partitions."""
    metrics: dict[tuple[str, str], float] = {}
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as response:
        text = response.read().decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            bucket = sample.name, sample.labels.get("le", "")
            metrics[bucket] = metrics.get(bucket, 0.0) + sample.value
    return metrics


def _commit_buckets(port: int) -> dict[float, float]:
    """Return the histogram of commit durations: the number of commits up to each bound in seconds."""
    return {float(bound): n for (name, bound), n in _metrics(port).items() if name == f"{COMMIT_METRIC}_bucket"}


def transaction_times(before: dict[float, float], after: dict[float, float], seconds: float) -> dict[str, float]:
    """Return rate and quantiles of the transactions between two histograms, interpolated linearly within buckets."""
    bounds = sorted(after)
    counts = np.array([after[bound] - before[bound] for bound in bounds])
    bounds[-1] = bounds[-2]  # not infinity: the convention of Prometheus
    p50, p99 = (1e3 * float(np.interp(q * counts[-1], [0, *counts], [0, *bounds])) for q in (0.5, 0.99))
    return {"commits_per_second": float(counts[-1]) / seconds, "commit_p50_ms": p50, "commit_p99_ms": p99}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
