"""Where a live job starts in its topics, and from which checkpoint."""

from __future__ import annotations

import json
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import TopicAlreadyExistsError
from live import ENGINE, Live, feed, positions, reading
from topics import send, wait_for

from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster


def recreate(broker: Cluster, topic: str) -> None:
    """Create a topic of which an earlier one may not be deleted completely yet."""

    def created() -> bool:
        with suppress(TopicAlreadyExistsError):
            broker.topic(partitions=1, name=topic)
            return True
        return False

    wait_for(created)


def test_it_starts_from_the_checkpoint_of_a_replay(broker: Cluster, topic: str, tmp_path: Path) -> None:
    path = tmp_path / "month.jsonl"
    rows = [
        json.loads(value) | {"key": key.decode()} for key, value in map(reading, range(1000)) if value != b"garbled"
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    month = ReplaySettings(files=(str(path),), key="key", checkpoint=str(tmp_path / "month"))
    open_replay(month, ENGINE | {"inputs": ("x", "y")}).run()
    live = Live(broker, tmp_path / "live", topic, broker.topic(), "month", {"begin_with": str(tmp_path / "month")})
    live.engine = {}  # the settings are those of the checkpoint
    live.start()
    usable = feed(broker, topic, 1000, 1100)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    learned = [json.loads(value)["learned"] for values in live.forecasts().values() for value in values]
    assert min(learned) == len(rows) + 1


def test_latest_skips_records_before_the_first_start_and_none_after_it(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    feed(broker, topic, 0, 500)
    live = Live(broker, tmp_path, topic, broker.topic(), "latest", {"start": "latest"})
    live.start()
    wait_for(lambda: live.assigned() == 4)
    live.kill()  # before anything was committed
    usable = feed(broker, topic, 500, 700)
    live.start()
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    assert len(positions(live.forecasts())) == usable


def test_a_start_time_skips_older_records(broker: Cluster, tmp_path: Path) -> None:
    topic = broker.topic(retention_ms=-1)  # or the broker deletes such old records, now and then
    feed(broker, topic, 0, 300, at=1_700_000_000_000)
    usable = feed(broker, topic, 300, 500, at=1_767_225_600_000)
    live = Live(broker, tmp_path, topic, broker.topic(), "time", {"start": "2025-06-01T00:00:00"})
    live.start()
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    assert len(positions(live.forecasts())) == usable


def test_topics_that_match_a_pattern_have_their_own_engines(broker: Cluster, tmp_path: Path) -> None:
    first, second = broker.topic(partitions=1, name="plant-a-7"), broker.topic(partitions=1, name="plant-b-7")
    live = Live(broker, tmp_path, first, broker.topic(), "pattern", {"topics": [], "pattern": "plant-.-7"})
    live.start()
    usable = feed(broker, first, 0, 100) + feed(broker, second, 0, 100)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    for name in (first, second):
        assert live.checkpoint(f"{name}-0").arrays["counts"][0] == usable / 2


def test_records_without_keys_belong_to_one_stream(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "keyless")
    live.start()
    send(broker.bootstrap, topic, [reading(t)[1] for t in range(10)], partition=2)
    live.wait_for_forecasts(10)
    assert live.stop() == [0]
    assert list(live.forecasts()) == [b""]


def test_records_that_were_deleted_before_they_were_read_are_counted_and_skipped(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), "deleted")
    send(broker.bootstrap, topic, [reading(t)[1] for t in range(10)], partition=0)
    live.start()
    live.wait_for_forecasts(10)
    assert live.stop() == [0]
    send(broker.bootstrap, topic, [reading(t)[1] for t in range(10, 30)], partition=0)
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.delete_records({TopicPartition(topic, 0): 25})
    live.start()
    live.wait_for_forecasts(15)
    assert live.stop() == [0]
    assert positions(live.forecasts()) == [(0, offset) for offset in (*range(10), *range(25, 30))]
    assert f"{topic}-0: 15 records were deleted before they were read" in live.log()


def test_a_group_whose_offsets_were_deleted_resumes_from_its_checkpoints(
    broker: Cluster, topic: str, tmp_path: Path
) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), f"expires-{topic}")
    live.start()
    usable = feed(broker, topic, 0, 300)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.delete_groups([live.group])
    usable += feed(broker, topic, 300, 400)
    assert live.start(lost_offsets="refuse").wait(60) == 1
    assert f"group '{live.group}' has lost its committed offset of {topic}-" in live.log()
    live.start()
    live.wait_for_forecasts(usable)
    assert live.stop()[-1] == 0
    found = positions(live.forecasts())
    assert len(found) == len(set(found)) == usable
    assert "continuing from checkpoint" in live.log()


def test_a_topic_that_is_created_again_is_read_from_its_start_with_what_was_learned(
    broker: Cluster, tmp_path: Path
) -> None:
    topic = broker.topic(partitions=1)
    live = Live(broker, tmp_path, topic, broker.topic(), f"again-{topic}")
    live.start()
    usable = feed(broker, topic, 0, 200)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    broker.delete_topic(topic)
    recreate(broker, topic)
    more = feed(broker, topic, 200, 500)  # more records than the old topic had
    live.start()
    live.wait_for_forecasts(usable + more)
    assert live.stop() == [0]
    learned = [json.loads(value)["learned"] for values in live.forecasts().values() for value in values]
    assert sorted(learned) == list(range(1, usable + more + 1))
    assert f"{topic}-0: the topic was deleted and created again" in live.log()


def test_a_topic_that_is_created_again_while_the_job_runs_is_read_from_its_start(
    broker: Cluster, tmp_path: Path
) -> None:
    topic = broker.topic(partitions=1)
    live = Live(broker, tmp_path, topic, broker.topic(), f"meanwhile-{topic}", {"client": {"metadata_max_age_ms": 500}})
    live.start()
    usable = feed(broker, topic, 0, 200)
    live.wait_for_forecasts(usable)
    broker.delete_topic(topic)
    recreate(broker, topic)
    more = feed(broker, topic, 200, 300)
    live.wait_for_forecasts(usable + more)
    assert live.stop() == [0]
    assert len(positions(live.forecasts())) == usable + more
    assert f"{topic}-0: the topic was deleted and created again" in live.log()
    assert "Traceback" not in live.log()


def test_partitions_that_are_added_start_with_what_a_neighbour_has_learned(broker: Cluster, tmp_path: Path) -> None:
    topic = broker.topic(partitions=1)
    live = Live(broker, tmp_path, topic, broker.topic(), f"adds-{topic}", {"client": {"metadata_max_age_ms": 500}})
    live.kafka["start"] = "latest"  # which does not apply to partitions that are added
    live.start()
    wait_for(lambda: live.assigned() == 1)
    usable = feed(broker, topic, 0, 400)
    live.wait_for_forecasts(usable)
    with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap)) as admin:
        admin.create_partitions({topic: 3})
    send(broker.bootstrap, topic, [reading(t)[1] for t in range(10)], [reading(t)[0] for t in range(10)], partition=2)
    live.wait_for_forecasts(usable + 10)
    assert live.stop() == [0]
    rows = [json.loads(value) for values in live.forecasts().values() for value in values]
    assert len(rows) == usable + 10
    assert min(row["learned"] for row in rows if row["partition"] == 2) > 100
    assert f"{topic}-2: the topic got this partition after the job had started; keys may have moved here" in live.log()
    assert "; by Kafka's own rule 's" in live.log()
