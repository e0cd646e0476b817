"""Run programs in processes of their own, on one thread. Benchmark programs print one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.paths import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
}


@contextmanager
def one_core() -> Iterator[None]:
    """Pin this process, and those it starts, to one core.

    A library that passes its work from thread to thread is slower on two cores than on one, since each switch wakes the
    other core. On one core JAX's scan is up to half faster.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class ChildError(Exception):
    """A program that could not be started, or failed; the message is the last line that it printed."""


class Completed(NamedTuple):
    """Result of a program that succeeded."""

    output: str
    seconds: float
    """wall-clock time, including the start of the interpreter"""


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Completed:
    """Run a command in the repository's root folder, and time it.

    Raises
    ------
    ChildError
        If it cannot be started or fails.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    start = time.perf_counter()
    try:
        process = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
        )
    except OSError as error:
        raise ChildError(f"{command[0]}: {error.strerror}") from None
    seconds = time.perf_counter() - start
    if process.returncode:
        lines = (process.stderr or process.stdout).strip().splitlines()
        raise ChildError(lines[-1] if lines else f"{command[0]} exited with code {process.returncode}")
    return Completed(process.stdout, seconds)


def module(name: str, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """Run a module of this package on one thread, and return the JSON object that it prints."""
    result: dict[str, Any] = json.loads(run([python, "-m", name, *arguments], ONE_THREAD).output)
    return result
