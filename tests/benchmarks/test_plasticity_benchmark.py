from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import plasticity
from benchmarks.plasticity import BASE, Learner, Method, Task
from benchmarks.plasticity_methods import (
    ETA,
    EVERY,
    ContinualBackpropagation,
    PenaltyTowardInitial,
    UnitWeights,
    decay_to_initial,
)
from stream_rnn import Engine, Settings

pytestmark = pytest.mark.slow

H = 8


def task(events: int, slow: bool = True) -> Task:
    return next(iter(plasticity.tasks(1, events, slow, seed=0)))


def learned(layer: str, **changes: Any) -> Engine:
    engine = Engine(Settings(**BASE, layer=layer, hidden=H, **changes))
    engine.process("s", *task(400))
    return engine


def weights(engine: Engine) -> dict[str, Any]:
    return {name: values.copy() for name, values in engine.parameters.items()}


def test_the_teacher_of_an_abrupt_task_is_constant_and_that_of_a_slow_one_moves() -> None:
    for slow in (False, True):
        first, second = plasticity.tasks(2, 300, slow, seed=0)
        assert first.x.shape == (300, plasticity.INPUTS)
        assert 0.3 < first.y.std() < 3
        assert (first.y != second.y).all()
    abrupt, moving = task(300, slow=False), task(300)
    np.testing.assert_array_equal(abrupt.x, moving.x)
    difference = np.abs(abrupt.y - moving.y)
    assert difference[:10].max() < 0.3 * difference[-50:].max()


def test_an_engine_in_its_first_task_is_a_fresh_one() -> None:
    found = plasticity.measure(
        {"layer": "rnn", "hidden": H}, Method({}), count=1, events=200, slow=True, fresh_every=1, seed=0
    )
    assert found["first_quarter"] == 1
    assert found["old_mse"] == found["fresh_mse"]


def test_weights_decay_to_their_initial_values_at_every_update() -> None:
    # with a learning rate times decay of 1, an update moves each weight from its initial value by one step of Adam
    settings = Settings(**BASE, layer="gru", hidden=H, optimizer="adamw", weight_decay=1000.0)
    engine, initial = Engine(settings), weights(Engine(settings))
    decay_to_initial(engine)
    engine.process("s", *task(200))
    for name, values in engine.parameters.items():
        np.testing.assert_allclose(values, initial[name], atol=8 * settings.learning_rate)
    assert np.abs(initial["U"]).max() > 0.3


def test_a_penalty_toward_the_initial_weights_never_moves_past_them() -> None:
    engine, initial = learned("gru", optimizer="adam"), weights(Engine(Settings(**BASE, layer="gru", hidden=H)))
    before = weights(engine)
    PenaltyTowardInitial(engine, 1.0).after_events()
    for name, values in engine.parameters.items():
        moved, distance = before[name] - values, before[name] - initial[name]
        assert (np.abs(moved) <= np.abs(distance) + 1e-6).all()
        assert (moved * distance >= 0).all()
        assert np.abs(moved).max() <= EVERY * engine.settings.learning_rate + 1e-6  # a step of Adam is at most a
    assert np.abs(before["U"] - engine.parameters["U"]).max() > 0.04


@pytest.mark.parametrize("strength", [1e-3, 1e-2])
def test_a_penalty_from_outside_has_the_effect_of_one_in_the_loss(strength: float) -> None:
    # toward 0, where the engine has one of its own
    data = task(3000)
    inside, outside, free = (
        Engine(Settings(**BASE, layer="rnn", hidden=H, optimizer="adam", l2=l2)) for l2 in (strength, 0.0, 0.0)
    )
    penalty = PenaltyTowardInitial(outside, strength)
    penalty._initial = penalty._initial._replace(body=0 * penalty._initial.body)
    for start in range(0, 3000, EVERY):
        for engine in (inside, outside, free):
            engine.process("s", data.x[start : start + EVERY], data.y[start : start + EVERY])
        penalty.after_events()
    for name in "WU":
        norms = [np.abs(engine.parameters[name]).sum() for engine in (inside, outside, free)]
        assert norms[1] == pytest.approx(norms[0], rel=0.03)
        assert norms[1] < 0.95 * norms[2]


