"""`stream-rnn warmup`: compile the kernels of a network before they are needed."""

from __future__ import annotations

import logging
import time
from typing import Any

from stream_rnn.cli.console.formatting import echo_line
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.settings.engine import Settings


class _CompilationCounter(logging.Handler):
    """Counts the kernels that were not in the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.kernels += str(record.msg).startswith("compiling")


def run(engine_settings: dict[str, Any]) -> None:
    """Compile what these settings need, and print how long it took and where the cache is.

    Raises
    ------
    SettingError
        If a setting is not allowed.
    """
    settings = Settings.parse({"inputs": ("x",)} | engine_settings)
    from stream_rnn.engine.engine import Engine  # noqa: PLC0415 - wrong settings are refused before numba is loaded
    from stream_rnn.evaluation.prequential import Scores  # noqa: PLC0415
    from stream_rnn.kernels.cache import cache_folder  # noqa: PLC0415

    log_to_stderr()
    counter = _CompilationCounter()
    log = logging.getLogger("stream_rnn")
    log.addHandler(counter)
    start = time.perf_counter()
    try:
        Engine(settings).warmup()
        Scores.warmup()
    finally:
        log.removeHandler(counter)
    seconds = time.perf_counter() - start
    action = f"compiled {counter.kernels} kernels" if counter.kernels else "nothing to compile, loaded"
    echo_line(f"{'>'.join(settings.layer)}, {settings.loss_name}, {settings.dtype}: {action} in {seconds:.1f} s")
    folder = cache_folder()
    echo_line(f"cache: {folder}" if folder is not None else "no cache folder: each process compiles again")
