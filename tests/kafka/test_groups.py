"""Processes of a group share the partitions; what is learned of one does not depend on who has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from live import Live, assert_same_state, feed, places
from topics import wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

STREAMS = 40  # so that every partition has some


def taken_up(live: Live, name: str) -> int:
    return live.log(name).count("taken up")


def test_members_come_and_go_and_every_partition_learns_as_if_alone(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    group = Live(broker, tmp_path / "group", topic, broker.topic(), "group")
    group.start("first")
    usable = feed(broker, topic, 0, 4000, STREAMS)
    group.wait_for_forecasts(usable)
    group.start("second")
    wait_for(lambda: taken_up(group, "second") == 2)
    usable += feed(broker, topic, 4000, 8000, STREAMS)
    third = group.start("third")
    wait_for(lambda: taken_up(group, "third") >= 1)
    usable += feed(broker, topic, 8000, 12_000, STREAMS)
    third.kill()
    usable += feed(broker, topic, 12_000, 14_000, STREAMS)
    group.wait_for_forecasts(usable)
    assert group.stop()[:2] == [0, 0]

    whole = Live(broker, tmp_path / "whole", topic, broker.topic(), "whole")
    whole.start()
    whole.wait_for_forecasts(usable)
    assert whole.stop() == [0]

    made = group.forecasts()
    assert len(places(made)) == len(set(places(made))) == usable
    assert made == whole.forecasts()
    for partition in range(4):
        assert_same_state(group.state(f"{topic}-{partition}"), whole.state(f"{topic}-{partition}"))
    for name in ("first", "second", "third"):
        assert "Traceback" not in group.log(name)


def test_a_partition_moves_with_its_state_and_nothing_is_learned_twice(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    group = Live(broker, tmp_path, topic, broker.topic(), "moves")
    group.start("first")
    usable = feed(broker, topic, 0, 2000, STREAMS)
    group.wait_for_forecasts(usable)
    group.start("second")
    wait_for(lambda: taken_up(group, "second") == 2)
    group.stop()
    assert "replayed" not in group.log("second")


def test_a_member_that_leaves_in_good_order_is_replaced_at_once(broker: Cluster, topic: str, tmp_path: Path) -> None:
    group = Live(broker, tmp_path, topic, broker.topic(), "leaves", {"session_timeout": 60.0})
    first = group.start("first")
    wait_for(lambda: taken_up(group, "first") == 4)
    group.start("second")
    wait_for(lambda: taken_up(group, "second") == 2)
    first.terminate()
    assert first.wait(30) == 0
    wait_for(lambda: taken_up(group, "second") == 4, 20)
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
    made = places(alone.forecasts())
    assert len(made) == len(set(made)) == usable
    state = alone.state("job")
    assert len(state.keys) == STREAMS
    assert state.arrays["counts"][0] == usable


def test_with_scope_job_a_second_member_is_refused(broker: Cluster, topic: str, tmp_path: Path) -> None:
    alone = Live(broker, tmp_path, topic, broker.topic(), "refuses", {"scope": "job"})
    alone.start("first")
    wait_for(lambda: taken_up(alone, "first") == 1)
    assert alone.start("second").wait(60) == 2
    assert "another process works in the folder" in alone.log("second")
    assert alone.start("elsewhere", checkpoint=str(tmp_path / "elsewhere")).wait(60) == 1
    assert "scope is job, but group 'refuses' has another member" in alone.log("elsewhere")
    assert alone.stop()[0] == 0
