"""`stream-rnn warmup`: compile before it is waited for."""

from __future__ import annotations

import logging
import time
from typing import Any

import click

from stream_rnn.cli.console import logs
from stream_rnn.settings.engine import Settings


class _Compiled(logging.Handler):
    """Counts the kernels that the disk did not have."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.kernels += str(record.msg).startswith("compiling")


def run(engine_settings: dict[str, Any]) -> None:
    """Compile what these settings need, and say how long it took and where it is kept.

    Raises
    ------
    SettingError
        For settings that are not allowed.
    """
    settings = Settings.parse({"inputs": ("x",)} | engine_settings)
    from stream_rnn.engine.engine import Engine  # noqa: PLC0415 - wrong settings are refused before numba is loaded
    from stream_rnn.evaluation.prequential import Scores  # noqa: PLC0415
    from stream_rnn.kernels.jit import cache_folder  # noqa: PLC0415

    logs.to_stderr()
    compiled = _Compiled()
    log = logging.getLogger("stream_rnn")
    log.addHandler(compiled)
    began = time.perf_counter()
    try:
        Engine(settings).warmup()
        Scores.warmup()
    finally:
        log.removeHandler(compiled)
    seconds = time.perf_counter() - began
    done = f"compiled {compiled.kernels} kernels" if compiled.kernels else "nothing to compile, loaded"
    click.echo(f"{'>'.join(settings.layer)}, {settings.loss_name}, {settings.dtype}: {done} in {seconds:.1f} s")
    folder = cache_folder()
    click.echo(f"cache: {folder}" if folder is not None else "no writable cache folder: later processes compile again")
