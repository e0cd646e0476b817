"""Labels that wait for what comes after their events: what they depend on, and that all of them are made."""

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
from support import NAN, all_finite, bits, engine_of, series, set_weights, stream, weights

from stream_rnn import DataError, Engine
from stream_rnn.evaluation.prequential import Scores
from stream_rnn.jobs.output_columns import forecast_names

if TYPE_CHECKING:
    from pathlib import Path

L, N = 3, 20
LABELS: dict[str, Any] = {"layer": "bigru", "lookahead": L, "task": "regression", "targets": ("y",)}
BARE = LABELS | {"scale_inputs": False, "scale_targets": False, "missing_flags": False, "dtype": "float64"}
"""Nothing between the values and the network, so that plain equations say what comes out."""
ENDINGS = ("flag", "gap", "reset", "finish")
X, Y = series(N), series(N, seed=1)


def labelling(**changes: Any) -> Engine:
    return engine_of(**(LABELS | {"learning_rate": 0.05} | changes))


def frozen(**changes: Any) -> Engine:
    """Return an engine with random weights."""
    engine = engine_of(**(BARE | changes))
    set_weights(engine, np.random.default_rng(2).normal(0, 0.5, len(weights(engine))))
    return engine


def plain(engine: Engine, x: Any, lookahead: int, at: Any = None) -> Any:
    """Return the outputs (T, O) of the engine's weights over a whole sequence, by the paper's equations."""
    net = engine._parts.network
    p = reference.split(net, weights(engine) if at is None else at)
    cell = reference.CELLS[engine.settings.layer[0].removeprefix("bi")]
    states = np.zeros((2, net.body.one.state))
    return reference.bidirectional(cell, p, x, states, lookahead) @ p["V"].T + p["c"]


@pytest.mark.parametrize("layer", ["birnn", "bigru", "bilstm"])
@pytest.mark.parametrize("lookahead", [1, L, N - 1])
def test_labels_of_a_whole_sequence_are_those_of_a_pass_in_each_direction(layer: str, lookahead: int) -> None:
    engine = frozen(layer=layer, lookahead=lookahead, window=N)
    for x in (X, series(7, seed=3), X[:1]):
        np.testing.assert_allclose(engine.label("s", x), plain(engine, x, lookahead), rtol=1e-12, atol=1e-13)


def test_an_event_is_labelled_when_as_many_have_come_after_it_and_nothing_is_before() -> None:
    engine = frozen()
    made = engine.process("s", X)
    assert np.isnan(made[:L]).all()
    np.testing.assert_allclose(made[L:], plain(engine, X, L)[: N - L], rtol=1e-12, atol=1e-13)


def test_what_comes_after_the_lookahead_does_not_change_a_label() -> None:
    t = 12
    x = np.vstack([X[: t + L + 1], 1e3 * series(N - t - L - 1, seed=5)])
    y = np.where(np.arange(N)[:, None] <= t, Y, 1e3)
    one, other = labelling().process("s", X, Y), labelling().process("s", x, y)
    assert one[: t + L + 1].tobytes() == other[: t + L + 1].tobytes()
    assert one[t + L + 1] != other[t + L + 1]


def test_what_comes_within_the_lookahead_changes_a_label() -> None:
    x = X.copy()
    x[12 + L] += 1.0
    one, other = labelling().process("s", X, Y), labelling().process("s", x, Y)
    changed = (one != other).ravel() & ~np.isnan(one).ravel()
    assert np.flatnonzero(changed)[0] == 12 + L


def test_a_label_is_learned_from_only_after_the_event_was_labelled() -> None:
    y = Y.copy()
    y[9] = 1e3
    one, other = labelling().process("s", X, Y), labelling().process("s", X, y)
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
    "two of three kept": {"max_streams": 2},
    "scaled": {"scale_inputs": True, "scaling_forgetting": 0.9},
}


