"""An engine processes one call at a time, and survives the interruption of one."""

from __future__ import annotations

import copy
import pickle
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import bits, engine_of, series

from stream_rnn import ConcurrentUseError, Engine, Race
from stream_rnn.compiled.step import process
from stream_rnn.errors import DataError, StreamRNNError
from stream_rnn.estimators import GRUForecaster, GRURegressor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

READABLE = {
    "counts",
    "drifts",
    "evictions",
    "frozen",
    "keys",
    "last_event",
    "stream_bytes",
    "stream_count",
    "vocabulary",
}
"""Properties that may be read while a call runs."""
CREATES = {"load", "restore"}
"""Methods of the class."""
CALLS: dict[str, Callable[[Engine, Path], object]] = {
    "anomaly": lambda engine, _: engine.anomaly("s"),
    "diagnose": lambda engine, _: engine.diagnose("s"),
    "events": lambda engine, _: engine.events("s"),
    "failing": lambda engine, _: engine.failing,
    "finish": lambda engine, _: engine.finish("s"),
    "freeze": lambda engine, _: engine.freeze(),
    "generate": lambda engine, _: engine.generate("s", steps=2),
    "interval": lambda engine, _: engine.interval("s"),
    "label": lambda engine, _: engine.label("s", series(3)),
    "last_time": lambda engine, _: engine.last_time("s"),
    "length": lambda engine, _: engine.length("s"),
    "parameters": lambda engine, _: engine.parameters,
    "parameters_of": lambda engine, _: engine.parameters_of("s"),
    "predict": lambda engine, _: engine.predict("s", [1.0]),
    "predict_many": lambda engine, _: engine.predict_many("s", series(3)),
    "process": lambda engine, _: engine.process("s", series(3)),
    "process_detailed": lambda engine, _: engine.process_detailed("s", series(3)),
    "process_events": lambda engine, _: engine.process_detailed("s", series(3)),
    "relative_error": lambda engine, _: engine.relative_error("s"),
    "reset": lambda engine, _: engine.reset("s"),
    "save": lambda engine, folder: engine.save(folder / "saved"),
    "snapshot": lambda engine, _: engine.snapshot(),
    "states": lambda engine, _: engine.states("s"),
    "step": lambda engine, _: engine.step("s", [1.0]),
    "step_detailed": lambda engine, _: engine.step_detailed("s", [1.0]),
    "unfreeze": lambda engine, _: engine.unfreeze(),
    "warmup": lambda engine, _: engine.warmup(),
    "with_settings": lambda engine, _: engine.with_settings(engine.settings),
    "__reduce__": lambda engine, _: pickle.dumps(engine),
}
"""A call of each public method that must not overlap with another."""


class Meanwhile(dict[str, float]):
    """Inputs of an event that call something in another thread while they are read."""

    def __init__(self, call: Callable[[], object], **values: float) -> None:
        super().__init__(values)
        self._call = call
        self.error: BaseException | None = None

    def get(self, name: Any, default: Any = None) -> Any:
        self._call_in_thread()
        return super().get(name, default)

    def __getitem__(self, name: str) -> float:
        self._call_in_thread()
        return super().__getitem__(name)

    def _call_in_thread(self) -> None:
        def run() -> None:
            try:
                self._call()
            except StreamRNNError as error:
                self.error = error

        thread = Thread(target=run)
        thread.start()
        thread.join()


def test_every_public_method_is_called_here() -> None:
    public = {name for name in vars(Engine) if not name.startswith("_")}
    assert public - READABLE - CREATES == set(CALLS) - {"__reduce__"}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_from_another_thread_raises_while_an_event_is_processed(name: str, tmp_path: Path) -> None:
    engine, undisturbed = (engine_of(interval=0.9, anomaly=True) for _ in range(2))
    for each in (engine, undisturbed):
        each.process("s", series(20))
    x = Meanwhile(lambda: CALLS[name](engine, tmp_path), x=1.0)
    assert engine.step("s", x).tobytes() == undisturbed.step("s", {"x": 1.0}).tobytes()
    if name == "label":
        assert isinstance(x.error, ConcurrentUseError | DataError)  # this engine forecasts
    else:
        assert isinstance(x.error, ConcurrentUseError)
    assert bits(engine) == bits(undisturbed)


@pytest.mark.parametrize("name", sorted(READABLE - {"last_event"}))
def test_counters_can_be_read_while_an_event_is_processed(name: str) -> None:
    engine = engine_of()
    x = Meanwhile(lambda: getattr(engine, name), x=1.0)
    engine.step("s", x)
    assert x.error is None


def test_a_call_that_failed_leaves_the_engine_idle() -> None:
    engine = engine_of()
    for _ in range(2):
        with pytest.raises(DataError, match="nonsense"):
            engine.step("s", {"nonsense": 1.0})
        with pytest.raises(DataError, match="no forecast"):
            engine.predict("nobody")


