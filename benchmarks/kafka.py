"""A live job on Kafka: how fast it reads, learns and writes, how soon a forecast comes out, and where the time goes.

    python -m benchmarks.kafka --events 300000

The broker is one of its own, on this machine and its cores, unless STREAM_RNN_KAFKA names one. Records are JSON of 200
bytes, 100 streams in 4 partitions; the job is the reference job, which forecasts one of its inputs one event ahead.

What a job may reach at best is the slower of two things that it must do: reading the records with bare kafka-python,
and learning from them with the engine alone. Its share of that is what counts.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from benchmarks import kafka_job, kafka_latency, kafka_profile, kafka_source, report
from benchmarks.child import ChildError
from benchmarks.kafka_topic import RECORD_BYTES, events, fill, topic
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.client import make_cluster
from tests.kafka.broker import Broker, Cluster, NoBrokerError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = "STREAM_RNN_KAFKA"
FEWEST = 20_000
SOURCE_MARK, JOB_MARK, LATENCY_MARK = 0.80, 0.60, 50.0


def measure(count: int) -> dict[str, Any]:
    """Return all figures.

    Raises
    ------
    NoBrokerError, ConnectorError, ChildError, TimeoutError
        When there is no broker, or a job does not come about.
    """
    some = events(count)
    with _broker() as broker, topic(broker) as name:
        pid = broker.pid if isinstance(broker, Broker) else None
        fill(broker, name, some)
        readers = kafka_source.measure(broker.bootstrap, name, count)
        before = kafka_job.kernel(some)
        jobs = kafka_job.measure(broker, pid, name, count)
        kernel = (before + kafka_job.kernel(some)) / 2
        latency = kafka_latency.measure(broker)
        profile = kafka_profile.measure(broker, name, count)
    rates = {row["reader"]: row["records_per_second"] for row in readers}
    bare, ours = rates["bare poll, values decoded"], rates["KafkaSource.poll"]
    most = min(bare, kernel)
    return {
        "events": count,
        "record_bytes": RECORD_BYTES,
        "readers": readers,
        "source_share": ours / bare,
        "source_mark": SOURCE_MARK,
        "kernel_events_per_second": kernel,
        "jobs": [{**row, "share": row["events_per_second"] / most, "mark": JOB_MARK} for row in jobs],
        "latency": latency | {"p99_mark_ms": LATENCY_MARK},
        "profile": profile,
    }


@contextmanager
def _broker() -> Iterator[Cluster]:
    """Give the broker that is named, or start one; it is gone in the end."""
    named = os.environ.get(NAMED)
    if named:
        make_cluster([named]).require([])
        yield Cluster(named)
        return
    with Broker() as started:
        yield started


def show(found: dict[str, Any]) -> None:
    """Print tables."""
    count = found["events"]
    report.show(f"Reading {count:,} records of {found['record_bytes']} bytes", found["readers"])
    print(f"KafkaSource has {found['source_share']:.2f} of the bare loop's rate; the mark is {found['source_mark']}\n")
    jobs = [
        {
            "job": row["job"],
            "events/s": row["events_per_second"],
            "share": row["share"],
            "mark": row["mark"],
            "commits/s": row["commits_per_second"],
            "job's cores": row["job_cpu_seconds"] / row["seconds"],
            "broker's cores": row["broker_cpu_seconds"] / row["seconds"],
        }
        for row in found["jobs"]
    ]
    report.show("The whole job", jobs)
    print(f"The kernel alone learns from {found['kernel_events_per_second']:,.0f} events/s\n")
    report.show("From record to forecast", [{"what": name, "is": it} for name, it in found["latency"].items()])
    report.show("Forecasts exactly once: seconds on a core, by thread", found["profile"]["threads"])
    report.show("Its main thread, profiled", found["profile"]["groups"])
    report.show("What its main thread does longest", found["profile"]["top"])
    report.show_machine()


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=300_000, help=f"records in the topic, at least {FEWEST}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.events < FEWEST:
        parser.error(f"--events must be at least {FEWEST}, got {options.events}")
    try:
        found = measure(options.events)
    except (NoBrokerError, ConnectorError, ChildError, TimeoutError) as error:
        sys.exit(str(error))
    if options.json:
        report.show_json(found)
    else:
        show(found)


if __name__ == "__main__":
    main()
