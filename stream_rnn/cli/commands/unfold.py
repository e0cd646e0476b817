"""`stream-rnn unfold`: draw a network unrolled over its window."""

from __future__ import annotations

from typing import Any

import click

from stream_rnn.cli.commands.inspect import find
from stream_rnn.cli.console import logs
from stream_rnn.cli.diagnose.diagram import unfold
from stream_rnn.cli.plots.paths import check_picture
from stream_rnn.errors import SettingError
from stream_rnn.settings.engine import Settings


def run(checkpoint: str | None, config: str | None, engine_settings: dict[str, Any], output: str) -> None:
    """Draw the network of a checkpoint, or of these settings, some of which may come from a file.

    Raises
    ------
    SettingError, CheckpointError
        What the user can mend.
    """
    logs.to_stderr()
    check_picture("output", output, ".svg", ".png")
    if checkpoint is not None and (config is not None or engine_settings):
        raise SettingError(f"{checkpoint} has its own settings: leave --config and options out, or the checkpoint")
    if checkpoint is not None:
        settings = find(checkpoint)[1].settings
    else:
        settings = Settings.parse({"inputs": ("x",)} | engine_settings)
    drawn = unfold(settings)
    from stream_rnn.cli.plots.unfold import draw  # noqa: PLC0415 - matplotlib only for what can be drawn

    draw(output, drawn)
    click.echo(f"{drawn.title}: {output}")
