"""What the engine has to say on the way, as lines on standard error."""

from __future__ import annotations

import logging
import sys


class _Lines(logging.Handler):
    """Write to what standard error is at that moment: a progress bar stands aside for the line."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(f"{record.getMessage()}\n")
        sys.stderr.flush()


def to_stderr() -> None:
    """Show warnings of this package."""
    log = logging.getLogger("stream_rnn")
    if not any(isinstance(handler, _Lines) for handler in log.handlers):
        log.addHandler(_Lines())
