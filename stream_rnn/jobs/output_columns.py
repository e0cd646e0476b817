"""What the columns of a job's output are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn.settings.engine import Settings


def output_names(settings: Settings) -> list[str]:
    """Return the output's name of each number that is told of an event.

    The targets as they came, the numbers of the forecast, ``.low`` and ``.high`` of each where there are intervals, and
    ``anomaly`` where there is a score.
    """
    forecasts = list(forecast_names(settings))
    ends = [f"{name}.{end}" for name in forecasts for end in ("low", "high")] if settings.interval is not None else []
    return [*settings.target_names, *forecasts, *ends, *(["anomaly"] if settings.anomaly else [])]


def forecast_names(settings: Settings) -> Iterator[str]:
    """Yield the output's name of each number in a forecast, in the order of the flattened forecast.

    ``Y+3`` is target Y three events ahead, ``Y.forecast`` a label, ``Y-3`` that of three events before; ``.q0.05`` a
    quantile, ``.mean`` and ``.variance`` the two of gaussian_nll, ``.p2`` the probability of class 2.
    """
    parts: tuple[str, ...] = ("",)
    if settings.loss_name == "quantile":
        parts = tuple(f".q{level:g}" for level in settings.quantiles)
    elif settings.loss_name == "gaussian_nll":
        parts = (".mean", ".variance")
    elif settings.loss_name == "softmax":
        parts = tuple(f".p{c}" for c in range(settings.classes))
    elif settings.loss_name == "logistic":
        parts = (".p1",)
    places = [f"+{ahead}" for ahead in range(1, settings.horizon + 1)]
    if settings.lookahead:
        places = [f"-{settings.lookahead}"]
    elif settings.task != "forecast":
        places = [".forecast" if settings.task == "regression" else ""]
    for place in places:
        for name in settings.target_names:
            for part in parts:
                yield f"{name}{place}{part}"
