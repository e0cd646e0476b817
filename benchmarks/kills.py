"""Check that jobs killed (SIGKILL) at random moments lose nothing, repeat nothing, and end in the same state.

    python -m benchmarks.kills --minutes 5 --what files,kafka --seed 1

Each job is killed and started again for the given number of minutes, then completed, and compared with an uninterrupted
one. The replay reads a recording with late, refused and missing values. If it is complete before the time is over, it
starts again in an empty folder. The live job reads 400 records per second from a broker that this program starts. The
exit status is 1 if anything differs.
"""

from __future__ import annotations

import argparse
import importlib
import random
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import options, report

if TYPE_CHECKING:
    from benchmarks.kills_outcome import Killed

JOBS = {"files": "benchmarks.kills_files", "kafka": "benchmarks.kills_kafka"}
"""The module of each; that of Kafka needs Java."""


def measure(what: list[str], minutes: float, seed: int) -> list[Killed]:
    """Return the outcome of each job."""
    found: list[Killed] = []
    for name in what:
        with tempfile.TemporaryDirectory() as folder:
            rng = random.Random(f"{seed}-{name}")  # noqa: S311 - times of kills
            found += importlib.import_module(JOBS[name]).measure(Path(folder), rng, minutes)
    return found


def _jobs(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in JOBS]
    if unknown:
        raise argparse.ArgumentTypeError(f"must be of {', '.join(JOBS)}, got {unknown[0]!r}")
    return names


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="of kills, for each kind of job (default 5)")
    parser.add_argument("--what", type=_jobs, default=list(JOBS), help="files, kafka or both (default both)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments of the kills (default 1)")
    arguments = parser.parse_args()
    found = measure(arguments.what, arguments.minutes, arguments.seed)
    rows = [killed.row() for killed in found]
    if arguments.json:
        report.show_json({"seed": arguments.seed, "jobs": rows})
    else:
        report.show(f"Jobs that are killed for {arguments.minutes:g} minutes", rows)
        report.show_machine()
    sys.exit(0 if found and all(killed.is_right for killed in found) else 1)


if __name__ == "__main__":
    main()
