"""The command in a process of its own, and recordings to run it on."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

COMMAND = [sys.executable, "-m", "stream_rnn.cli"]
SMALL = ["--hidden", "4", "--window", "4"]


class Invoke(Protocol):
    """Runs the command in this process."""

    def __call__(self, *args: object) -> Result: ...


def run(*args: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own."""
    command = [*COMMAND, *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, **options)


def error_line(result: Any) -> str:
    """Return the only line on standard error of a command that failed before any output."""
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if not line.startswith("compiling")]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    return lines[0].removeprefix("error: ")


def waves(path: Path, count: int = 200, keys: int = 1) -> Path:
    """Write `count` events of each of `keys` streams, a minute apart."""
    lines = ["time,sensor,a,b"]
    for t in range(count):
        time = 1_700_000_000 + 60 * t
        lines += [f"{time},s{k},{math.sin(t / 5 + k):.5f},{math.cos(t / 7):.5f}" for k in range(keys)]
    path.write_text("\n".join(lines) + "\n")
    return path
