"""`stream-rnn inspect`: show the contents of a checkpoint."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console
from rich.table import Table

from stream_rnn.checkpoints.file import STREAMS, CheckpointData, read
from stream_rnn.checkpoints.folder import SUFFIX, CheckpointFolder
from stream_rnn.cli.console.formatting import cell, echo_json, echo_line, print_line
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.compiled.core import Counts
from stream_rnn.compiled.state import Clock
from stream_rnn.engine.build import plan_engine
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs import ordering_state
from stream_rnn.race.snapshot import members_of, race_settings_of, split, verify
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_STREAMS = 10
"""Streams in the table for a person."""


def run(path: str, *, as_json: bool) -> None:
    """Run the command.

    Raises
    ------
    CheckpointError
        If there is no checkpoint, or it is damaged.
    """
    log_to_stderr()
    file, data = find(path)
    if data.race is not None:
        _show_race(file, data, as_json=as_json)
        return
    contents = describe(file, data)
    if as_json:
        echo_json(contents)
    else:
        _print(contents, Console())


def _show_race(file: Path, data: CheckpointData, *, as_json: bool) -> None:
    """Print each member that is racing, and when the others were retired."""
    racing, mixing = split(data)
    retired = {name: int(at) for name, at in zip(members_of(data), mixing["retired_at"], strict=True) if at}
    members = {name: describe(file, member) for name, member in racing.items()}
    if as_json:
        race = race_settings_of(data).describe()
        echo_json({"race": race, "members": members, "retired_at": retired})
        return
    for name, contents in members.items():
        echo_line(f"member {name}")
        _print(contents, Console())
    for name, at in retired.items():
        echo_line(f"member {name}: retired at event {at:,}")


def describe(file: Path, data: CheckpointData) -> dict[str, Any]:
    """Return the contents of an engine's checkpoint as plain values."""
    parameters = {p.name: p.shape for p in plan_engine(data.settings).model.network.parameters()}
    events = data.arrays[f"{STREAMS}clock"][:, Clock.EVENTS].tolist()
    streams: list[tuple[Hashable, int]] = sorted(zip(data.keys, events, strict=True), key=lambda pair: -pair[1])
    row_bytes = {
        name.removeprefix(STREAMS): array.itemsize * math.prod(array.shape[1:])
        for name, array in data.arrays.items()
        if name.startswith(STREAMS)
    }
    return {
        "checkpoint": str(file),
        "bytes": file.stat().st_size,
        "settings": data.settings.describe(),
        "parameters": [{"name": n, "shape": shape, "count": math.prod(shape)} for n, shape in parameters.items()],
        "counts": Counts(*map(int, data.arrays["counts"]))._asdict() | {"evictions": data.evictions},
        "streams": [{"key": key, "events": count} for key, count in streams],
        "bytes_per_stream": row_bytes | {"total": sum(row_bytes.values())},
        "positions": ordering_state.summary(data.positions),
    }


def find(path: str) -> tuple[Path, CheckpointData]:
    """Return a checkpoint and its file; for a folder, the newest one in it.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    if not Path(path).is_dir():
        data = read(path)
        verify(data)
        return Path(path), data
    newest = CheckpointFolder(path).newest(verify=verify)
    if newest is None:
        subfolders = sorted(str(file.parent) for file in Path(path).glob(f"*/checkpoint-*{SUFFIX}"))
        hint = f"; there are checkpoints in {', '.join(dict.fromkeys(subfolders))}" if subfolders else ""
        raise CheckpointError(f"no checkpoint in the folder {path}{hint}")
    return newest


def _print(contents: dict[str, Any], console: Console) -> None:
    print_line(console, f"{contents['checkpoint']}, {contents['bytes']:,} bytes")
    _print_settings(contents["settings"], console)
    _print_parameters(contents["parameters"], console)
    counts = contents["counts"].items()
    print_line(console, "counts: " + ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in counts))
    _print_streams(contents["streams"], contents["bytes_per_stream"]["total"], console)
    print_line(console, f"positions: {msgspec.json.encode(contents['positions']).decode()}")


def _print_settings(settings: dict[str, Any], console: Console) -> None:
    defaults = Settings(inputs=("x",)).describe()
    changed = {name: value for name, value in settings.items() if name not in defaults or defaults[name] != value}
    print_line(console, "settings: " + ", ".join(f"{name}={_text(value)}" for name, value in changed.items()))
    print_line(console, f"  and {len(settings) - len(changed)} at their defaults")


def _print_parameters(parameters: list[dict[str, Any]], console: Console) -> None:
    table = Table("parameter", "shape", "count", box=None)
    table.columns[2].justify = "right"
    for row in parameters:
        table.add_row(cell(row["name"]), " x ".join(map(str, row["shape"])), f"{row['count']:,}")
    table.add_row("total", "", f"{sum(row['count'] for row in parameters):,}", style="bold")
    console.print(table)


def _print_streams(streams: list[dict[str, Any]], row_bytes: int, console: Console) -> None:
    print_line(console, f"streams: {len(streams):,}, {row_bytes:,} bytes each")
    table = Table("stream", "events", box=None)
    table.columns[1].justify = "right"
    for row in streams[:MAX_STREAMS]:
        table.add_row(cell(row["key"]) if row["key"] != "" else "(no key)", f"{row['events']:,}")
    console.print(table)
    if len(streams) > MAX_STREAMS:
        print_line(console, f"  and {len(streams) - MAX_STREAMS:,} more with fewer events")


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
