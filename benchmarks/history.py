"""The main figures of `benchmarks.speed` by version.

    python -m benchmarks.speed --record
    python -m benchmarks.history

The first command measures and adds a line to ``speed_history.jsonl``, the second shows all lines. Compare ratios, such
as those with peers of the same run: machines, and their load, differ.
"""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from benchmarks import machine, options, report
from benchmarks.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

HISTORY = ROOT / "benchmarks" / "speed_history.jsonl"

FIGURES: dict[str, tuple[str, Callable[[Any], float | None]]] = {
    "events/s": ("reference", lambda part: part["events_per_second"]),
    "of SGEMM": ("reference", lambda part: part["share_of_sgemm"]),
    "times JAX scan": ("reference", lambda part: _times(part["peers"], "JAX whole stream")),
    "times JAX step": ("reference", lambda part: _times(part["peers"], "JAX one jitted step")),
    "step calls/s": ("step", lambda part: part[0]["calls_per_second"]),
    "step p99 us": ("step", lambda part: part[0]["p99_us"]),
    "100,000 streams": ("streams", lambda part: part["rows"][-1]["times_one_stream"]),
    "import s": ("startup", lambda part: part[1]["seconds"]),
    "warm s": ("startup", lambda part: part[2]["seconds"]),
    "cold s": ("startup", lambda part: part[3]["seconds"]),
    "cold, preset forecast s": ("startup", lambda part: part[4]["seconds"]),
    "cold, preset auto s": ("startup", lambda part: part[5]["seconds"]),
}
"""Each figure by name: the part of `benchmarks.speed` that has it, and where."""


def record(results: Mapping[str, Any], path: Path = HISTORY) -> None:
    """Add the figures of a run to the history; parts that were not measured have none."""
    figures = {name: find(results[part]) for name, (part, find) in FIGURES.items() if part in results}
    entry = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "version": version("stream_rnn"), "commit": _commit()}
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry | figures | {"machine": machine.describe()}) + "\n")


def rows(path: Path = HISTORY) -> list[dict[str, Any]]:
    """Return the lines of the history, oldest first."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _times(peers: list[dict[str, Any]], name: str) -> float | None:
    return next((peer.get("engine_times") for peer in peers if peer["peer"].startswith(name)), None)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def main() -> None:
    """Show the history."""
    arguments = options.parser(__doc__).parse_args()
    entries = rows()
    if arguments.json:
        report.show_json({"history": entries})
        return
    for entry in entries:
        entry["load"] = entry.pop("machine")["load"]
    report.show("Speed by version", entries)


if __name__ == "__main__":
    main()
