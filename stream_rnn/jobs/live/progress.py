"""The progress line of a live job: the numbers of a period as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    Fields = Mapping[str, float | int | str]

ALWAYS = ("lag", "streams", "partitions")
"""Fields that a line always shows, besides events and forecasts."""
UNUSUAL = (
    "replayed",
    "refused",
    "bad_values",
    "duplicates",
    "lost",
    "skipped_updates",
    "drifts",
    "alarms",
    "failing_streams",
    "anomaly_alarms",
)
"""Fields that a line shows only if they are not zero, as all whose names start with `FAILED`."""
FAILED = "failed_"


def format_progress(fields: Fields) -> str:
    """Return the fields of `JobMetrics.fields` as one line of text.

    Examples
    --------
    >>> fields = {"events": 1500, "events_per_second": 150.0, "forecasts_per_second": 2.5}
    >>> format_progress(fields | {"lag": 7, "streams": 20, "partitions": 4, "replayed": 0, "refused": 3})
    'events 1,500 (150/s), forecasts 2.5/s, lag 7, streams 20, partitions 4, refused 3'
    """
    events, forecasts = (_format_rate(float(fields[f"{name}_per_second"])) for name in ("events", "forecasts"))
    parts = [f"events {fields['events']:,} ({events}/s)", f"forecasts {forecasts}/s"]
    parts += [f"{name} {fields[name]:,}" for name in ALWAYS]
    for name, count in fields.items():
        if count and (name in UNUSUAL or name.startswith(FAILED)):
            parts.append(f"{name.replace('_', ' ')} {count:,}")
    if "error_percent" in fields:
        parts.append(f"error {fields['error_percent']:.1f}% of persistence")
    if "checkpoint_age" in fields:
        parts.append(f"oldest checkpoint {format_duration(float(fields['checkpoint_age']))}")
    if fields.get("broker") == "does not answer":
        parts.insert(0, "the broker does not answer")
    return ", ".join(parts)


def format_duration(seconds: float) -> str:
    """Return a duration in a unit that fits.

    Examples
    --------
    >>> format_duration(90), format_duration(600), format_duration(9000)
    ('90 s', '10 min', '2.5 h')
    """
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _format_rate(per_second: float) -> str:
    return f"{per_second:,.0f}" if per_second >= 10 or not per_second else f"{per_second:.1f}"
