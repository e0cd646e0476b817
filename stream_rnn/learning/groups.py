"""One update from the mean gradient of several windows: `batch_streams`.

An update that is due joins a group: it copies its window. When B have joined, in the order in which they were due, they
are backpropagated side by side with the weights that all of them saw, and make one update from the mean of their
gradients. U is read once for all of them: with the deltas of B windows at the same age (B, n),

    dL/dh += deltas U^T                (B, n) @ (n, H) -> (B, H)

A group is part of the engine's state. So it does not matter how events are cut into batches, and a stream that has
joined may go on, end its sequence or be forgotten. Most groups are of B streams; a stream may join more than once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import copy, multiply
from stream_rnn.kernels.products import add_matrix_product
from stream_rnn.layers.layer import accumulate, backward_gates, recurrent_weights
from stream_rnn.layers.network import Network  # noqa: TC001 - `register` reads annotations
from stream_rnn.layers.touched import touch_dense
from stream_rnn.learning.tbptt import (
    Learning,
    Outcome,
    Progress,
    RecentEvents,
    Weights,
    Work,
    apply_gradient,
    backpropagate_readout,
    next_boost,
    update_weights,
)

BLOCK = 32
"""Rows whose outer products are summed at a time: more would not stay in the first cache."""


class Groups(NamedTuple):
    """Several windows make one update."""

    size: int
    """B"""


class Group(NamedTuple):
    """The windows that have joined; age 0 is the newest event of each."""

    tapes: Any
    """(window, B, T)"""
    d_outputs: Any
    """(window, B, H) gradient in the body's output from above"""
    gradient: Any
    """(P,) sum of the head's; 0 for the body"""
    steps: Any
    """(B + 1,) int64, events of each window, then the number of windows"""


class GroupWork(NamedTuple):
    """Scratch memory."""

    deltas: Any
    """(window, B, D)"""
    d_states: Any
    """(B, S)"""
    transposed: Any
    """(n, H) U^T"""
    rows: Any
    """(window B,) numbers of the rows, ascending; constant"""


@update_weights.register
def _join(
    groups: Groups,
    network: Network,
    learning: Learning,
    weights: Weights,
    recent: RecentEvents,
    progress: Progress,
    work: Work,
) -> Outcome:
    group = weights.group
    member, length, kept = group.steps[groups.size], progress.length, recent.errors.shape[0]
    if member == 0:
        group.gradient[:] = 0
    steps, share = min(length, learning.window), recent.errors.dtype.type(1.0 / progress.errors)
    for row in range(kept):
        multiply(share, recent.errors[row])
    for age in range(max(steps, min(length, kept))):
        head = weights.params.head
        backpropagate_readout(network, learning.loss, head, recent, length, age, group.gradient, work)
        if age < steps:
            copy(work.d_body, group.d_outputs[age, member])
            copy(recent.tape[(length - 1 - age) % recent.tape.shape[0]], group.tapes[age, member])
    recent.errors[:] = 0
    for age in range(steps, learning.window):
        group.tapes[age, member] = 0  # 0 times what an earlier group has left might be NaN
    group.steps[member] = steps
    group.steps[groups.size] = member + 1
    if member + 1 < groups.size:
        return Outcome.WAITING
    group.steps[groups.size] = 0
    boost = next_boost(learning, weights)
    _backpropagate(network, weights, work)
    done = apply_gradient(network, learning, weights, 1.0 / groups.size, boost, work)
    return Outcome.DONE if done else Outcome.SKIPPED


@inner
def _backpropagate(network: Network, weights: Weights, work: Work) -> None:
    """Write the sum of the gradients of a group's windows to `work.gradient`."""
    layer, B, group, memory = network.body, network.head_start, weights.group, work.group
    window, size, T = group.tapes.shape
    deltas, gradient, place = memory.deltas, work.gradient, recurrent_weights(layer)
    H, n = network.hidden, place.columns
    U = weights.params.body[place.params : place.params + H * n].reshape(H, n)
    for i in range(H):
        for j in range(n):
            memory.transposed[j, i] = U[i, j]
    for member in range(size):
        memory.d_states[member] = 0
    for age in range(window):
        for member in range(size):
            d_state, delta = memory.d_states[member], deltas[age, member]
            if age < group.steps[member]:
                backward_gates(layer, group.tapes[age, member], group.d_outputs[age, member], d_state, delta)
            else:
                d_state[:] = 0
                delta[:] = 0
        add_matrix_product(deltas[age], place.delta, memory.transposed, memory.d_states)  # (B, n) @ (n, H) -> (B, H)
    touch_dense(work.touched, gradient)
    copy(group.gradient, gradient)
    tapes, rows = group.tapes.reshape(window * size, T), memory.rows
    deltas = deltas.reshape(window * size, deltas.shape[2])
    for first in range(0, window * size, BLOCK):
        block = rows[first : min(first + BLOCK, window * size)]
        accumulate(layer, tapes, 0, deltas, 0, block, gradient[:B])
