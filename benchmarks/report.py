"""Output of results: tables, or one JSON object."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from benchmarks import machine

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

console = Console(width=None if sys.stdout.isatty() else 140)


def show(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Print rows as a table; their keys are the column names."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    table = Table(title=title, title_justify="left")
    for index, name in enumerate(columns):
        table.add_column(name, justify="right" if index else "left")
    for row in rows:
        table.add_row(*(_text(row.get(name)) for name in columns))
    console.print(table)


def show_machine() -> None:
    """Print the description of this machine."""
    console.print(
        ", ".join(f"{name} {value}" for name, value in machine.describe().items()), highlight=False, soft_wrap=True
    )


def show_json(results: Mapping[str, Any]) -> None:
    """Print one object: the results, and the description of this machine."""
    print(json.dumps({**results, "machine": machine.describe()}, indent=2))


def _text(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    if abs(value) >= 1e9:
        return f"{value:.0e}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if abs(value) < 1 else f"{value:.2f}"
