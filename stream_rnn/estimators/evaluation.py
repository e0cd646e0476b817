"""Evaluation of forecasters: each forecast is compared with the values that it is a forecast of.

river's `evaluate.evaluate` forecasts before it learns the newest value, and compares the forecast with the values after
that one. Its scores are therefore one step off: a perfect forecaster of a ramp has an error of 1 at every horizon. Here
a value is learned first; then the next values are forecast, and compared with the next values. Otherwise the procedure
is river's: a stream is first forecast after `horizon` of its events have been learned, and there is one of river's
metrics for each event ahead.

Events of any number of streams are learned in the order in which they arrive, and each stream also has a metric of its
own. An event is learned when the next `horizon` events of its stream have been read, because forecasters receive these
as `xs`. All events read after the last one of a stream are therefore kept in memory until the dataset ends.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict, deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.engine.conversions import number
from stream_rnn.errors import DataError
from stream_rnn.estimators.arguments import check_horizon, check_key, parse_end
from stream_rnn.estimators.frame_events import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from river.metrics.base import RegressionMetric
    from river.time_series.base import Forecaster
    from river.time_series.metrics import HorizonMetric

    Aggregate = Callable[[list[float]], float]
    KeyOf = Hashable | Callable[[Any], Hashable] | None


class ForecastOutcome(NamedTuple):
    """A forecast and the values that arrived afterwards."""

    key: Hashable
    x: Any
    y: Any
    """the last value before the forecast"""
    forecast: list[float]
    actual: list[Any]
    """the values that were forecast"""


class StreamMetrics:
    """Metrics of forecasts, over all streams and for each stream.

    Parameters
    ----------
    metric
        A regression metric; it is copied.
    agg_func
        Function that aggregates the metric over the events ahead, such as `statistics.mean`; None keeps one number for
        each.
    """

    def __init__(self, metric: RegressionMetric, agg_func: Aggregate | None) -> None:
        self._metric, self._agg_func = metric, agg_func
        self.overall = self._new_metric()
        """The metric over all streams."""
        self.streams: dict[Hashable, HorizonMetric] = {}
        """The metric of each stream by its key."""

    def update(self, outcome: ForecastOutcome) -> None:
        """Score a forecast; missing values are skipped."""
        if outcome.key not in self.streams:
            self.streams[outcome.key] = self._new_metric()
        for horizon_metric in (self.overall, self.streams[outcome.key]):
            metrics = horizon_metric.metrics
            metrics += [horizon_metric.metric.clone() for _ in outcome.forecast[len(metrics) :]]
            for metric, actual, forecast in zip(metrics, outcome.actual, outcome.forecast, strict=True):
                value = number(actual, "y", "y")
                if value == value:  # noqa: PLR0124 - not NaN
                    metric.update(value, forecast)

    def get(self) -> dict[Hashable, Any]:
        """Return the metric of each stream: a number, or one for each event ahead."""
        return {key: metric.get() for key, metric in self.streams.items()}

    def __repr__(self) -> str:
        if not self.streams:
            return "no forecasts"
        metrics = [("all streams", self.overall), *self.streams.items()]
        rows = [[str(name), *repr(metric).splitlines()] for name, metric in metrics]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

    def _new_metric(self) -> HorizonMetric:
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
    """Evaluate a forecaster as river's `evaluate.evaluate` does, but with each forecast compared at the right step.

    Parameters
    ----------
    dataset
        Pairs (x, y) in the order of their time, or (x, y, keywords) as in river's progressive validation: the keywords
        are passed to `learn_one`. A missing y, None or NaN, is learned but not scored. Forecasts across the end of a
        sequence, which the keyword ``end`` or the model's `end_field` marks, are not scored.
    model
        A river forecaster, or a pipeline that ends with one.
    metric
        A regression metric.
    horizon
        Events ahead.
    agg_func
        Function that aggregates the metric over the events ahead, such as `statistics.mean`.

    Returns
    -------
    HorizonMetric
        river's, with a metric for each event ahead. Of N events of a stream, N - 2 `horizon` + 1 forecasts are scored,
        one more than by river.

    Raises
    ------
    DataError
        If the horizon is not an integer of at least 1, no stream is long enough for one forecast, the model returns
        another number of forecasts, or an event has no key where one is expected.

    Examples
    --------
    >>> from river import metrics, time_series
    >>> from stream_rnn.estimators import evaluate
    >>> ramp = [({}, float(t)) for t in range(100)]
    >>> evaluate(ramp, time_series.HoltWinters(alpha=0.5, beta=0.5), metrics.MAE(), horizon=2)
    +1 MAE: 0.014381
    +2 MAE: 0.018033
    """
    return evaluate_streams(dataset, model, metric, horizon, agg_func).overall


def iter_evaluate(
    dataset: Iterable[Any],
    model: Forecaster,
    metric: RegressionMetric,
    horizon: int,
    agg_func: Aggregate | None = None,
) -> Iterator[tuple[Any, Any, list[float], HorizonMetric]]:
    """Evaluate a forecaster, and yield x, y, the forecast of the values after y, and the metric so far.

    Parameters and errors are those of `evaluate`. Only events with a scored forecast are yielded.

    Examples
    --------
    >>> from river import metrics, time_series
    >>> from stream_rnn.estimators import iter_evaluate
    >>> ramp = [({}, float(t)) for t in range(100)]
    >>> model = time_series.HoltWinters(alpha=0.5, beta=0.5)
    >>> for _, y, forecast, metric in iter_evaluate(ramp, model, metrics.MAE(), horizon=2):
    ...     if y == 97:
    ...         print([round(value, 3) for value in forecast])
    [98.0, 99.0]
    """
    result = StreamMetrics(metric, agg_func)
    for outcome in _forecasts(dataset, model, horizon, None):
        result.update(outcome)
        yield outcome.x, outcome.y, outcome.forecast, result.overall


def evaluate_streams(
    dataset: Iterable[Any],
    model: Forecaster,
    metric: RegressionMetric,
    horizon: int,
    agg_func: Aggregate | None = None,
    key: KeyOf = None,
) -> StreamMetrics:
    """Evaluate a forecaster on many streams, over all streams and for each.

    A forecaster that accepts a key is passed the key of each event. For other forecasters, such as pipelines, each
    stream is learned by its own clone of the untrained model.

    Parameters
    ----------
    dataset, model, metric, horizon, agg_func
        As for `evaluate`. The keyword ``key`` of an event names its stream.
    key
        Where events have no such keyword: the name of the feature in x that holds the key, or a function that returns
        the key for x. If omitted, the model's `key_field`.

    Returns
    -------
    StreamMetrics
        Without streams that have no scored forecast.

    Raises
    ------
    DataError
        As `evaluate`.

    Examples
    --------
    >>> from river import metrics, time_series
    >>> from stream_rnn.estimators import evaluate_streams
    >>> readings = [({"pump": pump}, slope * t) for t in range(100) for pump, slope in (("slow", 1.0), ("fast", 5.0))]
    >>> evaluate_streams(readings, time_series.HoltWinters(alpha=0.5, beta=0.5), metrics.MAE(), 2, key="pump")
    all streams  +1 MAE: 0.043143  +2 MAE: 0.054098
    slow         +1 MAE: 0.014381  +2 MAE: 0.018033
    fast         +1 MAE: 0.071906  +2 MAE: 0.090163
    """
    result = StreamMetrics(metric, agg_func)
    for outcome in _forecasts(dataset, model, horizon, key):
        result.update(outcome)
    return result


class _Event(NamedTuple):
    key: Hashable
    x: Any
    y: Any
    keywords: Mapping[str, Any]
    ends: bool
    """whether the stream's sequence ends with it"""


def _forecasts(dataset: Iterable[Any], model: Forecaster, horizon: int, key: KeyOf) -> Iterator[ForecastOutcome]:
    """Learn all events, and yield each forecast with the values that arrived afterwards."""
    forecasters, horizon = _StreamForecasters(model), check_horizon(horizon)
    key = getattr(model, "key_field", None) if key is None else key
    events = _events(dataset, key, getattr(model, "end_field", None))
    learned, has_forecast = Counter[Any](), False
    for event, following in _with_following(events, horizon):
        forecasters.learn(event)
        learned[event.key] += 1
        same_sequence = len(following) == horizon and not any(each.ends for each in (event, *following[:-1]))
        if learned[event.key] >= horizon and same_sequence:
            has_forecast = True
            forecast = forecasters.forecast(event, horizon, [each.x for each in following])
            yield ForecastOutcome(event.key, event.x, event.y, forecast, [each.y for each in following])
    if not has_forecast:
        longest = max(learned.values(), default=0)
        raise DataError(
            f"dataset must have a stream with at least {2 * horizon} events in one sequence for horizon {horizon}, "
            f"got at most {longest} events"
        )


def _with_following(events: Iterable[_Event], horizon: int) -> Iterator[tuple[_Event, list[_Event]]]:
    """Yield each event with the next events of its stream: as many as the horizon, fewer at the end of the stream."""
    waiting = deque[_Event]()
    waiting_of: defaultdict[Hashable, deque[_Event]] = defaultdict(deque)

    def pop() -> tuple[_Event, list[_Event]]:
        event = waiting.popleft()
        waiting_of[event.key].popleft()
        return event, list(islice(waiting_of[event.key], horizon))

    for event in events:
        waiting.append(event)
        waiting_of[event.key].append(event)
        while len(waiting_of[waiting[0].key]) > horizon:  # false for the newest event, which nothing follows
            yield pop()
    while waiting:
        yield pop()


