"""Losses against their closed forms, and their gradients against finite differences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
import reference
from compiled_kernels import loss_gradient
from hypothesis import given
from hypothesis import strategies as st
from probe import CLASSES, DELTA, LEVELS, finite_differences, loss_of, shape_of, targets_of

from stream_rnn.losses import LOSSES, LossName
from stream_rnn.losses.gaussian import MAX_LOG_VARIANCE
from stream_rnn.losses.hierarchical_softmax import hierarchical_softmax, outputs_of_cluster

if TYPE_CHECKING:
    from collections.abc import Callable

ALL = pytest.mark.parametrize("kind", LOSSES)
NUMERIC = [name for name, spec in LOSSES.items() if not spec.categorical]
CATEGORICAL = [name for name, spec in LOSSES.items() if spec.categorical]

FORMS: dict[str, Callable[[np.ndarray, float], float]] = {
    "squared": lambda o, z: (o[0] - z) ** 2,
    "absolute": lambda o, z: abs(o[0] - z),
    "huber": lambda o, z: (o[0] - z) ** 2 / 2 if abs(o[0] - z) <= DELTA else DELTA * (abs(o[0] - z) - DELTA / 2),
    "quantile": lambda o, z: sum(max(q * (z - oq), (q - 1) * (z - oq)) for q, oq in zip(LEVELS, o, strict=True)),
    "gaussian_nll": lambda o, z: (o[1] + (o[0] - z) ** 2 / math.exp(o[1])) / 2,
    "logistic": lambda o, z: math.log(1 + math.exp(o[0])) - z * o[0],
    "softmax": lambda o, z: math.log(sum(math.exp(om) for om in o)) - o[int(z)],
    "hierarchical_softmax": lambda o, z: -math.log(reference.hierarchical_softmax(o, CLASSES)[int(z)]),
}


def value(kind: str, o: np.ndarray, z: float) -> float:
    return float(loss_gradient(loss_of(kind), o, z, np.zeros(shape_of(kind).errors)))


def gradient(kind: str, o: np.ndarray, z: float) -> np.ndarray:
    """Return dL/do (m,)."""
    d = np.zeros(shape_of(kind).errors)
    loss = loss_of(kind)
    loss_gradient(loss, o, z, d)
    if kind != "hierarchical_softmax":
        return d
    whole, cluster = np.zeros_like(o), int(z) // loss.size
    assert d[-1] == cluster + 1
    whole[: loss.clusters] = d[: loss.clusters]
    outputs_of_cluster(loss, cluster, whole)[:] = d[loss.clusters : -1][: loss.classes - cluster * loss.size]
    return whole


def cases(kind: str) -> list[tuple[np.ndarray, float]]:
    rng = np.random.default_rng(3)
    return [(rng.normal(0, 1.5, shape_of(kind).outputs), float(z)) for z in targets_of(kind, rng, (20,))]


def test_loss_names_are_the_keys_of_the_table() -> None:
    assert get_args(LossName) == tuple(LOSSES)


def test_every_loss_has_a_closed_form() -> None:
    assert FORMS.keys() == LOSSES.keys()


@ALL
def test_loss_equals_its_closed_form(kind: str) -> None:
    for o, z in cases(kind):
        assert value(kind, o, z) == pytest.approx(FORMS[kind](o, z), rel=1e-12, abs=1e-12)


@ALL
def test_gradient_equals_finite_differences(kind: str) -> None:
    for o, z in cases(kind):
        slope = finite_differences(lambda o=o, z=z: value(kind, o, z), o)
        np.testing.assert_allclose(gradient(kind, o, z), slope, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", NUMERIC)
def test_loss_increases_with_the_distance(kind: str) -> None:
    o = np.zeros(shape_of(kind).outputs)
    assert value(kind, o, 1.0) < value(kind, o, 2.0) < value(kind, o, 30.0)


@pytest.mark.parametrize("kind", ["squared", "absolute", "huber"])
def test_a_perfect_forecast_has_neither_loss_nor_gradient(kind: str) -> None:
    assert value(kind, np.array([2.0]), 2.0) == 0
    assert gradient(kind, np.array([2.0]), 2.0)[0] == 0


@pytest.mark.parametrize("size", [1.0, -1.0])
@pytest.mark.parametrize("kind", CATEGORICAL)
def test_losses_of_classes_do_not_overflow(kind: str, size: float) -> None:
    o = np.full(shape_of(kind).outputs, size * 1e4)
    o[0] *= 2
    for z in (0.0, 1.0):
        assert math.isfinite(value(kind, o, z))
        assert np.isfinite(gradient(kind, o, z)).all()


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_gaussian_loss_is_finite_for_any_log_variance(o: float, s: float, z: float) -> None:
    outputs = np.array([o, s])
    assert math.isfinite(value("gaussian_nll", outputs, z))
    assert np.isfinite(gradient("gaussian_nll", outputs, z)).all()


def test_gaussian_gradient_is_zero_where_the_log_variance_is_clipped() -> None:
    o = np.array([0.0, MAX_LOG_VARIANCE + 1])
    assert gradient("gaussian_nll", o, 1e6)[1] == 0


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3), st.integers(0, 2))
def test_softmax_gradient_sums_to_zero(o: list[float], z: int) -> None:
    assert abs(gradient("softmax", np.array(o), float(z)).sum()) < 1e-12


@given(st.integers(2, 2000))
def test_every_class_is_in_one_cluster_and_a_loss_needs_few_outputs(classes: int) -> None:
    loss = hierarchical_softmax(classes)
    parts = [outputs_of_cluster(loss, g, np.arange(loss.shape.outputs)) for g in range(loss.clusters)]
    assert np.concatenate(parts).tolist() == list(range(loss.clusters, loss.clusters + classes))
    assert loss.clusters + loss.size <= 2 * math.sqrt(classes) + 1


def test_quantile_loss_is_minimal_at_the_quantile() -> None:
    sample = np.random.default_rng(0).normal(size=4001)
    loss = loss_of("quantile")
    slope = np.mean([gradient("quantile", np.quantile(sample, loss.levels), z) for z in sample], axis=0)
    assert np.abs(slope).max() <= 1 / len(sample)  # one step of the empirical distribution
