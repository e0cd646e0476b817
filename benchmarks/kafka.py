"""A live job on Kafka: throughput, latency from record to forecast, and where the time is spent.

    python -m benchmarks.kafka --events 300000

The program starts a broker on this machine and its cores, unless STREAM_RNN_KAFKA names one. Records are JSON of 200
bytes, of 100 streams in 4 partitions. The job is the reference job, forecasting one of its inputs one event ahead.

A job can be no faster than the slower of two things that it must do: read the records, measured with bare kafka-python,
and learn from them, measured with the engine alone. Results are the job's share of that rate.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks import kafka_job, kafka_latency, kafka_profile, kafka_source, options, report
from benchmarks.child import ChildError
from benchmarks.kafka_topic import RECORD_BYTES, events, fill, topic
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.client import make_cluster
from tests.kafka.broker import Broker, Cluster, NoBrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS_VARIABLE = "STREAM_RNN_KAFKA"
"""Environment variable that names a broker."""
MIN_EVENTS = 20_000
SOURCE_TARGET, JOB_TARGET, LATENCY_TARGET_MS = 0.80, 0.60, 50.0
"""Goals: the source's share of the bare loop, the job's share of the best rate, and the 99th percentile of latency."""


def measure(count: int) -> dict[str, Any]:
    """Return all figures.

    Raises
    ------
    NoBrokerError, ConnectorError, ChildError, TimeoutError
        If there is no broker, or a job fails or makes no progress.
    """
    records = events(count)
    with _broker() as broker, topic(broker) as name:
        pid = broker.pid if isinstance(broker, Broker) else None
        fill(broker, name, records)
        readers = kafka_source.measure(broker.bootstrap, name, count)
        before = kafka_job.engine_rate(records)
        jobs = kafka_job.measure(broker, pid, name, count)
        engine_rate = (before + kafka_job.engine_rate(records)) / 2
        latency = kafka_latency.measure(broker)
        profile = kafka_profile.measure(broker, name, count)
    rates = {row["reader"]: row["records_per_second"] for row in readers}
    bare, source = rates["bare poll, values decoded"], rates["KafkaSource.poll"]
    best = min(bare, engine_rate)
    return {
        "events": count,
        "record_bytes": RECORD_BYTES,
        "readers": readers,
        "source_share": source / bare,
        "source_mark": SOURCE_TARGET,
        "kernel_events_per_second": engine_rate,
        "jobs": [{**row, "share": row["events_per_second"] / best, "mark": JOB_TARGET} for row in jobs],
        "latency": latency | {"p99_mark_ms": LATENCY_TARGET_MS},
        "profile": profile,
    }


@contextmanager
def _broker() -> Iterator[Cluster]:
    """Yield the broker that the environment variable names, or one that is started here and stopped at the end."""
    servers = os.environ.get(SERVERS_VARIABLE)
    if servers:
        make_cluster([servers]).require([])
        yield Cluster(servers)
        return
    with Broker() as started:
        yield started


def show(results: dict[str, Any]) -> None:
    """Print tables."""
    count, share, target = results["events"], results["source_share"], results["source_mark"]
    report.show(f"Reading {count:,} records of {results['record_bytes']} bytes", results["readers"])
    print(f"KafkaSource has {share:.2f} of the bare loop's rate; the goal is {target}\n")
    jobs = [
        {
            "job": row["job"],
            "events/s": row["events_per_second"],
            "share": row["share"],
            "goal": row["mark"],
            "commits/s": row["commits_per_second"],
            "job's cores": row["job_cpu_seconds"] / row["seconds"],
            "broker's cores": row["broker_cpu_seconds"] / row["seconds"],
        }
        for row in results["jobs"]
    ]
    report.show("The whole job", jobs)
    print(f"The engine alone learns from {results['kernel_events_per_second']:,.0f} events/s\n")
    report.show(
        "From record to forecast", [{"figure": name, "value": value} for name, value in results["latency"].items()]
    )
    report.show("Forecasts exactly once: processor time by thread", results["profile"]["threads"])
    report.show("Its main thread, profiled: time by group of functions", results["profile"]["groups"])
    report.show("Its main thread, profiled: slowest functions", results["profile"]["top"])
    report.show_machine()


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument(
        "--events",
        type=int,
        default=300_000,
        help=f"records in the topic, at least {MIN_EVENTS:,} (default 300,000)",
    )
    arguments = parser.parse_args()
    if arguments.events < MIN_EVENTS:
        parser.error(f"--events must be at least {MIN_EVENTS}, got {arguments.events}")
    try:
        results = measure(arguments.events)
    except (NoBrokerError, ConnectorError, ChildError, TimeoutError) as error:
        sys.exit(str(error))
    if arguments.json:
        report.show_json(results)
    else:
        show(results)


if __name__ == "__main__":
    main()
