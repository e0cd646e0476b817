"""How fast the engine is, and beside what.

    python -m benchmarks.speed
    python -m benchmarks.speed --only reference,step --json
    python -m benchmarks.speed --torch-python /usr/bin/python3

Halves: ``reference`` (the reference job beside JAX, PyTorch and the core's own limit), ``layers`` (other networks),
``step`` (calls with one event), ``streams`` (1 to 100,000 streams), ``startup`` (import and first forecast) and ``csv``
(a file of a million events, end to end). One thread each, and the time that a process waits for a core is left out;
other work on the machine still changes every figure, so only the ratios, taken within a run, are to be compared.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from benchmarks import against_peers, child, csv_replay, many_streams, report, startup, step_calls

PARTS = ("reference", "layers", "step", "streams", "startup", "csv")


def main() -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"some of {','.join(PARTS)}")
    parser.add_argument("--torch-python", default=_torch_python(), help="an interpreter that has torch")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    for part in options.only:
        found[part] = _measure(part, options.torch_python)
        if not options.json:
            _show(part, found[part])
    if options.json:
        report.show_json(found)
    else:
        report.show_machine()


def _measure(part: str, torch_python: str) -> Any:
    match part:
        case "reference":
            return against_peers.measure(torch_python)
        case "layers":
            return against_peers.variants()
        case "step":
            return step_calls.measure()
        case "streams":
            return many_streams.measure()
        case "startup":
            return startup.measure()
        case _:
            return csv_replay.measure()


def _show(part: str, found: Any) -> None:
    match part:
        case "reference":
            numbers = {name: value for name, value in found.items() if isinstance(value, float)}
            report.show("The reference job", [numbers])
            report.show("Peers in the same run", found["peers"])
        case "layers":
            report.show("Other networks", found)
        case "step":
            report.show("Engine.step, a mapping of 8 inputs", found)
        case "streams":
            report.show(f"Streams in random order, {found['events']:,} events each", found["rows"])
            bytes_of = [{"arena": name, "bytes": value} for name, value in found["stream_bytes"].items()]
            report.show("Memory of a stream", [*bytes_of, {"arena": "all", "bytes": found["stream_bytes_total"]}])
        case "startup":
            report.show("Start-up, seconds", found)
        case _:
            report.show("CSV to Parquet by the command line", [found])


def _parts(text: str) -> tuple[str, ...]:
    parts = tuple(text.split(","))
    for part in parts:
        if part not in PARTS:
            raise argparse.ArgumentTypeError(f"must be some of {','.join(PARTS)}, got {part!r}")
    return parts


def _torch_python() -> str:
    """Return the first of this interpreter and the system's that has torch, or this one."""
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            child.run([python, "-c", "import importlib.util as u; assert u.find_spec('torch')"])
        except child.ChildError:
            continue
        return python
    return sys.executable


if __name__ == "__main__":
    main()
