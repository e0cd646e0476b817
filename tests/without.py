"""Run code as if optional packages were not installed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocker())
"""


def run_without(
    packages: Sequence[str], code: str, *arguments: str | Path, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process that cannot import these packages.

    Parameters
    ----------
    packages
        Names of top-level packages.
    code
        What is run; a failed assertion in it is a non-zero return code.
    arguments
        Its `sys.argv[1:]`.
    folder
        Current directory of the process; by default that of the test.

    Examples
    --------
    >>> run_without(["numpy"], "import numpy").stderr.splitlines()[-1]
    "ModuleNotFoundError: No module named 'numpy'"
    """
    program = BLOCKER.format(packages=set(packages)) + code
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def output_without(packages: Sequence[str], code: str, *arguments: str | Path, folder: Path | None = None) -> str:
    """Return what the code prints; it must succeed, and print nothing to standard error."""
    ran = run_without(packages, code, *arguments, folder=folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


def command_without(
    packages: Sequence[str], *arguments: str | Path, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line with these arguments in a process that cannot import these packages."""
    return run_without(packages, "from stream_rnn.cli import main; main()", *arguments, folder=folder)
