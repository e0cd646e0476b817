"""Penalties on the weights w. Biases have no l1 and l2 penalty.

At the learning rate a:

    l1              adds l1 |w| to the loss, and l1 sign(w) to the gradient      (Tibshirani 1996)
    l2              adds l2 w^2 to the loss, and 2 l2 w to the gradient          (Hoerl & Kennard 1970)
    weight decay    w <- w - a decay w, separately from the gradient             (Loshchilov & Hutter 2019)

Biases, among them the parameters of the recurrence of an lru, decay to their initial values instead of 0 (Kumar et al.
2023, arXiv:2308.11958). Without that they grow for millions of events, until gates are saturated.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner, rare


class Penalties(NamedTuple):
    """Strengths of the penalties."""

    l1: float
    l2: float
    weight_decay: float


@rare
def add_penalties(penalties: Penalties, factor: float, w: Any, mask: Any, gradient: Any) -> None:
    """Add the gradient of l1 and l2 to `gradient` (n,); `mask` (n,) is 1 for a weight and 0 for a bias.

    The gradient is still to be scaled by `factor`, the penalties are not.
    """
    number = w.dtype.type
    l1, l2 = number(penalties.l1 / factor), number(2.0 * penalties.l2 / factor)
    if l1 == 0 and l2 == 0:
        return
    for k in range(w.shape[0]):
        sign = math.copysign(l1, w[k]) if w[k] != 0 else number(0)
        gradient[k] += mask[k] * number(sign + l2 * w[k])


@inner
def decay_weights(penalties: Penalties, learning_rate: float, w: Any, targets: Any) -> None:
    """Apply weight decay to w (n,), toward `targets` (n,)."""
    if penalties.weight_decay == 0.0:
        return
    number = w.dtype.type
    share = number(learning_rate * penalties.weight_decay)
    for k in range(w.shape[0]):
        w[k] -= share * (w[k] - targets[k])
