"""Rollouts: forecasts are fed back, classes are drawn from their probabilities, and nothing changes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import TOKENS, bits, engine_of, series, set_weights, tokens_engine, weights

from stream_rnn import DataError

X = series(30)


def trained(**changes: Any) -> Any:
    """Return an engine that has learned to forecast a number."""
    engine = engine_of(**changes)
    engine.process("s", X)
    return engine


def trained_on_text(text: str = "abcabcabac", **changes: Any) -> Any:
    """Return an engine that has learned from a text."""
    engine = tokens_engine(**changes)
    engine.process("s", engine.vocabulary.encode(text))
    return engine


def engine_with_probabilities(p: Any) -> Any:
    """Return an engine that forecasts the classes with these probabilities, whatever its inputs."""
    engine = trained_on_text(vocabulary=len(p), classes=len(p))
    set_weights(engine, np.append(np.zeros(len(weights(engine)) - len(p)), np.log(p)))
    return engine


ENGINES = {"numbers": trained, "tokens": trained_on_text}
ALL = pytest.mark.parametrize("make", ENGINES.values(), ids=list(ENGINES))


@ALL
def test_a_rollout_changes_nothing(make: Any) -> None:
    engine = make()
    before = bits(engine)
    for key, x in (("s", None), ("s", [1.0]), ("unknown", [1.0])):
        engine.generate(key, x, steps=5)
    assert bits(engine) == before


@ALL
def test_a_rollout_does_not_depend_on_its_length(make: Any) -> None:
    engine = make()
    assert engine.generate("s", steps=4).tobytes() == engine.generate("s", steps=9)[:4].tobytes()


def test_draws_and_unknown_text_change_nothing() -> None:
    engine = trained_on_text()
    before = bits(engine)
    engine.generate("s", "?", steps=5, temperature=1.0)
    engine.predict("s", "?")
    assert bits(engine) == before


def test_a_rollout_starts_with_the_last_forecast() -> None:
    engine = trained()
    assert engine.generate("s", steps=5)[0] == engine.predict("s")[0]


def test_a_rollout_feeds_its_forecasts_back() -> None:
    engine = trained()
    rolled_out = engine.generate("s", steps=3)
    assert rolled_out.shape == (3, 1)
    assert rolled_out[1] == engine.predict("s", rolled_out[0])[0]


def test_a_rollout_from_an_input_starts_with_its_prediction() -> None:
    engine = trained()
    assert engine.generate("s", [0.7], steps=3)[0] == engine.predict("s", [0.7])[0]


def test_inputs_that_are_not_targets_keep_their_values() -> None:
    engine = engine_of(inputs=("x", "u"), targets=("x",))
    engine.process("s", np.column_stack([X, X**2]), X)
    rolled_out = engine.generate("s", steps=2)
    assert rolled_out[1] == engine.predict("s", [rolled_out[0, 0], X[-1, 0] ** 2])[0]


@pytest.mark.parametrize(("loss", "point"), [("quantile", 1), ("gaussian_nll", 0)])
def test_the_point_forecast_of_a_distribution_is_fed_back(loss: str, point: int) -> None:
    engine = trained(loss=loss)
    rolled_out = engine.generate("s", steps=2)
    assert rolled_out.shape == (2, *engine.settings.forecast_shape[1:])
    assert (rolled_out[1] == engine.predict("s", rolled_out[0, :, point])[0]).all()


def test_a_rollout_stays_finite() -> None:
    assert np.isfinite(trained(learning_rate=0.5).generate("s", steps=500)).all()


@pytest.mark.parametrize("horizon", [1, 3])
def test_the_most_likely_class_is_fed_back(horizon: int) -> None:
    engine = trained_on_text("abc" * 200, horizon=horizon, learning_rate=0.05)
    rolled_out = engine.generate("s", steps=2)
    assert rolled_out.dtype == np.int64
    assert rolled_out.shape == (2,)
    assert rolled_out[0] == engine.predict("s")[0].argmax()
    assert rolled_out[1] == engine.predict("s", rolled_out[:1])[0].argmax() != rolled_out[0]


def test_a_class_that_is_not_an_input_is_not_fed_back() -> None:
    engine = engine_of(inputs=("x",), targets=("c",), loss="softmax", classes=3)
    engine.process("s", X, np.arange(30) % 3)
    rolled_out = engine.generate("s", steps=2)
    assert rolled_out[1] == engine.predict("s", X[-1])[0].argmax()


def test_a_rollout_may_start_from_text_and_unknown_text_is_id_zero() -> None:
    engine = trained_on_text()
    for text, token in (("b", 2), ("?", 0)):
        drawn = [engine.generate("new", x, steps=20, temperature=1.0) for x in (text, {"token": text}, [token])]
        assert (drawn[0] == drawn[1]).all()
        assert (drawn[0] == drawn[2]).all()


def test_the_same_seed_draws_the_same_tokens_and_a_different_seed_others() -> None:
    engine = trained_on_text()
    one, same, other = (engine.generate("s", steps=50, temperature=1.0, seed=seed) for seed in (7, 7, 8))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_are_drawn_as_often_as_their_probabilities_say(temperature: float) -> None:
    p = np.array([0.0625, 0.5, 0.25, 0.1875])
    drawn = engine_with_probabilities(p).generate("s", [0], steps=20_000, temperature=temperature)
    expected = p ** (1 / temperature) / (p ** (1 / temperature)).sum()
    # 20,000 draws: a standard error of at most 0.0035
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / len(drawn), expected, atol=0.015)


def test_at_low_temperatures_only_the_most_likely_class_is_drawn() -> None:
    p = np.array([0.2, 0.3, 0.29, 0.21])
    engine = engine_with_probabilities(p)
    assert set(engine.generate("s", [0], steps=100)) == {1}
    assert set(engine.generate("s", [0], steps=100, temperature=1e-4)) == {1}
    assert set(engine.generate("s", [0], steps=100, temperature=1e-320)) == {1}


def test_a_class_without_probability_is_never_drawn() -> None:
    drawn = engine_with_probabilities([1e-300, 0.5, 1e-300, 0.5]).generate("s", [0], steps=2000, temperature=1.0)
    assert set(drawn) == {1, 3}


def test_a_repeating_text_is_learned_and_generated() -> None:
    engine = tokens_engine(hidden=(4, 8), learning_rate=0.02)
    engine.process("s", engine.vocabulary.encode("abc" * 500))
    assert "".join(engine.vocabulary.decode(engine.generate("s", steps=9))) == "abcabcabc"
    assert "".join(engine.vocabulary.decode(engine.generate("s", "a", steps=5, temperature=0.5))) == "bcabc"
    assert "".join(engine.vocabulary.decode(engine.generate("new", "b", steps=4))) == "cabc"


REFUSED: dict[str, tuple[dict[str, Any], Any, str]] = {
    "no steps": ({}, lambda e: e.generate("s", [1.0], steps=0), "steps must be at least 1, got 0"),
    "float steps": ({}, lambda e: e.generate("s", [1.0], steps=2.0), "steps must be at least 1, got 2.0"),
    "labels": (
        {"targets": ("y",), "task": "regression"},
        lambda e: e.generate("s", [1.0], steps=2),
        "generate is for forecasts only, got task regression",
    ),
    "no forecast": ({}, lambda e: e.generate("s", steps=2), "no forecast for stream 's'"),
    "too many inputs": ({}, lambda e: e.generate("s", [1.0, 2.0], steps=2), r"x must have 1 value \(x\), got 2"),
    "temperature for numbers": (
        {},
        lambda e: e.generate("s", [1.0], steps=2, temperature=1.0),
        "temperature is for forecasts by softmax, got 1.0 for squared",
    ),
    "negative temperature": (
        TOKENS,
        lambda e: e.generate("s", [1], steps=2, temperature=-0.5),
        "temperature must be at least 0, got -0.5",
    ),
    "temperature NaN": (
        TOKENS,
        lambda e: e.generate("s", [1], steps=2, temperature=math.nan),
        "temperature must be at least 0, got nan",
    ),
    "temperature as text": (
        TOKENS,
        lambda e: e.generate("s", [1], steps=2, temperature="hot"),
        "temperature must be at least 0, got 'hot'",
    ),
    "negative seed": (TOKENS, lambda e: e.generate("s", [1], steps=2, seed=-1), "seed must be at least 0, got -1"),
    "id too large": (TOKENS, lambda e: e.generate("s", [5], steps=2), "token must be an id from 0 to 4, got 5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_refused_in_one_line_and_changes_nothing(case: str) -> None:
    changes, call, message = REFUSED[case]
    engine = engine_of(**changes)
    with pytest.raises(DataError, match=message) as caught:
        call(engine)
    assert "\n" not in str(caught.value)
    assert engine.keys == []
