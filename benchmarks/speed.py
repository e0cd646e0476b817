"""Speed of the engine, and of other libraries on the same job.

    python -m benchmarks.speed
    python -m benchmarks.speed --only reference,step --json
    python -m benchmarks.speed --torch-python /usr/bin/python3
    python -m benchmarks.speed --record

Parts: ``reference`` (the reference job with the engine, JAX and PyTorch, and the core's matrix-product rate),
``layers`` (other networks), ``sizes`` (other widths and windows), ``step`` (calls with one event), ``streams`` (1 to
100,000 streams), ``startup`` (import and first forecast) and ``csv`` (a file of a million events, end to end).
Everything runs on one thread, and the time that a process waits for a core is not counted. Other load on the machine
still affects the figures, so compare only ratios within one run. `benchmarks.history` shows recorded runs.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from benchmarks import (
    against_peers,
    child,
    csv_replay,
    history,
    many_streams,
    options,
    report,
    sizes,
    startup,
    step_calls,
)

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS = ("reference", "layers", "sizes", "step", "streams", "startup", "csv")


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"parts, separated by commas: {','.join(PARTS)}")
    parser.add_argument("--torch-python", default=_torch_python(), help="an interpreter that has torch")
    parser.add_argument("--record", action="store_true", help=f"add the main figures to {history.HISTORY.name}")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    for part in arguments.only:
        results[part] = _measure(part, arguments.torch_python)
        if not arguments.json:
            _show(part, results[part])
    if arguments.record:
        history.record(results)
    if arguments.json:
        report.show_json(results)
    else:
        report.show_machine()


def _measure(part: str, torch_python: str) -> Any:
    if part == "reference":
        return against_peers.measure(torch_python)
    measures: dict[str, Callable[[], Any]] = {
        "layers": against_peers.variants,
        "sizes": sizes.measure,
        "step": step_calls.measure,
        "streams": many_streams.measure,
        "startup": startup.measure,
        "csv": csv_replay.measure,
    }
    return measures[part]()


def _show(part: str, result: Any) -> None:
    match part:
        case "reference":
            numbers = {name: value for name, value in result.items() if isinstance(value, float)}
            report.show("The reference job", [numbers])
            report.show("Peers in the same run", result["peers"])
        case "layers":
            report.show("Other networks", result)
        case "sizes":
            for title, rows in result.items():
                report.show(title, rows)
        case "step":
            report.show("Engine.step, a mapping of 8 inputs", result)
        case "streams":
            report.show(f"Streams in random order, {result['events']:,} events each", result["rows"])
            arrays = [{"array": name, "bytes": value} for name, value in result["stream_bytes"].items()]
            report.show("Memory of a stream", [*arrays, {"array": "all", "bytes": result["stream_bytes_total"]}])
        case "startup":
            report.show("Start-up, seconds", result)
        case _:
            report.show("CSV to Parquet by the command line", [result])


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    for part in parts:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(f"parts must be among {','.join(PARTS)}, got {part!r}")
    return parts


def _torch_python() -> str:
    """Return this interpreter or the system's, whichever has torch; this one if neither has."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            child.run([python, "-c", "import importlib.util as u; assert u.find_spec('torch')"])
        except child.ChildError:
            continue
        return python
    return sys.executable


if __name__ == "__main__":
    main()
