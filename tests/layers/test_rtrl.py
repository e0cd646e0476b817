"""Layers trained by real-time recurrent learning: their gradients are exact, and their sensitivities stay finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from compiled_kernels import lru_recurrence
from probe import LAYERS, LENGTH, Probe, body_of, finite_differences, relative_error
from support import NAN, all_finite, arrays, engine_of, series, stream_row

from stream_rnn.layers import lru

EXACT = [name for name in LAYERS if body_of(name).carries == "below"]
STACKS = ("dense>lru", "gru>lru", "elstm>columnar_gru>lru>gru")
TOLERANCE = 1e-6
"""Central differences in float64 have errors of about 1e-9."""


@pytest.mark.parametrize("layer", EXACT)
def test_gradients_computed_at_each_event_sum_to_that_of_the_whole_sequence(layer: str) -> None:
    probe = Probe(body_of(layer))
    total = np.zeros_like(probe.params)
    for t in range(LENGTH):
        so_far = probe.events.part(slice(t + 1))
        total += probe.gradient(window=1, events=so_far.with_errors_at(t))
    assert relative_error(total, probe.numeric_gradient()) <= TOLERANCE


@pytest.mark.parametrize("layer", EXACT)
def test_gradient_does_not_depend_on_the_window(layer: str) -> None:
    probe = Probe(body_of(layer))
    events = probe.events.with_errors_at(LENGTH - 1)
    expected = probe.gradient(events=events)
    for window in (1, 4):
        np.testing.assert_allclose(probe.gradient(window, events), expected, rtol=1e-12)


@pytest.mark.parametrize("body", STACKS)
def test_weight_gradient_of_a_stack_equals_finite_differences_within_the_window(body: str) -> None:
    probe = Probe(body_of(body))
    assert relative_error(probe.gradient(), probe.numeric_gradient()) <= TOLERANCE


@pytest.mark.parametrize("body", STACKS)
def test_input_gradient_of_a_stack_equals_finite_differences_within_the_window(body: str) -> None:
    probe = Probe(body_of(body), skip=False)
    expected = finite_differences(probe.loss_of, probe.events.X[0])
    assert relative_error(probe.run(window=LENGTH)["d_input"], expected) <= TOLERANCE


@pytest.mark.parametrize("body", ["dense>lru", "gru>lru"])
def test_in_a_stack_only_the_gradient_of_the_layer_below_depends_on_the_window(body: str) -> None:
    probe = Probe(body_of(body))
    events = probe.events.with_errors_at(LENGTH - 1)
    short, long = (probe.gradient(window, events) for window in (2, LENGTH))
    below = probe.network.body.split.params
    np.testing.assert_allclose(short[below:], long[below:], rtol=1e-12)
    assert relative_error(short[:below], long[:below]) > 1e-3


def test_a_layer_below_learns_from_errors_of_later_events() -> None:
    probe = Probe(body_of("dense>lru"))
    events = probe.events.with_errors_at(LENGTH - 1)
    events.X[-1] = 0  # so the input of the last event contributes nothing to the gradient in W
    W = probe.gradient(events=events)[: 3 * probe.network.body.lower.hidden]
    assert W.any()


@pytest.mark.parametrize("ending", ["reset", "end flag"])
@pytest.mark.parametrize("layer", EXACT)
def test_sensitivities_are_zero_after_the_end_of_a_sequence(ending: str, layer: str) -> None:
    engine = engine_of(layer=layer, missing_flags=False)
    engine.process("s", series(20))
    assert stream_row(engine, "state").all()
    if ending == "reset":
        engine.reset("s")
    else:
        engine.step("s", [1.0], end=True)
    assert not stream_row(engine, "state").any()


@pytest.mark.parametrize("layer", EXACT)
def test_each_stream_has_its_own_sensitivities(layer: str) -> None:
    together, x = engine_of(layer=layer, targets=("y",)), {key: series(60, seed) for seed, key in enumerate("ab")}
    nothing = np.full((60, 1), NAN)  # without targets nothing is learned
    together.process(["a", "b"] * 60, np.hstack([x["a"], x["b"]]).reshape(-1, 1), np.full((120, 1), NAN))
    for key in "ab":
        alone = engine_of(layer=layer, targets=("y",))
        alone.process(key, x[key], nothing)
        for array in ("state", "tape"):
            np.testing.assert_array_equal(stream_row(together, array, key), stream_row(alone, array, key))


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("layer", EXACT)
def test_only_events_that_wait_for_their_errors_are_kept(layer: str, horizon: int) -> None:
    engine = engine_of(layer=layer, horizon=horizon, window=16)
    engine.process("s", series(3))
    assert stream_row(engine, "tape").shape[0] == horizon


EXTREME_NU = pytest.mark.parametrize("nu", [-1e30, lru.MIN_NU, lru.MAX_NU, 1e30])
EXTREME_TH = pytest.mark.parametrize("th", [-1e30, lru.MAX_TH, 1e30])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@EXTREME_NU
@EXTREME_TH
def test_the_eigenvalue_of_a_linear_unit_is_inside_the_unit_circle_for_any_weights(
    dtype: Any, nu: float, th: float
) -> None:
    factors = np.zeros(6, dtype)
    lru_recurrence(np.array([nu], dtype), np.array([th], dtype), factors)
    assert np.hypot(*factors[:2]) < 1


@EXTREME_NU
@EXTREME_TH
def test_linear_units_stay_finite_for_any_weights_in_float32(nu: float, th: float) -> None:
    engine = engine_of(layer="lru", targets=("y",))
    weights = arrays(engine)["shared body"][0]
    weights[:3], weights[3:6], weights[6:12] = nu, th, 1.0
    engine.process("s", np.ones((3000, 1)), np.full((3000, 1), NAN))
    assert engine.counts.overflows == 0
    assert all_finite(engine)


@EXTREME_NU
@EXTREME_TH
def test_linear_units_stay_finite_for_any_weights_in_float64(nu: float, th: float) -> None:
    probe = Probe(body_of("lru", hidden=3), length=3000)
    probe.params[:3], probe.params[3:6] = nu, th
    run = probe.run(events=probe.events._replace(X=np.ones((3000, 3))))
    assert all(np.isfinite(run[name]).all() for name in ("out", "state"))


X = {
    "constant": np.ones((4000, 1)),
    "huge": 1e30 * series(4000),
    "steps": np.repeat([[0.0], [1e6], [-1.0], [3.0]], 1000, axis=0),
    "noise": np.random.default_rng(0).normal(size=(4000, 1)),
}


@pytest.mark.parametrize("clip", ["norm", "off"])
@pytest.mark.parametrize("values", X)
@pytest.mark.parametrize("layer", EXACT)
def test_everything_stays_finite_over_thousands_of_steps_that_are_far_too_large(
    layer: str, values: str, clip: str
) -> None:
    engine = engine_of(layer=layer, learning_rate=0.5, clip=clip, outlier=1e9)
    assert np.isfinite(engine.process("s", X[values])).all()
    assert all_finite(engine)
