"""The command line. Importing this package does not import click."""

from __future__ import annotations

import sys

from stream_rnn.errors import MissingExtraError, require


def main() -> None:
    """Run the `stream-rnn` command, and exit with its status."""
    try:
        for module in ("click", "rich"):
            require(module, "cli")
    except MissingExtraError as error:
        sys.exit(f"error: {error}")  # on standard error, with status 1
    from stream_rnn.cli.app import cli  # noqa: PLC0415 - needs click

    cli(prog_name="stream-rnn")
