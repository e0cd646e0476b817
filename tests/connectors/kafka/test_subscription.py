"""Subscription: which ones are valid, and how start times are read."""

from __future__ import annotations

from typing import Any

import pytest

from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.kafka.subscription import Subscription, parse_time


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "topics or pattern must be given, and not both"),
        ({"topics": ("a",), "pattern": "b"}, "topics or pattern must be given, and not both"),
        ({"pattern": "("}, r"pattern must be a regular expression, got '\(': "),
        ({"topics": ("a",), "start": "begin"}, "start must be earliest, latest, committed or a time .*, got 'begin'"),
        ({"topics": ("a",), "start": "2024-13-01"}, "start must be .*, got '2024-13-01'"),
    ],
)
def test_an_invalid_subscription_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Subscription(group="g", instance="i", **fields)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2024-01-31", 1706659200.0),
        ("2024-01-31T01:00:00+01:00", 1706659200.0),
        ("2024-01-31 00:00:00.5Z", 1706659200.5),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_start_time_is_utc_unless_it_has_an_offset(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds
