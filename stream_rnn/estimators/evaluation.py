"""Evaluation of forecasters: each forecast is held against the values that it speaks of.

river's `evaluate.evaluate` forecasts before it learns the newest value, and compares with what comes after that: it
scores one step off, and gives a perfect forecaster of a ramp an error of 1 at every horizon. Here a value is learned,
then what follows it is forecast, and compared with what follows it. Else it is as river's: a stream's first forecast is
made once `horizon` of its events are learned, and the metrics are river's own, one for each event ahead.

All events are learned, in the order in which they come, of however many streams; each stream has a metric of its own,
too. An event is learned once those that its forecast speaks of have come, as forecasters are given their `xs`: all that
comes behind a stream's last events is held in memory until the dataset ends.
"""

from __future__ import annotations

import inspect
from collections import Counter, defaultdict, deque
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.engine.conversions import number
from stream_rnn.errors import DataError
from stream_rnn.estimators.arguments import check_horizon, check_key, parse_end
from stream_rnn.estimators.recurrent import DEFAULT_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

    from river.metrics.base import RegressionMetric
    from river.time_series.base import Forecaster
    from river.time_series.metrics import HorizonMetric

    Aggregate = Callable[[list[float]], float]


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
        if not self.streams:
            return "no forecasts"
        several = [("all streams", self.overall), *self.streams.items()]
        rows = [[str(name), *repr(metric).splitlines()] for name, metric in several]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)

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
        Pairs (x, y) in the order of their time, or (x, y, keywords) as for river's progressive validation: keywords are
        passed on to `learn_one`. A y that is missing, None or NaN, is learned but not scored. No forecast is made of
        what comes behind the end of a sequence, told by a keyword ``end`` or the model's `end_field`.
    model
        A forecaster of river's interface, or a pipeline that ends with one.
    metric
        A regression metric.
    horizon
        Events ahead.
    agg_func
        What makes one number of those of all horizons, such as `statistics.mean`.

    Returns
    -------
    HorizonMetric
        river's, with a metric for each event ahead. Of N events of a stream, N - 2 `horizon` + 1 forecasts are scored:
        river's and one more.

    Raises
    ------
    DataError
        For a horizon that is no whole number from 1 on, too few events to score one forecast, a model that gives
        another number of forecasts than asked for, or an event without its stream's key.
    """
    return evaluate_streams(dataset, model, metric, horizon, agg_func).overall


def iter_evaluate(
    dataset: Iterable[Any],
    model: Forecaster,
    metric: RegressionMetric,
    horizon: int,
    agg_func: Aggregate | None = None,
) -> Iterator[tuple[Any, Any, list[float], HorizonMetric]]:
    """Evaluate a forecaster, and yield x, y, the forecast of what follows y and the metric so far, event by event.

    Parameters and errors are those of `evaluate`; events of which no forecast is scored are not yielded.
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

    A forecaster that takes a key is told each event's; of one that does not, such as a pipeline, each stream has a
    clone, which has learned nothing yet.

    Parameters
    ----------
    dataset, model, metric, horizon, agg_func
        As for `evaluate`. Events that come with a keyword ``key`` are of that stream.
    key
        The feature in x that has the stream's key, or a function that returns it for x, where events come without a
        keyword; left out, the model's `key_field`, if it has one.

    Returns
    -------
    StreamMetrics
        Streams without a forecast to score are not in it.

    Raises
    ------
    DataError
        As `evaluate`.
    """
    made = StreamMetrics(metric, agg_func)
    for scored in _forecasts(dataset, model, horizon, key):
        made.update(scored)
    return made


class _Event(NamedTuple):
    key: Hashable
    x: Any
    y: Any
    keywords: Mapping[str, Any]
    ends: bool
    """Whether the stream's sequence ends with it."""