@pytest.mark.parametrize("kind", KINDS)
@examples(max_examples=25)
@given(events=EVENTS, cuts=st.sets(st.integers(1, 39)))
def test_any_cut_of_the_events_gives_the_same_bits(kind: str, events: list[Any], cuts: set[int]) -> None:
    keys, x, y, gaps, ends = zip(*events, strict=True)
    times = np.where(np.isnan(gaps), NAN, np.cumsum(np.nan_to_num(gaps)))
    table = list(keys), np.array(x)[:, None], np.array(y)[:, None], times, np.array(ends)
    whole, pieces, steps = (labelling(window=4, update_every=2, reset_after=5.0, **KINDS[kind]) for _ in range(3))
    expected = whole.process(*table)
    edges = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    found = [pieces.process(*(c[a:b] for c in table)) for a, b in pairwise(edges)]
    single = [
        steps.step(k, a, b, None if np.isnan(t) else t, end=bool(e)) for k, a, b, t, e in zip(*table, strict=True)
    ]
    assert np.concatenate(found).tobytes() == np.array(single).tobytes() == expected.tobytes()
    assert bits(pieces) == bits(steps) == bits(whole)
    assert all_finite(whole)


def test_streams_with_their_own_weights_do_not_disturb_one_another() -> None:
    together = labelling(weights="per_stream")
    x = {key: series(N, seed) for seed, key in enumerate("abc")}
    mixed = together.process(list("abc") * N, np.hstack([x[key] for key in "abc"]).reshape(-1, 1), np.repeat(Y, 3))
    for place, key in enumerate("abc"):
        alone = labelling(weights="per_stream")
        assert mixed[place::3].tobytes() == alone.process(key, x[key], Y).tobytes()
        assert together.finish(key).tobytes() == alone.finish(key).tobytes()


def end(engine: Engine, ending: str, x: Any, y: Any) -> Any:
    """Take a sequence that ends; return what was made of it, and what `finish` gave."""
    ends = np.arange(len(x)) == len(x) - 1 if ending == "flag" else None
    made, rest = engine.process("s", x, y, np.arange(float(len(x))), ends), None
    if ending == "reset":
        engine.reset("s")
    elif ending == "finish":
        rest = engine.finish("s")
    return made, rest


@pytest.mark.parametrize("length", [1, L, L + 1, N])
@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_labels_and_learns_from_all_that_waits(ending: str, length: int) -> None:
    def run(how: str) -> Any:
        engine = labelling(reset_after=100.0, window=5, update_every=3)
        end(engine, how, X[:length], Y[:length])
        again = engine.process("s", X, Y, 1000.0 + np.arange(N))
        return again.tobytes(), bits(engine)

    assert run(ending) == run("flag")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("length", [2, N])
def test_every_label_is_learned_from_once(length: int, ending: str) -> None:
    engine = labelling(reset_after=100.0)
    end(engine, ending, X[:length], Y[:length])
    engine.step("s", [1.0], NAN, 1000.0)
    assert engine.counts.updates == length
    assert engine.counts.resets == 1


def test_an_update_is_a_step_down_the_loss_of_the_whole_sequence() -> None:
    rate, T = 0.5, 8
    sgd = {"optimizer": "sgd", "momentum": 0.0, "clip": "off", "learning_rate": rate}
    engine = frozen(window=T, update_every=T, lookahead=L, **sgd)
    before = weights(engine)
    engine.label("s", X[:T], Y[:T])
    at = before.copy()

    def loss() -> float:
        return float(np.mean((plain(engine, X[:T], L, at) - Y[:T]) ** 2))

    assert engine.counts.updates == 1
    assert relative_error(before - weights(engine), rate * finite_differences(loss, at)) < 1e-6


@pytest.mark.parametrize("ending", ENDINGS)
def test_gradient_does_not_cross_a_reset(ending: str) -> None:
    engine, other = (labelling(scale_targets=False, reset_after=100.0, missing_flags=False) for _ in range(2))
    end(engine, ending, series(10, seed=4), np.full((10, 1), NAN))
    for each in (engine, other):
        each.process("s", X, Y, 1000.0 + np.arange(N))
    np.testing.assert_array_equal(weights(engine), weights(other))


def test_no_label_sees_the_sequence_after_its_own() -> None:
    engine, other = frozen(), frozen()
    first = engine.process("s", X[:10], ends=np.arange(10) == 9)
    second = engine.process("s", Y)
    np.testing.assert_array_equal(first, other.process("s", X[:10]))
    other.reset("s")
    np.testing.assert_array_equal(second, other.process("s", Y))
    assert np.isnan(second[:L]).all()


