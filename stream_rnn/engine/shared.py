"""SharedEngine: one engine for several threads, which wait for each other."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from stream_rnn.engine.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

P = ParamSpec("P")
ResultT = TypeVar("ResultT")


def serialised(method: Callable[Concatenate[Engine, P], ResultT]) -> Callable[Concatenate[SharedEngine, P], ResultT]:
    """Return a method of `SharedEngine` that calls this method of its engine when no other call is running."""

    @functools.wraps(method)
    def call(self: SharedEngine, /, *args: P.args, **kwargs: P.kwargs) -> ResultT:
        with self.exclusive() as engine:
            return method(engine, *args, **kwargs)

    return call


def serialised_property(name: str) -> Any:
    """Return a property of `SharedEngine` that reads this property of its engine when no other call is running."""
    of_engine: property = getattr(Engine, name)
    assert of_engine.fget is not None  # noqa: S101 - properties have a getter
    return property(serialised(of_engine.fget), doc=of_engine.__doc__)


class SharedEngine:
    """An engine that several threads may use: a call waits until the one before it has ended.

    It has the methods and properties of `Engine`. Calls that belong together, such as `predict` before a `step` of the
    same stream, need `exclusive`, because another thread may call in between.

    Parameters
    ----------
    engine
        The engine; it must not be used otherwise any more.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from stream_rnn import Engine, Settings, SharedEngine
    >>> shared = SharedEngine(Engine(Settings(inputs="x", hidden=4)))
    >>> with ThreadPoolExecutor(4) as threads:
    ...     forecasts = list(threads.map(lambda t: shared.step("sensor", [t % 5]), range(100)))
    >>> shared.counts.events
    100
    """

    def __init__(self, engine: Engine) -> None:
        self.settings = engine.settings
        self._engine = engine
        self._lock = RLock()

    @contextmanager
    def exclusive(self) -> Iterator[Engine]:
        """Wait for other calls, and let this thread use the engine alone within a ``with`` block.

        Examples
        --------
        >>> from stream_rnn import Engine, Settings, SharedEngine
        >>> shared = SharedEngine(Engine(Settings(inputs="x", hidden=4)))
        >>> with shared.exclusive() as engine:
        ...     known = engine.events("sensor") > 0
        ...     forecast = engine.step("sensor", [1.0])
        >>> known
        False
        """
        with self._lock:
            yield self._engine

    counts = serialised_property("counts")
    keys = serialised_property("keys")
    vocabulary = serialised_property("vocabulary")
    stream_count = serialised_property("stream_count")
    evictions = serialised_property("evictions")
    drifts = serialised_property("drifts")
    failing = serialised_property("failing")
    frozen = serialised_property("frozen")
    stream_bytes = serialised_property("stream_bytes")
    parameters = serialised_property("parameters")
    last_event = serialised_property("last_event")
    parameters_of = serialised(Engine.parameters_of)
    step = serialised(Engine.step)
    step_detailed = serialised(Engine.step_detailed)
    process = serialised(Engine.process)
    process_detailed = serialised(Engine.process_detailed)
    process_events = serialised(Engine.process_events)
    interval = serialised(Engine.interval)
    anomaly = serialised(Engine.anomaly)
    states = serialised(Engine.states)
    last_time = serialised(Engine.last_time)
    relative_error = serialised(Engine.relative_error)
    label = serialised(Engine.label)
    predict = serialised(Engine.predict)
    predict_many = serialised(Engine.predict_many)
    generate = serialised(Engine.generate)
    diagnose = serialised(Engine.diagnose)
    freeze = serialised(Engine.freeze)
    unfreeze = serialised(Engine.unfreeze)
    reset = serialised(Engine.reset)
    finish = serialised(Engine.finish)
    warmup = serialised(Engine.warmup)
    events = serialised(Engine.events)
    length = serialised(Engine.length)
    with_settings = serialised(Engine.with_settings)
    save = serialised(Engine.save)
    snapshot = serialised(Engine.snapshot)
