"""Columns of a job's output: the targets as they arrived, the forecasts, and what is known about their errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from stream_rnn.engine.result import BatchResult
    from stream_rnn.settings.engine import Settings


def output_columns(settings: Settings, y: NDArray[np.float64], result: BatchResult) -> dict[str, NDArray[np.float64]]:
    """Return the output columns of N events, named by `output_names`.

    Parameters
    ----------
    settings
        Settings of the engine that made the forecasts.
    y
        (N, D) the targets' values.
    result
        The engine's result for these events.
    """
    columns = [*y.T]
    for values in (result.forecasts, result.intervals, result.anomalies):
        if values is not None:
            columns += [*values.reshape(len(y), values[:1].size if len(y) else 0).T]
    return dict(zip(output_names(settings), columns, strict=True))


def output_names(settings: Settings) -> list[str]:
    """Return the names of all output columns, in order.

    The targets, the elements of the forecast, ``.low`` and ``.high`` of each where intervals are set, and ``anomaly``
    where scores are.
    """
    forecasts = list(forecast_names(settings))
    bounds = [f"{name}.{end}" for name in forecasts for end in ("low", "high")] if settings.interval is not None else []
    return [*settings.target_names, *forecasts, *bounds, *(["anomaly"] if settings.anomaly else [])]


def forecast_names(settings: Settings) -> Iterator[str]:
    """Yield the name of each element of a forecast, in the order of the flattened forecast.

    ``Y+3`` is target Y three events ahead, ``Y.forecast`` a label, ``Y-3`` the label of the event three before. A
    suffix names the elements of one target, where a loss has several: ``.q0.05`` a quantile, ``.mean`` and
    ``.variance`` of gaussian_nll, ``.p2`` the probability of class 2.
    """
    leads = [f"+{ahead}" for ahead in range(1, settings.horizon + 1)]
    if settings.lookahead:
        leads = [f"-{settings.lookahead}"]
    elif settings.task != "forecast":
        leads = [".forecast" if settings.task == "regression" else ""]
    for lead in leads:
        for name in settings.target_names:
            for suffix in settings.output_suffixes:
                yield f"{name}{lead}{suffix}"
