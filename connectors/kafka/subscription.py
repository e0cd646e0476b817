"""Subscription: the topics that a source reads, its consumer group, and its member of the group."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import msgspec

from stream_rnn.connectors.errors import UsageError

START_POSITIONS = ("earliest", "latest", "committed")


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """Which topics a source reads, and as which member of a consumer group.

    Parameters
    ----------
    topics
        Names of topics; empty with a pattern.
    pattern
        Regular expression for the names of topics.
    group
        Consumer group.
    instance
        Name of this member in the group (static membership): a restarted process with the same name gets the
        partitions of its predecessor at once.
    start
        Where to start in a partition without a committed offset: earliest, latest, a time (ISO 8601), or committed to
        refuse such partitions.
    session_timeout
        Seconds without a heartbeat after which the group gives the member's partitions to others.

    Raises
    ------
    UsageError
        If neither or both of topics and pattern are given, or the pattern or the start is not valid.

    Examples
    --------
    >>> Subscription(topics=("sensors",), group="pumps", instance="pumps-0").start
    'earliest'
    """

    topics: tuple[str, ...] = ()
    pattern: str | None = None
    group: str
    instance: str
    start: str = "earliest"
    session_timeout: float = 45.0

    def __post_init__(self) -> None:
        if bool(self.topics) == (self.pattern is not None):
            raise UsageError("topics or pattern must be given, and not both")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise UsageError(f"pattern must be a regular expression, got {self.pattern!r}: {error}") from None
        if self.start not in START_POSITIONS and parse_time(self.start) is None:
            raise UsageError(f"start must be {', '.join(START_POSITIONS)} or a time (ISO 8601), got {self.start!r}")


def parse_time(text: str) -> float | None:
    """Return an ISO 8601 time in seconds since 1970, or None if the text is not one. Without an offset it is UTC.

    Examples
    --------
    >>> parse_time("2024-01-31T01:00:00+01:00")
    1706659200.0
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
