"""Programs that run in a process of their own, on one thread, and print one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent

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
    """Keep this process, and those it starts, to one core.

    A library that hands its work from thread to thread is slower on two cores than on one: each hand-over wakes the
    other core. JAX's scan gains up to half of its rate.
    """
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class ChildError(Exception):
    """A program that did not do what it was asked, with what it said."""


class Ended(NamedTuple):
    """A program that ended well."""

    output: str
    seconds: float
    """Wall clock, with the start of the interpreter."""


def run(command: Sequence[str], env: Mapping[str, str] | None = None) -> Ended:
    """Run a command from the repository's root, and time it.

    Raises
    ------
    ChildError
        If it does not exist or fails; the message is its last line.
    """
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    began = time.perf_counter()
    try:
        done = subprocess.run(
            command,
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": path, **(env or {})},
        )
    except OSError as error:
        raise ChildError(f"{command[0]}: {error.strerror}") from None
    seconds = time.perf_counter() - began
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ChildError(said[-1] if said else f"{command[0]} ended with code {done.returncode}")
    return Ended(done.stdout, seconds)


def module(name: str, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """Run a module of this package on one thread, and return the object that it prints."""
    found: dict[str, Any] = json.loads(run([python, "-m", name, *arguments], ONE_THREAD).output)
    return found
