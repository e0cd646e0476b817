"""Optimizers: what a gradient g does to the weights w, at learning rate a. t counts the updates from 1.

    sgd      v = mu v + g                                     w -= a v, or a (g + mu v) with Nesterov's momentum
             (Polyak 1964; Sutskever et al. 2013)
    rmsprop  s = rho s + (1 - rho) g^2                        w -= a g / (sqrt(s) + eps)          (Hinton 2012)
    adam     m = b1 m + (1 - b1) g, s = b2 s + (1 - b2) g^2   w -= a m' / (sqrt(s') + eps) with m' = m / (1 - b1^t) and
             s' = s / (1 - b2^t)                              (Kingma & Ba 2015)

AdamW (Loshchilov & Hutter 2019) is Adam with decoupled weight decay, which is a penalty: see `penalties`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from stream_rnn.kernels.jit import inner


class OptimizerKind(IntEnum):
    """The update rules."""

    SGD = 0
    RMSPROP = 1
    ADAM = 2


MOMENTS = {OptimizerKind.SGD: 1, OptimizerKind.RMSPROP: 1, OptimizerKind.ADAM: 2}
"""How many numbers an update rule remembers for each weight."""


class Optimizer(NamedTuple):
    """An update rule and its constants."""

    kind: int
    learning_rate: float
    momentum: float
    """mu of sgd."""
    nesterov: bool
    decay: float
    """rho of rmsprop, b2 of adam."""
    first_decay: float
    """b1 of adam."""
    epsilon: float


@inner
def step(optimizer: Optimizer, w: Any, moments: Any, g: Any, begin: int, end: int, factor: float, t: int) -> None:
    """Update the weights from `begin` to `end` of w (P,) by the gradient factor * g (P,), the t-th update."""
    here, gradient, first = w[begin:end], g[begin:end], moments[0][begin:end]
    if optimizer.kind == OptimizerKind.ADAM:
        _adam(optimizer, here, first, moments[1][begin:end], gradient, factor, t)
    elif optimizer.kind == OptimizerKind.RMSPROP:
        _rmsprop(optimizer, here, first, gradient, factor)
    else:
        _sgd(optimizer, here, first, gradient, factor)


@inner
def _sgd(optimizer: Optimizer, w: Any, v: Any, g: Any, factor: float) -> None:
    number = w.dtype.type
    a, mu, c = number(optimizer.learning_rate), number(optimizer.momentum), number(factor)
    ahead = number(1.0 if optimizer.nesterov else 0.0)
    on = mu if optimizer.nesterov else number(1)
    for k in range(w.shape[0]):
        gk = c * g[k]
        vk = mu * v[k] + gk
        v[k] = vk
        w[k] -= a * (ahead * gk + on * vk)


@inner
def _rmsprop(optimizer: Optimizer, w: Any, s: Any, g: Any, factor: float) -> None:
    number = w.dtype.type
    a, rho, c = number(optimizer.learning_rate), number(optimizer.decay), number(factor)
    rest, eps = number(1.0 - optimizer.decay), number(optimizer.epsilon)
    for k in range(w.shape[0]):
        gk = c * g[k]
        sk = rho * s[k] + rest * gk * gk
        s[k] = sk
        w[k] -= a * gk / (np.sqrt(sk) + eps)


@inner
def _taken(b: float, t: int) -> float:
    """Return 1 - b^t, without the power where it no longer shows: b^t <= e^(-(1 - b) t), and 1 - e^-38 rounds to 1."""
    return 1.0 if (1.0 - b) * t > 38.0 else 1.0 - b**t


@inner
def _adam(optimizer: Optimizer, w: Any, m: Any, s: Any, g: Any, factor: float, t: int) -> None:
    number = w.dtype.type
    b1, b2, c = number(optimizer.first_decay), number(optimizer.decay), number(factor)
    rest1, rest2 = number(1.0 - optimizer.first_decay), number(1.0 - optimizer.decay)
    a = number(optimizer.learning_rate / _taken(optimizer.first_decay, t))
    unbias = number(1.0 / _taken(optimizer.decay, t))
    eps = number(optimizer.epsilon)
    for k in range(w.shape[0]):
        gk = c * g[k]
        mk = b1 * m[k] + rest1 * gk
        sk = b2 * s[k] + rest2 * gk * gk
        m[k] = mk
        s[k] = sk
        w[k] -= a * mk / (np.sqrt(unbias * sk) + eps)
