"""The command in a real process, and recordings for it."""

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


def run(*args: object, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, args)], capture_output=True, text=True, timeout=240, check=False, **more)


def waves(path: Path, count: int = 200, keys: int = 1) -> Path:
    """Write `count` events of each of `keys` streams, a minute apart."""
    lines = ["time,sensor,a,b"]
    for t in range(count):
        time = 1_700_000_000 + 60 * t
        lines += [f"{time},s{k},{math.sin(t / 5 + k):.5f},{math.cos(t / 7):.5f}" for k in range(keys)]
    path.write_text("\n".join(lines) + "\n")
    return path
