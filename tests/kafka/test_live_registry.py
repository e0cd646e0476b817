"""A live job that reads Avro with a schema registry: what it does while the registry is down, and what it refuses."""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING

import fastavro
from live import Live, health, positions
from registry_server import Registry, serve
from topics import read_all, send, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from broker import Cluster

READING = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "x", "type": ["null", "double"]},
        {"name": "y", "type": "double"},
    ],
}
SHRUNK = READING | {"fields": READING["fields"][:2]}


def avro(t: int, number: int = 7) -> bytes:
    data, schema = BytesIO(), READING if number == 7 else SHRUNK
    value = {"time": 1_700_000_000_000 + 1000 * t, "x": None if t % 10 == 3 else t / 100, "y": t % 7 / 7}
    fastavro.schemaless_writer(data, fastavro.parse_schema(schema), value)
    return b"\0" + number.to_bytes(4, "big") + data.getvalue()


def test_nothing_is_lost_while_the_registry_is_down(broker: Cluster, topic: str, tmp_path: Path) -> None:
    registry, letters = Registry(), broker.topic(partitions=1)
    registry.add(7, json.dumps(READING))
    registry.add(8, json.dumps(SHRUNK))
    with serve(registry):
        pass  # it has a port now
    settings = {"metrics_port": 0, "dead_letter_topic": letters, "registry": {"url": registry.url}}
    live = Live(broker, tmp_path, topic, broker.topic(), "avro", settings)
    live.start()
    send(broker.bootstrap, topic, [avro(t) for t in range(200)], [f"s{t % 5}".encode() for t in range(200)])
    wait_for(lambda: f"schema registry {registry.url} does not answer" in live.log())
    assert not health(live)["ok"]
    assert f"schema registry {registry.url} does not answer" in health(live)["reason"]
    with serve(registry):
        live.wait_for_forecasts(200)
        wait_for(lambda: health(live)["ok"])
        send(broker.bootstrap, topic, [avro(1, 8), avro(2, 9), avro(300)], partition=0)
        live.wait_for_forecasts(201)
        assert live.stop() == [0]
    reasons = [json.loads(letter.value)["reason"] for letter in read_all(broker.bootstrap, letters)]
    assert reasons == ["schema 8: no field 'y'", "schema 9: not in the registry"]
    found = positions(live.forecasts())
    assert len(set(found)) == len(found) == 201
    assert "no longer: the schema registry does not work" in live.log()
    assert "Traceback" not in live.log()
