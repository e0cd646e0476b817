"""Where a live job starts in its topics, and from which checkpoint."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient, TopicPartition
from live import ENGINE, Live, feed, positions, reading
from topics import send, wait_for

from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster


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


def test_a_start_time_skips_older_records(broker: Cluster, topic: str, tmp_path: Path) -> None:
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
