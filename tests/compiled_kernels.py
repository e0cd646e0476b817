"""Kernels that only compiled code calls, compiled for Python."""

from __future__ import annotations

from typing import Any

from stream_rnn.kernels import activations, linalg, products, symmetric
from stream_rnn.kernels.jit import entry
from stream_rnn.layers import lru
from stream_rnn.learning import (
    anomaly,
    bounds,
    clipping,
    conformal,
    failure,
    hourly_scale,
    jumps,
    optimizers,
    penalties,
    scaling,
    target_states,
)
from stream_rnn.losses import loss as losses

activate = entry(activations.activate)
activate_backward = entry(activations.activate_backward)

add_sum = entry(linalg.add_sum)
add_scaled_columns = entry(linalg.add_scaled_columns)
copy = entry(linalg.copy)
finite = entry(linalg.finite)
linear_recurrence = entry(linalg.linear_recurrence)

add_symmetric_product = entry(symmetric.add_symmetric_product)
subtract_outer_product = entry(symmetric.subtract_outer_product)
copy_column = entry(symmetric.copy_column)

lru_recurrence = entry(lru._recurrence)

clip_factor = entry(clipping.clip_factor)
clip_values = entry(clipping.clip_values)
add_penalties = entry(penalties.add_penalties)
decay_weights = entry(penalties.decay_weights)
update_moments = entry(scaling.update_moments)
deviation = entry(scaling.deviation)
root_mean_square = entry(scaling.root_mean_square)
z_score = entry(scaling.z_score)
is_known = entry(scaling.is_known)
start_value = entry(jumps.start_value)
predict_interval = entry(conformal.predict_interval)
update_calibration = entry(conformal.update_calibration)
anomaly_score = entry(anomaly.anomaly_score)
hourly_factor = entry(hourly_scale.hourly_factor)
update_hour = entry(hourly_scale.update_hour)
update_states = entry(target_states.update_states)
update_failure = entry(failure.update_failure)
squared_error = entry(failure.squared_error)


@entry
def clip_forecast(of_targets: Any, d: int, forecast: Any) -> None:
    bounds.clip_forecast(of_targets, d, forecast)


@entry
def loss_gradient(loss: Any, o: Any, z: float, gradient: Any) -> float:
    return losses.loss_gradient(loss, o, z, gradient)  # type: ignore[no-any-return]


@entry
def optimizer_step(
    optimizer: Any, rate: float, w: Any, moments: Any, g: Any, begin: int, end: int, factor: float, t: int
) -> None:
    optimizers.optimizer_step(optimizer, rate, w, moments, g, begin, end, factor, t)


@entry
def add_matrix_product(X: Any, x_start: int, W: Any, out: Any) -> None:
    products.add_matrix_product(X, x_start, W, out)


@entry
def add_outer_products(X: Any, x_start: int, D: Any, d_start: int, rows: Any, out: Any) -> None:
    products.add_outer_products(X, x_start, D, d_start, rows, out)


@entry
def add_product(x: Any, W: Any, out: Any) -> None:
    products.add_product(x, W, out)


@entry
def add_product_transposed(W: Any, y: Any, out: Any) -> None:
    products.add_product_transposed(W, y, out)
