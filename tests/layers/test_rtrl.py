"""Real-time recurrent learning: what layers that carry their sensitivities forward are exact in, and how they hold."""

from __future__ import annotations

import numpy as np
import pytest
from probe import LAYERS, LENGTH, Probe, Sequence, body_of, finite_differences, relative_error
from support import NAN, all_finite, arrays, engine_of, series, stream

from stream_rnn.layers import lru

EXACT = [name for name in LAYERS if body_of(name).carries == "below"]
STACKS = ("dense>lru", "lru>gru", "gru>lru", "elstm>columnar_gru", "columnar_gru>lru")
TOLERANCE = 1e-6
"""Central differences in float64 are good to about 1e-9."""


@pytest.mark.parametrize("layer", EXACT)
def test_gradients_taken_at_each_event_add_up_to_that_of_the_whole_sequence(layer: str) -> None:
    probe = Probe(body_of(layer))
    total = np.zeros_like(probe.params)
    for t in range(LENGTH):
        so_far = Sequence(*(part[: t + 1] for part in probe.events))
        total += probe.run(window=1, events=so_far._replace(asked=np.arange(t + 1) == t))["gradient"]
    assert relative_error(total, probe.slope(lambda: probe.run()["loss"])) <= TOLERANCE


@pytest.mark.parametrize("layer", EXACT)
def test_the_gradient_does_not_depend_on_the_window(layer: str) -> None:
    probe = Probe(body_of(layer))
    events = probe.events._replace(asked=np.arange(LENGTH) == LENGTH - 1)
    whole = probe.run(window=LENGTH, events=events)["gradient"]
    for window in (1, 4):
        np.testing.assert_allclose(probe.run(window=window, events=events)["gradient"], whole, rtol=1e-12)


@pytest.mark.parametrize("body", STACKS)
def test_within_the_window_a_stack_has_the_slope_of_the_loss(body: str) -> None:
    probe = Probe(body_of(body))
    assert relative_error(probe.run(window=LENGTH)["gradient"], probe.slope(lambda: probe.run()["loss"])) <= TOLERANCE


@pytest.mark.parametrize("body", STACKS)
def test_within_the_window_a_stack_has_the_slope_in_its_input(body: str) -> None:
    probe = Probe(body_of(body))
    probe.network = probe.network._replace(features=probe.network.hidden)  # no skip: only the body sees the input
    probe.params = probe.params[: probe.network.head_start + probe.outputs * (probe.network.hidden + 1)]
    expected = finite_differences(lambda: probe.run()["loss"], probe.events.X[0])
    assert relative_error(probe.run(window=LENGTH)["d_input"], expected) <= TOLERANCE


@pytest.mark.parametrize("body", ["dense>lru", "gru>lru"])
def test_in_a_stack_only_the_gradient_below_depends_on_the_window(body: str) -> None:
    probe = Probe(body_of(body))
    events = probe.events._replace(asked=np.arange(LENGTH) == LENGTH - 1)
    short, long = (probe.run(window=window, events=events)["gradient"] for window in (2, LENGTH))
    below = probe.network.body.split.params
    np.testing.assert_allclose(short[below:], long[below:], rtol=1e-12)
    assert relative_error(short[:below], long[:below]) > 1e-3


def test_a_layer_below_learns_from_errors_of_later_events() -> None:
    probe = Probe(body_of("dense>lru"))
    events = probe.events._replace(asked=np.arange(LENGTH) == LENGTH - 1)
    events.X[-1] = 0
    gradient = probe.run(window=LENGTH, events=events)["gradient"]
    W = gradient[: 3 * probe.network.body.lower.hidden]
    assert W.any()  # the last event's own input says nothing of W


@pytest.mark.parametrize("ending", ["a reset", "a flag"])
@pytest.mark.parametrize("layer", EXACT)
def test_sensitivities_begin_anew_after(ending: str, layer: str) -> None:
    engine = engine_of(layer=layer, missing_flags=False)
    engine.process("s", series(20))
    assert stream(engine, "state").all()
    if ending == "a reset":
        engine.reset("s")
    else:
        engine.step("s", [1.0], end=True)
    assert not stream(engine, "state").any()


@pytest.mark.parametrize("layer", EXACT)
def test_streams_do_not_mix_their_sensitivities(layer: str) -> None:
    together, x = engine_of(layer=layer, targets=("y",)), {key: series(60, seed) for seed, key in enumerate("ab")}
    nothing = np.full((60, 1), NAN)  # without targets nothing is learned
    together.process(["a", "b"] * 60, np.hstack([x["a"], x["b"]]).reshape(-1, 1), np.full((120, 1), NAN))
    for key in "ab":
        alone = engine_of(layer=layer, targets=("y",))
        alone.process(key, x[key], nothing)
        for arena in ("state", "tape"):
            np.testing.assert_array_equal(stream(together, arena, key), stream(alone, arena, key))


@pytest.mark.parametrize("horizon", [1, 5])
@pytest.mark.parametrize("layer", EXACT)
def test_as_many_events_are_kept_as_wait_for_their_errors(layer: str, horizon: int) -> None:
    engine = engine_of(layer=layer, horizon=horizon, window=16)
    engine.process("s", series(3))
    assert stream(engine, "tape").shape[0] == horizon


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("nu", [-1e30, lru.LOWEST_NU, lru.HIGHEST_NU, 1e30])
@pytest.mark.parametrize("th", [-1e30, lru.HIGHEST_TH, 1e30])
def test_no_weight_makes_a_linear_unit_grow(dtype: str, nu: float, th: float) -> None:
    engine = engine_of(layer="lru", dtype=dtype, targets=("y",))
    weights = arrays(engine)["shared body"][0]
    weights[:3], weights[3:6], weights[6:12] = nu, th, 1.0
    engine.process("s", np.ones((1, 1)), np.full((1, 1), NAN))
    turned = stream(engine, "tape")[-1, 6:12].reshape(2, 3)
    assert (np.hypot(*turned) < 1).all()
    engine.process("s", np.ones((3000, 1)), np.full((3000, 1), NAN))
    assert engine.counts.overflows == 0
    assert all_finite(engine)


X = {
    "constant": np.ones((4000, 1)),
    "huge": 1e30 * series(4000),
    "steps": np.repeat([[0.0], [1e6], [-1.0], [3.0]], 1000, axis=0),
    "noise": np.random.default_rng(0).normal(size=(4000, 1)),
}


@pytest.mark.parametrize("clip", ["norm", "off"])
@pytest.mark.parametrize("values", X)
@pytest.mark.parametrize("layer", EXACT)
def test_thousands_of_absurd_steps_leave_everything_finite(layer: str, values: str, clip: str) -> None:
    engine = engine_of(layer=layer, learning_rate=0.5, clip=clip, outlier=1e9)
    assert np.isfinite(engine.process("s", X[values])).all()
    assert all_finite(engine)