def _forecasts(
    dataset: Iterable[Any], model: Forecaster, horizon: int, key: Hashable | Callable[[Any], Hashable] | None
) -> Iterator[Scored]:
    """Yield each forecast with what came, and learn all events."""
    models, horizon = _Models(model), check_horizon(horizon)
    key = getattr(model, "key_field", None) if key is None else key
    events = _events(dataset, key, getattr(model, "end_field", None))
    learned, scored = Counter[Any](), False
    for now, following in _with_following(events, horizon):
        models.learn(now)
        learned[now.key] += 1
        unbroken = len(following) == horizon and not any(event.ends for event in (now, *following[:-1]))
        if learned[now.key] >= horizon and unbroken:
            scored = True
            forecast = models.forecast(now, horizon, [event.x for event in following])
            yield Scored(now.key, now.x, now.y, forecast, [event.y for event in following])
    if not scored:
        most = max(learned.values(), default=0)
        raise DataError(
            f"dataset must have a stream of at least {2 * horizon} events without an end for horizon {horizon}, "
            f"got at most {most} events"
        )


def _with_following(events: Iterable[_Event], horizon: int) -> Iterator[tuple[_Event, list[_Event]]]:
    """Yield each event with those that follow it in its stream: as many as the horizon, or until its end."""
    waiting = deque[_Event]()
    coming: defaultdict[Hashable, deque[_Event]] = defaultdict(deque)

    def first() -> tuple[_Event, list[_Event]]:
        now = waiting.popleft()
        coming[now.key].popleft()
        return now, list(islice(coming[now.key], horizon))

    for event in events:
        waiting.append(event)
        coming[event.key].append(event)
        while len(coming[waiting[0].key]) > horizon:  # never so for the newest, which nothing follows
            yield first()
    while waiting:
        yield first()


def _events(
    dataset: Iterable[Any], key: Hashable | Callable[[Any], Hashable] | None, end_field: Hashable | None
) -> Iterator[_Event]:
    for x, y, *more in dataset:
        keywords = dict(more[0]) if more else {}
        if keywords.get("key") is None and key is not None:
            keywords["key"] = check_key(key(x) if callable(key) else (x or {}).get(key))
        stream = keywords.get("key")
        ends = parse_end(keywords.get("end")) or (end_field is not None and parse_end((x or {}).get(end_field)))
        yield _Event(DEFAULT_KEY if stream is None else check_key(stream), x, y, keywords, ends)


class _Models:
    """The forecaster, or one for each stream where it keeps no streams apart."""

    def __init__(self, model: Forecaster) -> None:
        self._model = model
        self._keyed = _takes(model.learn_one, "key") and _takes(model.forecast, "key")
        told = {"key": self._keyed, "w": _takes(model.learn_one, "w")}
        self._left_out = {name for name, taken in told.items() if not taken}
        """Keywords that are for others: river's evaluations, too, drop a weight that a model does not take."""
        self._clones: dict[Hashable, Forecaster] = {}

    def _of(self, event: _Event) -> Forecaster:
        if self._keyed or event.key == DEFAULT_KEY:
            return self._model
        if event.key not in self._clones:
            self._clones[event.key] = self._model.clone()
        return self._clones[event.key]

    def learn(self, event: _Event) -> None:
        told = {name: value for name, value in event.keywords.items() if name not in self._left_out}
        self._of(event).learn_one(y=event.y, x=event.x, **told)

    def forecast(self, event: _Event, horizon: int, xs: list[Any]) -> list[float]:
        told = {"key": event.key} if self._keyed and event.keywords.get("key") is not None else {}
        made: list[float] = self._of(event).forecast(horizon=horizon, xs=xs, **told)
        if len(made) != horizon:
            raise DataError(f"{self._model} must give {horizon} forecasts, got {len(made)}")
        return made


def _takes(method: Callable[..., Any], name: str) -> bool:
    """Return whether a method has a parameter of such a name, or any."""
    parameters = inspect.signature(method).parameters
    return name in parameters or any(each.kind == each.VAR_KEYWORD for each in parameters.values())
