"""The textbook equations of the layers in plain numpy, written from the papers and not from the kernels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from probe import OPTIONS

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


def none(_p: Mapping[str, Array], x: Array, _state: Array) -> Array:
    return x


def embedding(p: Mapping[str, Array], x: Array, _state: Array) -> Array:
    return p["E"][int(x[0])]


def gru(p: Mapping[str, Array], x: Array, h: Array) -> Array:
    Wn, Wr, Wz = np.split(p["W"], 3, axis=1)
    Ur, Uz, Uq = np.split(p["U"], 3, axis=1)
    bn, br, bz, bq = np.split(p["b"], 4)
    r = sigmoid(x @ Wr + h @ Ur + br)
    z = sigmoid(x @ Wz + h @ Uz + bz)
    n = np.tanh(x @ Wn + bn + r * (h @ Uq + bq))
    return (1 - z) * n + z * h


def gru_reset_before(p: Mapping[str, Array], x: Array, h: Array) -> Array:
    Wn, Wr, Wz = np.split(p["W"], 3, axis=1)
    Ur, Uz = np.split(p["U"], 2, axis=1)
    bn, br, bz = np.split(p["b"], 3)
    r = sigmoid(x @ Wr + h @ Ur + br)
    z = sigmoid(x @ Wz + h @ Uz + bz)
    n = np.tanh(x @ Wn + (r * h) @ p["U_n"] + bn)
    return (1 - z) * n + z * h


def lstm(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    h, c = np.split(state, 2)
    i, f, o, g = np.split(x @ p["W"] + h @ p["U"] + p["b"], 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return np.concatenate([sigmoid(o) * np.tanh(c), c])


def lstm_peephole(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    h, c = np.split(state, 2)
    i, f, o, g = np.split(x @ p["W"] + h @ p["U"] + p["b"], 4)
    p_i, p_f, p_o = np.split(p["p"], 3)
    c_next = sigmoid(f + p_f * c) * c + sigmoid(i + p_i * c) * np.tanh(g)
    return np.concatenate([sigmoid(o + p_o * c_next) * np.tanh(c_next), c_next])


def slstm(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    h, c, m = np.split(state, 3)
    n = np.ones_like(c)  # the layer keeps c / n and m + log n
    i, f, o, z = np.split(x @ p["W"] + h @ p["U"] + p["b"], 4)
    m_next = np.maximum(np.log(sigmoid(f)) + m, i)
    i, f = np.exp(i - m_next), np.exp(np.log(sigmoid(f)) + m - m_next)
    c, n = f * c + i * np.tanh(z), f * n + i
    return np.concatenate([sigmoid(o) * c / n, c / n, m_next + np.log(n)])


def conv(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    lags = np.split(p["W"], len(p["W"]) // len(x))
    seen = [x, *np.split(state[len(p["b"]) :], len(lags))[:-1]]
    y = np.tanh(sum(x_lag @ W for x_lag, W in zip(seen, lags, strict=True)) + p["b"])
    return np.concatenate([y, *seen])


def reservoir(p: Mapping[str, Array], x: Array, h: Array) -> Array:
    leak = np.geomspace(OPTIONS["slowest"], OPTIONS["fastest"], len(h))
    return (1 - leak) * h + leak * np.tanh(x @ p["W_in"] + h @ p["W"] + p["b"])


def lru(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    n = len(p["nu"])
    lam = np.exp(-np.exp(p["nu"]) + 1j * np.exp(p["th"]))
    h = state[2 * n : 3 * n] + 1j * state[3 * n : 4 * n]
    h = lam * h + np.sqrt(1 - np.abs(lam) ** 2) * (x @ (p["Br"] + 1j * p["Bi"]) + p["br"] + 1j * p["bi"])
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


def mingru(p: Mapping[str, Array], x: Array, state: Array) -> Array:
    h = state[: len(p["b"]) // 2]
    g, z = np.split(x @ p["W"] + p["b"], 2)
    z = 1 - sigmoid(z)  # the paper's gate
    return (1 - z) * h + z * g


CELLS: dict[str, Cell] = {
    "rnn": rnn,
    "gru": gru,
    "gru_reset_before": gru_reset_before,
    "lstm": lstm,
    "lstm_peephole": lstm_peephole,
    "slstm": slstm,
    "dense": dense,
    "none": none,
    "conv": conv,
    "reservoir": reservoir,
    "embedding": embedding,
    "lru": lru,
    "elstm": elstm,
    "columnar_gru": columnar_gru,
    "mingru": mingru,
}
"""The equations of each layer that needs no lookahead. A state may be longer than the part that the equations read."""

BIDIRECTIONAL_CELLS: dict[str, Cell] = {"birnn": rnn, "bigru": gru, "bilstm": lstm}
"""The equations of the cells of each bidirectional layer, for `bidirectional`."""


def split(network: Any, params: Array) -> dict[str, Array]:
    """Return the flat parameters by name."""
    blocks, start = {}, 0
    for parameter in network.parameters():
        size = int(np.prod(parameter.shape))
        blocks[parameter.name] = params[start : start + size].reshape(parameter.shape)
        start += size
    return blocks


def outputs(cell: Cell, network: Any, params: Array, X: Array, state: Array) -> Array:
    """Return the outputs (T, O) of a network of one layer."""
    p = split(network, params)
    rows = []
    for x in X:
        state = cell(p, x, state)
        features = np.concatenate([state[: network.hidden], x])[: network.features]
        rows.append(p["V"] @ features + p["c"])
    return np.array(rows)


def bidirectional(cell: Cell, p: Mapping[str, Array], X: Array, states: Array, lookahead: int) -> Array:
    """Return the outputs (T, 2H) of a bidirectional layer over a whole sequence X (T, I).

    The forward pass starts with the first of `states` (2, S), each backward pass with the second, at most `lookahead`
    events after the event of the output.
    """
    forward, backward = ({n.split(".")[1]: w for n, w in p.items() if n.startswith(d)} for d in ("forward", "backward"))
    hidden = len(forward["U"])
    f, rows = states[0], []
    for t in range(len(X)):
        f, b = cell(forward, X[t], f), states[1]
        for x in X[t : t + lookahead + 1][::-1]:
            b = cell(backward, x, b)
        rows.append(np.concatenate([f[:hidden], b[:hidden]]))
    return np.array(rows)


def ahead(X: Array, lookahead: int) -> Array:
    """Return each event of X (T, I) with its lookahead, NaN after the end: (T, (lookahead + 1) I)."""
    padded = np.vstack([X, np.full((lookahead, X.shape[1]), np.nan)])
    return np.hstack([padded[k : k + len(X)] for k in range(lookahead + 1)])


def softmax(o: Any) -> Any:
    """Return probabilities from outputs."""
    e = np.exp(o - np.max(o))
    return e / e.sum()


def hierarchical_softmax(o: Any, classes: int) -> Any:
    """Return the probabilities of classes in clusters, from the outputs of the clusters and then of the classes."""
    size = math.ceil(math.sqrt(classes))
    clusters = math.ceil(classes / size)
    parts = np.split(o[clusters:], range(size, classes, size))
    return np.concatenate([p * softmax(part) for p, part in zip(softmax(o[:clusters]), parts, strict=True)])
