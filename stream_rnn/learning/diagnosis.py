"""Diagnosis of learning: vanishing and exploding gradients, saturated gates, and the size of updates.

An error e at the outputs of the newest event is backpropagated over the window with the current weights:

    g_0 = V^T e        g_k = (ds_{t-k+1} / ds_{t-k})^T g_{k-1}        s: the state of a layer

In a simple recurrent network, the product of Jacobians makes |g_k| shrink or grow exponentially with k (Hochreiter
1991; Bengio et al. 1994, doi:10.1109/72.279181; Pascanu et al. 2013, arXiv:1211.5063). It depends on the spectral
radius of the recurrent weights, and on saturated gates. Only |g_k| / |g_0| is meaningful, so |e| is 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.activations import Activation
from stream_rnn.kernels.jit import entry
from stream_rnn.kernels.linalg import multiply
from stream_rnn.layers.gates import gates_of
from stream_rnn.layers.layer import backward, parameter_slices
from stream_rnn.layers.stack import stacked_layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.layers.network import Network
    from stream_rnn.learning.tbptt import RecentEvents

SATURATION_MARGIN = 0.05
"""Distance from 0 or 1 at which a sigmoid unit is saturated: its slope is a fifth of the maximum (.05 .95 against .25).
Distance from -1 or 1 at which a tanh unit is saturated: its slope is a tenth of the maximum."""


class Diagnosis(NamedTuple):
    """Measurements of one stream at one event.

    Layers and gates have the prefix of the layer's parameters in `Engine.parameters`: the layer with the weights
    ``1.U`` is ``1.GRU``, and its gate z is ``1.z``.
    """

    gradients: dict[str, NDArray[np.float64]]
    """by layer with memory, (h,): norm of the gradient in the layer's state k events ago, for an error of norm 1 at the
    outputs of the newest event; NaN before the start of the sequence"""
    radii: dict[str, float]
    """by recurrent matrix, such as ``U_z`` or ``1.U_z``: spectral radius, the largest absolute eigenvalue"""
    saturated: dict[str, float]
    """by gate: fraction of its units that are saturated, over the events of the window; NaN without an event"""
    updates: dict[str, float]
    """by parameter, without biases: |change| / |value| in the update of the event; about 1e-3 is healthy. NaN if the
    value was 0. Empty if there was no event or no update"""
    clipped: bool
    """whether clipping changed that update"""

    @property
    def fading(self) -> NDArray[np.float64]:
        """Norm of the gradient in all states k events ago, relative to the newest event, (h,)."""
        if not self.gradients:
            return np.zeros(0)
        return relative_norms(_norm(np.array(list(self.gradients.values())), axis=0))


@entry
def _backpropagate_error(
    network: Network,
    params: Any,
    recent: RecentEvents,
    rows: Any,
    d_output: Any,
    d_state: Any,
    d_states: Any,
    deltas: Any,
) -> None:
    """Backpropagate the gradient d_output (H,) in the body's output at the newest event over n events.

    Writes the gradient in the state after the event k events ago, from later events, to row k of d_states (n, S), and
    the event's delta to row k of deltas (n, D). `rows` (n,) are the events' rows in the tape, newest first. `d_state`
    (S,) is 0.
    """
    body, no_input = params[: network.head_start], d_output[:0]
    for k in range(rows.shape[0]):
        d_states[k] = d_state
        backward(network.body, body, recent.tape[rows[k]], d_output, d_state, deltas[k], no_input)
        d_output[:] = 0
        if recent.faded.shape[0] > 0:
            multiply(recent.faded[rows[k]], d_state)


def diagnose(network: Network, params: NDArray[Any], recent: RecentEvents, length: int, window: int) -> Diagnosis:
    """Return the measurements that need no hypothetical event.

    Parameters
    ----------
    network
        The network.
    params : (P,)
        Its weights.
    recent
        The stream's newest events.
    length
        Number of events of the stream's sequence so far.
    window
        h, events through which errors are backpropagated.
    """
    count = min(length, window, len(recent.tape))
    rows = (length - 1 - np.arange(count)) % len(recent.tape)
    return Diagnosis(
        _gradients(network, params, recent, rows, window),
        _spectral_radii(network, params),
        _saturated_fractions(network, recent.tape[rows]),
        {},
        False,
    )


def relative_norms(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return norms of a gradient (h,) relative to that at the newest event; NaN if that is 0 or not finite.

    Examples
    --------
    >>> relative_norms(np.array([2.0, 1.0, 0.5])).tolist()
    [1.0, 0.5, 0.25]
    """
    return norms / norms[0] if 0 < norms[0] < math.inf else np.full(len(norms), math.nan)


