"""Many classes: the hierarchical softmax, forecasts of the most likely classes only, and what an update touches."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from probe import finite_differences, relative_error
from support import (
    bits,
    network_of,
    set_weights,
    stream_row,
    tokens_engine,
    weights,
    weights_in_slot,
)

from stream_rnn import Engine
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.output_columns import forecast_names

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

WORDS = 7
"""Three clusters of three, three and one."""
SGD: dict[str, Any] = {"optimizer": "sgd", "momentum": 0.0, "clip": "off"}
LOSSES = pytest.mark.parametrize("loss", ["softmax", "hierarchical_softmax"])


def words_engine(loss: str = "hierarchical_softmax", **changes: Any) -> Engine:
    """Return an engine that forecasts the next of seven words."""
    return tokens_engine(**({"vocabulary": WORDS, "classes": WORDS, "loss": loss} | changes))


def text(length: int, seed: int = 0) -> NDArray[np.int64]:
    """Return words, of which the first ones are frequent."""
    return np.minimum(np.random.default_rng(seed).geometric(0.4, length) - 1, WORDS - 1)


# The hierarchical softmax.


def test_an_untrained_network_gives_clusters_and_their_words_equal_probabilities() -> None:
    forecasts = words_engine(learning_rate=1e-30).process("s", [1, 2, 3])
    np.testing.assert_allclose(forecasts, np.tile([1 / 9] * 6 + [1 / 3], (3, 1, 1)), rtol=1e-6)


def test_probabilities_of_all_words_sum_to_one_at_every_horizon() -> None:
    forecasts = words_engine(horizon=3, learning_rate=0.1).process("s", text(300))
    assert forecasts.shape == (300, 3, WORDS)
    np.testing.assert_allclose(forecasts.sum(axis=2), 1, rtol=1e-12)


def test_forecasts_are_the_equations_of_the_network() -> None:
    engine = words_engine(learning_rate=1e-30)
    params = np.random.default_rng(0).normal(0, 0.8, len(weights(engine)))
    set_weights(engine, params)
    p = reference.split(network_of(engine), params)
    h = reference.gru({name: p[f"1.{name}"] for name in "WUb"}, p["0.E"][5], np.zeros(3))
    expected = reference.hierarchical_softmax(p["V"] @ h + p["c"], WORDS)
    np.testing.assert_allclose(engine.step("s", [5])[0], expected, rtol=1e-5)


@pytest.mark.parametrize("horizon", [1, 3])
def test_an_update_is_a_step_down_the_mean_loss_over_the_horizons(horizon: int) -> None:
    n, rate = 8, 0.5
    engine = words_engine(horizon=horizon, window=n, update_every=n, learning_rate=rate, **SGD)
    before = np.random.default_rng(0).normal(0, 0.4, len(weights(engine))).astype(np.float32)
    set_weights(engine, before)
    ids = np.array([1, 4, 2, 2, 0, 6, 1, 2, 6])
    engine.process("s", ids)
    net, at = network_of(engine), before.astype(float)

    def loss() -> float:
        p = reference.split(net, at)
        total, h = 0.0, np.zeros(3)
        for t in range(n):
            h = reference.gru({name: p[f"1.{name}"] for name in "WUb"}, p["0.E"][ids[t]], h)
            o = (p["V"] @ h + p["c"]).reshape(horizon, -1)
            for ahead in range(1, min(horizon, n - t) + 1):  # those that had arrived
                total -= np.log(reference.hierarchical_softmax(o[ahead - 1], WORDS)[ids[t + ahead]])
        return float(total / (n * horizon))

    assert engine.counts.updates == 1
    assert relative_error(before - weights(engine), rate * finite_differences(loss, at)) < 1e-5


@pytest.mark.parametrize(
    "changes",
    [{}, {"horizon": 3, "top": 2}, {"weights": "per_stream", "max_streams": 2, "top": WORDS}],
    ids=["one", "horizon 3", "per stream"],
)
@examples(max_examples=25)
@given(
    events=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 6), st.booleans()), min_size=1, max_size=30),
    cuts=st.sets(st.integers(1, 29)),
)
def test_results_do_not_depend_on_batches(changes: Any, events: list[Any], cuts: set[int]) -> None:
    change = {"window": 4, "update_every": 2, "learning_rate": 0.05} | changes
    whole, pieces = words_engine(**change), words_engine(**change)
    keys, x, ends = (list(column) for column in zip(*events, strict=True))
    expected = whole.process(keys, x, ends=ends)
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    forecasts = [pieces.process(keys[a:b], x[a:b], ends=ends[a:b]) for a, b in pairwise(edges)]
    assert np.concatenate(forecasts).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(whole)


@pytest.mark.parametrize("top", [None, 2])
def test_a_loaded_engine_continues_bit_for_bit(top: int | None, tmp_path: Path) -> None:
    engine, ids = words_engine(top=top, learning_rate=0.05), text(200)
    engine.process("s", ids[:100])
    engine.save(tmp_path / "engine")
    loaded = Engine.load(tmp_path / "engine")
    assert loaded.process("s", ids[100:]).tobytes() == engine.process("s", ids[100:]).tobytes()
    assert bits(loaded) == bits(engine)


def test_the_order_of_words_is_learned() -> None:
    ids = np.arange(3000) % WORDS
    forecasts = words_engine(hidden=(4, 8), learning_rate=0.02).process("s", ids)
    assert (forecasts[-500:-1, 0].argmax(axis=1) == ids[-499:]).all()


def test_labels_are_learned() -> None:
    ids = text(3000)
    engine = words_engine(task="classification", targets=("next",), hidden=(4, 8), learning_rate=0.02)
    labels = engine.process("s", ids, (ids + 2) % WORDS)
    assert (labels[-500:].argmax(axis=1) == (ids[-500:] + 2) % WORDS).mean() > 0.95


# The most likely classes.


@LOSSES
@pytest.mark.parametrize("top", [1, 3, WORDS])
def test_the_top_classes_are_the_most_likely_ones_in_order_and_learning_is_the_same(loss: str, top: int) -> None:
    change: dict[str, Any] = {"horizon": 2, "learning_rate": 0.05}
    everything, some = words_engine(loss, **change), words_engine(loss, top=top, **change)
    p, pairs = everything.process("s", text(300)), some.process("s", text(300))
    assert pairs.shape == (300, 2, top, 2)
    order = pairs[..., 0].astype(int)
    best = np.sort(p, axis=2)[..., : -top - 1 : -1]
    np.testing.assert_allclose(pairs[..., 1], best, rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(p, order, axis=2), best, rtol=1e-5)
    assert all(len(set(row)) == top for row in order.reshape(-1, top).tolist())
    assert (weights(some) == weights(everything)).all()


@LOSSES
def test_classes_of_equal_probability_are_in_their_order(loss: str) -> None:
    pairs = words_engine(loss, top=3, learning_rate=1e-30, classes=4, vocabulary=4).process("s", [1, 2])
    assert pairs[..., 0].tolist() == [[[0, 1, 2]]] * 2
    np.testing.assert_allclose(pairs[..., 1], 1 / 4)


@LOSSES
def test_a_state_that_is_not_finite_gives_all_classes_equal_probability(loss: str) -> None:
    engine = words_engine(loss, top=2)
    engine.process("s", text(10))
    stream_row(engine, "state")[0] = np.nan
    assert engine.step("s", [1]).tolist() == [[[0, 1 / WORDS], [1, 1 / WORDS]]]
    assert engine.counts.overflows == 1


def test_words_are_drawn_from_the_top_classes_only() -> None:
    engine = words_engine(top=2, learning_rate=0.05)
    engine.process("s", text(500))
    drawn = engine.generate("s", steps=400, temperature=1.0)
    assert drawn[0] in engine.predict("s")[0, :, 0]
    assert len(set(drawn.tolist())) > 1
    assert engine.generate("s", steps=1)[0] == engine.predict("s")[0, 0, 0]


def test_the_first_of_the_top_classes_is_scored() -> None:
    engine, ids = words_engine(top=3, learning_rate=0.05), text(500)
    forecasts, scores = engine.process("s", ids), Scores(engine.settings, 0)
    scores.add(np.zeros(500, np.int64), np.arange(500) == 0, ids[:, np.newaxis].astype(float), forecasts)
    model = scores.overall()["model"]
    assert model is not None
    assert model["accuracy"] == pytest.approx((forecasts[:-1, 0, 0, 0] == ids[1:]).mean())


def test_the_columns_of_the_top_classes_are_pairs() -> None:
    settings = words_engine(top=2).settings
    assert list(forecast_names(settings)) == ["token+1.top1", "token+1.top1.p", "token+1.top2", "token+1.top2.p"]


# What an update touches.


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam", "adamw"])
def test_vectors_of_words_outside_the_window_and_their_moments_stay_as_they_are(optimizer: str) -> None:
    engine = words_engine(window=4, optimizer=optimizer, l2=0.01, learning_rate=0.05)
    engine.process("s", [5, 6, 5, 1, 2, 3, 1])  # the last update's window is 2, 3, 1 and the word before
    before, moments = engine.parameters["0.E"].copy(), weights_in_slot(engine).moments.body.copy()
    engine.process("s", [2, 3, 1, 2])
    after = weights_in_slot(engine).moments.body
    moved = (engine.parameters["0.E"] != before).any(axis=1)
    E = slice(0, before.size)
    changed = (after[:, E] != moments[:, E]).reshape(len(after), *before.shape).any(axis=(0, 2))
    assert moved.tolist() == changed.tolist() == [False, True, True, True, False, False, False]
    assert moments[:, E].reshape(len(after), *before.shape)[:, 5].any()


def test_only_the_clusters_of_observed_words_are_learned() -> None:
    engine = words_engine(learning_rate=0.05)
    before = {name: engine.parameters[name].copy() for name in "Vc"}
    engine.process("s", [3, 4, 3, 5, 3, 4])  # the second cluster
    for name, values in before.items():
        changed = (engine.parameters[name] != values).reshape(len(values), -1).any(axis=1)
        assert changed.tolist() == [True] * 3 + [False] * 3 + [True] * 3 + [False]


def test_clipping_by_norm_is_that_of_the_whole_gradient() -> None:
    ids, limit = [1, 4, 2, 2, 6], 0.01
    change: dict[str, Any] = {"window": 4, "update_every": 4, "learning_rate": 1.0, **SGD}
    engine, clipped = words_engine(**change), words_engine(**change | {"clip": "norm", "clip_limit": limit})
    start = np.random.default_rng(0).normal(0, 0.4, len(weights(engine))).astype(np.float32)
    for each in (engine, clipped):
        set_weights(each, start)
        each.process("s", ids)
    step, clipped_step = weights(engine) - start, weights(clipped) - start
    assert np.linalg.norm(clipped_step) == pytest.approx(limit, rel=1e-3)
    np.testing.assert_allclose(clipped_step, limit * step / np.linalg.norm(step), atol=1e-6)
