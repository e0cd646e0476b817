"""`stream-rnn inspect`: what a checkpoint holds, without building the network."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich.console import Console
from rich.table import Table

from stream_rnn.checkpoints.file import CheckpointData, read
from stream_rnn.checkpoints.folder import SUFFIX, CheckpointFolder
from stream_rnn.cli.console import logs
from stream_rnn.compiled.core import Counts
from stream_rnn.compiled.state import Clock
from stream_rnn.engine.build import build_parts
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs.ordering_state import described
from stream_rnn.race.snapshot import members_of, race_settings_of, split
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from collections.abc import Hashable

MOST = 10  # streams that are listed for a person


def run(path: str, *, as_json: bool) -> None:
    """Print what a checkpoint holds.

    Raises
    ------
    CheckpointError
        If it is missing or damaged.
    """
    logs.to_stderr()
    file, saved = find(path)
    if saved.race is not None:
        _run_race(file, saved, as_json=as_json)
        return
    about = describe(file, saved)
    if as_json:
        click.echo(msgspec.json.encode(about))
        return
    _show(about, Console())


def _run_race(file: Path, saved: CheckpointData, *, as_json: bool) -> None:
    """Print what each member of a race has, and when the others were retired."""
    racing, mixing = split(saved)
    retired = {name: int(at) for name, at in zip(members_of(saved), mixing["retired_at"], strict=True) if at}
    members = {name: describe(file, part) for name, part in racing.items()}
    if as_json:
        race = race_settings_of(saved).describe()
        click.echo(msgspec.json.encode({"race": race, "members": members, "retired_at": retired}))
        return
    for name, about in members.items():
        click.echo(f"member {name}")
        _show(about, Console())
    for name, at in retired.items():
        click.echo(f"member {name}: retired at event {at:,}")


def describe(file: Path, saved: CheckpointData) -> dict[str, Any]:
    """Return what a checkpoint holds as plain values."""
    parameters = {p.name: p.shape for p in build_parts(saved.settings).network.parameters()}
    events = saved.arrays["streams.clock"][:, Clock.EVENTS].tolist()
    streams: list[tuple[Hashable, int]] = sorted(zip(saved.keys, events, strict=True), key=lambda pair: -pair[1])
    memory = {
        name.removeprefix("streams."): array.itemsize * math.prod(array.shape[1:])
        for name, array in saved.arrays.items()
        if name.startswith("streams.")
    }
    return {
        "checkpoint": str(file),
        "bytes": file.stat().st_size,
        "settings": saved.settings.describe(),
        "parameters": [{"name": n, "shape": shape, "count": math.prod(shape)} for n, shape in parameters.items()],
        "counts": Counts(*map(int, saved.arrays["counts"]))._asdict() | {"evictions": saved.evictions},
        "streams": [{"key": key, "events": count} for key, count in streams],
        "bytes_per_stream": memory | {"total": sum(memory.values())},
        "positions": described(saved.positions),
    }


def find(path: str) -> tuple[Path, CheckpointData]:
    """Return a checkpoint, or of a folder the newest, with its file.

    Raises
    ------
    CheckpointError
        If there is none, or it is damaged.
    """
    if not Path(path).is_dir():
        return Path(path), read(path)
    found = CheckpointFolder(path).newest()
    if found is None:
        below = sorted(str(file.parent) for file in Path(path).glob(f"*/checkpoint-*{SUFFIX}"))
        hint = f"; there are some in {', '.join(dict.fromkeys(below))}" if below else ""
        raise CheckpointError(f"no checkpoint in the folder {path}{hint}")
    return found


def _show(about: dict[str, Any], console: Console) -> None:
    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    say(f"{about['checkpoint']}, {about['bytes']:,} bytes")
    defaults = {name: value for name, value in _defaults().items() if about["settings"].get(name) == value}
    say("settings: " + ", ".join(f"{n}={_plain(v)}" for n, v in about["settings"].items() if n not in defaults))
    say(f"  and {len(defaults)} at their defaults")
    table = Table("parameter", "shape", "count", box=None)
    table.columns[2].justify = "right"
    for row in about["parameters"]:
        table.add_row(row["name"], " x ".join(map(str, row["shape"])), f"{row['count']:,}")
    table.add_row("all", "", f"{sum(row['count'] for row in about['parameters']):,}", style="bold")
    console.print(table)
    say("counts: " + ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in about["counts"].items()))
    say(f"streams: {len(about['streams']):,}, {about['bytes_per_stream']['total']:,} bytes each")
    table = Table("stream", "events", box=None)
    table.columns[1].justify = "right"
    for row in about["streams"][:MOST]:
        table.add_row(str(row["key"]) or "(the only one)", f"{row['events']:,}")
    console.print(table)
    if len(about["streams"]) > MOST:
        say(f"  and {len(about['streams']) - MOST:,} more with fewer events")
    say(f"positions: {msgspec.json.encode(about['positions']).decode()}")


def _defaults() -> dict[str, Any]:
    return Settings(inputs=("x",)).describe()


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