def _events(dataset: Iterable[Any], key: KeyOf, end_field: Hashable | None) -> Iterator[_Event]:
    for x, y, *rest in dataset:
        keywords = dict(rest[0]) if rest else {}
        if keywords.get("key") is None and key is not None:
            keywords["key"] = check_key(key(x) if callable(key) else (x or {}).get(key))
        stream = keywords.get("key")
        ends = parse_end(keywords.get("end")) or (end_field is not None and parse_end((x or {}).get(end_field)))
        yield _Event(DEFAULT_KEY if stream is None else check_key(stream), x, y, keywords, ends)


class _StreamForecasters:
    """The forecaster, or a clone of it for each stream if it does not accept keys."""

    def __init__(self, model: Forecaster) -> None:
        self._model = model
        self._accepts_keys = _accepts(model.learn_one, "key") and _accepts(model.forecast, "key")
        accepted = {"key": self._accepts_keys, "w": _accepts(model.learn_one, "w")}
        self._dropped = {name for name, is_accepted in accepted.items() if not is_accepted}
        """Keywords that are not passed on. river's evaluations, too, drop a weight that a model does not accept."""
        self._clones: dict[Hashable, Forecaster] = {}

    def _of(self, event: _Event) -> Forecaster:
        if self._accepts_keys or event.key == DEFAULT_KEY:
            return self._model
        if event.key not in self._clones:
            self._clones[event.key] = self._model.clone()
        return self._clones[event.key]

    def learn(self, event: _Event) -> None:
        keywords = {name: value for name, value in event.keywords.items() if name not in self._dropped}
        self._of(event).learn_one(y=event.y, x=event.x, **keywords)

    def forecast(self, event: _Event, horizon: int, xs: list[Any]) -> list[float]:
        keywords = {"key": event.key} if self._accepts_keys and event.keywords.get("key") is not None else {}
        forecast: list[float] = self._of(event).forecast(horizon=horizon, xs=xs, **keywords)
        if len(forecast) != horizon:
            raise DataError(f"{self._model} must return {horizon} forecasts, got {len(forecast)}")
        return forecast


def _accepts(method: Callable[..., Any], name: str) -> bool:
    """Return whether a method has a parameter of this name, or accepts any keyword."""
    parameters = inspect.signature(method).parameters
    return name in parameters or any(parameter.kind == parameter.VAR_KEYWORD for parameter in parameters.values())
