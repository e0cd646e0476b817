"""River's keyword w is the weight of a target."""

from __future__ import annotations

import numpy as np
import pytest
from river import ensemble

from stream_rnn import DataError
from stream_rnn.estimators import GRUClassifier, GRUMultiTargetRegressor, GRURegressor

pd = pytest.importorskip("pandas")
N = 200
RNG = np.random.default_rng(0)
ROWS = [{"x": float(x)} for x in RNG.normal(size=N)]
LABELS = [row["x"] + noise > 1.5 for row, noise in zip(ROWS, RNG.normal(size=N), strict=True)]
W = RNG.integers(0, 4, N) / 2


@pytest.mark.parametrize(
    ("make", "targets"),
    [
        (GRUClassifier, LABELS),
        (GRURegressor, [row["x"] for row in ROWS]),
    ],
)
def test_weights_of_many_rows_are_those_of_single_ones(make: type, targets: list[float]) -> None:
    one, many = make(hidden=4, seed=1), make(hidden=4, seed=1)
    for row, y, w in zip(ROWS, targets, W, strict=True):
        one.learn_one(row, y, w=float(w))
    many.learn_many(pd.DataFrame(ROWS), targets, w=pd.Series(W))
    assert one._model.parameters["V"].tobytes() == many._model.parameters["V"].tobytes()


def test_a_rare_class_is_found_if_its_events_count_more() -> None:
    rare, noise = np.random.default_rng(1).random(6000) < 0.02, np.random.default_rng(2).normal(size=6000)
    plain, weighted = GRUClassifier(hidden=4, window=4, seed=1), GRUClassifier(hidden=4, window=4, seed=1)
    found = [0, 0]
    for event, is_rare in enumerate(rare.tolist()):
        x = {"x": 2.0 * is_rare + float(noise[event])}
        if event > 2000 and is_rare:
            found = [count + bool(model.predict_one(x)) for count, model in zip(found, (plain, weighted), strict=True)]
        plain.learn_one(x, is_rare)
        weighted.learn_one(x, is_rare, w=49.0 if is_rare else 1.0)
    assert found[1] > 3 * max(found[0], 1)


def test_weights_of_several_targets() -> None:
    model = GRUMultiTargetRegressor(hidden=4, seed=1)
    model.learn_one({"x": 1.0}, {"a": 2.0}, w=0.0)
    assert model._model.counts.updates == 0


@pytest.mark.parametrize("w", [-1.0, float("nan"), "2"])
def test_an_event_of_another_weight_changes_nothing(w: object) -> None:
    model = GRUClassifier(hidden=4, seed=1)
    with pytest.raises(DataError, match="w must be"):
        model.learn_one({"x": 1.0}, "up", w=w)
    assert model.predict_proba_one({"x": 1.0}) == {}
    model.learn_one({"x": 1.0}, "up")


def test_as_many_weights_as_rows_are_needed() -> None:
    with pytest.raises(DataError, match="w must have one value for each"):
        GRUClassifier(hidden=4, seed=1).learn_many(pd.DataFrame(ROWS), LABELS, w=[1.0])


def test_an_ensemble_of_river_can_have_them_as_members() -> None:
    model = ensemble.BaggingClassifier(GRUClassifier(hidden=4, seed=1), n_models=2, seed=1)
    for row, y in zip(ROWS, LABELS, strict=True):
        model.learn_one(row, y)
    assert model.predict_one(ROWS[0]) in {True, False}
