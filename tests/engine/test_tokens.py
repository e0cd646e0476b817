"""Tokens: text or ids, embedded and never scaled, forecast and labelled, and refused if out of range."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from probe import finite_differences, relative_error
from support import (
    NAN,
    bits,
    engine_of,
    network_input,
    network_of,
    set_weights,
    stream_row,
    tokens_engine,
    weights,
)

from stream_rnn import DataError

IDS = st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, NAN])


def test_text_is_replaced_by_its_ids() -> None:
    text = "abacbac"
    engine, other = tokens_engine(), tokens_engine()
    expected = other.process("s", other.vocabulary.encode(text))
    forms = (lambda c: c, lambda c: [c], lambda c: {"token": c}, lambda c: np.array([c]))
    forecasts = [engine.step("s", forms[t % 4](token)) for t, token in enumerate(text)]
    assert np.array(forecasts).tobytes() == expected.tobytes()
    assert bits(engine) == bits(other)
    assert engine.vocabulary.tokens == ["a", "b", "c"]


@pytest.mark.parametrize("form", [lambda c: c, lambda c: [c], lambda c: {"token": c}])
def test_a_target_that_is_the_token_may_be_text(form: Any) -> None:
    engine, other = tokens_engine(), tokens_engine()
    for t in range(10):
        engine.step("s", "abc"[t % 3], form("abc"[t % 3]))
        other.step("s", "abc"[t % 3])
    assert bits(engine) == bits(other)


def test_a_digit_in_quotes_is_text() -> None:
    engine = tokens_engine()
    engine.step("s", "4")
    assert stream_row(engine, "history") == 1
    assert engine.vocabulary.tokens == ["4"]


@pytest.mark.parametrize(
    "changes", [{}, {"horizon": 3}, {"weights": "per_stream", "max_streams": 2}], ids=["one", "horizon 3", "per stream"]
)
@examples(max_examples=25)
@given(
    events=st.lists(st.tuples(st.sampled_from("abc"), IDS, IDS, st.booleans()), min_size=1, max_size=30),
    cuts=st.sets(st.integers(1, 29)),
)
def test_results_do_not_depend_on_batches(changes: Any, events: list[Any], cuts: set[int]) -> None:
    change = {"window": 4, "update_every": 2, "learning_rate": 0.05} | changes
    whole, pieces, steps = (tokens_engine(**change) for _ in range(3))
    keys, x, y, ends = (list(column) for column in zip(*events, strict=True))
    expected = whole.process(keys, x, y, ends=ends)
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    forecasts = [pieces.process(keys[a:b], x[a:b], y[a:b], ends=ends[a:b]) for a, b in pairwise(edges)]
    single = [steps.step(key, [token], label, end=end) for key, token, label, end in events]
    assert np.concatenate(forecasts).tobytes() == np.array(single).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(steps) == bits(whole)


@pytest.mark.parametrize("flags", [True, False])
@pytest.mark.parametrize("scale", [True, False])
def test_tokens_are_neither_scaled_nor_flagged_whatever_the_settings(*, scale: bool, flags: bool) -> None:
    plain = tokens_engine(scale_inputs=False, missing_flags=False)
    engine = tokens_engine(scale_inputs=scale, missing_flags=flags)
    ids = [3, 4, 0, NAN, 4, 4]
    assert engine.process("s", ids).tobytes() == plain.process("s", ids).tobytes()
    assert network_input(engine).tolist() == [4]


@pytest.mark.parametrize("missing", [None, NAN, {}])
def test_a_missing_token_is_token_zero(missing: Any) -> None:
    engine, other = tokens_engine(targets=("y",)), tokens_engine(targets=("y",))
    for t in range(12):
        unknown = missing if isinstance(missing, dict) else [missing]
        forecast = engine.step("s", unknown if t % 3 == 2 else [4], t % 5)
        assert forecast.tobytes() == other.step("s", [0 if t % 3 == 2 else 4], t % 5).tobytes()
    assert engine.counts.missing_inputs == 4
    np.testing.assert_array_equal(weights(engine), weights(other))


def test_only_the_vectors_of_observed_tokens_are_learned() -> None:
    engine = tokens_engine(optimizer="sgd", momentum=0.0)
    before = engine.parameters["0.E"].copy()
    engine.process("s", [1, 3] * 10)
    changed = (engine.parameters["0.E"] != before).any(axis=1)
    assert changed.tolist() == [False, True, False, True, False]


def test_an_untrained_network_forecasts_equal_probabilities() -> None:
    forecasts = tokens_engine(horizon=3, learning_rate=1e-30).process("s", [1, 2, 3])
    np.testing.assert_allclose(forecasts, 1 / 5, rtol=1e-6)


def test_probabilities_sum_to_one_at_every_horizon() -> None:
    forecasts = tokens_engine(horizon=3, learning_rate=0.1).process("s", np.arange(300) % 5)
    assert forecasts.shape == (300, 3, 5)
    assert ((forecasts > 0) & (forecasts < 1)).all()
    np.testing.assert_allclose(forecasts.sum(axis=2), 1, rtol=1e-12)


@pytest.mark.parametrize("horizon", [1, 3])
def test_an_update_is_a_step_down_the_mean_loss_over_the_horizons(horizon: int) -> None:
    n, rate = 6, 0.5
    sgd = {"optimizer": "sgd", "momentum": 0.0, "clip": "off", "learning_rate": rate}
    engine = tokens_engine(horizon=horizon, window=n, update_every=n, **sgd)
    before = np.random.default_rng(0).normal(0, 0.4, len(weights(engine))).astype(np.float32)
    set_weights(engine, before)
    ids = np.array([1, 4, 2, 2, 0, 3, 1])
    engine.process("s", ids)
    net, at = network_of(engine), before.astype(float)

    def loss() -> float:
        p = reference.split(net, at)
        total, h = 0.0, np.zeros(3)
        for t in range(n):
            h = reference.gru({name: p[f"1.{name}"] for name in "WUb"}, p["0.E"][ids[t]], h)
            o = (p["V"] @ h + p["c"]).reshape(horizon, 5)
            for ahead in range(1, min(horizon, n - t) + 1):  # those that had arrived
                total += np.log(np.exp(o[ahead - 1]).sum()) - o[ahead - 1, ids[t + ahead]]
        return float(total / (n * horizon))

    assert engine.counts.updates == 1
    assert relative_error(before - weights(engine), rate * finite_differences(loss, at)) < 1e-5


def test_the_token_at_every_horizon_is_learned() -> None:
    ids = np.arange(2000) % 4 + 1
    forecasts = tokens_engine(hidden=(4, 8), horizon=3, learning_rate=0.01).process("s", ids)
    for ahead in (1, 2, 3):
        assert (forecasts[-500:-ahead, ahead - 1].argmax(axis=1) == ids[-500 + ahead :]).all()


def test_classes_are_forecast_from_numbers() -> None:
    classes = np.arange(3000) % 3
    change = {"inputs": ("x",), "targets": ("c",), "loss": "softmax", "classes": 3, "hidden": 8}
    forecasts = engine_of(**change, learning_rate=0.01).process("s", np.sin(2 * np.pi * classes / 3), classes)
    assert (forecasts[-500:-1, 0].argmax(axis=1) == classes[-499:]).all()


def test_a_number_is_forecast_from_tokens() -> None:
    engine = tokens_engine(
        targets=("y",), layer="embedding", loss="squared", hidden=8, residual=False, learning_rate=0.01
    )
    ids = np.random.default_rng(0).integers(1, 5, 4000)
    y = np.roll(ids * 10.0, 1)  # each token determines the next value
    forecasts = engine.process("s", ids, y)[:-1, 0, 0]
    assert np.abs(forecasts - y[1:])[-500:].mean() < 2.0  # the mean error of the last value is 12.5


GOOD, BAD, NEUTRAL = ("good", "fine"), ("bad", "poor"), ("a", "the", "film", "it")


def test_the_sentiment_of_a_sentence_is_learned_from_a_label_at_its_last_word() -> None:
    rng = np.random.default_rng(0)
    change = {"task": "classification", "targets": ("good",), "classes": 2, "vocabulary": 20}
    engine = tokens_engine(**change, hidden=(4, 8), learning_rate=0.01)
    right = []
    for n in range(600):
        good = n % 2
        words = [str(rng.choice(NEUTRAL)) for _ in range(5)]
        words[rng.integers(4)] = str(rng.choice(GOOD if good else BAD))
        label = [NAN] * 4 + [good]
        labels = engine.process("s", engine.vocabulary.encode(words), label, ends=np.arange(5) == 4)
        right.append((labels[-1, 1] > 0.5) == good)
    assert np.mean(right[-200:]) > 0.95


def test_a_tag_for_each_token_is_learned() -> None:
    rng = np.random.default_rng(0)
    engine = tokens_engine(task="classification", targets=("tag",), classes=3, hidden=(4, 8), learning_rate=0.01)
    tokens = rng.choice(list("abc"), 3000)
    tags = np.where(np.roll(tokens, 1) == "a", 2, tokens == "b")  # after an "a" the tag is 2, whichever the token
    right = [engine.step("s", token, tag).argmax() == tag for token, tag in zip(tokens, tags, strict=True)]
    assert np.mean(right[-500:]) > 0.95


MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "id too large": ({}, lambda e: e.step("s", [5]), "token must be an id from 0 to 4, got 5 in event 0"),
    "negative id": ({}, lambda e: e.step("s", {"token": -1}), "token must be an id from 0 to 4, got -1"),
    "fraction": ({}, lambda e: e.step("s", [1.5]), "token must be an id from 0 to 4, got 1.5"),
    "infinite id": ({}, lambda e: e.step("s", [np.inf]), "token must be an id from 0 to 4, got inf"),
    "id in a batch": (
        {},
        lambda e: e.process("s", [0, 1, 2, 3, 4, 0, 1, 300]),
        "token must be an id from 0 to 4, got 300 in event 7",
    ),
    "id in a forecast of numbers": (
        {"targets": ("y",), "layer": "embedding", "hidden": 2, "loss": "squared"},
        lambda e: e.process("s", [0, 9], [0.5, 0.5]),
        "token must be an id from 0 to 4, got 9 in event 1",
    ),
    "id of a prediction": ({}, lambda e: e.predict("s", [7]), "token must be an id from 0 to 4, got 7"),
    "class too large": ({}, lambda e: e.step("s", [4], 5), "token must be a class from 0 to 4, got 5"),
    "class in a batch": (
        {"targets": ("y",)},
        lambda e: e.process("s", [1, 1], [0, 6]),
        "y must be a class from 0 to 4, got 6 in event 1",
    ),
    "text in a batch": ({}, lambda e: e.process("s", ["a", "b"]), "X must consist of numbers"),
    "digits in a batch": ({}, lambda e: e.process("s", ["1", "2"]), "X must consist of numbers, got text"),
    "two tokens": ({}, lambda e: e.step("s", ["a", "b"]), r"x must have 1 value \(token\), got 2"),
    "another column": ({}, lambda e: e.step("s", {"tokn": "a"}), "unknown column 'tokn'; did you mean 'token'"),
    "bytes": ({}, lambda e: e.step("s", {"token": b"a"}), "x must consist of numbers, got bytes"),
    "surrogate": ({}, lambda e: e.step("s", "\ud800"), "a token must be valid Unicode text"),
    "text for another target": (
        {"targets": ("y",)},
        lambda e: e.step("s", [1], "b"),
        "y must consist of numbers, got str 'b'",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_line_and_changes_nothing(mistake: str) -> None:
    changes, call, message = MISTAKES[mistake]
    engine = tokens_engine(**changes)
    before = bits(engine)
    with pytest.raises(DataError, match=message) as caught:
        call(engine)
    assert "\n" not in str(caught.value)
    assert bits(engine) == before


def test_an_engine_without_an_embedding_has_no_vocabulary() -> None:
    assert engine_of().vocabulary is None
