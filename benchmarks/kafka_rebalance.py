"""Several processes of a live job: how long partitions wait at a rebalance, and the throughput of 1, 2 and 4 processes.

    python -m benchmarks.kafka_rebalance

The program starts a broker on this machine and its cores. While records arrive at a constant rate, a second process
joins, leaves (SIGTERM), joins again and is killed (SIGKILL), so that the group waits for its session to time out. For
each partition, the longest time between two forecasts is reported, separately for partitions that move.

For the throughput, the records are written when every process has its partitions. It is measured from the first commit
of the group to the last.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from kafka import KafkaProducer, TopicPartition

from benchmarks import options, report
from benchmarks.child import ChildError
from benchmarks.kafka_job import new_group, processor_seconds, rates, running_job
from benchmarks.kafka_topic import PARTITIONS, Commit, CommitLog, Events, committed_reader, events, stream_name, topic
from stream_rnn.connectors.kafka.batch_producer import Records, enqueue
from tests.kafka.broker import Broker, NoBrokerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.kafka_job import RunningJob
    from tests.kafka.broker import Cluster

RATE = 400
"""Records per second while processes come and go."""
STEADY_SECONDS = 4.0
"""How long nothing changes between two rebalances."""
SESSION_TIMEOUT = 6.0
"""Seconds after which the group gives up a killed process."""
TIMEOUT = 120.0
"""Seconds within which a process must have its partitions."""
PROCESSES = (1, 2, 4)
BATCH_BYTES = 1 << 17


class Origin(msgspec.Struct):
    """The field of a forecast record that is read."""

    partition: int


class Phase(NamedTuple):
    """What changes, when, and for which partitions."""

    name: str
    start: float
    end: float
    moved: set[int]


def measure_moves(cluster: Cluster) -> list[dict[str, Any]]:
    """Return the longest time without forecasts in each phase: of partitions that move, and of those that stay."""
    with ExitStack() as stack:
        source, output = (stack.enter_context(topic(cluster)) for _ in range(2))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        clients = stack.enter_context(ProcessPoolExecutor(2, multiprocessing.get_context("spawn")))
        settings: dict[str, Any] = {
            "servers": [cluster.bootstrap],
            "topics": [source],
            "output": output,
            "group": new_group(),
            "checkpoint": folder,
            "session_timeout": SESSION_TIMEOUT,
        }
        stop = stack.enter_context(multiprocessing.get_context("spawn").Manager()).Event()
        stack.callback(stop.set)
        first = stack.enter_context(running_job(**settings))
        _wait(first, lambda: len(first.assigned()) == PARTITIONS)
        arrivals = clients.submit(receive, cluster.bootstrap, output, stop)
        sending = clients.submit(send, cluster.bootstrap, source, stop)
        time.sleep(STEADY_SECONDS)
        phases: list[Phase] = []

        def change(name: str, act: Callable[[], set[int]]) -> None:
            start = time.time()
            moved = act()
            time.sleep(STEADY_SECONDS)
            phases.append(Phase(name, start, time.time(), moved))

        def join() -> set[int]:
            second.append(stack.enter_context(running_job(**settings)))
            _wait(second[-1], lambda: len(second[-1].assigned()) == PARTITIONS // 2)
            return set(second[-1].assigned())

        def returned(before: int, moved: set[int]) -> set[int]:
            _wait(first, lambda: len(first.assigned()) == before + PARTITIONS // 2)
            return moved

        def leave() -> set[int]:
            before = len(first.assigned())
            second[-1].stop()
            return returned(before, set(second[-1].assigned()))

        def crash() -> set[int]:
            before = len(first.assigned())
            second[-1].kill()
            return returned(before, set(second[-1].assigned()))

        second: list[RunningJob] = []
        change("nothing changes", set)
        change("a process joins", join)
        change("it leaves (SIGTERM)", leave)
        change("it joins again", join)
        change(f"it is killed, session timeout {SESSION_TIMEOUT:g} s", crash)
        stop.set()
        sending.result()
        times = arrivals.result()
        first.stop()
    return [_longest(phase, times) for phase in phases]


def measure_processes(cluster: Cluster, broker: int | None, data: Events, processes: int) -> dict[str, Any]:
    """Return the throughput of a job of so many processes on the same records."""
    count = len(data.records)
    with ExitStack() as stack:
        source, output = (stack.enter_context(topic(cluster)) for _ in range(2))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        group = new_group()
        jobs: list[RunningJob] = []
        for _ in range(processes):
            settings = {"servers": [cluster.bootstrap], "topics": [source], "group": group, "output": output}
            jobs.append(stack.enter_context(running_job(**settings, checkpoint=folder)))
            _wait(jobs[-1], lambda: bool(jobs[-1].assigned()))
        time.sleep(STEADY_SECONDS)
        commits = stack.enter_context(closing(CommitLog(cluster, group)))
        pids = [job.pid for job in jobs]
        before = sum(map(processor_seconds, pids)), processor_seconds(broker)
        _fill(cluster, source, data)
        seen: list[Commit] = []
        offsets: dict[int, int] = {}

        def check() -> None:
            for job in jobs:
                job.check()

        for commit in commits.follow(check):
            seen.append(commit)
            offsets[commit.partition] = commit.offset
            if sum(offsets.values()) >= count:
                break
        cpu = sum(map(processor_seconds, pids)) - before[0]
        found = rates(seen, count)
        broker_cpu = processor_seconds(broker) - before[1]
        for job in jobs:
            job.stop()
    return {
        "processes": processes,
        "events/s": found["events_per_second"],
        "jobs' CPU, us per event": 1e6 * cpu / count,
        "broker's CPU, us per event": 1e6 * broker_cpu / count,
    }


def send(bootstrap: str, name: str, stop: Any) -> None:
    """Send records at a constant rate, to the partitions in turn, until `stop` is set."""
    data = events(RATE)
    with closing(KafkaProducer(bootstrap_servers=bootstrap, linger_ms=0)) as producer:
        start, sent = time.perf_counter(), 0
        while not stop.is_set():
            for _ in range(RATE // 10):
                wait = start + sent / RATE - time.perf_counter()
                if wait > 0:
                    time.sleep(wait)
                number, row = sent % PARTITIONS, sent % RATE
                producer.send(name, data.records[row], stream_name(number).encode(), partition=number)
                sent += 1
        producer.flush()


def receive(bootstrap: str, name: str, stop: Any) -> dict[int, list[float]]:
    """Read committed forecasts until `stop` is set; return when they arrived, by the partition of their events."""
    arrivals: dict[int, list[float]] = {number: [] for number in range(PARTITIONS)}
    decode = msgspec.json.Decoder(Origin).decode
    with committed_reader(bootstrap, name) as consumer:
        while not stop.is_set():
            polled = consumer.poll(timeout_ms=200)
            at = time.time()
            for forecasts in polled.values():
                for forecast in forecasts:
                    arrivals[decode(forecast.value).partition].append(at)
    return arrivals


def _longest(phase: Phase, arrivals: dict[int, list[float]]) -> dict[str, Any]:
    """Return the longest time between two forecasts of a partition in a phase, in seconds."""
    gaps: dict[bool, list[float]] = {True: [], False: []}
    for number, times in arrivals.items():
        inside = [at for at in times if phase.start <= at <= phase.end]
        gaps[number in phase.moved].append(float(np.diff([phase.start, *inside, phase.end]).max()))
    return {
        "change": phase.name,
        "partitions that move, s": max(gaps[True], default=None),
        "partitions that stay, s": max(gaps[False], default=None),
    }


def _fill(cluster: Cluster, name: str, data: Events) -> None:
    """Write events to a topic in whole batches, which takes a fraction of the time of processing them."""
    records = {TopicPartition(name, number): Records([], []) for number in range(PARTITIONS)}
    for stream, value in zip(data.streams.tolist(), data.records, strict=True):
        some = records[TopicPartition(name, stream % PARTITIONS)]
        some.keys.append(stream_name(stream).encode())
        some.payloads.append(value)
    with closing(KafkaProducer(bootstrap_servers=cluster.bootstrap, batch_size=BATCH_BYTES)) as producer:
        producer.partitions_for(name)
        enqueue(producer, records, BATCH_BYTES)
        producer.flush()


def _wait(job: RunningJob, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        job.check()
        if time.monotonic() > end:
            raise TimeoutError(f"no change within {TIMEOUT:g} s; last line of the job's log: {job.last_line()}")
        time.sleep(0.05)


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--events", type=options.positive, default=300_000, help="records for the throughput")
    parser.add_argument("--rounds", type=options.positive, default=3, help="of the throughput; the median is shown")
    arguments = parser.parse_args()
    data = events(arguments.events)
    try:
        with Broker() as broker:
            moves = measure_moves(broker)
            runs = [
                measure_processes(broker, broker.pid, data, count)
                for _ in range(arguments.rounds)
                for count in PROCESSES
            ]
    except (NoBrokerError, ChildError, TimeoutError) as error:
        sys.exit(str(error))
    throughput = [
        {name: float(np.median([run[name] for run in runs if run["processes"] == count])) for name in runs[0]}
        for count in PROCESSES
    ]
    if arguments.json:
        report.show_json({"moves": moves, "throughput": throughput, "runs": runs})
        return
    report.show(f"Longest time without forecasts, {RATE} records/s in {PARTITIONS} partitions", moves)
    report.show(f"{arguments.events:,} records, exactly once, median of {arguments.rounds}", throughput)
    report.show_machine()


if __name__ == "__main__":
    main()
