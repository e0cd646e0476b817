"""The reference job in JAX: the window in a carry, gradients by automatic differentiation, explicit Adam and clipping.

For each event the network runs over the newest 16 inputs from the state before them, as truncated backpropagation
requires. The state after the first of these inputs is the initial state of the next window.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax  # type: ignore[import-not-found, unused-ignore]
import jax.numpy as jnp  # type: ignore[import-not-found, unused-ignore]

INPUTS, HIDDEN, WINDOW = 8, 32, 16
RATE, B1, B2, EPS, LIMIT = 1e-3, 0.9, 0.999, 1e-8, 1.0


class Carry(NamedTuple):
    """State that is passed from one event to the next."""

    params: Any
    first: Any
    second: Any
    updates: Any
    state: Any
    """(H,) before the window"""
    window: Any
    """(16, I) the newest inputs, oldest first"""


def initial_carry(seed: int = 0) -> Carry:
    """Return random weights and a window of zeros."""
    keys = jax.random.split(jax.random.key(seed), 2)
    params = {
        "W": jax.random.uniform(keys[0], (INPUTS, 3 * HIDDEN), minval=-0.2, maxval=0.2),
        "U": jax.random.uniform(keys[1], (HIDDEN, 3 * HIDDEN), minval=-0.2, maxval=0.2),
        "b": jnp.zeros(3 * HIDDEN),
        "c": jnp.zeros(HIDDEN),
        "V": jnp.zeros(HIDDEN),
        "d": jnp.zeros(()),
    }
    first, second = (jax.tree.map(jnp.zeros_like, params) for _ in range(2))
    return Carry(params, first, second, jnp.zeros(()), jnp.zeros(HIDDEN), jnp.zeros((WINDOW, INPUTS)))


def _cell(params: Any, h: Any, a: Any) -> Any:
    """Return the next state; `a` (3H,) is the contribution of the input. The reset gate follows the product."""
    u = h @ params["U"]  # (H,) @ (H, 3H) -> (3H,)
    n_in, r_in, z_in = jnp.split(a, 3)
    q, r_h, z_h = jnp.split(u, 3)
    r, z = jax.nn.sigmoid(r_in + r_h), jax.nn.sigmoid(z_in + z_h)
    n = jnp.tanh(n_in + r * (q + params["c"]))
    return (1 - z) * n + z * h


def _loss(params: Any, state: Any, window: Any, y: Any) -> Any:
    inputs = window @ params["W"] + params["b"]  # (16, I) @ (I, 3H) -> (16, 3H), all at once
    h, states = jax.lax.scan(lambda h, a: (_cell(params, h, a),) * 2, state, inputs, unroll=WINDOW)
    forecast = h @ params["V"] + params["d"]
    return (forecast - y) ** 2, (forecast, states[0])


def step(carry: Carry, event: tuple[Any, Any]) -> tuple[Carry, Any]:
    """Process one event (x, y): forecast, then make one clipped Adam update."""
    x, y = event
    window = jnp.concatenate([carry.window[1:], x[None]])
    gradient, (forecast, state) = jax.grad(_loss, has_aux=True)(carry.params, carry.state, window, y)
    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in jax.tree.leaves(gradient)))
    clip = jnp.minimum(1.0, LIMIT / (norm + 1e-12))
    t = carry.updates + 1
    first = jax.tree.map(lambda m, g: B1 * m + (1 - B1) * clip * g, carry.first, gradient)
    second = jax.tree.map(lambda s, g: B2 * s + (1 - B2) * (clip * g) ** 2, carry.second, gradient)
    rate, unbias = RATE / (1 - B1**t), 1 / (1 - B2**t)
    params = jax.tree.map(lambda w, m, s: w - rate * m / (jnp.sqrt(unbias * s) + EPS), carry.params, first, second)
    return Carry(params, first, second, t, state, window), forecast
