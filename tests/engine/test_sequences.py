"""Where sequences end, what is reset there, and which errors are learned from before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import reference
from probe import finite_differences, relative_error
from support import NAN, bits, engine_of, network_of, series, set_weights, stream_row, weights

if TYPE_CHECKING:
    from stream_rnn import Engine

ENDINGS = ("flag", "gap", "reset")
PLAIN: dict[str, Any] = {
    "targets": ("y",),
    "scale_inputs": False,
    "scale_targets": False,
    "residual": False,
    "missing_flags": False,
    "skip": False,
}
"""No state besides the network, so that comparing its weights compares everything."""


def sequence(engine: Engine, x: Any, *, start: float, ending: str | None, y: Any = None) -> list[bytes]:
    """Process events that are one second apart, end the sequence, and return the forecasts."""
    forecasts = []
    for t, value in enumerate(x):
        last = t == len(x) - 1
        forecasts.append(
            engine.step("s", value, None if y is None else y[t], start + t, end=last and ending == "flag").tobytes()
        )
    if ending == "reset":
        engine.reset("s")
    return forecasts


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_way_to_end_a_sequence_gives_the_same_bits(ending: str) -> None:
    def run(ending: str) -> Any:
        engine = engine_of(reset_after=100.0, update_every=3)
        sequence(engine, series(20), start=0.0, ending=ending)
        forecasts = sequence(engine, series(20, seed=1), start=1000.0, ending=None)
        return forecasts, bits(engine)

    assert run(ending) == run("flag")


@pytest.mark.parametrize("ending", ENDINGS)
def test_gradient_does_not_cross_a_reset(ending: str) -> None:
    engine, other = engine_of(**PLAIN, reset_after=100.0), engine_of(**PLAIN, reset_after=100.0)
    unlabelled = np.full((10, 1), NAN)
    sequence(engine, series(10), start=0.0, ending=ending, y=unlabelled)
    for each in (engine, other):
        sequence(each, series(10, seed=1), start=1000.0, ending=None, y=series(10, seed=2))
    np.testing.assert_array_equal(weights(engine), weights(other))


def test_without_a_reset_the_gradient_reaches_the_past() -> None:
    engine, other = engine_of(**PLAIN), engine_of(**PLAIN)
    sequence(engine, series(10), start=0.0, ending=None, y=np.full((10, 1), NAN))
    for each in (engine, other):
        sequence(each, series(10, seed=1), start=1000.0, ending=None, y=series(10, seed=2))
    assert (weights(engine) != weights(other)).any()


@pytest.mark.parametrize("ending", ["flag", "reset"])
def test_a_reset_zeroes_the_hidden_state(ending: str) -> None:
    engine = engine_of()
    sequence(engine, series(10), start=0.0, ending=None)
    assert stream_row(engine, "state").any()
    sequence(engine, series(1), start=10.0, ending=ending)
    assert not stream_row(engine, "state").any()


@pytest.mark.parametrize("ending", ["flag", "reset"])
def test_a_reset_keeps_the_scales(ending: str) -> None:
    engine, other = engine_of(scale_inputs=True), engine_of(scale_inputs=True)
    sequence(engine, series(10), start=0.0, ending=ending)
    sequence(other, series(10), start=0.0, ending=None)
    for moments in ("input_moments", "target_moments"):
        np.testing.assert_array_equal(stream_row(engine, moments), stream_row(other, moments))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_forecast_is_not_scored_by_the_next_sequence(ending: str) -> None:
    engine = engine_of(reset_after=100.0)
    sequence(engine, series(1), start=0.0, ending=ending)
    sequence(engine, series(1), start=1000.0, ending=ending)
    assert engine.counts.updates == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_residual_forecast_does_not_start_from_the_previous_sequence(ending: str) -> None:
    engine = engine_of(targets=("y",), reset_after=100.0)
    sequence(engine, series(3), start=0.0, ending=ending, y=np.full((3, 1), 7.0))
    assert engine.step("s", [1.0], NAN, 1000.0) == 0


@pytest.mark.parametrize("ending", ENDINGS)
def test_ended_sequences_are_counted(ending: str) -> None:
    engine = engine_of(reset_after=100.0)
    for start in (0.0, 1000.0, 2000.0):
        sequence(engine, series(5), start=start, ending=ending)
    assert engine.counts.resets == (2 if ending == "gap" else 3)


def test_a_gap_is_longer_than_reset_after() -> None:
    engine = engine_of(reset_after=10.0)
    for time in (0.0, 10.0, 20.0, 30.0001):
        engine.step("s", [1.0], time=time)
    assert engine.counts.resets == 1


def test_an_event_without_time_neither_causes_nor_hides_a_gap() -> None:
    engine = engine_of(reset_after=10.0)
    engine.step("s", [1.0], time=0.0)
    engine.step("s", [1.0])
    assert engine.counts.resets == 0
    engine.step("s", [1.0], time=11.0)
    assert engine.counts.resets == 1


def test_a_late_event_causes_no_gap() -> None:
    engine = engine_of(reset_after=50.0)
    engine.process("s", series(3), times=[100.0, 0.0, 101.0])
    assert engine.counts.resets == 0


def test_nat_is_an_unknown_time() -> None:
    engine = engine_of(reset_after=60.0)
    times = np.array(["2025-01-01T00:00:00", "NaT", "2025-01-01T00:00:10"], "datetime64[s]")
    engine.process("s", series(3), times=times)
    assert engine.counts.resets == 0


def test_another_stream_does_not_fill_a_gap() -> None:
    engine = engine_of(reset_after=10.0)
    engine.process(["a", "b", "a"], series(3), times=[0.0, 6.0, 12.0])
    assert engine.counts.resets == 1


def test_a_reset_of_an_unknown_stream_leaves_it_unknown() -> None:
    engine = engine_of()
    engine.reset("unknown")
    assert engine.keys == []


def test_a_second_reset_ends_nothing() -> None:
    engine = engine_of()
    engine.process("s", series(5))
    engine.reset("s")
    before = bits(engine)
    engine.reset("s")
    assert bits(engine) == before


@pytest.mark.parametrize("ending", ENDINGS)
def test_pending_errors_are_learned_from_before_a_sequence_ends(ending: str) -> None:
    waiting = engine_of(**PLAIN, window=8, update_every=8, reset_after=100.0)
    direct = engine_of(**PLAIN, window=8, update_every=4)
    for engine in (waiting, direct):
        set_weights(engine, np.random.default_rng(0).normal(0, 0.3, len(weights(engine))))
        sequence(engine, series(5), start=0.0, ending=ending if engine is waiting else None, y=series(5, seed=1))
    if ending == "gap":
        waiting.step("s", [0.0], NAN, 1000.0)
    assert waiting.counts.updates == direct.counts.updates == 1
    np.testing.assert_allclose(weights(waiting), weights(direct), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("every", [1, 2, 5])
def test_there_is_an_update_every_so_many_events(every: int) -> None:
    engine = engine_of(update_every=every)
    engine.process("s", series(31))
    assert engine.counts.updates == 30 // every


def test_each_stream_counts_its_own_events_to_the_next_update() -> None:
    engine = engine_of(update_every=4)
    engine.process(["a", "b"] * 5, series(10))
    assert engine.counts.updates == 2


@pytest.mark.parametrize(("horizon", "targets"), [(1, ("y",)), (3, ("y",)), (2, ("y", "z"))])
def test_an_update_is_a_step_down_the_mean_loss_of_the_window(horizon: int, targets: tuple[str, ...]) -> None:
    n, rate, D = 6, 0.5, len(targets)
    change = {"targets": targets, "horizon": horizon, "window": n, "update_every": n}
    sgd = {"optimizer": "sgd", "momentum": 0.0, "clip": "off", "learning_rate": rate}
    engine = engine_of(**(PLAIN | change | sgd))
    before = np.random.default_rng(0).normal(0, 0.4, len(weights(engine))).astype(np.float32)
    set_weights(engine, before)
    x, y = series(n + 1), np.hstack([series(n + 1, seed=d) for d in range(1, D + 1)])
    engine.process("s", x, y)

    net, at = network_of(engine), before.astype(float)

    def loss() -> float:
        outputs = reference.outputs(reference.gru, net, at, x[:n], np.zeros(net.hidden)).reshape(n, horizon, D)
        errors = [outputs[: n + 1 - k, k - 1] - y[k:] for k in range(1, horizon + 1)]  # those that had arrived
        return float(sum((e**2).sum() for e in errors) / (n * horizon * D))

    assert engine.counts.updates == 1
    assert relative_error(before - weights(engine), rate * finite_differences(loss, at)) < 1e-5


def test_errors_of_forecasts_older_than_the_window_are_learned_from() -> None:
    horizon, every, rate = 5, 2, 0.5
    change = {"horizon": horizon, "window": every, "update_every": every, "skip": True}
    sgd = {"optimizer": "sgd", "momentum": 0.0, "clip": "off", "learning_rate": rate}
    engine = engine_of(**(PLAIN | change | sgd))
    before = np.random.default_rng(0).normal(0, 0.4, len(weights(engine))).astype(np.float32)
    set_weights(engine, before)
    x, y = series(7), series(7, seed=1)
    engine.process("s", x, np.where(np.arange(7)[:, None] < 5, NAN, y))  # two targets, of the forecasts of six events

    net, at = network_of(engine), before.astype(float)

    def loss() -> float:
        outputs = reference.outputs(reference.gru, net, at, x, np.zeros(net.hidden))
        errors = [outputs[t - k, k - 1] - y[t, 0] for t in (5, 6) for k in range(1, horizon + 1)]
        return float(np.sum(np.square(errors)) / (every * horizon))

    moved, expected = before - weights(engine), rate * finite_differences(loss, at)
    assert engine.counts.updates == 1
    assert relative_error(moved[net.head_start :], expected[net.head_start :]) < 1e-5


def test_pending_errors_are_discarded_when_the_state_overflows() -> None:
    change = PLAIN | {"skip": True, "window": 8, "update_every": 4}
    engine, other = engine_of(**change), engine_of(**change)
    engine.process("s", series(3), series(3, seed=1))
    engine.step("s", [1e60], NAN)
    assert engine.counts.overflows == 1
    y = np.where(np.arange(12)[:, None] < 3, NAN, series(12, seed=2))
    for each in (engine, other):
        each.process("s", series(12, seed=3), y)
    np.testing.assert_array_equal(weights(engine), weights(other))
