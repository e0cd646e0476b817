"""Evaluation of forecasters: each forecast is held against the values that it speaks of.

river's `evaluate.evaluate` forecasts before it learns the newest value, and compares with what comes after that: it
scores one step off, and gives a perfect forecaster of a ramp an error of 1 at every horizon. Here a value is learned,
then what follows it is forecast, and compared with what follows it. Else it is as river's: the first `horizon` events
of a stream are learned only, and the metrics are river's own, one for each event ahead.

Events are learned in the order in which they come, of however many streams; each stream has a metric of its own, too.
"""

from __future__ import annotations

import inspect
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.conversions import number
from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from river.metrics.base import RegressionMetric
    from river.time_series.base import Forecaster
    from river.time_series.metrics import HorizonMetric

    Aggregate = Callable[[list[float]], float]

ALONE = "stream"
"""The stream of events that come without a key."""


class Scored(NamedTuple):
    """A forecast that was held against what came."""

    key: Hashable
    x: Any
    y: Any
    """The last value before the forecast."""
    forecast: list[float]
    came: list[Any]
    """The values that it speaks of."""


class StreamMetrics:
    """What forecasts were worth, over all streams and for each.

    Parameters
    ----------
    metric
        A regression metric, of which copies are made.
    agg_func
        What makes one number of those of all horizons; None for all of them.
    """

    def __init__(self, metric: RegressionMetric, agg_func: Aggregate | None) -> None:
        self._metric, self._agg_func = metric, agg_func
        self.overall = self._fresh()
        """The metric over all streams."""
        self.streams: dict[Hashable, HorizonMetric] = {}
        """The metric of each stream by its key."""

    def update(self, scored: Scored) -> None:
        """Take a forecast and what came; values that are missing are left out."""
        if scored.key not in self.streams:
            self.streams[scored.key] = self._fresh()
        for one in (self.overall, self.streams[scored.key]):
            one.metrics += [one.metric.clone() for _ in scored.forecast[len(one.metrics) :]]
            for metric, came, told in zip(one.metrics, scored.came, scored.forecast, strict=True):
                value = number(came, "y", "y")
                if value == value:  # noqa: PLR0124 - not NaN
                    metric.update(value, told)

    def get(self) -> dict[Hashable, Any]:
        """Return the performance for each stream: a number, or one for each event ahead."""
        return {key: metric.get() for key, metric in self.streams.items()}

    def __repr__(self) -> str:
        lines = [f"{name}\n{metric!r}" for name, metric in {"all streams": self.overall, **self.streams}.items()]
        return "\n\n".join(lines)

    def _fresh(self) -> HorizonMetric:
        from river.time_series.metrics import HorizonAggMetric, HorizonMetric  # noqa: PLC0415 - takes seconds

        agg_func = self._agg_func
        return HorizonMetric(self._metric) if agg_func is None else HorizonAggMetric(self._metric, agg_func)


def evaluate(
    dataset: Iterable[Any],
    model: Forecaster,
    metric: RegressionMetric,
    horizon: int,
    agg_func: Aggregate | None = None,
) -> HorizonMetric:
    """Evaluate a forecaster, as river's `evaluate.evaluate`, but with forecasts held against what they speak of.

    Parameters
    ----------
    dataset
        Pairs (x, y) in the order of their time, or (x, y, keywords) as for river's progressive validation.
    model
        A forecaster of river's interface.
    metric
        A regression metric.
    horizon
        Events ahead.
    agg_func
        What makes one number of those of all horizons, such as `statistics.mean`.

    Returns
    -------
    HorizonMetric
        river's, with a metric for each event ahead.

    Raises
    ------
    DataError
        For a horizon that is no whole number from 1 on, too few events to score one forecast, or a model that gives
        fewer forecasts than asked for.
    """
    return evaluate_streams(dataset, model, metric, horizon, agg_func).overall


