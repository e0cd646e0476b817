"""The layers' textbook equations in plain numpy, written from the papers and not from the kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Cell = Callable[[Mapping[str, Array], Array, Array], Array]


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def rnn(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    return np.tanh(x @ p["W"] + state @ p["U"] + p["b"])


def dense(p: Mapping[str, Array], x: Array, _state: Array) -> Array:
    return np.tanh(x @ p["W"] + p["b"])


def gru(p: Mapping[str, Array], x: Array, h: Array) -> Array:
    Wn, Wr, Wz = np.split(p["W"], 3, axis=1)
    Ur, Uz, Uq = np.split(p["U"], 3, axis=1)
    bn, br, bz, bq = np.split(p["b"], 4)
    r = sigmoid(x @ Wr + h @ Ur + br)
    z = sigmoid(x @ Wz + h @ Uz + bz)
    n = np.tanh(x @ Wn + bn + r * (h @ Uq + bq))
    return (1 - z) * n + z * h


def lstm(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    h, c = np.split(state, 2)
    i, f, o, g = np.split(x @ p["W"] + h @ p["U"] + p["b"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return np.concatenate([sigmoid(o) * np.tanh(c), c])


def lru(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    n = len(p["nu"])
    lam = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["th"]))
    h = state[2 * n : 3 * n] + 1j * state[3 * n : 4 * n]
    h = lam * h + np.sqrt(1 - np.abs(lam) ** 2) * (x @ (p["Br"] + 1j * p["Bi"]))
    return np.concatenate([np.tanh(h.real), np.tanh(h.imag), h.real, h.imag])


def elstm(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    c = state[: len(p["b"]) // 2]
    g, f = np.split(x @ p["W"] + p["w"] * np.tile(c, 2) + p["b"], 2)
    return sigmoid(f) * c + (1 - sigmoid(f)) * np.tanh(g)


def columnar_gru(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    h = state[: len(p["b"]) // 3]
    n, r, z = np.split(x @ p["W"] + p["b"], 3)
    un, ur, uz = np.split(p["u"], 3)
    r, z = sigmoid(r + ur * h), sigmoid(z + uz * h)
    return (1 - z) * np.tanh(n + un * r * h) + z * h


CELLS: dict[str, Cell] = {
    "rnn": rnn,
    "gru": gru,
    "lstm": lstm,
    "dense": dense,
    "lru": lru,
    "elstm": elstm,
    "columnar_gru": columnar_gru,
}
"""A state may be longer than what a cell reads of it: sensitivities are not in the equations."""


def split(network: Any, params: Array) -> dict[str, Array]:
    """Return the flat weights by name."""
    blocks, start = {}, 0
    for parameter in network.parameters():
        size = int(np.prod(parameter.shape))
        blocks[parameter.name] = params[start : start + size].reshape(parameter.shape)
        start += size
    return blocks


def outputs(cell: Cell, network: Any, params: Array, X: Array, state: Array) -> Array:
    """Return the outputs (T, O) of a network of one layer."""
    p = split(network, params)
    made = []
    for x in X:
        state = cell(p, x, state)
        features = np.concatenate([state[: network.hidden], x])[: network.features]
        made.append(p["V"] @ features + p["c"])
    return np.array(made)
