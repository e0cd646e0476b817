"""Sequences rolled out: a forecast is fed back, classes are picked from probabilities, and nothing is left behind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support import TOKENS, bits, engine_of, series, set_weights, tokens_engine, weights

from stream_rnn import DataError

X = series(30)


def taught(**changes: Any) -> Any:
    """Return an engine that has learned to forecast a number."""
    engine = engine_of(**changes)
    engine.process("s", X)
    return engine


def reader(text: str = "abcabcabac", **changes: Any) -> Any:
    """Return an engine that has read a text."""
    engine = tokens_engine(**changes)
    engine.process("s", engine.vocabulary.encode(text))
    return engine


def sure_of(p: Any) -> Any:
    """Return an engine that gives the classes these probabilities, whatever comes."""
    engine = reader(vocabulary=len(p), classes=len(p))
    set_weights(engine, np.append(np.zeros(len(weights(engine)) - len(p)), np.log(p)))
    return engine


ENGINES = {"numbers": taught, "tokens": reader}
ALL = pytest.mark.parametrize("make", ENGINES.values(), ids=list(ENGINES))


@ALL
def test_generating_changes_nothing(make: Any) -> None:
    engine = make()
    before = bits(engine)
    for key, x in (("s", None), ("s", [1.0]), ("stranger", [1.0])):
        engine.generate(key, x, steps=5)
    assert bits(engine) == before


@ALL
def test_a_rollout_does_not_depend_on_how_far_it_goes(make: Any) -> None:
    engine = make()
    assert engine.generate("s", steps=4).tobytes() == engine.generate("s", steps=9)[:4].tobytes()


def test_drawing_and_unknown_text_change_nothing() -> None:
    engine = reader()
    before = bits(engine)
    engine.generate("s", "?", steps=5, temperature=1.0)
    engine.predict("s", "?")
    assert bits(engine) == before


def test_a_rollout_begins_with_the_forecast() -> None:
    engine = taught()
    assert engine.generate("s", steps=5)[0] == engine.predict("s")[0]


def test_a_rollout_feeds_its_forecasts_back() -> None:
    engine = taught()
    rolled = engine.generate("s", steps=3)
    assert rolled.shape == (3, 1)
    assert rolled[1] == engine.predict("s", rolled[0])[0]


def test_a_rollout_after_an_input_goes_on_from_it() -> None:
    engine = taught()
    assert engine.generate("s", [0.7], steps=3)[0] == engine.predict("s", [0.7])[0]


def test_a_rollout_keeps_inputs_that_are_not_forecast() -> None:
    engine = engine_of(inputs=("x", "u"), targets=("x",))
    engine.process("s", np.column_stack([X, X**2]), X)
    rolled = engine.generate("s", steps=2)
    assert rolled[1] == engine.predict("s", [rolled[0, 0], X[-1, 0] ** 2])[0]


@pytest.mark.parametrize(("loss", "point"), [("quantile", 1), ("gaussian_nll", 0)])
def test_of_a_distribution_the_point_is_fed_back(loss: str, point: int) -> None:
    engine = taught(loss=loss)
    rolled = engine.generate("s", steps=2)
    assert rolled.shape == (2, *engine.settings.forecast_shape[1:])
    assert (rolled[1] == engine.predict("s", rolled[0, :, point])[0]).all()


def test_a_rollout_stays_finite() -> None:
    assert np.isfinite(taught(learning_rate=0.5).generate("s", steps=500)).all()


@pytest.mark.parametrize("horizon", [1, 3])
def test_of_classes_the_likeliest_is_fed_back(horizon: int) -> None:
    engine = reader("abc" * 200, horizon=horizon, learning_rate=0.05)
    rolled = engine.generate("s", steps=2)
    assert rolled.dtype == np.int64
    assert rolled.shape == (2,)
    assert rolled[0] == engine.predict("s")[0].argmax()
    assert rolled[1] == engine.predict("s", rolled[:1])[0].argmax() != rolled[0]


def test_a_class_that_is_no_input_is_not_fed_back() -> None:
    engine = engine_of(inputs=("x",), targets=("c",), loss="softmax", classes=3)
    engine.process("s", X, np.arange(30) % 3)
    rolled = engine.generate("s", steps=2)
    assert rolled[1] == engine.predict("s", X[-1])[0].argmax()


def test_text_may_begin_a_sequence_and_what_is_not_known_is_token_zero() -> None:
    engine = reader()
    for text, token in (("b", 2), ("?", 0)):
        drawn = [engine.generate("new", x, steps=20, temperature=1.0) for x in (text, {"token": text}, [token])]
        assert (drawn[0] == drawn[1]).all()
        assert (drawn[0] == drawn[2]).all()


def test_the_same_seed_draws_the_same_tokens_and_another_seed_others() -> None:
    engine = reader()
    one, same, other = (engine.generate("s", steps=50, temperature=1.0, seed=seed) for seed in (7, 7, 8))
    assert one.tolist() == same.tolist()
    assert one.tolist() != other.tolist()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_tokens_are_drawn_as_often_as_their_probabilities_say(temperature: float) -> None:
    p = np.array([0.0625, 0.5, 0.25, 0.1875])
    drawn = sure_of(p).generate("s", [0], steps=20_000, temperature=temperature)
    expected = p ** (1 / temperature) / (p ** (1 / temperature)).sum()
    # 20,000 draws: a standard error of at most 0.0035
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / len(drawn), expected, atol=0.015)


def test_the_colder_the_likelier() -> None:
    p = np.array([0.2, 0.3, 0.29, 0.21])
    engine = sure_of(p)
    assert set(engine.generate("s", [0], steps=100)) == {1}
    assert set(engine.generate("s", [0], steps=100, temperature=1e-4)) == {1}
    assert set(engine.generate("s", [0], steps=100, temperature=1e-320)) == {1}


def test_a_class_without_probability_is_never_drawn() -> None:
    drawn = sure_of([1e-300, 0.5, 1e-300, 0.5]).generate("s", [0], steps=2000, temperature=1.0)
    assert set(drawn) == {1, 3}


def test_a_small_language_is_learned_and_spoken() -> None:
    engine = tokens_engine(hidden=(4, 8), learning_rate=0.02)
    engine.process("s", engine.vocabulary.encode("abc" * 500))
    assert "".join(engine.vocabulary.decode(engine.generate("s", steps=9))) == "abcabcabc"
    assert "".join(engine.vocabulary.decode(engine.generate("s", "a", steps=5, temperature=0.5))) == "bcabc"
    assert "".join(engine.vocabulary.decode(engine.generate("new", "b", steps=4))) == "cabc"


REFUSED: dict[str, tuple[dict[str, Any], Any, str]] = {
    "no steps": ({}, lambda e: e.generate("s", [1.0], steps=0), "steps must be at least 1, got 0"),
    "half a step": ({}, lambda e: e.generate("s", [1.0], steps=2.0), "steps must be at least 1, got 2.0"),
    "labels": (
        {"targets": ("y",), "task": "regression"},
        lambda e: e.generate("s", [1.0], steps=2),
        "generate is for forecasts only, got task regression",
    ),
    "nothing to begin with": ({}, lambda e: e.generate("s", steps=2), "no forecast for stream 's'"),
    "too many inputs": ({}, lambda e: e.generate("s", [1.0, 2.0], steps=2), r"x must have 1 values \(x\), got 2"),
    "a temperature of numbers": (
        {},
        lambda e: e.generate("s", [1.0], steps=2, temperature=1.0),
        "temperature is for forecasts by softmax, got 1.0 for squared",
    ),
    "a temperature below 0": (
        TOKENS,
        lambda e: e.generate("s", [1], steps=2, temperature=-0.5),
        "temperature must be at least 0, got -0.5",
    ),
    "no temperature": (
        TOKENS,
        lambda e: e.generate("s", [1], steps=2, temperature=math.nan),
        "temperature must be at least 0, got nan",
    ),
    "a word for a temperature": (
        TOKENS,
        lambda e: e.generate("s", [1], steps=2, temperature="hot"),
        "temperature must be at least 0, got 'hot'",
    ),
    "a seed below 0": (TOKENS, lambda e: e.generate("s", [1], steps=2, seed=-1), "seed must be at least 0, got -1"),
    "an id beyond": (TOKENS, lambda e: e.generate("s", [5], steps=2), "token must be an id from 0 to 4, got 5"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_generated_is_refused_in_one_line(case: str) -> None:
    changes, make, words = REFUSED[case]
    engine = engine_of(**changes)
    with pytest.raises(DataError, match=words) as caught:
        make(engine)
    assert "\n" not in str(caught.value)
    assert engine.keys == []
