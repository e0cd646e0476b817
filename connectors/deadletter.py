"""Where refused records go: always counted, and kept in a file when one is wanted."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stream_rnn.connectors.closing import Closing
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.events import DeadLetter

if TYPE_CHECKING:
    from collections.abc import Iterable


FIRST = b'{"source":'
"""What each line begins with."""


class DeadLetterCounter:
    """Count refused records by reason, and keep the first one of each as an example.

    Attributes
    ----------
    reasons : Counter of str
        How many records were refused, by reason.
    examples : dict of str to DeadLetter
        The first record refused for each reason.
    """

    def __init__(self) -> None:
        self.reasons: Counter[str] = Counter()
        self.examples: dict[str, DeadLetter] = {}

    def __len__(self) -> int:
        return self.reasons.total()

    def __bool__(self) -> bool:
        return True  # an empty counter is still a counter

    def add(self, letter: DeadLetter) -> None:
        """Count one refused record."""
        self.reasons[letter.reason] += 1
        self.examples.setdefault(letter.reason, letter)


class DeadLetterFile(DeadLetterCounter, Closing):
    """Write refused records as JSON lines, and count them.

    Each line has `source`, `record`, `reason` and `raw`, the record's text cut to 1,000 characters.

    Parameters
    ----------
    path : str or Path
        Made when it is not there; what is in it stays, new lines are appended.
    at : int, optional
        Cut the file back to this many bytes first: what was written after a checkpoint will be refused again.

    Raises
    ------
    ConnectorError
        When the file cannot be written, or is shorter than `at`.
    """

    def __init__(self, path: str | Path, *, at: int | None = None) -> None:
        super().__init__()
        self._path = Path(path)
        self._encoder = msgspec.json.Encoder()
        try:
            length = self._path.stat().st_size if self._path.exists() else 0
            if at is not None:
                if length < at:
                    raise ConnectorError(f"{path}: has {length:,} bytes, cannot be cut back to {at:,}")
                if length > at:
                    os.truncate(self._path, at)
            self._file = self._path.open("ab")
        except OSError as error:
            raise ConnectorError(f"{path}: cannot be written: {error.strerror}") from error

    def add(self, letter: DeadLetter) -> None:
        """Count and write one refused record."""
        super().add(letter)
        self._file.write(self._encoder.encode(letter) + b"\n")

    def flush(self) -> None:
        """Make all that was added durable."""
        self._file.flush()
        os.fsync(self._file.fileno())

    def position(self) -> int:
        """Give the file's length in bytes after all that was added."""
        return self._file.tell()

    def close(self) -> None:
        """Make all durable and close the file."""
        if not self._file.closed:
            self.flush()
            self._file.close()


class DeadLetterLog(DeadLetterFile):
    """Write refused records as JSON lines, each once: those that an earlier run wrote are passed over.

    For a source whose records are read again after a crash. What a crash left of a last line is cut off.

    Parameters
    ----------
    path : str or Path
        Made when it is not there.

    Raises
    ------
    ConnectorError
        When the file cannot be read or written.
    """

    def __init__(self, path: str | Path) -> None:
        self._known: dict[str, int] = {}
        whole = self._read(Path(path))
        super().__init__(path, at=whole)

    def add_all(self, letters: Iterable[DeadLetter]) -> None:
        """Count and write what is not there yet."""
        for letter in letters:
            if letter.record > self._known.get(letter.source, -1):
                self._known[letter.source] = letter.record
                self.add(letter)

    def _read(self, path: Path) -> int | None:
        """Note the last record of each source; give the bytes of whole lines, None where there is no file."""
        if not path.exists():
            return None
        whole = 0
        try:
            with path.open("rb") as file:
                for line in file:
                    if not line.endswith(b"\n") and line[: len(FIRST)] == FIRST[: len(line)]:
                        break
                    whole += len(line)
                    letter = msgspec.json.decode(line, type=DeadLetter)
                    self._known[letter.source] = max(letter.record, self._known.get(letter.source, -1))
        except OSError as error:
            raise ConnectorError(f"{path}: cannot be read: {error.strerror}") from None
        except msgspec.DecodeError as error:
            raise ConnectorError(f"{path}: is no file of dead letters: {error}") from None
        return whole
