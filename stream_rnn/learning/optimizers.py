"""Optimizers: update of the weights w by a gradient g at learning rate a, where t is the number of the update, from 1.

    sgd        v <- mu v + g                      w <- w - a v
               with Nesterov's momentum           w <- w - a (g + mu v)
               (Polyak 1964; Sutskever et al. 2013)

    rmsprop    s <- rho s + (1 - rho) g^2         w <- w - a g / (sqrt(s) + eps)
               (Hinton 2012)

    adam       m <- b1 m + (1 - b1) g             m' = m / (1 - b1^t)
               s <- b2 s + (1 - b2) g^2           s' = s / (1 - b2^t)
                                                  w <- w - a m' / (sqrt(s') + eps)
               (Kingma & Ba 2015, arXiv:1412.6980)

Sparse parameters that an update does not touch (see `layers.touched`) stay as they are, and so do their moments, as in
PyTorch's SparseAdam: neither decays, and momentum does not move them on. t counts all updates. For sgd without momentum
this is the dense rule, because the gradient of what is not touched is zero. Penalties and weight decay apply to what is
touched, too.

AdamW (Loshchilov & Hutter 2019, arXiv:1711.05101) is Adam with weight decay, see `penalties`.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.elementary import quotient
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.spans import spans


class SGD(NamedTuple):
    """Stochastic gradient descent."""

    learning_rate: float
    momentum: float
    """mu"""
    nesterov: bool


class RMSprop(NamedTuple):
    """RMSprop."""

    learning_rate: float
    decay: float
    """rho"""
    epsilon: float


class Adam(NamedTuple):
    """Adam."""

    learning_rate: float
    first_decay: float
    """b1"""
    second_decay: float
    """b2"""
    epsilon: float


Optimizer = SGD | RMSprop | Adam

MOMENTS_PER_WEIGHT: dict[type[Optimizer], int] = {SGD: 1, RMSprop: 1, Adam: 2}
"""Numbers of state that an optimizer keeps for each weight: v, s, or m and s."""


@dispatched
def optimizer_step(
    optimizer: Any, rate: float, w: Any, moments: Any, g: Any, begin: int, end: int, factor: float, t: int
) -> None:
    """Update the weights from `begin` to `end` of w (P,) by the gradient factor * g (P,), in update number t.

    `rate` is the learning rate a.
    """
    raise TypeError(f"{optimizer} is not an optimizer")


@optimizer_step.register
def _sgd(
    optimizer: SGD, rate: float, w: Any, moments: Any, g: Any, begin: int, end: int, factor: float, t: int
) -> None:
    w, g, v = w[begin:end], g[begin:end], moments[0][begin:end]
    number = w.dtype.type
    a, mu, c = number(rate), number(optimizer.momentum), number(factor)
    gradient_share = number(1.0 if optimizer.nesterov else 0.0)
    velocity_share = mu if optimizer.nesterov else number(1)
    for k in spans(w):
        wk, gk = w[k], c * g[k]
        vk = mu * v[k] + gk
        v[k] = vk
        w[k] = wk - a * (gradient_share * gk + velocity_share * vk)


@optimizer_step.register
def _rmsprop(
    optimizer: RMSprop, rate: float, w: Any, moments: Any, g: Any, begin: int, end: int, factor: float, t: int
) -> None:
    w, g, s = w[begin:end], g[begin:end], moments[0][begin:end]
    number = w.dtype.type
    a, rho, c = number(rate), number(optimizer.decay), number(factor)
    rest, eps = number(1.0 - optimizer.decay), number(optimizer.epsilon)
    for k in spans(w):
        wk, gk = w[k], c * g[k]
        sk = rho * s[k] + rest * gk * gk
        s[k] = sk
        w[k] = wk - quotient(a * gk, math.sqrt(sk) + eps)


@inner
def _bias_correction(b: float, t: int) -> float:
    """Return 1 - b^t, which is 1 in float64 once (1 - b) t > 38, because b^t <= e^(-(1 - b) t)."""
    return 1.0 if (1.0 - b) * t > 38.0 else 1.0 - b**t


@optimizer_step.register
def _adam(
    optimizer: Adam, rate: float, w: Any, moments: Any, g: Any, begin: int, end: int, factor: float, t: int
) -> None:
    w, g, m, s = w[begin:end], g[begin:end], moments[0][begin:end], moments[1][begin:end]
    number = w.dtype.type
    b1, b2, c = number(optimizer.first_decay), number(optimizer.second_decay), number(factor)
    rest1, rest2 = number(1.0 - optimizer.first_decay), number(1.0 - optimizer.second_decay)
    a = number(rate / _bias_correction(optimizer.first_decay, t))
    unbias = number(1.0 / _bias_correction(optimizer.second_decay, t))
    eps = number(optimizer.epsilon)
    for k in spans(w):
        wk, gk = w[k], c * g[k]
        mk = b1 * m[k] + rest1 * gk
        sk = b2 * s[k] + rest2 * gk * gk
        m[k] = mk
        s[k] = sk
        w[k] = wk - quotient(a * mk, math.sqrt(unbias * sk) + eps)
