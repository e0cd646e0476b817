"""What the settings of a job say about the shape of events: for its source, its ordering, and its engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

from stream_rnn.connectors.shapes.shape import VALUE, Shape
from stream_rnn.errors import SettingError
from stream_rnn.settings.durations import in_words, seconds
from stream_rnn.settings.shape import pivot_columns

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.settings.engine import Settings
    from stream_rnn.settings.records import RecordSettings

TOLERANCE = 1e-6
"""By how much a horizon may differ from whole events, as a share of one."""


def shape_of(settings: RecordSettings) -> Shape:
    """Return the shape that settings ask for.

    Examples
    --------
    >>> from stream_rnn.settings.replay import ReplaySettings
    >>> shape_of(ReplaySettings(every="1min")).every
    60.0
    """
    return Shape(
        wide=settings.wide,
        pivot=None if settings.pivot is None else pivot_columns(settings.pivot),
        tolerance=seconds("pivot_tolerance", settings.pivot_tolerance),
        every=None if settings.every is None else seconds("every", settings.every),
        aggregate=settings.aggregate,
        max_gap=settings.max_gap,
    )


def engine_inputs(shape: Shape, values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an engine with the inputs that events have, given those that records have.

    Raises
    ------
    SettingError
        If the targets of a wide source are not its only input.

    Examples
    --------
    >>> engine_inputs(Shape(wide=True), {"inputs": ("load", "flow"), "hidden": 8})
    {'inputs': ('value',), 'hidden': 8}
    """
    if not shape.wide:
        return values
    targets = values.get("targets") or VALUE
    if targets not in (VALUE, (VALUE,), [VALUE]):
        shown = targets if isinstance(targets, str) else ",".join(targets)
        raise SettingError(f"targets must be {VALUE} or not set with wide, name columns as inputs, got {shown!r}")
    return values | {"inputs": (VALUE,)}


def named_fields(shape: Shape, values: dict[str, Any]) -> tuple[str, ...]:
    """Return the fields of records that are the streams of a wide topic, which a live job has to name; else nothing.

    Raises
    ------
    SettingError
        If none are named.

    Examples
    --------
    >>> named_fields(Shape(wide=True), {"inputs": ["load", "flow"]}), named_fields(Shape(), {"inputs": ["load"]})
    (('load', 'flow'), ())
    """
    if not shape.wide:
        return ()
    inputs = values.get("inputs") or ()
    if not inputs:
        raise SettingError("inputs must name the fields that are streams with wide, got none")
    return (inputs,) if isinstance(inputs, str) else tuple(inputs)


def check_numbers(shape: Shape, engine: Settings) -> None:
    """Check that what a live job makes other inputs of are numbers: classes and tokens are checked in the records.

    Raises
    ------
    SettingError
        If targets are classes, or the input is a token.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> check_numbers(Shape(wide=True), Settings(inputs="value"))
    """
    if (shape.wide or shape.pivot is not None) and (engine.categorical or engine.tokens):
        name = "wide" if shape.wide else "pivot"
        raise SettingError(f"{name} is for numbers in a live job, not for classes or tokens")


def check_classes(shape: Shape, engine: Settings) -> None:
    """Check that labels are a column of the records, where words are numbered, and that no mean of classes is formed.

    Raises
    ------
    SettingError
        If the task is classification and events have other columns than records, or classes or tokens are averaged.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> check_classes(Shape(every=60.0), Settings(inputs="load", targets="state", task="classification"))
    """
    if (shape.wide or shape.pivot is not None) and engine.task == "classification":
        name = "wide" if shape.wide else "pivot"
        raise SettingError(f"task must not be classification with {name}, which is for numbers")
    if shape.every is not None and shape.aggregate == "mean" and (engine.categorical or engine.tokens):
        raise SettingError("aggregate must be last with classes or tokens, got 'mean'")


def without_duration(values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of an engine with a horizon of one event in place of a duration, to check the others.

    Examples
    --------
    >>> without_duration({"horizon": "6h", "hidden": 8}), without_duration({"horizon": 3})
    ({'horizon': 1, 'hidden': 8}, {'horizon': 3})
    """
    return values | {"horizon": 1} if _is_duration(values.get("horizon")) else values


def horizon_in_events(values: dict[str, Any], shape: Shape, interval: Callable[[], float | None]) -> dict[str, Any]:
    """Return the settings of an engine with the horizon in events, if it is a duration.

    Parameters
    ----------
    values
        Settings of the engine by name.
    shape
        Its grid, if it has one, says how long an event is.
    interval
        Returns the seconds between two recorded events, None if this is not certain; called only without a grid.

    Raises
    ------
    SettingError
        If the horizon is no duration, the interval is not certain, or the horizon is not a multiple of it.

    Examples
    --------
    >>> horizon_in_events({"horizon": "6h"}, Shape(every=3600.0), lambda: None)
    {'horizon': 6}
    """
    horizon = values.get("horizon")
    if not _is_duration(horizon):
        return values
    duration = seconds("horizon", horizon, "a number of events")
    step = shape.every if shape.every is not None else interval()
    if step is None:
        raise SettingError(
            f"horizon {horizon!r} needs every, such as every 1min: the interval between the recorded events is not "
            "constant, or not known"
        )
    events = duration / step
    if events < 1.0 - TOLERANCE or abs(events - round(events)) > TOLERANCE * events:
        of = "every" if shape.every is not None else "the recorded interval"
        raise SettingError(f"horizon must be a multiple of {of}, {in_words(step)}, got {horizon!r}")
    return values | {"horizon": round(events)}


def _is_duration(horizon: object) -> TypeGuard[str]:
    """Return whether a horizon is a text that starts with a number; any other text is no horizon at all."""
    return isinstance(horizon, str) and horizon.strip()[:1].isdigit()
