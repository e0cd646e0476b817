"""Dead letters: records that cannot be used are counted, and written to a file on request."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.durability import sync_file
from stream_rnn.connectors.errors import ConnectorError, writing
from stream_rnn.connectors.events import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterable

LINE_START = b'{"source":'
"""How every line of a dead-letter file starts."""
BEFORE_ALL = (-1, 0)
"""A place before every dead letter."""


class DeadLetterCounter:
    """Counts dead letters by reason, and keeps the first one of each reason as an example.

    Attributes
    ----------
    reasons : Counter of str
        Number of records, by reason.
    examples : dict of str to DeadLetter
        The first record, by reason.

    Examples
    --------
    >>> counter = DeadLetterCounter()
    >>> counter.add(DeadLetter("a.csv", 7, "not a number", "warm"))
    >>> counter.add(DeadLetter("a.csv", 9, "not a number", "cold"))
    >>> counter.reasons["not a number"], counter.examples["not a number"].record
    (2, 7)
    """

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, DeadLetter] = {}

    def __len__(self) -> int:
        return self.reasons.total()

    def __bool__(self) -> bool:
        return True  # an empty counter is still a counter

    def add(self, letter: DeadLetter) -> None:
        """Count one dead letter."""
        self.reasons[letter.reason] += 1
        self.examples.setdefault(letter.reason, letter)


class DeadLetterFile(DeadLetterCounter, Closeable):
    """Counts dead letters and writes them to a file as JSON lines.

    Each line has `source`, `record`, `reason` and `raw`, the record's text cut to 1,000 characters.

    Parameters
    ----------
    path
        Created if it does not exist; an existing file is appended to.
    at
        Truncate the file to this many bytes first, because the records after it will be read again. Default: keep all.

    Raises
    ------
    ConnectorError
        If the file cannot be written, or is shorter than `at`.

    Examples
    --------
    >>> with DeadLetterFile("refused.jsonl") as file:
    ...     file.add(DeadLetter("a.csv", 7, "not a number", "warm"))
    >>> print(Path("refused.jsonl").read_text(), end="")
    {"source":"a.csv","record":7,"reason":"not a number","raw":"warm"}
    """

    def __init__(self, path: str | Path, *, at: int | None = None) -> None:
        super().__init__()
        self._path = Path(path)
        self._encoder = msgspec.json.Encoder()
        with writing(path):
            self._truncate(at)
            self._file = self._path.open("ab")
            self._length = os.fstat(self._file.fileno()).st_size

    def add(self, letter: DeadLetter) -> None:
        """Count and write one dead letter."""
        super().add(letter)
        try:
            line = self._encoder.encode(letter)
        except UnicodeEncodeError:
            line = self._encoder.encode(_encodable(letter))
        with writing(self._path):
            self._length += self._file.write(line + b"\n")

    def flush(self) -> None:
        """Write everything to the disk."""
        with writing(self._path):
            sync_file(self._file)

    def position(self) -> int:
        """Return the length of the file in bytes, with everything that was added."""
        return self._length

    def close(self) -> None:
        """Write everything to the disk and close the file."""
        if self._file.closed:
            return
        try:
            self.flush()
        finally:
            with writing(self._path):
                self._file.close()

    def _truncate(self, at: int | None) -> None:
        if at is None:
            return
        length = self._path.stat().st_size if self._path.exists() else 0
        if length < at:
            raise ConnectorError(f"{self._path}: has {length:,} bytes, cannot be truncated to {at:,}")
        if length > at:
            os.truncate(self._path, at)


def _encodable(letter: DeadLetter) -> DeadLetter:
    """Return a dead letter with lone surrogates escaped, as those of a file name that is not UTF-8."""
    source, raw = (text.encode(errors="backslashreplace").decode() for text in (letter.source, letter.raw))
    return msgspec.structs.replace(letter, source=source, raw=raw)


class DeadLetterLog(DeadLetterFile):
    """Writes dead letters to a file as JSON lines, each record once, across runs.

    For a source whose records are read again after a crash: records that an earlier run wrote are skipped. An
    incomplete last line, left by a crash, is removed.

    Parameters
    ----------
    path
        Created if it does not exist.

    Raises
    ------
    ConnectorError
        If the file cannot be read or written, or is not a dead-letter file.

    Examples
    --------
    >>> letter = DeadLetter("readings-0", 7, "not JSON", "?")
    >>> for run in range(2):
    ...     with DeadLetterLog("log.jsonl") as log:
    ...         log.add_all([letter])
    ...     print(len(log))
    1
    0
    """

    def __init__(self, path: str | Path) -> None:
        self._last_places: dict[str, tuple[int, int]] = {}
        super().__init__(path, at=self._read(Path(path)))

    def add_all(self, letters: Iterable[DeadLetter]) -> None:
        """Count and write those that are not in the file yet."""
        for letter in letters:
            if letter.place > self._last_places.get(letter.source, BEFORE_ALL):
                self._last_places[letter.source] = letter.place
                self.add(letter)

    def _read(self, path: Path) -> int | None:
        """Read the last record of each source; return the bytes of the complete lines, None if there is no file."""
        if not path.exists():
            return None
        complete = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n") and line[: len(LINE_START)] == LINE_START[: len(line)]:
                        break
                    complete += len(line)
                    letter = msgspec.json.decode(line, type=DeadLetter)
                    last = self._last_places.get(letter.source, BEFORE_ALL)
                    self._last_places[letter.source] = max(letter.place, last)
        except OSError as error:
            raise ConnectorError(f"{path}: cannot be read: {error.strerror}") from None
        except (msgspec.DecodeError, RecursionError) as error:
            raise ConnectorError(f"{path}: is not a dead-letter file: {error}") from None
        return complete
