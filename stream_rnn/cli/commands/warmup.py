"""`stream-rnn warmup`: compile the kernels of a network before they are needed."""

from __future__ import annotations

import logging
import time
from typing import Any

from stream_rnn.cli.commands.default_model import or_default
from stream_rnn.cli.console.formatting import echo_line
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import RaceConfig


class _CompilationCounter(logging.Handler):
    """Counts the kernels that were not in the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.kernels += str(record.msg).startswith("compiling")


def run(model: dict[str, Any] | RaceConfig) -> None:
    """Compile what an engine or a race needs, and print how long it took and where the cache is.

    Raises
    ------
    SettingError
        If a setting is not allowed.
    """
    chosen = or_default(model)
    members = chosen.members if isinstance(chosen, RaceConfig) else {"": chosen}
    networks = [Settings.parse({"inputs": ("x",)} | values) for values in members.values()]
    from stream_rnn.engine.engine import Engine  # noqa: PLC0415 - wrong settings are refused before numba is loaded
    from stream_rnn.evaluation.prequential import Scores  # noqa: PLC0415
    from stream_rnn.kernels.cache import cache_folder  # noqa: PLC0415
    from stream_rnn.race.race import Race  # noqa: PLC0415

    log_to_stderr()
    counter = _CompilationCounter()
    log = logging.getLogger("stream_rnn")
    log.addHandler(counter)
    start = time.perf_counter()
    try:
        if isinstance(chosen, RaceConfig):
            Race(dict(zip(members, networks, strict=True)), chosen.race).warmup()
        else:
            Engine(networks[0]).warmup()
        Scores.warmup()
    finally:
        log.removeHandler(counter)
    seconds = time.perf_counter() - start
    action = f"compiled {counter.kernels} kernels" if counter.kernels else "nothing to compile, loaded"
    names = ["{}, {}, {}".format(">".join(own.layer), own.loss_name, own.dtype) for own in networks]
    echo_line(f"{'; '.join(names)}: {action} in {seconds:.1f} s")
    folder = cache_folder()
    echo_line(f"cache: {folder}" if folder is not None else "no cache folder: each process compiles again")
