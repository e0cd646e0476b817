"""Decoding of JSON records: nested, enveloped and array records compared with flat ones in the same run.

python -m benchmarks.json_records
python -m benchmarks.json_records --json
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks import options, report
from benchmarks.clock import now, since
from stream_rnn.connectors.decode.json_records import JsonDecoder
from stream_rnn.connectors.decode.schema import ColumnRoles

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENTS = 4096
"""Events of a batch, as of a poll."""
ROUNDS = 100
COLUMNS = tuple(f"x{i}" for i in range(8))


def main() -> None:
    """Run the program."""
    arguments = options.parser(__doc__).parse_args()
    rows = measure()
    if arguments.json:
        report.show_json({"records": rows})
    else:
        report.show("JSON records", rows)
        report.show_machine()


def measure() -> list[dict[str, Any]]:
    """Return the rate of each kind of record, the best of rounds in which they take turns, and its ratio to flat."""
    decoders = {kind: (JsonDecoder(roles), records) for kind, (roles, records) in _kinds().items()}
    best = dict.fromkeys(decoders, float("inf"))
    for _ in range(ROUNDS):
        for kind, (decoder, records) in decoders.items():
            start = now()
            decoded = decoder.decode(records)
            best[kind] = min(best[kind], since(start))
            if len(decoded.records) != EVENTS:
                raise RuntimeError(f"{kind}: {len(decoded.records)} events of {EVENTS}")
    return [
        {"records": kind, "events_per_second": EVENTS / seconds, "of_flat": best["flat"] / seconds}
        for kind, seconds in best.items()
    ]


def _kinds() -> dict[str, tuple[ColumnRoles, list[bytes]]]:
    events: list[dict[str, Any]] = [
        {"sensor": f"sensor-{i % 100:03}", "time": 1.7e9 + i}
        | {name: 20 + i * n % 97 / 10 for n, name in enumerate(COLUMNS)}
        for i in range(EVENTS)
    ]
    nested = [{k: v for k, v in e.items() if k not in COLUMNS} | {"m": {k: e[k] for k in COLUMNS}} for e in events]
    named = [{k if k not in COLUMNS else f"m.{k}": v for k, v in e.items()} for e in events]
    flat = ColumnRoles("sensor", "time", None, COLUMNS)
    paths = ColumnRoles("sensor", "time", None, tuple(f"m.{name}" for name in COLUMNS))
    fours = [events[i : i + 4] for i in range(0, EVENTS, 4)]
    return {
        "flat": (flat, _encoded(events)),
        "nested": (paths, _encoded(nested)),
        "flat, names are paths": (paths, _encoded(named)),
        "Kafka Connect": (flat, _encoded({"schema": {"type": "struct"}, "payload": event} for event in events)),
        "Debezium": (flat, _encoded({"op": "c", "before": None, "after": event, "ts_ms": 1} for event in events)),
        "CloudEvents": (flat, _encoded({"specversion": "1.0", "id": "1", "data": event} for event in events)),
        "arrays of four": (flat, _encoded(fours)),
        "four in a field": (
            ColumnRoles("sensor", "time", None, COLUMNS, records="values"),
            _encoded({"gateway": 1, "values": four} for four in fours),
        ),
    }


def _encoded(values: Iterable[Any]) -> list[bytes]:
    return [json.dumps(value).encode() for value in values]


if __name__ == "__main__":
    main()
