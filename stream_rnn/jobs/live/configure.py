"""What the workers of a live job share, from its settings and those of its model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.jobs.live.resolve import find_initial_checkpoint, resolve_model
from stream_rnn.jobs.live.worker import WorkerConfig
from stream_rnn.jobs.local_calendar import in_timezone
from stream_rnn.jobs.shaping import (
    check_classes,
    check_numbers,
    engine_inputs,
    horizon_in_events,
    named_fields,
    shape_of,
)
from stream_rnn.jobs.words import word_rules
from stream_rnn.settings.durations import seconds
from stream_rnn.settings.race import RaceConfig, map_values

if TYPE_CHECKING:
    from stream_rnn.connectors.shapes.shape import Shape
    from stream_rnn.settings.live_job import LiveJobSettings


def configure(
    settings: LiveJobSettings,
    model: dict[str, Any] | RaceConfig,
    *,
    group: str,
    has_record_keys: bool,
    lost_offsets: Literal["resume", "refuse"],
    writes_forecasts: bool,
    max_output_bytes: int,
) -> WorkerConfig:
    """Return what workers share.

    Parameters
    ----------
    settings
        Settings of the job.
    model
        Settings of an engine by name, or a race.
    group
        Identity of the reader; distinguishes its checkpoints from those of others.
    has_record_keys, lost_offsets, writes_forecasts, max_output_bytes
        As in `WorkerConfig`.

    Raises
    ------
    SettingError, CheckpointError
        If a setting is wrong, or the checkpoint to start from cannot be read.
    """
    initial = find_initial_checkpoint(settings.begin_with)
    shape, words = shape_of(settings), word_rules(settings)
    fields = named_fields(shape, next(iter(model.members.values())) if isinstance(model, RaceConfig) else model)
    given = map_values(model, lambda values: _shaped(values, shape, settings.timezone))
    resolved = resolve_model(given, initial[1] if initial is not None else None, words)
    if initial is not None:
        resolved.check(*initial)
    check_numbers(shape, resolved.settings)
    check_classes(shape, resolved.settings)
    return WorkerConfig(
        model=resolved,
        words=words,
        group=group,
        folder=Path(settings.checkpoint),
        initial_checkpoint=initial[0] if initial is not None else None,
        rule=OrderingPolicy(settings.lateness, settings.duplicates, settings.max_ahead),
        has_record_keys=has_record_keys,
        lost_offsets=lost_offsets,
        writes_forecasts=writes_forecasts,
        max_output_bytes=max_output_bytes,
        checkpoint_events=settings.checkpoint_every,
        checkpoint_seconds=settings.checkpoint_seconds,
        shape=shape,
        fields=fields,
        idle_flush=None if settings.idle_flush is None else seconds("idle_flush", settings.idle_flush),
    )


def _shaped(values: dict[str, Any], shape: Shape, timezone: str | None) -> dict[str, Any]:
    """Return the settings of an engine by name, for events of a shape and the time zone of the job."""
    return in_timezone(horizon_in_events(engine_inputs(shape, values), shape, lambda: None), timezone)
