"""Recursive least squares for the readout (Plackett 1950, doi:10.1093/biomet/37.1-2.149; Haykin 2002, chapter 9).

With the features f and a constant, F = [f, 1] (q,), outputs o = W F (O,), errors e = z - o and forgetting factor l:

    u = P F      g = l + F . u      W <- W + e u^T / g      P <- (P - u u^T / g) / l

W consists of the network's V and c. Initially P = I / ridge. Of P only the lower triangle is used. The cost of an event
is O(q^2 + q O). For an event of weight w, e and u u^T are multiplied by w, and g = l + w F . u.

**Leak.** P grows without bound in directions in which features do not vary, and weights in these directions drift. At
one event of `LEAK_EVERY`, the weight of one feature i, of each in turn, is therefore pulled towards 0, as by an event
with the feature s alone and the target 0, where s^2 = LEAK_EVERY q (1 - l) ridge / 10:

    u = s P_i      g = 1 + s u_i      W <- W - s W_i u^T / g      P <- P - u u^T / g

In the long run W then minimises

    sum_t l^(T-t) |z_t - W F_t|^2 + ridge / 10 |W|^2

up to the order in which features take turns, and no variance in P exceeds 10 / ridge by much (leaky least squares;
Horita et al. 2004, doi:10.1109/TCSII.2004.836887).

**Changes.** After a change of the process that generates the data, what is remembered is wrong. A challenger therefore
tries to learn the errors that the readout leaves, by normalised least mean squares (Haykin 2002, chapter 6):

    e' = e - D F      D <- D + e' F^T / |F|^2

It forgets within few events, so that while the readout fits, its own noise makes |e'| larger than |e|. Where the mean
of

    (|e|^2 - |e'|^2) / (|e|^2 + |e'|^2)

over about 16 events exceeds `SUPERIOR`, the errors can be learned. P is then reset to I / ridge, and W is kept. Unlike
the size of the errors, the comparison does not take volatile errors for a change. It needs errors of one stream in
succession, and is made one event ahead only: errors further ahead are similar from event to event without any change.

If a variance is not positive because of rounding, as with features of 1e8, P is reset to I / ridge, and W is kept.

At horizons beyond the first, errors arrive when P already contains the features of their event. They update W with the
current P, and do not change P.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import copy, dot, multiply
from stream_rnn.kernels.symmetric import add_symmetric_product, copy_column, subtract_outer_product

if TYPE_CHECKING:
    from stream_rnn.layers.network import Network


LEAK = 0.03
"""Ridge penalty in the long run, in units of the initial one."""
LEAK_EVERY = 4
"""Events between two leaks."""

GAIN = 0
"""The element of `challenger` that holds the mean gain; those of D (O, q) follow."""
MEMORY = 16.0
"""Number of events that the gain is averaged over."""
SUPERIOR = 0.2
"""Mean gain of a challenger that shows a change."""

MAX_STEP = 1e30
"""Maximum step of a weight; larger ones are rejected, because float32 would soon overflow."""


class RLS(NamedTuple):
    """The constants of recursive least squares."""

    forgetting: float
    """l"""
    ridge: float
    unit: float
    """factor from the gradient of the loss in an output to its error e"""
    challenged: bool
    """whether there is a challenger"""


class EventErrors(NamedTuple):
    """The errors that arrived for one event."""

    features: Any
    """(q - 1,)"""
    gradients: Any
    """(O,), gradient of the loss in the outputs; 0 for outputs without an error"""
    is_new: bool
    """whether P does not contain the features yet"""
    weight: float
    """of the event, above 0; the gradients contain it"""


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
    forgetting = 1.0 - boost * (1.0 - rls.forgetting)
    if events > 1:
        forgetting = forgetting ** (1.0 / events)
    return RLS(forgetting, rls.ridge, rls.unit, rls.challenged)


@inner
def challenge(rls: RLS, P: Any, event: EventErrors, challenger: Any, F: Any) -> None:
    """Let the challenger (1 + O q,) learn the errors of one event, and reset P if it does well; F (q,) is scratch."""
    last, O = event.features.shape[0], event.gradients.shape[0]
    copy(event.features, F[:last])
    F[last] = 1.0
    D, norm = challenger[GAIN + 1 :].reshape(O, last + 1), dot(F, F)
    before, after = 0.0, 0.0
    for o in range(O):
        if event.gradients[o] != 0:
            error = rls.unit * event.gradients[o]
            left = error - dot(D[o], F)
            before += error * error
            after += left * left
            step = left / norm
            for j in range(last + 1):
                D[o, j] += step * F[j]
    total = before + after
    if not total < math.inf:
        challenger[:] = 0
    elif total > 0.0:
        challenger[GAIN] += ((before - after) / total - challenger[GAIN]) / MEMORY
        if challenger[GAIN] > SUPERIOR:
            challenger[:] = 0
            reset_inverse(rls, P)


@inner
def leak(rls: RLS, network: Network, head: Any, P: Any, turn: int, u: Any) -> None:
    """Pull the weight of one feature, by the number of the update, towards 0; u (q,) is scratch."""
    q = P.shape[0]
    strength = LEAK_EVERY * q * (1.0 - rls.forgetting) * LEAK * rls.ridge
    if turn % LEAK_EVERY != 0 or strength == 0.0:
        return
    i = turn // LEAK_EVERY % q
    s = math.sqrt(strength)
    copy_column(P, i, u)
    multiply(s, u)
    g = 1.0 + s * u[i]
    Q, O = network.features, network.outputs
    V, c = head[: O * Q].reshape(O, Q), head[O * Q :]
    for o in range(O):
        weight = float(V[o, i]) if i < Q else float(c[o])
        _add_to_weights(V[o], c, o, -s * weight / g, u)
    multiply(1.0 / math.sqrt(g), u)
    subtract_outer_product(P, u, 1.0)


@inner
def update_readout(rls: RLS, network: Network, head: Any, P: Any, event: EventErrors, F: Any, u: Any) -> bool:
    """Update the readout by the errors of one event; return whether that was possible. F and u (q,) are scratch."""
    last = event.features.shape[0]
    copy(event.features, F[:last])
    F[last] = 1.0
    u[:] = 0
    add_symmetric_product(P, F, u)
    g = rls.forgetting + event.weight * dot(F, u)
    if not (math.isfinite(g) and g > 0.0):
        reset_inverse(rls, P)
        return False
    if not abs(rls.unit) / g * _max_abs(event.gradients) * _max_abs(u) < MAX_STEP:
        return False
    _update_weights(network, head, event.gradients, rls.unit / g, u)
    if event.is_new:
        _update_inverse(rls, P, g / event.weight, u)
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
    for o in range(O):
        if gradients[o] != 0:
            _add_to_weights(V[o], c, o, factor * gradients[o], u)


@inner
def _add_to_weights(row: Any, c: Any, o: int, step: float, u: Any) -> None:
    """Add step * u (q,) to the weights of output o: row (Q,) and c[o]."""
    number, Q = c.dtype.type, row.shape[0]
    for j in range(Q):
        row[j] += number(step * u[j])
    c[o] += number(step * u[Q])


@inner
def _update_inverse(rls: RLS, P: Any, g: float, u: Any) -> None:
    """Update P; u is overwritten."""
    root, growth = math.sqrt(g), 1.0 / rls.forgetting
    for i in range(u.shape[0]):
        u[i] /= root
        if not P[i, i] - u[i] * u[i] > 0.0:
            reset_inverse(rls, P)
            return
    subtract_outer_product(P, u, growth)
