"""Initial weights, drawn from a seed.

    glorot       uniform within sqrt(6 / (fan in + fan out)), for each gate        (Glorot & Bengio 2010)
    he           normal with variance 2 / fan in                                   (He et al. 2015)
    orthogonal   a random rotation for each gate                                   (Saxe et al. 2014)
    identity     the identity for each gate, for relu and identity activations     (Le et al. 2015)

Biases begin at 0, except the LSTM's forget gate (Jozefowicz et al. 2015) and the GRU's update gate. The readout begins
at 0, so that the first forecasts are the baseline's: the last value, or the running mean.

Where there are no inputs, the state would stay 0 with these, and then no gradient would ever pass the readout: the
layers' biases begin as the weights of an input that is always 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.layers.layer import Layer, Parameter
    from stream_rnn.layers.network import Network


class Initialisation(NamedTuple):
    """How weights begin."""

    input: str
    recurrent: str
    gate_biases: dict[str, float]
    """Initial bias of a gate, by its letter."""


def initial_weights(network: Network, how: Initialisation, seed: int) -> NDArray[np.float64]:
    """Return the network's initial parameters (P,)."""
    rng = np.random.default_rng(seed)
    blocks = [_block(p, how, rng).ravel() for p in network.parameters()]
    still = () if network.body.sizes.inputs else network.body.parameters()
    for place, parameter in enumerate(still):
        if parameter.role == "bias":
            blocks[place] += _gates(parameter, 1, _glorot, rng).ravel()
    return np.concatenate(blocks)


def penalised(network: Network) -> NDArray[np.float64]:
    """Return 1 for each weight that penalties hold small and 0 for each bias or fixed one, (P,)."""
    held = [np.full(np.prod(p.shape), p.role not in {"bias", "fixed"}, float) for p in network.parameters()]
    return np.concatenate(held)


def trained(part: Network | Layer) -> NDArray[np.int64]:
    """Return where each run of parameters that are learned begins and ends, (k, 2)."""
    learned = [np.full(np.prod(p.shape), p.role != "fixed") for p in part.parameters()]
    turns = np.flatnonzero(np.diff(np.concatenate([[False], *learned, [False]])))
    return turns.reshape(-1, 2)


def _block(parameter: Parameter, how: Initialisation, rng: np.random.Generator) -> NDArray[np.float64]:
    if parameter.initial is not None:
        return parameter.initial(rng)
    if parameter.role == "readout":
        return np.zeros(parameter.shape)
    if parameter.role == "bias":
        biases = [how.gate_biases.get(gate, 0.0) for gate in parameter.gates]
        return np.repeat(biases, parameter.shape[-1] // len(parameter.gates)).astype(float)
    make: Any = {
        "glorot": _glorot,
        "he": _he,
        "orthogonal": _orthogonal,
        "identity": lambda _rng, rows, columns: np.eye(rows, columns),
    }[how.input if parameter.role == "input" else how.recurrent]
    return _gates(parameter, parameter.shape[0], make, rng)


def _gates(parameter: Parameter, rows: int, make: Any, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return weights of so many rows, those of each gate made by themselves."""
    units = parameter.shape[-1] // len(parameter.gates)
    return np.hstack([make(rng, rows, units) for _ in parameter.gates])


def _glorot(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    bound = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-bound, bound, (rows, columns))


def _he(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    return rng.normal(0.0, np.sqrt(2.0 / max(rows, 1)), (rows, columns))


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    rotation: NDArray[np.float64] = q * np.sign(np.diag(r))  # without the signs the rotations are not uniform
    return rotation
