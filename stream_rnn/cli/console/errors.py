"""Mistakes of a user, each one line on standard error with an exit code and no traceback."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from click.exceptions import NoSuchCommand, NoSuchOption

from stream_rnn.errors import SettingError, StreamRNNError

DATA, USAGE, INTERRUPTED = 1, 2, 130


class Polite(click.Group):
    """A group of commands that says what went wrong in one line."""

    def main(self, args: Any = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run a command and leave with its exit code: 1 for data that cannot be used, 2 for a wrong request."""
        try:
            code = super().main(args, prog_name, **extra | {"standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            code = USAGE
        except click.ClickException as error:
            code = _say(_words(error), USAGE)
        except (click.Abort, KeyboardInterrupt):
            code = _say("interrupted before anything was done", INTERRUPTED)
        except BrokenPipeError:
            # The reader of our output has gone, as `head` does; the interpreter must not flush to it again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = DATA
        except Exception as error:
            expected = _code(error)
            if expected is None:
                raise
            code = _say(str(error) or "not enough memory", expected)
        sys.exit(code if isinstance(code, int) else 0)


def _code(error: Exception) -> int | None:
    """Return the exit code of an error that a user can mend, None for a fault of the program."""
    if isinstance(error, SettingError):
        return USAGE
    if isinstance(error, (StreamRNNError, OSError, MemoryError)):
        return DATA
    from stream_rnn.connectors.errors import ConnectorError, UsageError  # noqa: PLC0415 - only where it was needed anyway

    if isinstance(error, UsageError):
        return USAGE
    return DATA if isinstance(error, ConnectorError) else None


def _words(error: click.ClickException) -> str:
    """Return click's message in our words: the nearest name after a semicolon."""
    if isinstance(error, NoSuchOption):
        near = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ""
        return f"no such option {error.option_name}{near}"
    if isinstance(error, NoSuchCommand):
        near = f"; did you mean {error.possibilities[0]!r}?" if error.possibilities else ""
        return f"no such command {error.command_name!r}{near}"
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:]


def _say(message: str, code: int) -> int:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    return code
