"""What the engine and the Kafka client have to say on the way, as lines on standard error."""

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

if TYPE_CHECKING:
    from collections.abc import Callable

Style = Literal["plain", "text", "json"]
"""The message only; with time and level; one JSON object a line."""

REPEAT_AFTER = 30.0
"""Seconds in which the Kafka client says a thing once: while a broker is down it tells of each attempt, four times."""
KNOWN_MESSAGES = 256
"""Messages that are remembered for it."""
LONGEST = 1000
"""Characters of a message of the Kafka client, which prints whole buffers that it cannot read."""


def to_stderr(level: int = logging.WARNING, style: Style = "plain") -> None:
    """Show what this package logs from `level` on, and warnings and errors of the Kafka client.

    The client's messages are held down: each once in 30 s however often it comes, and with one line for a traceback
    unless `level` is DEBUG. Below warnings it says nothing at any level: there it logs settings, and secrets with them.
    Called again, this replaces what was there.

    Parameters
    ----------
    level
        As `logging` numbers them.
    style
        Of a line. JSON has time, level, logger, message, the record's ``extra={"fields": {...}}`` merged in, and the
        text of an exception.
    """
    _show("stream_rnn", level, _Lines(style))
    kafka = _Lines(style, one_line=level > logging.DEBUG)
    kafka.addFilter(Once())
    _show("kafka", max(level, logging.WARNING), kafka)


def _show(name: str, level: int, lines: _Lines) -> None:
    log = logging.getLogger(name)
    for handler in [handler for handler in log.handlers if isinstance(handler, _Lines)]:
        log.removeHandler(handler)
    log.addHandler(lines)
    log.setLevel(level)


class Once(logging.Filter):
    """Lets a message through once in 30 s; messages that differ in numbers only are the same.

    The one that passes next knows in `record.repeats` how many did not.

    Parameters
    ----------
    clock
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, int]] = {}
        """when each message passed last, and how many were held back since; the newest last"""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to let it through."""
        message = re.sub(r"0x[0-9a-f]+|\d+", "#", f"{record.name} {record.levelname} {_message(record)}")
        with self._lock:
            now = self._clock()
            at, held = self._said.get(message, (-math.inf, 0))
            if now - at < REPEAT_AFTER:
                self._said[message] = at, held + 1
                return False
            record.repeats = held
            self._said.pop(message, None)
            self._said[message] = now, 0
            if len(self._said) > KNOWN_MESSAGES:
                del self._said[next(iter(self._said))]
            return True


class _Said(NamedTuple):
    """What is written of a record."""

    time: str
    level: str
    logger: str
    message: str
    exception: str
    """empty for none"""
    fields: dict[str, Any]


class _Lines(logging.Handler):
    """Write to what standard error is at that moment: a progress bar stands aside for the line.

    Parameters
    ----------
    style
        Of a line.
    one_line
        Cut messages and tracebacks to one line of bearable length.
    """

    def __init__(self, style: Style, *, one_line: bool = False) -> None:
        super().__init__()
        self._write = STYLES[style]
        self._one_line = one_line

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(f"{self._write(self._read(record))}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - work does not end because a line of its log could not be written
            self.handleError(record)

    def _read(self, record: logging.LogRecord) -> _Said:
        message = _message(record)
        if self._one_line:
            message = message.replace("\n", " ")[:LONGEST]
        if repeats := getattr(record, "repeats", 0):
            message += f" ({repeats} more like it)"
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return _Said(at, record.levelname, record.name, message, self._exception(record), getattr(record, "fields", {}))

    def _exception(self, record: logging.LogRecord) -> str:
        if not record.exc_info or record.exc_info[1] is None:
            return ""
        if self._one_line:
            error = record.exc_info[1]
            return f"{type(error).__name__}: {error}".replace("\n", " ")[:LONGEST]
        return logging.Formatter().formatException(record.exc_info)


def _message(record: logging.LogRecord) -> str:
    """Return the text, or where it does not fit its arguments what there is of it, as a filter must not fail."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):
        return f"{record.msg} {record.args}"


def _plain(said: _Said) -> str:
    return said.message


def _text(said: _Said) -> str:
    line = f"{said.time} {said.level} {said.message}"
    if said.exception:
        line += ("\n" if "\n" in said.exception else ": ") + said.exception
    return line


def _json(said: _Said) -> str:
    own: dict[str, Any] = {"time": said.time, "level": said.level, "logger": said.logger, "message": said.message}
    if said.exception:
        own["exception"] = said.exception
    own = {name: text.encode(errors="backslashreplace").decode() for name, text in own.items()}  # broken file names
    return msgspec.json.encode(own | said.fields | own, enc_hook=str).decode()


STYLES: dict[Style, Callable[[_Said], str]] = {"plain": _plain, "text": _text, "json": _json}
