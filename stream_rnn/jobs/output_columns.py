"""Columns of a job's output: target values, forecasts, prediction intervals, anomaly scores and states."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from stream_rnn.engine.result import BatchResult
    from stream_rnn.settings.engine import Settings


def output_columns(
    settings: Settings, y: NDArray[np.float64], result: BatchResult, labels: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Return the output columns of N events, each (N,), named by `output_names`.

    Parameters
    ----------
    settings
        Settings of the engine that made the forecasts.
    y
        (N, D) values of the targets.
    result
        The engine's result for these events.
    labels
        (N,) labels by column, see `Words.label_columns`; they replace classes.
    """
    columns: list[NDArray[Any]] = [*y.T]
    columns += [labels[name] for name in label_names(settings) if settings.top is None]
    for values in (
        result.forecasts,
        result.intervals,
        result.anomalies,
        result.anomaly_alarms,
        result.stream_states,
        result.states,
    ):
        if values is not None:
            columns += [*values.reshape(len(y), values[:1].size if len(y) else 0).T]
    return dict(zip(output_names(settings), columns, strict=True)) | dict(labels)


def output_names(settings: Settings) -> list[str]:
    """Return the names of all output columns, in order.

    Targets; their most likely labels, of classes; elements of the forecast; ``.low`` and ``.high`` of each element if
    prediction intervals are set; if anomaly scores are set, ``anomaly``, ``anomaly.alarm``, ``anomaly.state`` of the
    stream, and ``.state`` of each target.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> output_names(Settings(inputs="x", horizon=2, interval=0.9))
    ['x', 'x+1', 'x+2', 'x+1.low', 'x+1.high', 'x+2.low', 'x+2.high']
    """
    forecasts = list(forecast_names(settings))
    bounds = [f"{name}.{end}" for name in forecasts for end in ("low", "high")] if settings.interval is not None else []
    labels = label_names(settings) if settings.top is None else ()
    states = [f"{name}.state" for name in settings.target_names]
    anomalies = ["anomaly", "anomaly.alarm", "anomaly.state", *states] if settings.anomaly else []
    return [*settings.target_names, *labels, *forecasts, *bounds, *anomalies]


def label_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the columns with forecast labels, of classification.

    With `top` these are among the elements of the forecast.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> label_names(Settings(inputs="x", targets="state", task="classification"))
    ('state.forecast',)
    """
    if settings.task != "classification":
        return ()
    if settings.top is not None:
        return tuple(forecast_names(settings))[::2]
    lead = f"-{settings.lookahead}" if settings.lookahead else ""
    return tuple(f"{name}{lead}.forecast" for name in settings.target_names)


def forecast_names(settings: Settings) -> Iterator[str]:
    """Yield the name of each element of a forecast, in the order of the flattened forecast.

    ``Y+3`` is target Y three events ahead, ``Y.forecast`` a label, ``Y-3`` the label of the event three events before.
    A suffix names the outputs of a loss with more than one: ``.q0.05`` for a quantile, ``.mean`` and ``.variance`` for
    gaussian_nll, ``.p2`` for the probability of class 2.

    Examples
    --------
    >>> from stream_rnn import Settings
    >>> list(forecast_names(Settings(inputs="x", loss="gaussian_nll")))
    ['x+1.mean', 'x+1.variance']
    """
    leads = [f"+{ahead}" for ahead in range(1, settings.horizon + 1)]
    if settings.lookahead:
        leads = [f"-{settings.lookahead}"]
    elif settings.task != "forecast":
        leads = [".forecast" if settings.task == "regression" else ""]
    for lead in leads:
        for name in settings.target_names:
            for suffix in settings.forecast_suffixes:
                yield f"{name}{lead}{suffix}"