@pytest.mark.parametrize("layer", ["rnn", "gru", "lstm"])
def test_every_weight_of_the_body_enters_one_unit_and_recurrent_ones_leave_another(layer: str) -> None:
    engine = learned(layer)
    units = UnitWeights(engine._parts.network)
    np.testing.assert_array_equal(np.sort(units.incoming, axis=None), np.arange(engine._parts.network.head_start))
    marked = engine._parts.initial.body * 0
    marked[units.outgoing[2]] = 1
    U = engine._parts.by_name(engine._parts.initial._replace(body=marked))["U"]
    expected = np.zeros_like(U).reshape(H, -1, H)
    expected[2], expected[2, :, 2] = 1, 0
    np.testing.assert_array_equal(U, expected.reshape(U.shape))


@pytest.mark.parametrize("layer", ["rnn", "gru", "lstm"])
def test_the_least_useful_mature_unit_is_replaced_and_has_no_effect_at_first(layer: str) -> None:
    engine = learned(layer, optimizer="adam")
    continual = ContinualBackpropagation(engine, rho=1.01 / (EVERY * (H - 1)), maturity=EVERY)
    continual.utility[:] = np.arange(H) * 100.0
    continual.age[1:] = EVERY  # unit 0, the least useful one, is not mature
    before = weights(engine)
    assert continual.after_events() == [1]
    after = engine.parameters
    U, others = after["U"].reshape(H, -1, H), np.arange(H) != 1
    assert not after["V"][:, 1].any()
    assert not U[1][:, others].any()
    assert (after["W"].reshape(plasticity.INPUTS, -1, H)[..., 1] != before["W"].reshape(4, -1, H)[..., 1]).all()
    np.testing.assert_array_equal(after["V"][:, others], before["V"][:, others])
    np.testing.assert_array_equal(U[others][..., others], before["U"].reshape(U.shape)[others][..., others])
    moments = engine._state.weights_of(0).moments
    assert not moments.body[0, continual._units.incoming[1]].any()
    assert moments.body[0, continual._units.incoming[0]].any()
    assert continual.age[1] == continual.utility[1] == 0


def test_utility_is_the_mean_output_times_the_outgoing_weights() -> None:
    engine = learned("rnn")
    continual = ContinualBackpropagation(engine, rho=0.0, maturity=0)
    U, V = engine.parameters["U"], engine.parameters["V"]
    outputs = np.abs(engine._state.streams.arrays["features"][0]).mean(axis=0)
    strengths = np.abs(U).sum(axis=1) - np.abs(np.diag(U)) + np.abs(V[0])
    assert continual.after_events() == []
    np.testing.assert_allclose(continual.utility, (1 - ETA**EVERY) * outputs * strengths, rtol=1e-5)


def test_units_are_replaced_at_the_given_rate() -> None:
    learner = Learner({"layer": "rnn", "hidden": H}, Method(plasticity.ADAM, replacement=1e-3, maturity=200), seed=0)
    learner.learn(task(2200))
    # at most rho for each unit and event, less what the first 200 events and those of a new unit lack
    assert isinstance(learner._from_outside, ContinualBackpropagation)
    assert 8 <= learner._from_outside.replaced <= 2000 * H * 1e-3


def test_units_with_sensitivities_cannot_be_replaced() -> None:
    with pytest.raises(ValueError, match="one layer of rnn, gru, lstm, got lru"):
        ContinualBackpropagation(Engine(Settings(**BASE, layer="lru")), 1e-4, 100)


FROM_OUTSIDE = [name for name, method in plasticity.METHODS.items() if method[1:] != Method({})[1:]]


@pytest.mark.parametrize("name", FROM_OUTSIDE)
def test_an_engine_that_is_changed_from_outside_learns(name: str) -> None:
    learner = Learner({"layer": "rnn", "hidden": H, "learning_rate": 3e-3}, plasticity.METHODS[name], seed=0)
    data = task(2000, slow=False)
    errors = learner.learn(data)
    assert errors.second_half < 0.9 * data.y.var()
    assert learner.engine.counts.skipped == 0


def test_decay_keeps_an_engine_able_to_learn_where_adam_alone_does_not() -> None:
    # 200 short tasks at a high rate do to an engine what thousands of tasks do at the default one
    network = {"layer": "gru", "hidden": H, "window": 8, "learning_rate": 0.02}
    adam, decayed = (
        plasticity.measure(network, plasticity.METHODS[name], count=200, events=500, slow=True, fresh_every=4, seed=0)
        for name in ("adam", "adamw")
    )
    assert adam["last_tenth"] > 1.3  # of the error of a fresh engine; the decayed one has 1.0
    assert decayed["last_mse"] < 0.95 * adam["last_mse"]
    assert decayed["old_mse"] < 1.1 * decayed["fresh_mse"]
    assert decayed["largest_weight"] < 0.4 * adam["largest_weight"]
