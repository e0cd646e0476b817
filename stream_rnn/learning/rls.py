"""Recursive least squares for the readout (Plackett 1950, doi:10.1093/biomet/37.1-2.149; Haykin 2002, chapter 9).

With the features and a constant F = [f, 1] (q,), outputs o = W F (O,), errors e = z - o and forgetting l:

    u = P F      g = l + F . u      W <- W + e u^T / g      P <- (P - u u^T / g) / l

which minimises sum_t l^(T-t) |z_t - W F_t|^2 + l^T ridge |W|^2 exactly, for P = I / ridge in the beginning and for as
long as nothing below holds P back: O(q^2 + q O) for each event. W is the network's V and c.

P grows without bound where features do not vary. Each coordinate's variance is therefore kept below ten times what it
began with, by forgetting nothing of it at an event that would take it there: P <- S (P - u u^T / g) S for a diagonal S
of l^(-1/2), or 1 where P_ii / l would pass 10 / ridge. What never varies, as the flag of a value that is never missing,
must not keep the others from forgetting. Where rounding has left a variance that is none, as it does with features of
1e8, P begins anew; the weights stay.

An error that arrives later than the first of its event (a farther horizon) finds its features in P already: it corrects
W with the present P, and leaves P as it is.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import add_product_transposed, copy, dot

if TYPE_CHECKING:
    from stream_rnn.layers.network import Network


SLACK = 10.0
"""How far a variance in P may grow beyond what it began with: as if the ridge had faded to a tenth."""

LARGEST = 1e30
"""A step of a weight beyond this is no correction: float32 would not hold many of them."""


class RLS(NamedTuple):
    """The constants of recursive least squares."""

    forgetting: float
    """l; 0 where the optimizer learns the readout"""
    ridge: float
    unit: float
    """e of an output for each unit of the loss's gradient in it."""


@inner
def begin(rls: RLS, P: Any) -> None:
    """Make P (q, q) that of no event."""
    P[:] = 0
    for i in range(P.shape[0]):
        P[i, i] = 1.0 / rls.ridge


@inner
def fit(
    rls: RLS, network: Network, head: Any, P: Any, features: Any, gradients: Any, fresh: bool, F: Any, u: Any
) -> bool:
    """Correct the readout by one event's errors; return whether it could be.

    `features` (q - 1,) and `gradients` (O,) are the event's, 0 for outputs without an error; `fresh` says whether P has
    yet to see the features. F and u (q,) are scratch.
    """
    last = features.shape[0]
    copy(features, F[:last])
    F[last] = 1.0
    u[:] = 0
    add_product_transposed(P, F, u)  # (q, q) @ (q,) -> (q,)
    g = rls.forgetting + dot(F, u)
    if not (math.isfinite(g) and g > 0.0):
        begin(rls, P)
        return False
    if not abs(rls.unit) / g * _largest(gradients) * _largest(u) < LARGEST:
        return False
    _correct(network, head, gradients, rls.unit / g, u)
    if fresh:
        _remember(rls, P, g, u, F)
    return True


@inner
def _largest(values: Any) -> float:
    """Return the largest size of values (n,); NaN or infinite if one is."""
    largest = 0.0
    for value in values:
        size = float(abs(value))
        if not size <= largest:
            largest = size
        if not math.isfinite(size):
            break
    return largest


@inner
def _correct(network: Network, head: Any, gradients: Any, factor: float, u: Any) -> None:
    """W += factor * gradients u^T."""
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
def _remember(rls: RLS, P: Any, g: float, u: Any, S: Any) -> None:
    """Take the event into P, with u and S (q,) as scratch: products of elements keep P symmetric to the bit."""
    root, grown, most = math.sqrt(g), 1.0 / math.sqrt(rls.forgetting), SLACK * rls.forgetting / rls.ridge
    for i in range(u.shape[0]):
        u[i] /= root
        variance = P[i, i] - u[i] * u[i]
        if not variance > 0.0:
            begin(rls, P)
            return
        S[i] = grown if variance <= most else 1.0
    for i in range(u.shape[0]):
        row, ui, si = P[i], u[i], S[i]
        for j in range(u.shape[0]):
            row[j] = (row[j] - ui * u[j]) * (si * S[j])
