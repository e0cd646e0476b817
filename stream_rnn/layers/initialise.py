"""Initial weights, drawn from a seed.

    glorot       uniform in +-sqrt(6 / (fan in + fan out)), per gate      (Glorot & Bengio 2010)
    he           normal with variance 2 / fan in                          (He et al. 2015, arXiv:1502.01852)
    orthogonal   a random rotation per gate                               (Saxe et al. 2014, arXiv:1312.6120)
    identity     the identity per gate, for relu and identity units       (Le et al. 2015, arXiv:1504.00941)

Biases are 0, except those that the settings give to gates, such as the LSTM's forget gate (Jozefowicz et al. 2015). The
readout is 0, so that the first forecasts are those of the baseline: the last value, or the running mean.

Without inputs, the state would stay 0, and no gradient would pass the readout. The biases of the layers are then
initialised as the weights of an input that is always 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.layers.layer import Layer, Parameter
    from stream_rnn.layers.network import Network


class Initialisation(NamedTuple):
    """How weights are initialised."""

    input: str
    recurrent: str
    gate_biases: dict[str, float]
    """initial bias of a gate, by its letter"""


def initial_weights(network: Network, initialisation: Initialisation, seed: int) -> NDArray[np.float64]:
    """Return the initial parameters of a network (P,)."""
    rng = np.random.default_rng(seed)
    blocks = [_initial_block(p, initialisation, rng).ravel() for p in network.parameters()]
    if not network.body.sizes.inputs:
        for index, parameter in enumerate(network.body.parameters()):
            if parameter.role == "bias":
                blocks[index] += _draw_gates(parameter, 1, _glorot, rng).ravel()
    return np.concatenate(blocks)


def penalty_mask(network: Network) -> NDArray[np.float64]:
    """Return 1 for each weight that is penalised, and 0 for each bias and each fixed weight, (P,)."""
    masks = [np.full(np.prod(p.shape), p.role not in {"bias", "fixed"}, float) for p in network.parameters()]
    return np.concatenate(masks)


def decay_targets(network: Network, initial: NDArray[Any]) -> NDArray[Any]:
    """Return the values that parameters (P,) decay to: 0 for weights, the initial value for the others."""
    return np.where(penalty_mask(network) > 0, initial.dtype.type(0), initial)


def dense_ranges(part: Network | Layer) -> NDArray[np.int64]:
    """Return start and end of each contiguous range of parameters that every update changes, (k, 2)."""
    learned = [np.full(np.prod(p.shape), p.role != "fixed" and not p.sparse) for p in part.parameters()]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], *learned, [False]])))
    return edges.reshape(-1, 2)


def _initial_block(
    parameter: Parameter, initialisation: Initialisation, rng: np.random.Generator
) -> NDArray[np.float64]:
    if parameter.initial is not None:
        return parameter.initial(rng)
    if parameter.role == "readout":
        return np.zeros(parameter.shape)
    if parameter.role == "bias":
        biases = [initialisation.gate_biases.get(gate, 0.0) for gate in parameter.gates]
        return np.repeat(biases, parameter.shape[-1] // len(parameter.gates)).astype(float)
    rule = initialisation.input if parameter.role == "input" else initialisation.recurrent
    draw: Any = {
        "glorot": _glorot,
        "he": _he,
        "orthogonal": _orthogonal,
        "identity": lambda _rng, rows, columns: np.eye(rows, columns),
    }[rule]
    return _draw_gates(parameter, parameter.shape[0], draw, rng)


def _draw_gates(parameter: Parameter, rows: int, draw: Any, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return weights with so many rows, drawn for each gate separately."""
    units = parameter.shape[-1] // len(parameter.gates)
    return np.hstack([draw(rng, rows, units) for _ in parameter.gates])


def _glorot(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    bound = np.sqrt(6.0 / (rows + columns))
    return rng.uniform(-bound, bound, (rows, columns))


def _he(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    return rng.normal(0.0, np.sqrt(2.0 / max(rows, 1)), (rows, columns))


def _orthogonal(rng: np.random.Generator, rows: int, columns: int) -> NDArray[np.float64]:
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    rotation: NDArray[np.float64] = q * np.sign(
        np.diag(r)
    )  # without the signs, rotations would not be uniformly distributed
    return rotation
