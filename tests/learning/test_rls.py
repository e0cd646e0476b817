"""Recursive least squares against the least squares problem that it solves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support import all_finite, arrays, bits, engine_of, series, weights

from stream_rnn import Engine, SettingError
from stream_rnn.learning.rls import LEAK, LEAK_EVERY

RIDGE, FORGETTING = 0.5, 0.99
FROZEN: dict[str, Any] = {
    "task": "regression",
    "targets": ("a", "b"),
    "inputs": ("x", "y"),
    "layer": "dense",
    "optimizer": "sgd",
    "learning_rate": 1e-300,
    "dtype": "float64",
    "skip": True,
    "missing_flags": False,
    "scale_inputs": False,
    "scale_targets": False,
    "readout": "rls",
    "rls_ridge": RIDGE,
    "rls_forgetting": FORGETTING,
}
"""Layers that do not learn, so that the features of the readout are fixed functions of the inputs."""


def inverse(engine: Engine) -> np.ndarray:
    """Return P (q, q) of the shared readout."""
    P: np.ndarray = arrays(engine)["shared inverse"][0]
    return P


def readout(engine: Engine) -> np.ndarray:
    """Return W (O, q) of the readout."""
    return np.column_stack([engine.parameters["V"], engine.parameters["c"]])


def features(engine: Engine, X: np.ndarray) -> np.ndarray:
    """Return the features of the readout of a frozen dense layer, and the constant, (N, q)."""
    p = engine.parameters
    return np.column_stack([np.tanh(X @ p["W"] + p["b"]), X, np.ones(len(X))])


def least_squares(F: np.ndarray, Z: np.ndarray, forgetting: np.ndarray | None = None) -> np.ndarray:
    """Return W (O, q) of the weighted least squares over N events, each with its forgetting factor, and the leaks."""
    forgetting = np.full(len(F), FORGETTING) if forgetting is None else forgetting
    q, rows = F.shape[1], list[tuple[np.ndarray, np.ndarray, float]]()
    for n, (f, z, factor) in enumerate(zip(F, Z, forgetting, strict=True), start=1):
        rows.append((f, z, factor))
        if n % LEAK_EVERY == 0:
            strength = LEAK_EVERY * q * (1 - factor) * LEAK * RIDGE
            rows.append((np.sqrt(strength) * np.eye(q)[n // LEAK_EVERY % q], np.zeros_like(z), 1.0))
    F, Z, factors = map(np.array, zip(*rows, strict=True))
    decay = np.cumprod(factors[::-1])[::-1]
    weights = np.append(decay[1:], 1.0)
    normal = (F * weights[:, np.newaxis]).T @ F + decay[0] * RIDGE * np.eye(q)
    return np.linalg.solve(normal, (F * weights[:, np.newaxis]).T @ Z).T


def data(length: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(length, 2))
    return X, np.column_stack([X[:, 0] * X[:, 1], np.sin(X[:, 0])]) + 0.1 * rng.normal(size=(length, 2))


def test_readout_is_the_weighted_ridge_regression_over_all_events() -> None:
    engine = engine_of(**FROZEN)
    X, Z = data(60)
    engine.process("s", X, Z)
    np.testing.assert_allclose(readout(engine), least_squares(features(engine, X), Z), rtol=1e-8)


def test_events_without_a_label_are_not_part_of_the_regression() -> None:
    engine, (X, Z) = engine_of(**FROZEN), data(60)
    labelled = np.arange(60) % 3 > 0
    engine.process("s", X, np.where(labelled[:, np.newaxis], Z, np.nan))
    expected = least_squares(features(engine, X[labelled]), Z[labelled])
    np.testing.assert_allclose(readout(engine), expected, rtol=1e-8)


def test_a_round_of_streams_that_share_a_readout_forgets_as_much_as_one_event() -> None:
    engine, (X, Z) = engine_of(**FROZEN), data(60)
    engine.process(["a", "b", "c"] * 20, X, Z)
    forgetting = np.concatenate([np.full(3, FORGETTING), np.full(57, FORGETTING ** (1 / 3))])
    np.testing.assert_allclose(readout(engine), least_squares(features(engine, X), Z, forgetting), rtol=1e-8)


def test_streams_without_further_events_do_not_slow_down_forgetting() -> None:
    alone, after_others = engine_of(**FROZEN), engine_of(**FROZEN)
    after_others.process(list(range(50)), np.zeros((50, 2)))
    X, Z = data(60)
    for engine in (alone, after_others):
        engine.process("s", X, Z)
    np.testing.assert_array_equal(weights(alone), weights(after_others))


def test_streams_with_their_own_weights_have_their_own_regressions() -> None:
    X, Z = data(40)
    both, alone = engine_of(**FROZEN, weights="per_stream"), engine_of(**FROZEN)
    both.process(["a", "b"] * 20, X, Z)
    alone.process("a", X[::2], Z[::2])
    np.testing.assert_array_equal(weights(both, "a"), weights(alone))


@pytest.mark.parametrize("hidden", [5, 6, 7, 8])
def test_only_the_lower_triangle_of_the_inverse_is_used(hidden: int) -> None:
    plain, marked = (engine_of(inputs=("x",), readout="rls", hidden=hidden) for _ in range(2))
    P = marked._state.weights_of(0).inverse
    P[np.triu_indices(len(P), 1)] = np.nan
    np.testing.assert_array_equal(plain.process("s", series(500)), marked.process("s", series(500)))


def test_constant_inputs_do_not_inflate_the_inverse() -> None:
    engine = engine_of(inputs=("x",), readout="rls", rls_forgetting=0.9)
    engine.process("s", series(50))
    engine.process("s", np.full((5000, 1), 0.3))
    assert np.linalg.eigvalsh(inverse(engine), "L").max() < 1.5 / LEAK
    assert np.isfinite(engine.process("s", series(50, seed=1))).all()


@pytest.mark.parametrize("horizon", [1, 4])
def test_least_squares_learn_faster_than_the_gradient(horizon: int) -> None:
    x = np.sin(np.arange(600) / 5)[:, np.newaxis]

    def error(readout: str) -> float:
        forecasts = engine_of(readout=readout, horizon=horizon, hidden=8, residual=False).process("s", x)
        return float(np.mean((forecasts[300:-horizon, horizon - 1] - x[300 + horizon :]) ** 2))

    assert error("rls") < error("gradient") / 2


def test_results_do_not_depend_on_how_events_are_cut_into_batches() -> None:
    X = series(200)
    whole, cut = engine_of(readout="rls", horizon=2), engine_of(readout="rls", horizon=2)
    expected = whole.process("s", X)
    parts = [cut.process("s", part) for part in np.split(X, [1, 2, 50, 117])]
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert bits(cut) == bits(whole)


@pytest.mark.parametrize("weights", ["shared", "per_stream"])
def test_a_loaded_regression_continues_with_the_same_bits(weights: str, tmp_path: Any) -> None:
    engine = engine_of(readout="rls", weights=weights)
    engine.process("s", series(100))
    engine.save(tmp_path / "saved")
    again = Engine.load(tmp_path / "saved")
    np.testing.assert_array_equal(again.process("s", series(50)), engine.process("s", series(50)))
    assert bits(again) == bits(engine)


def test_least_squares_need_the_squared_loss() -> None:
    with pytest.raises(SettingError, match="readout rls needs loss squared, got 'huber'"):
        engine_of(readout="rls", loss="huber")


def test_everything_stays_finite_after_a_value_beyond_float32() -> None:
    engine = engine_of(layer="none", readout="rls", scale_targets=False, scale_inputs=False, hidden=1)
    engine.process("s", [[1.0], [2.0], [1e39], [2.0], [3.0]])
    engine.process("s", series(50))
    assert all_finite(engine)
    assert np.isfinite(engine.predict("s")).all()


def test_a_constant_feature_does_not_stop_the_others_from_forgetting() -> None:
    x = np.hstack([series(3000), np.zeros((3000, 1))])
    plain = engine_of(inputs=("x",), layer="none", readout="rls", rls_forgetting=0.99)
    flat = engine_of(inputs=("x", "flat"), targets=("x",), layer="none", readout="rls", rls_forgetting=0.99)
    plain.process("s", x[:, :1])
    flat.process("s", x)
    np.testing.assert_allclose(inverse(flat)[0, 0], inverse(plain)[0, 0], rtol=1e-3)


def test_the_inverse_is_reset_where_rounding_makes_a_variance_negative() -> None:
    engine = engine_of(
        layer="none", readout="rls", rls_forgetting=0.9, scale_inputs=False, scale_targets=False, hidden=1
    )
    engine.process("s", 1e8 * series(20_000))
    P = inverse(engine)
    assert (np.diag(P) > 0).all()
    assert engine.counts.skipped < 2000


def test_weights_of_features_that_hardly_vary_do_not_drift() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40_000, 1))
    nearly_the_same = x + 1e-3 * rng.normal(size=x.shape)
    y = x + 0.5 * rng.normal(size=x.shape)
    engine = engine_of(
        inputs=("a", "b"), targets=("y",), task="regression", layer="none", readout="rls", rls_forgetting=0.999
    )
    engine.process("s", np.hstack([x, nearly_the_same]), y)
    assert np.abs(engine.parameters["V"]).max() < 3


LINEAR: dict[str, Any] = {
    "inputs": ("a", "b", "c"),
    "targets": ("y",),
    "task": "regression",
    "layer": "none",
    "readout": "rls",
    "scale_targets": False,
    "scale_inputs": False,
}


def changing(noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs (N, 3) and a target (N,) of a linear process that changes at half the events."""
    N = len(noise)
    x = np.random.default_rng(1).normal(size=(N, 3))
    weights = np.where(np.arange(N)[:, np.newaxis] < N // 2, [1.0, -1.0, 0.5], [-1.0, 1.0, 2.0])
    return x, (x * weights).sum(axis=1) + 0.1 * noise


@pytest.mark.parametrize("kind", ["white", "heavy tails"])
def test_a_changed_process_is_learned_anew_within_a_hundred_events(kind: str) -> None:
    rng = np.random.default_rng(0)
    x, y = changing(rng.normal(size=6000) if kind == "white" else rng.standard_t(4, size=6000))
    squares = (engine_of(**LINEAR, rls_forgetting=0.9998).process("s", x, y)[:, 0] - y) ** 2
    assert squares[3100:3200].mean() < 2 * squares[2000:3000].mean()


def test_errors_that_are_only_larger_make_nothing_forgotten() -> None:
    noise = np.random.default_rng(0).normal(size=6000)
    noise[3000:3500] *= 10
    x, y = changing(noise)
    engine = engine_of(**LINEAR, rls_forgetting=1.0)
    engine.process("s", x[:3000], y[:3000])
    before = inverse(engine)[0, 0]
    engine.process("s", x[3000:3500], 0.1 * noise[3000:3500] + x[3000:3500] @ [1.0, -1.0, 0.5])
    assert inverse(engine)[0, 0] < before


@pytest.mark.parametrize("case", ["streams that share the readout", "two events ahead"])
def test_errors_that_are_alike_without_a_change_make_nothing_forgotten(case: str) -> None:
    rng = np.random.default_rng(0)
    if case == "two events ahead":
        engine = engine_of(inputs=("x",), layer="none", readout="rls", horizon=2)
        engine.process("s", rng.normal(size=(3000, 1)))
    else:
        engine = engine_of(**LINEAR)
        x = rng.normal(size=(1000, 3))
        common = rng.normal(size=1000)  # an error of all streams, such as that of the weather
        engine.process(["a", "b", "c"] * 1000, np.repeat(x, 3, axis=0), np.repeat(x[:, 0] + common, 3))
    assert inverse(engine)[0, 0] < 2 / 1000


def test_a_challenger_never_gains_while_the_readout_fits() -> None:
    x = np.random.default_rng(0).normal(size=(20_000, 3))
    y = x @ [1.0, -1.0, 0.5] + 0.1 * np.random.default_rng(1).normal(size=20_000)
    engine = engine_of(**LINEAR, rls_forgetting=1.0)
    engine.process("s", x, y)
    assert inverse(engine)[0, 0] < 2 / 20_000