@pytest.mark.parametrize("length", [1, L - 1, L, L + 1, N])
def test_finish_gives_just_the_labels_that_were_still_to_come(length: int) -> None:
    engine = frozen()
    made, rest = engine.process("s", X[:length]), engine.finish("s")
    assert rest.shape == (min(L, length), 1)
    told = np.concatenate([made, rest])
    np.testing.assert_allclose(told[~np.isnan(told)], plain(engine, X[:length], L).ravel(), rtol=1e-12, atol=1e-13)
    assert engine.finish("s").shape == (0, 1)


def test_finish_of_an_unknown_stream_leaves_it_unknown() -> None:
    engine = labelling()
    assert engine.finish("nobody").shape == (0, 1)
    assert engine.keys == []


def test_without_lookahead_nothing_is_still_to_come() -> None:
    engine, other = (engine_of(task="regression", targets=("y",)) for _ in range(2))
    for each in (engine, other):
        each.process("s", X, Y)
    other.reset("s")
    assert engine.finish("s").shape == (0, 1)
    assert bits(engine) == bits(other)


def test_without_lookahead_a_whole_sequence_is_its_events_and_an_end() -> None:
    engine, other = (engine_of(task="regression", targets=("y",)) for _ in range(2))
    for each in (engine, other):
        each.process("s", series(5, seed=6), series(5, seed=7))
    other.reset("s")
    expected = other.process("s", X, Y, ends=np.arange(N) == N - 1)
    assert engine.label("s", X, Y).tobytes() == expected.tobytes()
    assert bits(engine) == bits(other)


def test_a_whole_sequence_ends_the_one_before_and_leaves_none() -> None:
    engine = frozen()
    engine.process("s", Y)
    np.testing.assert_allclose(engine.label("s", X), plain(engine, X, L), rtol=1e-12, atol=1e-13)
    assert engine.counts.resets == 2
    assert not stream(engine, "state").any()


def test_a_sequence_of_nothing_has_no_labels() -> None:
    assert labelling().label("s", np.empty((0, 1))).shape == (0, 1)