def relative_changes(network: Network, before: NDArray[Any], after: NDArray[Any]) -> dict[str, float]:
    """Return |after - before| / |before| of each learned parameter except biases; NaN where |before| is 0.

    Parameters
    ----------
    network
        The network.
    before, after : (P,)
        Its weights before and after an update.
    """
    old, new = before.astype(np.float64), after.astype(np.float64)
    changes = {}
    for parameter, part in parameter_slices(network.parameters()):
        if parameter.role in {"bias", "fixed"}:
            continue
        size, change = _norm(old[part]), _norm(new[part] - old[part])
        changes[parameter.name] = float(change / size) if size else math.nan
    return changes


def _gradients(
    network: Network, params: NDArray[Any], recent: RecentEvents, rows: NDArray[np.intp], window: int
) -> dict[str, NDArray[np.float64]]:
    sizes, kind = network.body.sizes, params.dtype
    V = params[network.head_start :][: network.outputs * network.features].reshape(network.outputs, network.features)
    error = np.full(network.outputs, network.outputs**-0.5, kind)
    d_output = error @ V[:, : network.hidden]  # (O,) @ (O, H) -> (H,)
    d_states, deltas = np.zeros((len(rows), sizes.state), kind), np.zeros((len(rows), sizes.delta), kind)
    if len(rows):
        _backpropagate_error(
            network, params, recent, rows, d_output.copy(), np.zeros(sizes.state, kind), d_states, deltas
        )
    gradients = {}
    for part in stacked_layers(network.body):
        if part.layer.carries == "never":
            continue
        layer_sizes, norms = part.layer.sizes, np.full(window, math.nan)
        d_state = d_states[:, part.state : part.state + layer_sizes.state].astype(np.float64)
        if part.d_output is not None:
            d_state[:, : layer_sizes.outputs] += deltas[:, part.d_output : part.d_output + layer_sizes.outputs]
        else:
            d_state[:1, : layer_sizes.outputs] += d_output[part.output :]
        norms[: len(rows)] = _norm(d_state, axis=1)
        gradients[f"{part.prefix}{type(part.layer).__name__}"] = norms
    return gradients


def _norm(values: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    """Return the norm of vectors along an axis; infinite if its square overflows."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.linalg.norm(values, axis=axis))


def _spectral_radii(network: Network, params: NDArray[Any]) -> dict[str, float]:
    radii: dict[str, float] = {}
    for parameter, part in parameter_slices(network.parameters()):
        gates = max(len(parameter.gates), 1)
        if parameter.role == "recurrent" and parameter.shape[1:] == (gates * parameter.shape[0],):
            blocks = np.split(params[part].reshape(parameter.shape), gates, axis=1)
            radii |= {
                f"{parameter.name}_{gate}": _spectral_radius(block)
                for gate, block in zip(parameter.gates, blocks, strict=True)
            }
    return radii


def _spectral_radius(matrix: NDArray[Any]) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max()) if np.isfinite(matrix).all() else math.inf


def _saturated_fractions(network: Network, tape: NDArray[Any]) -> dict[str, float]:
    """Return the fraction of saturated units by gate, over the events of a tape (n, T)."""
    fractions = {}
    for part in stacked_layers(network.body):
        for gate in gates_of(part.layer):
            units = tape[:, part.tape + gate.start : part.tape + gate.stop]
            middle = 0.5 if gate.activation == Activation.SIGMOID else 0.0
            is_saturated = np.abs(units - middle) > 1 - middle - SATURATION_MARGIN
            fractions[f"{part.prefix}{gate.name}"] = float(is_saturated.mean()) if is_saturated.size else math.nan
    return fractions
