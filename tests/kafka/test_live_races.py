"""A live job with a race forecasts what a replay of the same events forecasts, and continues such a replay."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from live import ENGINE, RACE, Live, feed, reading
from topics import wait_for

from stream_rnn.cli.arguments.config_file import gather_replay
from stream_rnn.jobs.replay.open import open_race
from stream_rnn.settings.race import RaceConfig
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

AUTO: dict[str, Any] = {"preset": "auto", "inputs": ["x", "y"], "horizon": 2}


def replayed(live: Live, stop: int) -> list[dict[str, Any]]:
    """Replay the first readings with the same race as the live job; return the forecasts and the checkpoint."""
    path, output = live.folder / "month.jsonl", live.folder / "forecasts.jsonl"
    rows = [
        json.loads(value) | {"key": key.decode()} for key, value in map(reading, range(stop)) if value != b"garbled"
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = ReplaySettings(
        files=(str(path),), key="key", output=str(output), checkpoint=str(live.folder / "month"), season=0
    )
    _, config = gather_replay(str(live.folder / "job.toml"), {})
    assert isinstance(config, RaceConfig)
    open_race(settings, config).run()
    return [json.loads(line) for line in output.read_text().splitlines()]


@pytest.mark.parametrize(("engine", "tables"), [(AUTO, {}), (ENGINE, RACE)], ids=["preset auto", "members"])
def test_the_forecasts_of_a_race_are_those_of_a_replay(
    broker: Cluster, tmp_path: Path, engine: dict[str, Any], tables: dict[str, Any]
) -> None:
    topic = broker.topic(partitions=1)
    live = Live(broker, tmp_path, topic, broker.topic(), topic, engine=engine, tables=tables)
    live.start()
    usable = feed(broker, topic, 0, 1200)
    live.wait_for_forecasts(usable)
    assert live.stop() == [0]
    rows = sorted(
        (json.loads(value) for values in live.forecasts().values() for value in values), key=lambda row: row["offset"]
    )
    names = ("key", "x", "y", "x+1", "y+1", "x+2", "y+2")
    assert [[row[name] for name in names] for row in rows] == [
        [row[name] for name in names] for row in replayed(live, 1200)
    ]
    assert live.checkpoint(f"{topic}-0").race is not None


def test_it_begins_with_the_race_of_a_replay(broker: Cluster, topic: str, tmp_path: Path) -> None:
    live = Live(broker, tmp_path, topic, broker.topic(), topic, tables=RACE)
    live.start()
    wait_for(lambda: live.assigned() == 4)
    live.kill()  # it has written its job file, which the replay reads
    rows = replayed(live, 1000)
    begun = Live(
        broker, tmp_path / "begun", topic, broker.topic(), f"{topic}-begun", {"begin_with": str(tmp_path / "month")}
    )
    begun.engine = {}  # the race and its settings are those of the checkpoint
    begun.start()
    usable = feed(broker, topic, 1000, 1100)
    begun.wait_for_forecasts(usable)
    assert begun.stop() == [0]
    learned = [json.loads(value)["learned"] for values in begun.forecasts().values() for value in values]
    assert min(learned) == len(rows) + 1