def iter_evaluate(
    dataset: Iterable[Any],
    model: Forecaster,
    metric: RegressionMetric,
    horizon: int,
    agg_func: Aggregate | None = None,
) -> Iterator[tuple[Any, Any, list[float], HorizonMetric]]:
    """Evaluate a forecaster, and yield x, y, the forecast of what follows and the metric so far, event by event.

    Parameters and errors are those of `evaluate`.
    """
    made = StreamMetrics(metric, agg_func)
    for scored in _forecasts(dataset, model, horizon, None):
        made.update(scored)
        yield scored.x, scored.y, scored.forecast, made.overall


def evaluate_streams(
    dataset: Iterable[Any],
    model: Forecaster,
    metric: RegressionMetric,
    horizon: int,
    agg_func: Aggregate | None = None,
    key: Hashable | Callable[[Any], Hashable] | None = None,
) -> StreamMetrics:
    """Evaluate a forecaster of many streams, over all and for each.

    A forecaster that takes a key is told each event's; of one that does not, each stream has a clone.

    Parameters
    ----------
    dataset, model, metric, horizon, agg_func
        As for `evaluate`. Events that come with a keyword ``key`` are of that stream.
    key
        The feature in x that has the stream's key, or a function that returns it for x.

    Returns
    -------
    StreamMetrics

    Raises
    ------
    DataError
        As `evaluate`.
    """
    made = StreamMetrics(metric, agg_func)
    for scored in _forecasts(dataset, model, horizon, key):
        made.update(scored)
    if not made.streams:
        raise DataError(f"dataset must have a stream of at least {2 * horizon} events for horizon {horizon}")
    return made


class _Event(NamedTuple):
    key: Hashable
    x: Any
    y: Any
    keywords: Mapping[str, Any]


def _forecasts(
    dataset: Iterable[Any], model: Forecaster, horizon: int, key: Hashable | Callable[[Any], Hashable] | None
) -> Iterator[Scored]:
    """Yield each forecast with what came. An event waits for those that its forecast speaks of, and all behind it."""
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise DataError(f"horizon must be a whole number from 1 on, got {horizon!r}")
    models, waiting = _Models(model), deque[_Event]()
    ahead: dict[Hashable, deque[_Event]] = {}
    seen: dict[Hashable, int] = {}
    for event in _events(dataset, key):
        waiting.append(event)
        ahead.setdefault(event.key, deque()).append(event)
        while waiting and len(ahead[waiting[0].key]) > horizon:
            now = waiting.popleft()
            coming = ahead[now.key]
            coming.popleft()
            models.learn(now)
            seen[now.key] = seen.get(now.key, 0) + 1
            if seen[now.key] >= horizon:
                following = list(islice(coming, horizon))
                forecast = models.forecast(now, horizon, [event.x for event in following])
                yield Scored(now.key, now.x, now.y, forecast, [event.y for event in following])


def _events(dataset: Iterable[Any], key: Hashable | Callable[[Any], Hashable] | None) -> Iterator[_Event]:
    for x, y, *more in dataset:
        keywords = dict(more[0]) if more else {}
        if key is not None:
            keywords["key"] = key(x) if callable(key) else x[key]
        yield _Event(keywords.get("key", ALONE), x, y, keywords)


class _Models:
    """The forecaster, or one for each stream where it keeps no streams apart."""

    def __init__(self, model: Forecaster) -> None:
        self._model = model
        self._keyed = "key" in inspect.signature(model.forecast).parameters
        self._clones: dict[Hashable, Forecaster] = {}

    def _of(self, event: _Event) -> Forecaster:
        if self._keyed or "key" not in event.keywords:
            return self._model
        if event.key not in self._clones:
            self._clones[event.key] = self._model.clone()
        return self._clones[event.key]

    def learn(self, event: _Event) -> None:
        told = event.keywords if self._keyed else {k: v for k, v in event.keywords.items() if k != "key"}
        self._of(event).learn_one(y=event.y, x=event.x, **told)

    def forecast(self, event: _Event, horizon: int, xs: list[Any]) -> list[float]:
        told = {"key": event.key} if self._keyed and "key" in event.keywords else {}
        made: list[float] = self._of(event).forecast(horizon=horizon, xs=xs, **told)
        if len(made) != horizon:
            raise DataError(f"{self._model} must give {horizon} forecasts, got {len(made)}")
        return made
