"""Log lines on standard error, from this package and from the Kafka client."""

from __future__ import annotations

import logging
import math
import re
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from stream_rnn.cli.console.untrusted import printable, printable_lines

if TYPE_CHECKING:
    from collections.abc import Callable

LineFormat = Literal["plain", "text", "json"]
"""plain: the message only; text: with time and level; json: one object per line."""

REPEAT_SECONDS = 30.0
"""Time in which a message of the Kafka client is shown once; with a broker down, it logs each attempt four times."""
MAX_MESSAGES_KEPT = 256
"""Messages that are remembered to recognise repetitions."""
MAX_MESSAGE_LENGTH = 1000
"""Characters of a message of the Kafka client, which logs whole buffers that it cannot decode."""


def log_to_stderr(level: int = logging.WARNING, line_format: LineFormat = "plain") -> None:
    """Write the log of this package to standard error, and warnings and errors of the Kafka client.

    Repetitions of the client's messages are suppressed for 30 s, and its tracebacks are reduced to one line unless
    `level` is DEBUG. Its messages below WARNING are never shown, because they include settings, and with them secrets.
    A second call replaces the handlers of the first.

    Parameters
    ----------
    level
        Lowest level that is shown, as a number of `logging`.
    line_format
        Format of a line. JSON lines have time, level, logger and message, the items of the record's
        ``extra={"fields": {...}}``, and the text of an exception.
    """
    _install("stream_rnn", level, _StderrHandler(line_format))
    kafka = _StderrHandler(line_format, one_line=level > logging.DEBUG)
    kafka.addFilter(RepetitionFilter())
    _install("kafka", max(level, logging.WARNING), kafka)


def _install(name: str, level: int, new_handler: _StderrHandler) -> None:
    log = logging.getLogger(name)
    for handler in [handler for handler in log.handlers if isinstance(handler, _StderrHandler)]:
        log.removeHandler(handler)
    log.addHandler(new_handler)
    log.setLevel(level)


class RepetitionFilter(logging.Filter):
    """Passes a message once in 30 s; messages that differ only in numbers are the same message.

    A record that passes has the number of suppressed repetitions before it in `record.repeats`.

    Parameters
    ----------
    clock
        Returns seconds, monotonically.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._passed: dict[str, tuple[float, int]] = {}
        """when each message passed last, and how often it was suppressed since; newest last"""

    def __len__(self) -> int:
        return len(self._passed)

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record passes."""
        message = re.sub(r"0x[0-9a-f]+|\d+", "#", f"{record.name} {record.levelname} {_message(record)}")
        with self._lock:
            now = self._clock()
            passed_at, suppressed = self._passed.get(message, (-math.inf, 0))
            if now - passed_at < REPEAT_SECONDS:
                self._passed[message] = passed_at, suppressed + 1
                return False
            record.repeats = suppressed
            self._passed.pop(message, None)
            self._passed[message] = now, 0
            if len(self._passed) > MAX_MESSAGES_KEPT:
                del self._passed[next(iter(self._passed))]
            return True


class _Entry(NamedTuple):
    """A log record as it is written."""

    time: str
    level: str
    logger: str
    message: str
    exception: str
    """empty if there is none"""
    fields: dict[str, Any]


class _StderrHandler(logging.Handler):
    """Writes to the present `sys.stderr`, which a progress bar replaces so that lines do not break it.

    Parameters
    ----------
    line_format
        Format of a line.
    one_line
        Reduce messages and tracebacks to one line of limited length.
    """

    def __init__(self, line_format: LineFormat, *, one_line: bool = False) -> None:
        super().__init__()
        self._format_entry = LINE_FORMATS[line_format]
        self._one_line = one_line

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self._format_entry(self._entry(record))}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - a log line that cannot be written must not stop the job
            self.handleError(record)

    def _entry(self, record: logging.LogRecord) -> _Entry:
        message = _message(record)
        if self._one_line:
            message = message.replace("\n", " ")[:MAX_MESSAGE_LENGTH]
        if repeats := getattr(record, "repeats", 0):
            message += f" (repeated {repeats} times)"
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        fields = getattr(record, "fields", {})
        return _Entry(at, record.levelname, record.name, message, self._exception(record), fields)

    def _exception(self, record: logging.LogRecord) -> str:
        if not record.exc_info or record.exc_info[1] is None:
            return ""
        if self._one_line:
            error = record.exc_info[1]
            return f"{type(error).__name__}: {error}".replace("\n", " ")[:MAX_MESSAGE_LENGTH]
        return logging.Formatter().formatException(record.exc_info)


def _message(record: logging.LogRecord) -> str:
    """Return the message; unformatted if it does not match its arguments, because a filter must not fail."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


def _plain(entry: _Entry) -> str:
    return printable(entry.message)


def _text(entry: _Entry) -> str:
    line = f"{entry.time} {entry.level} {printable(entry.message)}"
    if entry.exception:
        line += ("\n" if "\n" in entry.exception else ": ") + printable_lines(entry.exception)
    return line


def _json(entry: _Entry) -> str:
    own: dict[str, Any] = {"time": entry.time, "level": entry.level, "logger": entry.logger, "message": entry.message}
    if entry.exception:
        own["exception"] = entry.exception
    # File names can contain bytes that are not valid UTF-8.
    own = {name: text.encode(errors="backslashreplace").decode() for name, text in own.items()}
    return msgspec.json.encode(own | entry.fields | own, enc_hook=str).decode()


LINE_FORMATS: dict[LineFormat, Callable[[_Entry], str]] = {"plain": _plain, "text": _text, "json": _json}