def test_the_error_says_what_to_do() -> None:
    engine = engine_of()
    x = Meanwhile(lambda: engine.events("s"), x=1.0)
    engine.step("s", x)
    assert "SharedEngine" in str(x.error)


def test_a_race_refuses_a_call_from_another_thread() -> None:
    settings = engine_of().settings
    race = Race({"a": settings, "b": settings})
    x = Meanwhile(lambda: race.predict("s", [1.0]), x=1.0)
    race.step("s", x)
    assert isinstance(x.error, ConcurrentUseError)


def test_estimators_refuse_a_call_from_another_thread() -> None:
    regressor = GRURegressor(hidden=3, seed=1)
    regressor.learn_one({"x": 1.0}, 2.0)
    x = Meanwhile(lambda: regressor.predict_one({"x": 1.0}), x=1.0)
    regressor.learn_one(x, 2.0)
    assert isinstance(x.error, ConcurrentUseError)
    forecaster = GRUForecaster(hidden=3, horizon=2, seed=1)
    forecaster.learn_one(1.0, {"x": 1.0})
    x = Meanwhile(lambda: forecaster.forecast(2), x=1.0)
    forecaster.learn_one(2.0, x)
    assert isinstance(x.error, ConcurrentUseError)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])  # noqa: S301 - ours
def test_a_copy_of_an_estimator_is_idle_even_if_it_was_made_during_a_call(copied: Any) -> None:
    regressor = GRURegressor(hidden=3, seed=1)
    regressor.learn_one({"x": 1.0}, 2.0)
    copies: list[GRURegressor] = []
    x = Meanwhile(lambda: copies.append(copied(regressor)), x=1.0)
    regressor.learn_one(x, 2.0)
    copies[0].learn_one({"x": 1.0}, 2.0)


@pytest.mark.parametrize("weights", ["shared", "per_stream"])
@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("after", [False, True], ids=["before the kernel", "after the kernel"])
@pytest.mark.parametrize("interrupted", [0, 1, 2])
def test_a_batch_that_was_interrupted_can_be_continued(
    monkeypatch: pytest.MonkeyPatch, interrupted: int, after: bool, limit: int | None, weights: str
) -> None:
    keys, x = list("aabbcdadbb"), series(10)
    engine, expected = (engine_of(weights=weights, max_streams=limit) for _ in range(2))
    engine.threads = 1
    expected.process(keys, x)
    calls = 0

    def interrupting(*args: Any) -> None:
        nonlocal calls
        calls += 1
        if calls - 1 == interrupted:
            if after:
                process(*args)
            raise KeyboardInterrupt
        process(*args)

    with monkeypatch.context() as patch:
        patch.setattr("stream_rnn.engine.engine.process", interrupting)
        with pytest.raises(KeyboardInterrupt):
            engine.process(keys, x)
    done = engine.counts.events
    if limit is None:
        engine.process(keys[done:], x[done:])
        # the clock also says how many events of other streams lie before a stream's first
        assert bits(engine) | {"clock": b""} == bits(expected) | {"clock": b""}
        assert [engine.events(key) for key in "abcd"] == [expected.events(key) for key in "abcd"]
    else:  # streams of the rest were evicted already
        assert np.isfinite(engine.process(keys[done:], x[done:])).all()


@pytest.mark.parametrize("after", [False, True], ids=["before the kernel", "after the kernel"])
def test_a_step_that_was_interrupted_leaves_a_new_stream_as_new(monkeypatch: pytest.MonkeyPatch, after: bool) -> None:
    engine, expected = (engine_of(weights="per_stream") for _ in range(2))

    def interrupting(*args: Any) -> None:
        if after:
            process(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_process_single", interrupting)
        with pytest.raises(KeyboardInterrupt):
            engine.step("s", [1.0])
    if not after:
        engine.step("s", [1.0])
    expected.step("s", [1.0])
    assert engine.step("s", [2.0]).tobytes() == expected.step("s", [2.0]).tobytes()
    assert engine.counts == expected.counts


def test_a_race_that_was_interrupted_refuses_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = engine_of().settings
    race = Race({"a": settings, "b": settings})

    def interrupting(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("stream_rnn.engine.engine.machine_code", lambda *_: interrupting)
        with pytest.raises(KeyboardInterrupt):
            race.step("s", [1.0])
    for call in (
        lambda: race.step("s", [1.0]),
        lambda: race.process("s", series(3)),
        lambda: race.predict("s", [1.0]),
        lambda: race.save(tmp_path / "race"),
    ):
        with pytest.raises(StreamRNNError, match="interrupted"):
            call()
