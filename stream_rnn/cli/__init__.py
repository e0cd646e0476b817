"""The command line: replay recorded events, look into checkpoints, compile ahead."""

from __future__ import annotations


def main() -> None:
    """Run the `stream-rnn` command and leave the process with its exit code."""
    from stream_rnn.cli.app import cli  # noqa: PLC0415 - click is not needed to import the package

    cli(prog_name="stream-rnn")
