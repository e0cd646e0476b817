"""Alarms of a race: a stream fails if it fails in all racing members.

The mixture is about as good as the best member, so its own error need not be compared.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from stream_rnn.engine.alarms import Alarm
    from stream_rnn.engine.engine import Engine


def failing_in_all(members: Iterable[Engine]) -> dict[Hashable, float]:
    """Return the streams that fail in all members, each with the smallest of their relative errors."""
    failing = [engine.failing for engine in members]
    return {
        key: min(errors[key] for errors in failing) for key in failing[0] if all(key in errors for errors in failing)
    }


def joint_alarms(members: Sequence[Engine], alarms: Iterable[Alarm]) -> list[Alarm]:
    """Return the members' alarms with which a stream begins or ceases to fail in all members.

    `alarms` are all that were raised and cleared by the events that the members have just processed.
    """
    latest = sorted(alarms, key=lambda alarm: alarm.event, reverse=True)
    if not latest:
        return []
    now = Counter(key for engine in members for key in engine.failing)
    joint = []
    for alarm in latest:  # backwards, from what is known
        after = now[alarm.key]
        now[alarm.key] += -1 if alarm.raised else 1
        if len(members) in (after, now[alarm.key]):
            joint.append(alarm)
    return joint[::-1]
