"""The outcome of damaged records: counts that must agree, and failures with a small example."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")

EXAMPLE_TRIES = 300
"""How often a failure is tried again to find a small example."""
EXAMPLE_BYTES = 400
"""Bytes of an example that are printed."""
REASON_CHARACTERS = 70
"""Characters that are kept of an error about a file."""


class UnaccountedError(Exception):
    """Records or values that are neither read as written nor refused."""


@dataclass
class Outcome:
    """Counts of records."""

    written: int = 0
    """records in the input, found independently of the reader"""
    processed: int = 0
    refused: int = 0
    joined: int = 0
    """undamaged records that a quote before them makes part of another record's text"""
    missing: int = 0
    """values of processed records"""
    reasons: Counter[str] = field(default_factory=Counter)
    """of refused records"""
    failures: list[str] = field(default_factory=list)

    def __iadd__(self, other: Outcome) -> Outcome:  # noqa: PYI034 - no class is derived from it
        """Add the counts of other records."""
        self.written += other.written
        self.processed += other.processed
        self.refused += other.refused
        self.joined += other.joined
        self.missing += other.missing
        self.reasons += other.reasons
        self.failures += other.failures
        return self

    def check(self) -> None:
        """Check that every record is processed or refused.

        Raises
        ------
        UnaccountedError
            With the counts.
        """
        if self.written != self.processed + self.refused:
            raise UnaccountedError(
                f"{self.written} records written, {self.processed} processed and {self.refused} refused"
            )

    def row(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "written": self.written,
            "processed": self.processed,
            "refused": self.refused,
            "missing values": self.missing,
            "joined": self.joined,
            "failed": len(self.failures),
        }


def examine(parts: Sequence[T], run: Callable[[Sequence[T]], Outcome], show: Callable[[T], bytes]) -> Outcome:
    """Return the outcome of an input; of a failure, with the smallest input found that fails in the same way.

    Parameters
    ----------
    parts
        What the input consists of.
    run
        Reads an input; it raises for a failure.
    show
        Returns a part as bytes.
    """
    try:
        return run(parts)
    except Exception as error:  # noqa: BLE001 - whatever is raised is a failure
        kind, place = type(error), traceback.extract_tb(error.__traceback__)[-1]
        message = f"{kind.__name__}: {error} ({place.name}, line {place.lineno})"
    example = b"".join(map(show, _smallest(list(parts), run, kind)))
    cut = example if len(example) <= EXAMPLE_BYTES else example[:EXAMPLE_BYTES] + b"..."
    return Outcome(written=len(parts), failures=[f"{message}; {len(example)} bytes: {cut!r}"])


def message_kind(error: Exception, path: Path) -> str:
    """Return the message of an error about a file without names and numbers of that file, so that it can be counted."""
    message = str(error).replace(f"checkpoint {path} ", "").replace(f"{path}: ", "")
    return re.sub(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|\[[^]]*\]|-?[0-9.,]*[0-9]", "_", message)[:REASON_CHARACTERS]


def _smallest(parts: list[T], run: Callable[[Sequence[T]], Outcome], kind: type[Exception]) -> list[T]:
    """Return a part of an input that still raises an error of a kind, found by removing ever smaller pieces."""

    def fails(candidate: list[T]) -> bool:
        try:
            run(candidate)
        except Exception as error:  # noqa: BLE001 - the same kind is looked for
            return isinstance(error, kind)
        return False

    size, tries = len(parts) // 2, 0
    while size and tries < EXAMPLE_TRIES:
        at = 0
        while at < len(parts) and tries < EXAMPLE_TRIES:
            candidate = parts[:at] + parts[at + size :]
            tries += 1
            if candidate and fails(candidate):
                parts = candidate
            else:
                at += size
        size //= 2
    return parts
