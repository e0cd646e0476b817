"""Run the sessions of documents again and write what they print now into the documents: ``record.py README.md``."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from test_documents import COMMAND, SESSION, prepare, run

if TYPE_CHECKING:
    import re


def record(document: Path, workplace: Path) -> None:
    """Replace the output of each command that the document shows."""

    def again(command: re.Match[str]) -> str:
        ran = run(command[1], workplace)
        ran.check_returncode()
        return f"$ {command[1]}" + "".join(f"{line.rstrip()}\n" for line in ran.stdout.splitlines())

    document.write_text(SESSION.sub(lambda session: COMMAND.sub(again, session[0]), document.read_text()))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        for name in sys.argv[1:]:
            record(Path(name), Path(folder))
