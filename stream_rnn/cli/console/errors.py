"""Errors that the user can fix: one line on standard error and an exit status, no traceback."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import click
from click.exceptions import NoSuchCommand, NoSuchOption

from stream_rnn.cli.console.untrusted import printable
from stream_rnn.connectors.errors import UsageError
from stream_rnn.errors import SettingError, StreamRNNError

DATA_ERROR, USAGE_ERROR, INTERRUPTED = 1, 2, 130
"""Exit statuses."""
DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class FriendlyErrors(click.Group):
    """A group of commands that prints an error as one line."""

    def main(self, args: Any = None, prog_name: str | None = None, **extra: Any) -> Any:  # type: ignore[override]
        """Run a command and exit: with status 1 if data cannot be used, with 2 for wrong settings or options."""
        try:
            status = super().main(args, prog_name, **extra | {"standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            status = USAGE_ERROR
        except click.ClickException as error:
            status = _report(" ".join(_reworded(error).split()), USAGE_ERROR)
        except (click.Abort, KeyboardInterrupt):
            status = _report("interrupted", INTERRUPTED)
        except BrokenPipeError:
            # The reader of standard output is gone, as with `head`; the interpreter must not flush to it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = DATA_ERROR
        except Exception as error:
            expected = _exit_status(error)
            if expected is None:
                raise
            status = _report(_message(error), expected)
        sys.exit(status if isinstance(status, int) else 0)


def _exit_status(error: Exception) -> int | None:
    """Return the exit status for an error that the user can fix, None for a bug."""
    if isinstance(error, (SettingError, UsageError)):
        return USAGE_ERROR
    return DATA_ERROR if isinstance(error, (StreamRNNError, OSError, MemoryError)) else None


def _reworded(error: click.ClickException) -> str:
    """Return click's message in the style of our own: lower case, with the nearest name after a semicolon."""
    if isinstance(error, NoSuchOption):
        hint = f"; did you mean {error.possibilities[0]}?" if error.possibilities else ""
        return f"no such option {error.option_name}{hint}"
    if isinstance(error, NoSuchCommand):
        hint = f"; did you mean {error.possibilities[0]!r}?" if error.possibilities else ""
        return f"no such command {error.command_name!r}{hint}"
    message = error.format_message().rstrip(".")
    return message[:1].lower() + message[1:]


def _report(message: str, status: int) -> int:
    click.echo(f"error: {printable(message)}", err=True)
    return status


def _message(error: Exception) -> str:
    """Return the message of an error; those of the operating system with the name of the file."""
    if isinstance(error, OSError) and error.strerror:
        # Everything else that is written to names its file.
        name = error.filename or ("standard output" if error.errno in DISK_ERRORS else "")
        return f"{name}: {error.strerror}" if name else error.strerror
    return str(error) or "not enough memory"
