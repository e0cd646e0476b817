"""How learning does, measured: what becomes of gradients on their way back, and what an update changes.

An error e at the newest event's outputs is carried back over the window, with the weights as they are:

    g_0 = V^T e        g_k = (ds_{t-k+1} / ds_{t-k})^T g_{k-1}        s: a layer's state

In a plain recurrent network the product of Jacobians makes |g_k| shrink or grow like a power of k (Hochreiter 1991;
Bengio et al. 1994, doi:10.1109/72.279181; Pascanu et al. 2013, arXiv:1211.5063). What bears on it: the largest
eigenvalue of the recurrent weights, and gates at their flat ends. Only |g_k| / |g_0| says something, so the error's
size is 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.activations import Activation
from stream_rnn.kernels.jit import entry
from stream_rnn.layers.gates import gates_of
from stream_rnn.layers.layer import backward, parts
from stream_rnn.layers.stack import places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.layers.network import Network
    from stream_rnn.learning.tbptt import Recent

FLAT = 0.05
"""A sigmoid gate this near to 0 or 1 passes less than a fifth of the gradient that it passes at 1/2 (.05 .95 against
.25), a tanh unit this near to -1 or 1 a tenth of that at 0."""


class Diagnosis(NamedTuple):
    """What was measured of one stream at one moment.

    Names are those of `Engine.parameters`, of which a layer's begin alike: with ``1.U`` go the layer ``1.GRU`` and its
    gate ``1.z``.
    """

    gradients: dict[str, NDArray[np.float64]]
    """By layer that carries gradients back, (h,): the norm of an error of size 1 at the newest event's outputs, carried
    back into the layer's state after the event so many events ago; NaN before the sequence began."""
    radii: dict[str, float]
    """By recurrent matrix, such as ``U_z`` or ``1.U_z``: its spectral radius, the largest size of an eigenvalue."""
    saturated: dict[str, float]
    """By gate: the share of its units in the window at a flat end; NaN without an event."""
    updates: dict[str, float]
    """By parameter: |change| / |value| in the update of the event that was asked about; about 1e-3 is healthy. NaN
    where the value was 0; biases, which begin at 0, are left out. Empty where there was no event, or no update."""
    clipped: bool
    """Whether clipping changed that update."""

    @property
    def fading(self) -> NDArray[np.float64]:
        """What is left of the gradient so many events ago, all layers together: (h,), 1 at the newest event."""
        if not self.gradients:
            return np.zeros(0)
        return relative(_norm(np.array(list(self.gradients.values())), axis=0))


@entry
def _carry_back(
    network: Network,
    params: Any,
    tape: Any,
    faded: Any,
    rows: Any,
    d_output: Any,
    d_states: Any,
    deltas: Any,
    d_input: Any,
) -> None:
    """Carry the gradient d_output (H,) in the newest event's output back over the events.

    Row k of d_states (n, S) becomes the gradient in the state after the event k ago that comes from later events, row k
    of deltas (n, D) that event's delta; `rows` (n,) are the events' rows in the tape, newest first.
    """
    body = params[: network.readout]
    d_state = d_states[0].copy()
    for k in range(rows.shape[0]):
        d_states[k] = d_state
        backward(network.body, body, tape[rows[k]], d_output, d_state, deltas[k], d_input)
        d_output[:] = 0
        if faded.shape[0] > 0:
            d_state *= faded[rows[k]]


def diagnose(network: Network, params: NDArray[Any], recent: Recent, length: int, window: int) -> Diagnosis:
    """Return what there is to measure without an event to come.

    Parameters
    ----------
    network
        The network.
    params : (P,)
        Its weights.
    recent
        The stream's newest events.
    length
        Events of the stream's sequence so far.
    window
        h, the events that an error is carried back through.
    """
    newest = min(length, window, len(recent.tape))
    rows = (length - 1 - np.arange(newest)) % len(recent.tape)
    return Diagnosis(
        _gradients(network, params, recent, rows, window),
        _radii(network, params),
        _saturated(network, recent.tape[rows]),
        {},
        False,
    )


def relative(norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a gradient's norms (h,) as shares of the newest event's; NaN if that is 0 or not finite."""
    return norms / norms[0] if 0 < norms[0] < math.inf else np.full(len(norms), math.nan)


def changes(network: Network, before: NDArray[Any], after: NDArray[Any]) -> dict[str, float]:
    """Return |after - before| / |before| of each parameter that is learned but a bias; NaN where |before| is 0.

    Parameters
    ----------
    network
        The network.
    before, after : (P,)
        Its weights before and after an update.
    """
    old, new = before.astype(np.float64), after.astype(np.float64)
    found = {}
    for parameter, part in parts(network.parameters()):
        if parameter.role in {"bias", "fixed"}:
            continue
        size, change = _norm(old[part]), _norm(new[part] - old[part])
        found[parameter.name] = float(change / size) if size else math.nan
    return found


def _gradients(
    network: Network, params: NDArray[Any], recent: Recent, rows: NDArray[np.intp], window: int
) -> dict[str, NDArray[np.float64]]:
    sizes, kind = network.body.sizes, params.dtype
    V = params[network.readout :][: network.outputs * network.features].reshape(network.outputs, network.features)
    error = np.full(network.outputs, network.outputs**-0.5, kind)
    d_output = error @ V[:, : network.hidden]  # (O,) @ (O, H) -> (H,)
    d_states, deltas = np.zeros((len(rows), sizes.state), kind), np.zeros((len(rows), sizes.delta), kind)
    if len(rows):
        carried = d_output.copy(), d_states, deltas, np.zeros(0, kind)
        _carry_back(network, params, recent.tape, recent.faded, rows, *carried)
    found = {}
    for place in places(network.body):
        if place.layer.carries == "never":
            continue
        own, norms = place.layer.sizes, np.full(window, math.nan)
        d_state = d_states[:, place.state : place.state + own.state].astype(np.float64)
        if place.error is not None:
            d_state[:, : own.outputs] += deltas[:, place.error : place.error + own.outputs]
        else:
            d_state[:1, : own.outputs] += d_output
        norms[: len(rows)] = _norm(d_state, axis=1)
        found[f"{place.name}{type(place.layer).__name__}"] = norms
    return found


def _norm(values: NDArray[np.float64], axis: int = 0) -> NDArray[np.float64]:
    """Return the length of vectors along an axis; infinite where its square is beyond all numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        return np.asarray(np.linalg.norm(values, axis=axis))


def _radii(network: Network, params: NDArray[Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for parameter, part in parts(network.parameters()):
        gates = max(len(parameter.gates), 1)
        if parameter.role == "recurrent" and parameter.shape[1:] == (gates * parameter.shape[0],):
            blocks = np.split(params[part].reshape(parameter.shape), gates, axis=1)
            found |= {
                f"{parameter.name}_{gate}": _radius(block) for gate, block in zip(parameter.gates, blocks, strict=True)
            }
    return found


def _radius(matrix: NDArray[Any]) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max()) if np.isfinite(matrix).all() else math.inf


def _saturated(network: Network, tape: NDArray[Any]) -> dict[str, float]:
    """Return the share of units at their flat ends in events (n, T)."""
    found = {}
    for place in places(network.body):
        for gate in gates_of(place.layer):
            units = tape[:, place.tape + gate.start : place.tape + gate.stop]
            middle = 0.5 if gate.activation == Activation.SIGMOID else 0.0
            flat = np.abs(units - middle) > 1 - middle - FLAT
            found[f"{place.name}{gate.name}"] = float(flat.mean()) if flat.size else math.nan
    return found