MISTAKES: dict[str, tuple[dict[str, Any], Any, str]] = {
    "label a forecast": (
        {"layer": "gru", "lookahead": 0, "task": "forecast"},
        lambda e: e.label("s", X),
        "label must be for regression or classification, got task forecast",
    ),
    "label with too few": ({}, lambda e: e.label("s", X, Y[1:]), "Y must be as many as X's 20 rows, got 19"),
    "predict an input": ({}, lambda e: e.predict("s", [1.0]), "x must be left out with lookahead: 3 events"),
    "predict too early": (
        {},
        lambda e: e.predict("t"),
        "no forecast for stream 't': its sequence has had at most 3 events yet",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_one_line_and_changes_nothing(mistake: str) -> None:
    changes, make, words = MISTAKES[mistake]
    engine = labelling(**changes)
    engine.process("s", X, Y)
    engine.process("t", X[:L], Y[:L])
    if engine.settings.task == "forecast":
        engine.reset("t")
    before = bits(engine)
    with pytest.raises(DataError, match=words) as caught:
        make(engine)
    assert "\n" not in str(caught.value)
    assert bits(engine) == before


def test_the_prediction_is_the_last_label_that_was_given() -> None:
    engine = labelling()
    made = engine.process("s", X, Y)
    assert engine.predict("s").tobytes() == made[-1].tobytes()


def test_warming_up_changes_nothing() -> None:
    engine = labelling()
    before = bits(engine)
    engine.warmup()
    assert bits(engine) == before


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_saved_within_a_sequence_goes_on_bit_for_bit(kind: str, tmp_path: Path) -> None:
    engine, keys = labelling(window=4, update_every=3, **KINDS[kind]), list("abac") * 5
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


def test_without_lookahead_a_stream_takes_no_memory_for_it() -> None:
    found = engine_of(task="regression", targets=("y",)).stream_bytes
    assert found["ahead_x"] == found["ahead_y"] == 0
    ahead = labelling().stream_bytes
    assert (ahead["ahead_x"], ahead["ahead_y"]) == ((L + 1) * 2 * 4, (L + 1) * 8)


def test_an_overflow_spoils_the_labels_that_see_it_and_a_sequence_begins_after_it() -> None:
    wild, change = 8, {"inputs": ("x", "u"), "dtype": "float32"}
    x = np.hstack([X, Y])
    clean = frozen(**change).label("s", x)
    x[wild] = 1e60
    engine = frozen(**change)
    made = engine.label("s", x)
    assert engine.counts.overflows == L + 1
    np.testing.assert_array_equal(made[: wild - L], clean[: wild - L])
    assert not made[wild - L : wild + 1].any()  # the baseline
    np.testing.assert_array_equal(made[wild + 1 :], frozen(**change).label("s", x[wild + 1 :]))


def test_what_an_overflow_left_behind_is_not_learned_from_at_the_end() -> None:
    engine = frozen(inputs=("x", "u"), dtype="float32")
    x = np.hstack([X, Y])
    x[8] = 1e60  # first seen by the label of event 5, whose place in the window that of event 14 takes
    engine.label("s", x[:16], Y[:16])
    assert engine.counts.overflows == L + 1
    assert engine.counts.updates == 16 - (L + 1)
    assert engine.counts.skipped == 0


def test_a_label_to_come_is_learned_where_the_past_alone_does_not_tell_it() -> None:
    x = np.random.default_rng(0).choice([-1.0, 1.0], (6000, 1))
    y = np.roll(x, -2, axis=0)
    change = {"targets": ("y",), "task": "regression", "hidden": 8, "window": 8, "learning_rate": 0.01}

    def error(late: int, **layer: Any) -> float:
        made = engine_of(**(change | layer)).process("s", x, y)
        return float(np.mean((made[late:] - y[: len(y) - late])[-1000:] ** 2))

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
def test_a_column_says_how_many_events_before_it_speaks_of(changes: dict[str, Any], names: list[str]) -> None:
    assert list(forecast_names(labelling(**changes).settings)) == names


@pytest.mark.parametrize("season", [0, 4])
@pytest.mark.parametrize("classes", [None, 2, 3])
def test_labels_are_scored_at_the_events_that_they_speak_of(classes: int | None, season: int) -> None:
    task = {"task": "classification", "classes": classes} if classes else {}
    engine, plainly = labelling(**task), labelling(**task)
    y = np.arange(N)[:, None] % (classes or 5)
    y = np.where(np.arange(N)[:, None] % 7 == 4, NAN, y)
    ends = np.isin(np.arange(N), [1, 9])
    scores, expected = Scores(engine.settings, season), Scores(engine_of(**_without(task)).settings, season)
    taken = engine.process_detailed("s", X, y, ends=ends)
    scores.add(taken.slots, taken.begins, y, taken.forecasts)
    late = plainly.take("s", X, y, ends=ends).forecasts
    for begin, stop in ((0, 2), (2, 10), (10, N)):  # the same labels, each in the row of its own event
        part = slice(begin, max(begin, stop - L))
        moved = late[begin + L : stop]
        expected.add(taken.slots[part], taken.begins[part], y[part], moved)
    assert scores.overall() == expected.overall()
    assert scores.per_target() == expected.per_target()


def _without(task: dict[str, Any]) -> dict[str, Any]:
    return LABELS | {"layer": "gru", "lookahead": 0} | task


def test_tokens_are_embedded_wherever_they_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    words, tags = rng.integers(1, 5, (400, 6)), np.zeros((400, 6))
    tags[:, :-1] = words[:, 1:] == 3  # the next word decides
    changes = {
        "layer": ("embedding", "bigru"),
        "hidden": (4, 8),
        "vocabulary": 6,
        "lookahead": 8,
        "learning_rate": 0.02,
    }
    engine = engine_of(inputs=("word",), targets=("tag",), task="classification", window=8, **changes)
    said = np.array([engine.label("s", x[:, np.newaxis], y)[:, 0] for x, y in zip(words, tags, strict=True)])
    assert engine.counts.overflows == 0
    assert ((said[300:] > 0.5) == tags[300:]).mean() > 0.98
