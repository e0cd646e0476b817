"""Labels that wait for later events: what they depend on, and that every event is labelled."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import reference
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from probe import finite_differences, relative_error
from support import NAN, all_finite, bits, engine_of, network_of, series, set_weights, settings, stream_row, weights

from stream_rnn import DataError, Engine
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.output_columns import forecast_names
from stream_rnn.layers import BIDIRECTIONAL

if TYPE_CHECKING:
    from pathlib import Path

L, N = 3, 20
LABELS: dict[str, Any] = {"layer": "bigru", "lookahead": L, "task": "regression", "targets": ("y",)}
BARE = LABELS | {"scale_inputs": False, "scale_targets": False, "missing_flags": False, "dtype": "float64"}
"""Nothing is scaled or flagged, so that the labels are given by the plain equations."""
ENDINGS = ("flag", "gap", "reset", "finish")
X, Y = series(N), series(N, seed=1)


def labelling_engine(**changes: Any) -> Engine:
    return engine_of(**(LABELS | {"learning_rate": 0.05} | changes))


def random_engine(**changes: Any) -> Engine:
    """Return an engine with random weights and no scaling."""
    engine = engine_of(**(BARE | changes))
    set_weights(engine, np.random.default_rng(2).normal(0, 0.5, len(weights(engine))))
    return engine


def equations(engine: Engine, x: Any, lookahead: int, at: Any = None) -> Any:
    """Return the outputs (T, O) for a complete sequence by the paper's equations, with the engine's weights."""
    net = network_of(engine)
    p = reference.split(net, weights(engine) if at is None else at)
    cell = reference.CELLS[engine.settings.layer[0].removeprefix("bi")]
    states = np.zeros((2, net.body.cell_sizes.state))
    return reference.bidirectional(cell, p, x, states, lookahead) @ p["V"].T + p["c"]


@pytest.mark.parametrize(
    ("layer", "dtype", "tolerance"),
    [("bigru", "float64", 1e-12), ("birnn", "float32", 1e-6), ("bilstm", "float32", 1e-6)],
)
@pytest.mark.parametrize("lookahead", [1, L, N - 1])
def test_labels_of_a_complete_sequence_are_those_of_a_pass_in_each_direction(
    layer: str, dtype: str, tolerance: float, lookahead: int
) -> None:
    engine = random_engine(layer=layer, dtype=dtype, lookahead=lookahead, window=N)
    for x in (X, series(7, seed=3), X[:1]):
        np.testing.assert_allclose(engine.label("s", x), equations(engine, x, lookahead), tolerance, tolerance)


def test_every_bidirectional_layer_is_tested_here() -> None:
    assert set(BIDIRECTIONAL) == {"birnn", "bigru", "bilstm"}


def test_an_event_is_labelled_as_soon_as_its_lookahead_is_complete() -> None:
    engine = random_engine()
    labels = engine.process("s", X)
    assert np.isnan(labels[:L]).all()
    np.testing.assert_allclose(labels[L:], equations(engine, X, L)[: N - L], rtol=1e-12, atol=1e-13)


def test_events_after_the_lookahead_do_not_change_a_label() -> None:
    t = 12
    x = np.vstack([X[: t + L + 1], 1e3 * series(N - t - L - 1, seed=5)])
    y = np.where(np.arange(N)[:, None] <= t, Y, 1e3)
    one, other = labelling_engine().process("s", X, Y), labelling_engine().process("s", x, y)
    assert one[: t + L + 1].tobytes() == other[: t + L + 1].tobytes()
    assert one[t + L + 1] != other[t + L + 1]


def test_events_within_the_lookahead_change_a_label() -> None:
    x = X.copy()
    x[12 + L] += 1.0
    one, other = labelling_engine().process("s", X, Y), labelling_engine().process("s", x, Y)
    changed = (one != other).ravel() & ~np.isnan(one).ravel()
    assert np.flatnonzero(changed)[0] == 12 + L


def test_a_target_is_learned_from_only_after_its_event_was_labelled() -> None:
    y = Y.copy()
    y[9] = 1e3
    one, other = labelling_engine().process("s", X, Y), labelling_engine().process("s", X, y)
    assert one[: 9 + L + 1].tobytes() == other[: 9 + L + 1].tobytes()
    assert one[9 + L + 1] != other[9 + L + 1]


EVENTS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from([0.0, 1.0, -2.0, NAN, math.inf, 1e30]),
        st.sampled_from([0.0, 5.0, NAN]),
        st.sampled_from([0.0, 1.0, 9.0, NAN]),
        st.sampled_from([False, False, False, True]),
    ),
    min_size=1,
    max_size=40,
)
KINDS: dict[str, dict[str, Any]] = {
    "shared": {},
    "per stream": {"weights": "per_stream"},
    "limited": {"max_streams": 2},
    "scaled": {"scale_inputs": True, "scaling_forgetting": 0.9},
}


@pytest.mark.parametrize("kind", KINDS)
@examples(max_examples=25)
@given(events=EVENTS, cuts=st.sets(st.integers(1, 39)))
def test_any_cut_into_batches_gives_the_same_bits(kind: str, events: list[Any], cuts: set[int]) -> None:
    keys, x, y, gaps, ends = zip(*events, strict=True)
    times = np.where(np.isnan(gaps), NAN, np.cumsum(np.nan_to_num(gaps)))
    table = list(keys), np.array(x)[:, None], np.array(y)[:, None], times, np.array(ends)
    whole, pieces, steps = (
        labelling_engine(window=4, update_every=2, reset_after=5.0, **KINDS[kind]) for _ in range(3)
    )
    expected = whole.process(*table)
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    labels = [pieces.process(*(c[a:b] for c in table)) for a, b in pairwise(edges)]
    single = [
        steps.step(k, a, b, None if np.isnan(t) else t, end=bool(e)) for k, a, b, t, e in zip(*table, strict=True)
    ]
    assert np.concatenate(labels).tobytes() == np.array(single).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(steps) == bits(whole)
    assert all_finite(whole)


def test_streams_with_their_own_weights_do_not_affect_each_other() -> None:
    together = labelling_engine(weights="per_stream")
    x = {key: series(N, seed) for seed, key in enumerate("abc")}
    mixed = together.process(list("abc") * N, np.hstack([x[key] for key in "abc"]).reshape(-1, 1), np.repeat(Y, 3))
    for place, key in enumerate("abc"):
        alone = labelling_engine(weights="per_stream")
        assert mixed[place::3].tobytes() == alone.process(key, x[key], Y).tobytes()
        assert together.finish(key).tobytes() == alone.finish(key).tobytes()


def end(engine: Engine, ending: str, x: Any, y: Any) -> Any:
    """Process a sequence and end it; return its labels, and those that `finish` returned."""
    ends = np.arange(len(x)) == len(x) - 1 if ending == "flag" else None
    labels, rest = engine.process("s", x, y, np.arange(float(len(x))), ends), None
    if ending == "reset":
        engine.reset("s")
    elif ending == "finish":
        rest = engine.finish("s")
    return labels, rest


@pytest.mark.parametrize("length", [1, L, L + 1, N])
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_way_to_end_a_sequence_learns_from_its_pending_events(ending: str, length: int) -> None:
    def run(ending: str) -> Any:
        engine = labelling_engine(reset_after=100.0, window=5, update_every=3)
        end(engine, ending, X[:length], Y[:length])
        labels = engine.process("s", X, Y, 1000.0 + np.arange(N))
        return labels.tobytes(), bits(engine)

    assert run(ending) == run("flag")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("length", [2, N])
def test_every_target_is_learned_from_once(length: int, ending: str) -> None:
    engine = labelling_engine(reset_after=100.0)
    end(engine, ending, X[:length], Y[:length])
    engine.step("s", [1.0], NAN, 1000.0)
    assert engine.counts.updates == length
    assert engine.counts.resets == 1


def test_an_update_is_a_step_down_the_loss_of_the_complete_sequence() -> None:
    rate, T = 0.5, 8
    sgd = {"optimizer": "sgd", "momentum": 0.0, "clip": "off", "learning_rate": rate}
    engine = random_engine(window=T, update_every=T, lookahead=L, **sgd)
    before = weights(engine)
    engine.label("s", X[:T], Y[:T])
    at = before.copy()

    def loss() -> float:
        return float(np.mean((equations(engine, X[:T], L, at) - Y[:T]) ** 2))

    assert engine.counts.updates == 1
    assert relative_error(before - weights(engine), rate * finite_differences(loss, at)) < 1e-6


@pytest.mark.parametrize("ending", ENDINGS)
def test_gradient_does_not_cross_a_reset(ending: str) -> None:
    engine, other = (labelling_engine(scale_targets=False, reset_after=100.0, missing_flags=False) for _ in range(2))
    end(engine, ending, series(10, seed=4), np.full((10, 1), NAN))
    for each in (engine, other):
        each.process("s", X, Y, 1000.0 + np.arange(N))
    np.testing.assert_array_equal(weights(engine), weights(other))


def test_labels_do_not_depend_on_the_next_sequence() -> None:
    engine, other = random_engine(), random_engine()
    first = engine.process("s", X[:10], ends=np.arange(10) == 9)
    second = engine.process("s", Y)
    np.testing.assert_array_equal(first, other.process("s", X[:10]))
    other.reset("s")
    np.testing.assert_array_equal(second, other.process("s", Y))
    assert np.isnan(second[:L]).all()


@pytest.mark.parametrize("length", [1, L - 1, L, L + 1, N])
def test_finish_returns_the_labels_of_pending_events(length: int) -> None:
    engine = random_engine()
    issued, rest = engine.process("s", X[:length]), engine.finish("s")
    assert rest.shape == (min(L, length), 1)
    labels = np.concatenate([issued, rest])
    np.testing.assert_allclose(
        labels[~np.isnan(labels)], equations(engine, X[:length], L).ravel(), rtol=1e-12, atol=1e-13
    )
    assert engine.finish("s").shape == (0, 1)


def test_finish_of_an_unknown_stream_leaves_it_unknown() -> None:
    engine = labelling_engine()
    assert engine.finish("unknown").shape == (0, 1)
    assert engine.keys == []


def test_without_lookahead_no_event_is_pending() -> None:
    engine, other = (engine_of(task="regression", targets=("y",)) for _ in range(2))
    for each in (engine, other):
        each.process("s", X, Y)
    other.reset("s")
    assert engine.finish("s").shape == (0, 1)
    assert bits(engine) == bits(other)


def test_without_lookahead_label_processes_the_events_and_ends_the_sequence() -> None:
    engine, other = (engine_of(task="regression", targets=("y",)) for _ in range(2))
    for each in (engine, other):
        each.process("s", series(5, seed=6), series(5, seed=7))
    other.reset("s")
    expected = other.process("s", X, Y, ends=np.arange(N) == N - 1)
    assert engine.label("s", X, Y).tobytes() == expected.tobytes()
    assert bits(engine) == bits(other)


def test_label_ends_the_previous_sequence_and_its_own() -> None:
    engine = random_engine()
    engine.process("s", Y)
    np.testing.assert_allclose(engine.label("s", X), equations(engine, X, L), rtol=1e-12, atol=1e-13)
    assert engine.counts.resets == 2
    assert not stream_row(engine, "state").any()


def test_an_empty_sequence_has_no_labels() -> None:
    assert labelling_engine().label("s", np.empty((0, 1))).shape == (0, 1)


MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "label of a forecast": (
        {"layer": "gru", "lookahead": 0, "task": "forecast"},
        lambda e: e.label("s", X),
        "label is for regression and classification, got task forecast",
    ),
    "too few targets": ({}, lambda e: e.label("s", X, Y[1:]), r"Y must be as long as X \(20 rows\), got 19"),
    "prediction of an input": (
        {},
        lambda e: e.predict("s", [1.0]),
        "x must be omitted with a lookahead: 3 more events would have to follow it",
    ),
    "prediction too early": (
        {},
        lambda e: e.predict("t"),
        "no forecast for stream 't': its sequence has had at most 3 events so far",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_line_and_changes_nothing(mistake: str) -> None:
    changes, call, message = MISTAKES[mistake]
    engine = labelling_engine(**changes)
    engine.process("s", X, Y)
    engine.process("t", X[:L], Y[:L])
    if engine.settings.task == "forecast":
        engine.reset("t")
    before = bits(engine)
    with pytest.raises(DataError, match=message) as caught:
        call(engine)
    assert "\n" not in str(caught.value)
    assert bits(engine) == before


def test_the_prediction_is_the_last_label() -> None:
    engine = labelling_engine()
    labels = engine.process("s", X, Y)
    assert engine.predict("s").tobytes() == labels[-1].tobytes()


def test_warmup_changes_nothing() -> None:
    engine = labelling_engine()
    before = bits(engine)
    engine.warmup()
    assert bits(engine) == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_saved_within_a_sequence_continues_bit_for_bit(kind: str, tmp_path: Path) -> None:
    engine, keys = labelling_engine(window=4, update_every=3, **KINDS[kind]), list("abac") * 5
    for cut in (2, 7, 13):
        engine.process(keys[:cut], X[:cut], Y[:cut])
        engine.save(tmp_path / "engine")
        loaded = Engine.load(tmp_path / "engine")
        snapshot = engine.snapshot()
        expected = engine.process(keys[cut:], X[cut:], Y[cut:])
        restored = Engine.restore(snapshot.finish())
        for other in (loaded, restored):
            assert other.process(keys[cut:], X[cut:], Y[cut:]).tobytes() == expected.tobytes()
            assert bits(other) == bits(engine)
        assert loaded.finish("a").tobytes() == restored.finish("a").tobytes() == engine.finish("a").tobytes()


def test_a_stream_uses_memory_for_the_lookahead_only_if_there_is_one() -> None:
    without = engine_of(task="regression", targets=("y",)).stream_bytes
    assert without["ahead_x"] == without["ahead_y"] == 0
    with_lookahead = labelling_engine().stream_bytes
    assert (with_lookahead["ahead_x"], with_lookahead["ahead_y"]) == ((L + 1) * 2 * 4, (L + 1) * 8)


def test_an_overflow_affects_the_labels_that_depend_on_it_and_ends_the_sequence() -> None:
    overflow, change = 8, {"inputs": ("x", "u"), "dtype": "float32"}
    x = np.hstack([X, Y])
    clean = random_engine(**change).label("s", x)
    x[overflow] = 1e60
    engine = random_engine(**change)
    labels = engine.label("s", x)
    assert engine.counts.overflows == L + 1
    np.testing.assert_array_equal(labels[: overflow - L], clean[: overflow - L])
    assert not labels[overflow - L : overflow + 1].any()  # the baseline
    np.testing.assert_array_equal(labels[overflow + 1 :], random_engine(**change).label("s", x[overflow + 1 :]))


def test_events_of_an_overflow_are_not_learned_from_at_the_end() -> None:
    engine = random_engine(inputs=("x", "u"), dtype="float32")
    x = np.hstack([X, Y])
    x[8] = 1e60  # first used by the label of event 5, whose row in the window is reused by event 14
    engine.label("s", x[:16], Y[:16])
    assert engine.counts.overflows == L + 1
    assert engine.counts.updates == 16 - (L + 1)
    assert engine.counts.skipped == 0


def test_a_label_that_depends_on_later_events_is_learned() -> None:
    x = np.random.default_rng(0).choice([-1.0, 1.0], (6000, 1))
    y = np.roll(x, -2, axis=0)
    change = {"targets": ("y",), "task": "regression", "hidden": 8, "window": 8, "learning_rate": 0.01}

    def error(delay: int, **layer: Any) -> float:
        labels = engine_of(**(change | layer)).process("s", x, y)
        return float(np.mean((labels[delay:] - y[: len(y) - delay])[-1000:] ** 2))

    assert error(2, layer="bigru", lookahead=2) < 0.05
    assert error(0, layer="gru") > 0.9


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, ["y-3"]),
        ({"loss": "quantile", "quantiles": (0.1, 0.9)}, ["y-3.q0.1", "y-3.q0.9"]),
        ({"task": "classification"}, ["y-3.p1"]),
        ({"task": "classification", "classes": 3}, ["y-3.p0", "y-3.p1", "y-3.p2"]),
    ],
    ids=["number", "quantiles", "two classes", "three classes"],
)
def test_an_output_column_is_named_by_the_event_that_it_labels(changes: dict[str, Any], names: list[str]) -> None:
    assert list(forecast_names(settings(**LABELS | changes))) == names


@pytest.mark.parametrize("season", [0, 4])
@pytest.mark.parametrize("classes", [None, 2, 3])
def test_labels_are_scored_by_the_events_that_they_refer_to(classes: int | None, season: int) -> None:
    task = LABELS | ({"task": "classification", "classes": classes} if classes else {})
    with_lookahead, without = settings(**task), settings(**task | {"layer": "gru", "lookahead": 0})
    y = np.where(np.arange(N)[:, None] % 7 == 4, NAN, np.arange(N)[:, None] % (classes or 5))
    result = labelling_engine().process_detailed("s", X, Y, ends=np.isin(np.arange(N), [1, 9]))
    labels = np.random.default_rng(0).random((N, *with_lookahead.forecast_shape))
    labels[np.isnan(result.forecasts[:, 0])] = NAN  # where the engine issues no label
    scores, expected = Scores(with_lookahead, season), Scores(without, season)
    scores.add(result.slots, result.begins, y, labels)
    for begin, stop in ((0, 2), (2, 10), (10, N)):  # the same labels, each in the row of the event that it refers to
        part = slice(begin, max(begin, stop - L))
        expected.add(result.slots[part], result.begins[part], y[part], labels[begin + L : stop])
    assert scores.overall() == expected.overall()
    assert scores.per_target() == expected.per_target()


def test_tokens_of_the_lookahead_are_embedded() -> None:
    rng = np.random.default_rng(0)
    words, tags = rng.integers(1, 5, (400, 6)), np.zeros((400, 6))
    tags[:, :-1] = words[:, 1:] == 3  # the tag depends on the next word
    changes = {
        "layer": ("embedding", "bigru"),
        "hidden": (4, 8),
        "vocabulary": 6,
        "lookahead": 8,
        "learning_rate": 0.02,
    }
    engine = engine_of(inputs=("word",), targets=("tag",), task="classification", window=8, **changes)
    labels = np.array([engine.label("s", x[:, np.newaxis], y)[:, 0] for x, y in zip(words, tags, strict=True)])
    assert engine.counts.overflows == 0
    assert ((labels[300:] > 0.5) == tags[300:]).mean() > 0.98
