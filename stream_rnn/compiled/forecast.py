"""The forecast of an event from the network's outputs: all of it, or the most likely classes only."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import finite
from stream_rnn.layers.network import BodyAndHead, Network, infer, read_out
from stream_rnn.learning.bounds import clip_forecast
from stream_rnn.learning.readout import read_cluster
from stream_rnn.learning.targets import TargetScales, centre_of, scale_of
from stream_rnn.losses.hierarchical_softmax import HierarchicalSoftmax, normalise
from stream_rnn.losses.loss import to_forecast


class Top(NamedTuple):
    """Forecasts are pairs of a class and its probability, most likely first."""

    classes: int
    """K, pairs of a horizon"""


class Known(NamedTuple):
    """A stream's scales and last values, which convert outputs to the targets' units."""

    scales: TargetScales
    last_y: Any
    """(D,) float64"""


@inner
def forecast_event(
    core: Any, params: BodyAndHead, known: Known, state: Any, tape: Any, features: Any, out: Any
) -> bool:
    """Advance `state` by the event in `work.x`, and write tape, features, and the forecast in the targets' units.

    Returns
    -------
    bool
        Whether state and outputs are finite. If not, the forecast is that of outputs of 0, and the state must be
        discarded.
    """
    infer(core.network, params, core.work.x, state, tape, features)
    is_finite = finite(state[: core.task.checked])
    return _write_forecast(core.top, core, params.head, features, known, out, is_finite)


@dispatched
def _write_forecast(
    top: Any,  # noqa: ARG001 - it chooses the implementation
    core: Any,
    head: Any,
    features: Any,
    known: Known,
    out: Any,
    is_finite: bool,
) -> bool:
    """Write the forecast, that of outputs of 0 if not all is finite; return whether it is."""
    task, W, outputs = core.task, core.task.width, core.work.outputs
    read_out(core.network, head, features, 0, outputs)
    is_finite = is_finite and finite(outputs)
    if not is_finite:
        outputs[:] = 0
    columns = outputs.shape[0] // W
    N = out.shape[0] // columns
    for column in range(columns):
        middle = centre_of(core.targets, known.scales, column, known.last_y[column % task.targets])
        scale = scale_of(core.targets, known.scales, column)
        part = outputs[column * W : (column + 1) * W]
        forecast = out[column * N : (column + 1) * N]
        to_forecast(core.learning.loss, part, middle, scale, forecast)
        clip_forecast(core.bounds, column % task.targets, forecast)
    return is_finite


@_write_forecast.register
def _write_top(
    top: Top,
    core: Any,
    head: Any,
    features: Any,
    known: Known,  # noqa: ARG001 - classes have no units
    out: Any,
    is_finite: bool,
) -> bool:
    W, K = core.task.width, top.classes
    outputs = core.work.outputs[:W]
    for column in range(out.shape[0] // (2 * K)):
        pairs = out[column * 2 * K : (column + 1) * 2 * K].reshape(K, 2)
        is_finite = is_finite and _find_likeliest(
            core.learning.loss, core.network, head, features, column * W, outputs, pairs
        )
    if not is_finite:
        pairs = out.reshape(out.shape[0] // 2, 2)
        for k in range(pairs.shape[0]):
            pairs[k, 0], pairs[k, 1] = k % K, 1.0 / core.task.classes
    return is_finite


@dispatched
def _find_likeliest(
    loss: Any,  # noqa: ARG001 - it chooses the implementation
    network: Network,
    head: Any,
    features: Any,
    first: int,
    outputs: Any,
    pairs: Any,
) -> bool:
    """Write the most likely classes, and their probabilities, to `pairs` (K, 2); return whether outputs are finite.

    The outputs (m,) are those from number `first` on.
    """
    read_out(network, head, features, first, outputs)
    if not finite(outputs):
        return False
    highest, total = outputs[0], 0.0
    for m in range(1, outputs.shape[0]):
        highest = max(highest, outputs[m])
    for m in range(outputs.shape[0]):
        total += math.exp(outputs[m] - highest)
    pairs[:] = -1
    for m in range(outputs.shape[0]):
        _insert(m, math.exp(outputs[m] - highest) / total, pairs)
    return True


@_find_likeliest.register
def _find_likeliest_by_clusters(
    loss: HierarchicalSoftmax,
    network: Network,
    head: Any,
    features: Any,
    first: int,
    outputs: Any,
    pairs: Any,
) -> bool:
    """Read the classes of the most likely clusters only.

    No class is more likely than its cluster, so the search ends at a cluster less likely than all pairs.
    """
    p = outputs[: loss.clusters]
    read_out(network, head, features, first, p)
    if not finite(p):
        return False
    normalise(p, p)
    pairs[:] = -1
    for _ in range(loss.clusters):
        likeliest = 0
        for g in range(1, loss.clusters):
            if p[g] > p[likeliest]:
                likeliest = g
        if p[likeliest] < pairs[pairs.shape[0] - 1, 1]:
            break
        q = read_cluster(loss, network, head, features, first, likeliest, outputs)
        if not finite(q):
            return False
        normalise(q, q)
        for i in range(q.shape[0]):
            _insert(likeliest * loss.size + i, p[likeliest] * q[i], pairs)
        p[likeliest] = -1
    return True


@inner
def _insert(number: int, p: float, pairs: Any) -> None:
    """Insert a class into the pairs (K, 2), if it is more likely than the last of them."""
    k = pairs.shape[0]
    while k > 0 and (p > pairs[k - 1, 1] or (p == pairs[k - 1, 1] and number < pairs[k - 1, 0])):
        if k < pairs.shape[0]:
            pairs[k] = pairs[k - 1]
        k -= 1
    if k < pairs.shape[0]:
        pairs[k, 0], pairs[k, 1] = number, p


@dispatched
def pick_class(top: Any, task: Any, forecast: Any, temperature: float, draw: float) -> int:  # noqa: ARG001
    """Return a class of the forecast one event ahead."""
    return _pick(forecast[: task.classes].reshape(task.classes, 1), temperature, draw)


@pick_class.register
def _pick_from_top(top: Top, task: Any, forecast: Any, temperature: float, draw: float) -> int:  # noqa: ARG001
    pairs = forecast[: 2 * top.classes].reshape(top.classes, 2)
    return int(pairs[_pick(pairs, temperature, draw), 0])


@inner
def _pick(p: Any, temperature: float, draw: float) -> int:
    """Return a row of p (n, columns), which ends with probabilities: their p^(1/T), cumulated, inverted at `draw`."""
    last = p.shape[1] - 1
    likeliest = 0
    for k in range(1, p.shape[0]):
        if p[k, last] > p[likeliest, last]:
            likeliest = k
    if temperature == 0.0:
        return likeliest
    total = 0.0
    for k in range(p.shape[0]):
        total += (p[k, last] / p[likeliest, last]) ** (1.0 / temperature)
    rest = draw * total
    for k in range(p.shape[0]):
        rest -= (p[k, last] / p[likeliest, last]) ** (1.0 / temperature)
        if rest < 0.0:
            return k
    return likeliest  # the sums were rounded
