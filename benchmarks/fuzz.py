"""Damaged records and checkpoints: none may crash the reader, and each is processed or refused.

    python -m benchmarks.fuzz --records 1000000 --seed 1

Records of JSON lines, CSV, Kafka topics and Parquet are damaged in many ways and read through the public interfaces;
some files are replayed through a small network. Checkpoints are damaged or forged, loaded and run. `written` is counted
independently of the reader: see `fuzz_text`. Undamaged records must be read with the values that were written.

Each part of a format runs in a process whose memory is limited, so that a process that dies is counted, too. A failure
is printed with the seed of its part and a small example, and the exit status is 1.
"""

from __future__ import annotations

import logging
import random
import resource
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import fuzz_checkpoints, fuzz_parquet, fuzz_text, options, report
from benchmarks.fuzz_outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    Fuzz = Callable[[Path, random.Random, int], Outcome]

MEMORY = 4 << 30
"""Bytes of address space of a process."""
REASONS = 12
"""Reasons that are printed, of each format."""


class Format(NamedTuple):
    """What is damaged, and how much of it."""

    fuzz: Fuzz
    share: float
    """of the records that are asked for"""
    part: int
    """records that one seed stands for"""


FORMATS = {
    "JSON lines": Format(partial(fuzz_text.fuzz_files, fuzz_text.JSONL), 0.25, 25_000),
    "CSV": Format(partial(fuzz_text.fuzz_files, fuzz_text.CSV), 0.25, 25_000),
    "CSV, texts of several lines": Format(partial(fuzz_text.fuzz_files, fuzz_text.CSV_WITH_NOTES), 0.15, 25_000),
    "Kafka": Format(fuzz_text.fuzz_kafka, 0.2, 25_000),
    "replay of JSON lines": Format(partial(fuzz_text.fuzz_replay, fuzz_text.JSONL), 0.03, 10_000),
    "replay of CSV": Format(partial(fuzz_text.fuzz_replay, fuzz_text.CSV), 0.02, 10_000),
    "Parquet": Format(fuzz_parquet.fuzz, 0.1, 5_000),
    "checkpoints": Format(fuzz_checkpoints.fuzz, 0.02, 500),
}


def measure(records: int, seed: int) -> dict[str, tuple[Outcome, float]]:
    """Return the outcome of each format, and its seconds."""
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, kind in FORMATS.items():
            start = time.perf_counter()
            outcome = _run_parts(name, kind, max(round(records * kind.share), 1), seed, Path(folder))
            results[name] = outcome, time.perf_counter() - start
    return results


def _run_parts(name: str, kind: Format, count: int, seed: int, folder: Path) -> Outcome:
    """Return the outcome of a format; a new process goes on after one that has died."""
    outcome = Outcome()
    sizes = [min(kind.part, count - first) for first in range(0, count, kind.part)]
    pool = _process()
    for number, size in enumerate(sizes):
        part = f"{seed}-{name}-{number}"
        try:
            found = pool.submit(_run_part, name, part, size, folder).result()
        except BrokenProcessPool:
            found = Outcome(written=size, failures=["the process died"])
            pool = _process()
        found.failures = [f"{name}, part {part!r}: {failure}" for failure in found.failures]
        outcome += found
    pool.shutdown()
    return outcome


def _process() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, get_context("spawn"), _limit)


def _limit() -> None:
    """Limit the memory of this process, keep its log quiet, and let warnings of NumPy be failures."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("error", RuntimeWarning)
    logging.getLogger("stream_rnn").setLevel(logging.CRITICAL)


def _run_part(name: str, part: str, size: int, folder: Path) -> Outcome:
    own = folder / "part"
    own.mkdir(exist_ok=True)
    return FORMATS[name].fuzz(own, random.Random(part), size)  # noqa: S311 - no secret


def rows(results: dict[str, tuple[Outcome, float]]) -> list[dict[str, Any]]:
    """Return a row per format, and one of all."""
    total, seconds = Outcome(), 0.0
    for outcome, taken in results.values():
        total += outcome
        seconds += taken
    everything = results | {"all": (total, seconds)}
    return [{"format": name, **outcome.row(), "seconds": taken} for name, (outcome, taken) in everything.items()]


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--records", type=options.positive, default=1_000_000, help="records (default 1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the damage (default 1)")
    arguments = parser.parse_args()
    results = measure(arguments.records, arguments.seed)
    failures = [failure for outcome, _ in results.values() for failure in outcome.failures]
    reasons = {name: dict(outcome.reasons.most_common(REASONS)) for name, (outcome, _) in results.items()}
    table = rows(results)
    if arguments.json:
        report.show_json({"seed": arguments.seed, "formats": table, "reasons": reasons, "failures": failures})
    else:
        report.show(f"Damaged records, seed {arguments.seed}", table)
        for name, counts in reasons.items():
            report.show(
                f"{name}: most frequent reasons",
                [{"reason": ascii(reason)[1:-1], "refused": count} for reason, count in counts.items()],
            )
        for failure in failures:
            print(failure)
        report.show_machine()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
