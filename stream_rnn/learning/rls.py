"""Recursive least squares for the readout (Plackett 1950, doi:10.1093/biomet/37.1-2.149; Haykin 2002, chapter 9).

With the features f and a constant, F = [f, 1] (q,), outputs o = W F (O,), errors e = z - o and forgetting factor l:

    u = P F      g = l + F . u      W <- W + e u^T / g      P <- (P - u u^T / g) / l

W consists of the network's V and c. Initially P = I / ridge. As long as P is not limited as below, W minimises

    sum_t l^(T-t) |z_t - W F_t|^2 + l^T ridge |W|^2

exactly. The cost of an event is O(q^2 + q O).

P grows without bound in directions in which features do not vary. The variance P_ii is therefore limited to ten times
its initial value, by not forgetting coordinate i at an event that would exceed the limit:

    P <- S (P - u u^T / g) S      S diagonal, with l^(-1/2), or 1 where P_ii / l would exceed 10 / ridge

The limit is per coordinate, so that a feature that never varies, such as the flag of a value that is never missing,
does not stop the others from forgetting. If a variance is not positive because of rounding, as with features of 1e8,
P is reset to I / ridge, and W is kept.

At horizons beyond the first, errors arrive when P already contains the features of their event. They update W with the
current P, and do not change P.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import copy, dot
from stream_rnn.kernels.products import add_product_transposed

if TYPE_CHECKING:
    from stream_rnn.layers.network import Network


MAX_GROWTH = 10.0
"""Maximum of a variance in P, in units of its initial value; it corresponds to a tenth of the ridge."""

MAX_STEP = 1e30
"""Maximum step of a weight; larger ones are rejected, because float32 would soon overflow."""


class RLS(NamedTuple):
    """The constants of recursive least squares."""

    forgetting: float
    """l"""
    ridge: float
    unit: float
    """factor from the gradient of the loss in an output to its error e"""


class EventErrors(NamedTuple):
    """The errors that arrived for one event."""

    features: Any
    """(q - 1,)"""
    gradients: Any
    """(O,), gradient of the loss in the outputs; 0 for outputs without an error"""
    is_new: bool
    """whether P does not contain the features yet"""


@dispatched
def reset_inverse(rls: Any, P: Any) -> None:
    """Reset P (q, q) to I / ridge; do nothing without recursive least squares."""


@reset_inverse.register
def _reset_inverse(rls: RLS, P: Any) -> None:
    P[:] = 0
    for i in range(P.shape[0]):
        P[i, i] = 1.0 / rls.ridge


@inner
def with_forgetting(rls: RLS, events: int, boost: float) -> RLS:
    """Adapt the forgetting to a readout that streams share, and to a boosted update.

    With `events` events of all streams since the stream's last one, a round of one event of each stream forgets as much
    as one event of a single stream. A boosted update forgets `boost` times as much.
    """
    forgetting = rls.forgetting if events == 1 else rls.forgetting ** (1.0 / events)
    if boost != 1.0:
        forgetting = 1.0 - boost * (1.0 - forgetting)
    return RLS(forgetting, rls.ridge, rls.unit)


@inner
def update_readout(rls: RLS, network: Network, head: Any, P: Any, event: EventErrors, F: Any, u: Any) -> bool:
    """Update the readout by the errors of one event; return whether that was possible. F and u (q,) are scratch."""
    last = event.features.shape[0]
    copy(event.features, F[:last])
    F[last] = 1.0
    u[:] = 0
    add_product_transposed(P, F, u)  # (q, q) @ (q,) -> (q,)
    g = rls.forgetting + dot(F, u)
    if not (math.isfinite(g) and g > 0.0):
        reset_inverse(rls, P)
        return False
    if not abs(rls.unit) / g * _max_abs(event.gradients) * _max_abs(u) < MAX_STEP:
        return False
    _update_weights(network, head, event.gradients, rls.unit / g, u)
    if event.is_new:
        _update_inverse(rls, P, g, u, F)
    return True


@inner
def _max_abs(values: Any) -> float:
    """Return the maximum absolute value of values (n,); NaN or infinity if one is not finite."""
    largest = 0.0
    for j in range(values.shape[0]):
        size = float(abs(values[j]))
        if not size <= largest:
            largest = size
        if not math.isfinite(size):
            break
    return largest


@inner
def _update_weights(network: Network, head: Any, gradients: Any, factor: float, u: Any) -> None:
    """W += factor * gradients u^T: (O,) (q,)^T -> (O, q)."""
    Q, O = network.features, network.outputs
    V, c = head[: O * Q].reshape(O, Q), head[O * Q :]
    number = head.dtype.type
    for o in range(O):
        if gradients[o] != 0:
            step, row = factor * gradients[o], V[o]
            for j in range(Q):
                row[j] += number(step * u[j])
            c[o] += number(step * u[Q])


@inner
def _update_inverse(rls: RLS, P: Any, g: float, u: Any, S: Any) -> None:
    """Update P, with S (q,) as scratch; u is overwritten. Element-wise products keep P symmetric to the bit."""
    root, growth, limit = math.sqrt(g), 1.0 / math.sqrt(rls.forgetting), MAX_GROWTH * rls.forgetting / rls.ridge
    for i in range(u.shape[0]):
        u[i] /= root
        variance = P[i, i] - u[i] * u[i]
        if not variance > 0.0:
            reset_inverse(rls, P)
            return
        S[i] = growth if variance <= limit else 1.0
    for i in range(u.shape[0]):
        row, ui, si = P[i], u[i], S[i]
        for j in range(u.shape[0]):
            row[j] = (row[j] - ui * u[j]) * (si * S[j])
