"""`stream-rnn unfold`: draw a network unrolled over its window."""

from __future__ import annotations

from typing import Any

from stream_rnn.cli.commands.inspect import find
from stream_rnn.cli.console.formatting import echo_line
from stream_rnn.cli.console.logs import log_to_stderr
from stream_rnn.cli.diagnose.diagram import unfold
from stream_rnn.cli.plots.paths import check_plot
from stream_rnn.errors import SettingError
from stream_rnn.settings.engine import Settings


def run(checkpoint: str | None, config: str | None, engine_settings: dict[str, Any], output: str) -> None:
    """Draw the network of a checkpoint, or that of settings from options and a job file.

    Raises
    ------
    SettingError, CheckpointError
        If the user has to change something.
    """
    log_to_stderr()
    check_plot("output", output, ".svg", ".png")
    if checkpoint is not None and (config is not None or engine_settings):
        raise SettingError(f"{checkpoint} has its own settings: omit either the checkpoint, or --config and options")
    if checkpoint is not None:
        settings = find(checkpoint)[1].settings
    else:
        settings = Settings.parse({"inputs": ("x",)} | engine_settings)
    diagram = unfold(settings)
    from stream_rnn.cli.plots.unfold import draw  # noqa: PLC0415 - matplotlib takes time to load

    draw(output, diagram)
    echo_line(f"{diagram.title}: {output}")
