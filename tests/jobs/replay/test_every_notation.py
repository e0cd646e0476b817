"""However the same 2,000 events are written, the forecasts are bitwise the same."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import math
import random
import zipfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from replays import replay

from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVENTS = 2000
START = 1_730_000_000 - 1_730_000_000 % 900
BERLIN = ZoneInfo("Europe/Berlin")
NETWORK: dict[str, Any] = {"layer": "gru", "hidden": 4, "window": 2, "inputs": ("load", "flow"), "calendar": "day"}

Row = tuple[float, float, float | None]
"""Time, load and flow; the night in which the clock is set back is among the times."""


def rows() -> list[Row]:
    rng = random.Random(0)  # noqa: S311 - data
    return [
        (
            START + 900.0 * t,
            round(1500 + 400 * math.sin(t / 9) + rng.gauss(0, 30), 2),
            None if t % 50 == 7 else round(rng.gauss(0, 2), 3),
        )
        for t in range(EVENTS)
    ]


def iso(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def text(value: float | None) -> str:
    return "" if value is None else repr(value)


def table(
    time: Callable[[float], str] = iso,
    number: Callable[[float | None], str] = text,
    delimiter: str = ",",
    header: str = "time,load,flow",
    start: str = "",
    end: str = "\n",
) -> str:
    lines = [delimiter.join((time(t), number(load), number(flow))) for t, load, flow in rows()]
    return start + end.join([header.replace(",", delimiter), *lines]) + end


def comma(value: float | None) -> str:
    return text(value).replace(".", ",")


def grouped(value: float | None, sign: str) -> str:
    """Return a number with a thousands sign and a decimal comma."""
    if value is None:
        return ""
    whole, _, rest = repr(value).partition(".")
    digits = f"{abs(int(whole)):,}".replace(",", sign)
    return f"{'-' if value < 0 else ''}{digits},{rest}"


def local(pattern: str) -> Callable[[float], str]:
    return lambda time: datetime.fromtimestamp(time, BERLIN).strftime(pattern)


def objects(
    shape: Callable[[str, float, float | None], Any] = lambda t, x, y: {"time": t, "load": x, "flow": y},
) -> Any:
    return [shape(iso(t), load, flow) for t, load, flow in rows()]


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


BERLIN_TIME = {"timezone": "Europe/Berlin"}
NESTED = lambda t, x, y: {"at": {"time": t}, "values": [{"load": x}, {"flow": y}]}  # noqa: E731
TEXTS: dict[str, tuple[str, Callable[[], str], dict[str, Any]]] = {
    "comma": ("a.csv", table, {}),
    "semicolon": ("a.csv", lambda: table(delimiter=";"), {}),
    "tab": ("a.tsv", lambda: table(delimiter="\t"), {}),
    "pipe": ("a.csv", lambda: table(delimiter="|"), {}),
    "decimal comma": ("a.csv", lambda: table(number=comma, delimiter=";"), {}),
    "thousands with dots": ("a.csv", lambda: table(number=lambda x: grouped(x, "."), delimiter=";"), {}),
    "thousands with apostrophes": ("a.csv", lambda: table(number=lambda x: grouped(x, "'"), delimiter=";"), {}),
    "thousands with spaces": (
        "a.csv",
        lambda: table(number=lambda x: grouped(x, "\N{NO-BREAK SPACE}"), delimiter=";"),
        {},
    ),
    "CRLF": ("a.csv", lambda: table(end="\r\n"), {}),
    "quoted": ("a.csv", lambda: table(lambda t: f'"{iso(t)}"', lambda x: f'"{text(x)}"'), {}),
    "single quotes": ("a.csv", lambda: table(lambda t: f"'{iso(t)}'"), {"quote": "'"}),
    "comments above": ("a.csv", lambda: table(start="# Device: 7\n# Site: north\n"), {}),
    "preamble": ("a.csv", lambda: table(start="Logger 7\nFirmware 1.2\n\n"), {"skip_lines": 3}),
    "units below": ("a.csv", lambda: table(header="time,load,flow\n,kW,l/s"), {}),
    "sep": ("a.csv", lambda: table(delimiter=";", start="sep=;\n"), {}),
    "day first": ("a.csv", lambda: table(local("%d.%m.%Y %H:%M:%S")), {}),
    "slashes, day first": ("a.csv", lambda: table(local("%d/%m/%Y %H:%M")), {}),
    "slashes, month first": ("a.csv", lambda: table(local("%m/%d/%Y %I:%M %p")), {}),
    "seconds": ("a.csv", lambda: table(lambda t: f"{t:.0f}"), {}),
    "milliseconds": ("a.csv", lambda: table(lambda t: f"{1e3 * t:.0f}"), {}),
    "microseconds": ("a.csv", lambda: table(lambda t: f"{1e6 * t:.0f}"), {}),
    "offset": ("a.csv", lambda: table(local("%Y-%m-%dT%H:%M:%S%z")), {}),
    "local": ("a.csv", lambda: table(local("%Y-%m-%d %H:%M")), BERLIN_TIME),
    "local, day first": ("a.csv", lambda: table(local("%d.%m.%Y %H:%M")), BERLIN_TIME),
    "date and time": (
        "a.csv",
        lambda: table(local("%d.%m.%Y,%H:%M"), header="Date,Time,load,flow"),
        {"time": "Date+Time"},
    ),
    "JSON lines": ("a.jsonl", lambda: lines(objects()), {}),
    "JSON array": ("a.json", lambda: json.dumps(objects()), {}),
    "JSON array over lines": ("a.json", lambda: json.dumps(objects(), indent=2), {}),
    "JSON array in an object": ("a.json", lambda: json.dumps({"site": "north", "data": objects()}), {}),
    "numbers as text": (
        "a.jsonl",
        lambda: lines(objects(lambda t, x, y: {"time": t, "load": text(x), "flow": text(y)})),
        {},
    ),
    "envelope": ("a.jsonl", lambda: lines([{"schema": {}, "payload": value} for value in objects()]), {}),
    "missing as -999": (
        "a.csv",
        lambda: table(number=lambda x: text(-999.0 if x is None else x)),
        {"missing_values": -999},
    ),
    "missing as n/a": ("a.csv", lambda: table(number=lambda x: "n/a" if x is None else text(x)), {}),
}


def forecasts(path: Path, **job: Any) -> list[list[float]]:
    """Return the forecasts of every event."""
    output = path.parent / "out.jsonl"
    network = NETWORK | {name: job.pop(name) for name in ("inputs", "targets") if name in job}
    replay(ReplaySettings(files=str(path), output=str(output), **job), None, **network)
    found = [json.loads(line) for line in output.read_text().splitlines()]
    return [[value for name, value in row.items() if name.endswith("+1")] for row in found]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    """The forecasts of the plain table; calendar inputs follow Berlin's time in all of them."""
    path = tmp_path_factory.mktemp("plain") / "a.csv"
    path.write_text(table())
    found = forecasts(path, **BERLIN_TIME)
    assert len(found) == EVENTS
    return found


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_in_any_notation(name: str, expected: list[list[float]], tmp_path: Path) -> None:
    file, write, job = TEXTS[name]
    path = tmp_path / file
    path.write_text(write(), newline="")
    assert forecasts(path, **BERLIN_TIME | job) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_a_text_in_any_encoding(encoding: str, expected: list[list[float]], tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(table().encode(encoding))
    job = {"encoding": encoding} if encoding == "latin-1" else {}
    assert forecasts(path, **BERLIN_TIME | job) == expected


@pytest.mark.parametrize("container", [".gz", ".bz2", ".xz", ".zst", ".zip"])
def test_a_text_in_any_container(container: str, expected: list[list[float]], tmp_path: Path) -> None:
    path, data = tmp_path / f"a.csv{container}", table().encode()
    if container == ".zip":
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", data)
    elif container == ".zst":
        path.write_bytes(pa.Codec("zstd").compress(data, asbytes=True))
    else:
        path.write_bytes({".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}[container](data))
    assert forecasts(path, **BERLIN_TIME) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet(unit: str, expected: list[list[float]], tmp_path: Path) -> None:
    times, load, flow = zip(*rows(), strict=True)
    moments = pa.array([int(time) for time in times]).cast(pa.timestamp("s", "UTC")).cast(pa.timestamp(unit, "UTC"))
    pq.write_table(pa.table({"time": moments, "load": load, "flow": flow}), tmp_path / "a.parquet")
    assert forecasts(tmp_path / "a.parquet", **BERLIN_TIME) == expected


def test_long(expected: list[list[float]], tmp_path: Path) -> None:
    readings = [
        (iso(t), tag, text(value)) for t, *pair in rows() for tag, value in zip(("load", "flow"), pair, strict=True)
    ]
    path = tmp_path / "a.csv"
    path.write_text("time,tag,value\n" + "".join(",".join(reading) + "\n" for reading in readings))
    assert forecasts(path, pivot="tag=value", **BERLIN_TIME) == expected


def test_nested(expected: list[list[float]], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(lines(objects(NESTED)))
    job = {"time": "at.time", "inputs": ("values[0].load", "values[1].flow")}
    assert forecasts(path, **BERLIN_TIME | job) == expected


def test_wide_is_the_table_with_keys(tmp_path: Path) -> None:
    (tmp_path / "wide.csv").write_text(table())
    keyed = [f"{iso(t)},{key},{text(x)}" for t, *pair in rows() for key, x in zip(("load", "flow"), pair, strict=True)]
    (tmp_path / "keyed.csv").write_text("\n".join(["time,sensor,value", *keyed]) + "\n")
    wide = forecasts(tmp_path / "wide.csv", wide=True, inputs=("load", "flow"))
    assert wide == forecasts(tmp_path / "keyed.csv", key="sensor", inputs="value")
