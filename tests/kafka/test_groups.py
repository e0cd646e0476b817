"""Processes of a group share the partitions; what is learned does not depend on which process has a partition."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from live import Live, assert_same_state, feed, positions, reading
from topics import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

STREAMS = 40  # enough for every partition to have some


def test_partitions_that_move_between_processes_learn_as_in_one_process(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    group = Live(broker, tmp_path / "group", topic, broker.topic(), "group")
    group.start("first")
    usable = feed(broker, topic, 0, 4000, STREAMS)
    group.wait_for_forecasts(usable)
    group.start("second")
    wait_for(lambda: group.assigned("second") == 2)
    usable += feed(broker, topic, 4000, 8000, STREAMS)
    third = group.start("third")
    wait_for(lambda: group.assigned("third") >= 1)
    usable += feed(broker, topic, 8000, 12_000, STREAMS)
    third.kill()
    usable += feed(broker, topic, 12_000, 14_000, STREAMS)
    group.wait_for_forecasts(usable)
    assert group.stop()[:2] == [0, 0]

    single = Live(broker, tmp_path / "single", topic, broker.topic(), "single")
    single.start()
    single.wait_for_forecasts(usable)
    assert single.stop() == [0]

    forecasts = group.forecasts()
    assert len(positions(forecasts)) == len(set(positions(forecasts))) == usable
    assert forecasts == single.forecasts()
    for partition in range(4):
        assert_same_state(group.checkpoint(f"{topic}-{partition}"), single.checkpoint(f"{topic}-{partition}"))
    for name in ("first", "second", "third"):
        assert "Traceback" not in group.log(name)


def test_a_partition_moves_with_its_state_and_nothing_is_replayed(broker: Cluster, topic: str, tmp_path: Path) -> None:
    group = Live(broker, tmp_path, topic, broker.topic(), "moves")
    group.start("first")
    usable = feed(broker, topic, 0, 2000, STREAMS)
    group.wait_for_forecasts(usable)
    group.start("second")
    wait_for(lambda: group.assigned("second") == 2)
    group.stop()
    assert "replayed" not in group.log("second")


def test_a_process_that_stops_in_an_orderly_way_is_replaced_at_once(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    group = Live(broker, tmp_path, topic, broker.topic(), "leaves", {"session_timeout": 60.0})
    first = group.start("first")
    wait_for(lambda: group.assigned("first") == 4)
    group.start("second")
    wait_for(lambda: group.assigned("second") == 2)
    first.terminate()
    assert first.wait(30) == 0
    wait_for(lambda: group.assigned("second") == 4, 20)
    group.stop()


def test_with_scope_job_one_engine_learns_from_all_partitions(broker: Cluster, topic: str, tmp_path: Path) -> None:
    alone = Live(broker, tmp_path, topic, broker.topic(), "alone", {"scope": "job"})
    alone.start()
    usable = feed(broker, topic, 0, 2000, STREAMS)
    alone.wait_for_forecasts(usable)
    alone.kill()
    usable += feed(broker, topic, 2000, 3000, STREAMS)
    alone.start()
    alone.wait_for_forecasts(usable)
    assert alone.stop() == [0]
    found = positions(alone.forecasts())
    assert len(found) == len(set(found)) == usable
    checkpoint = alone.checkpoint("job")
    assert len(checkpoint.keys) == STREAMS
    assert checkpoint.arrays["counts"][0] == usable


def test_with_scope_job_partitions_that_are_added_are_read_and_every_event_is_forecast_once(
    broker: Cluster, tmp_path: Path
) -> None:
    topic = broker.topic(partitions=1)
    settings = {"scope": "job", "client": {"metadata_max_age_ms": 500}}
    alone = Live(broker, tmp_path, topic, broker.topic(), "grows", settings)
    alone.start()
    usable = feed(broker, topic, 0, 500, STREAMS)
    alone.wait_for_forecasts(usable)
    writer = threading.Thread(target=feed, args=(broker, topic, 500, 20_000, STREAMS))
    writer.start()  # records keep coming in while the partitions are opened
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.create_partitions({topic: 3})
    writer.join()
    usable += sum(reading(t)[1] != b"garbled" for t in range(500, 20_000))
    usable += feed(broker, topic, 20_000, 21_000, STREAMS)
    alone.wait_for_forecasts(usable)
    assert alone.stop() == [0]
    found = positions(alone.forecasts())
    assert len(found) == len(set(found)) == usable
    assert {partition for partition, _ in found} == {0, 1, 2}


def test_a_job_that_was_killed_and_restarted_reads_partitions_that_are_added(broker: Cluster, tmp_path: Path) -> None:
    topic = broker.topic(partitions=1)
    settings = {"session_timeout": 60.0, "client": {"metadata_max_age_ms": 500}}
    live = Live(broker, tmp_path, topic, broker.topic(), "regrows", settings)
    live.start()
    live.wait_for_forecasts(feed(broker, topic, 0, 100))
    live.kill()
    live.start("again")  # within the session timeout: the group keeps its member and its assignment
    wait_for(lambda: live.assigned("again") == 1)
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.create_partitions({topic: 2})
    wait_for(lambda: live.assigned("again") == 2)
    assert live.stop() == [0]


def test_with_scope_job_a_second_process_is_refused(broker: Cluster, topic: str, tmp_path: Path) -> None:
    alone = Live(broker, tmp_path, topic, broker.topic(), "refuses", {"scope": "job"})
    alone.start("first")
    wait_for(lambda: alone.assigned("first") == 1)
    assert alone.start("second").wait(60) == 2
    assert "another process uses the checkpoint folder" in alone.log("second")
    assert alone.start("elsewhere", checkpoint=str(tmp_path / "elsewhere")).wait(60) == 1
    assert "scope is job, but group 'refuses' has another member" in alone.log("elsewhere")
    assert alone.stop()[0] == 0
