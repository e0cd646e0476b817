"""Bidirectional recurrent layer on a stream (Schuster & Paliwal 1997, doi:10.1109/78.650093).

Two cells with separate weights read the sequence in opposite directions. The forward cell's state continues from event
to event. The backward cell starts for every event t at state 0, reads the events t+L ... t (fewer at the end of the
sequence), and is then discarded, as in latency-controlled networks (Zhang et al. 2016, arXiv:1510.08983):

    f_t = cell(x_t, f_(t-1))
    b_k = cell(x_k, b_(k+1))       for k = t+L ... t
    y_t = [f_t, b_t]

The input of event t is [x_t, x_(t+1) ... x_(t+L)], (L + 1) I numbers; where an event does not exist, because the
sequence has ended, it starts with NaN. If L is at least the length of the sequence, outputs are those of the paper.

The gradient, for dL/dy_t from above: that in f_t is propagated through the window, as by the cell alone. That in b_t is
propagated from t to t+L, and not to other events, because each has its own backward pass. It is skipped at events
without an error.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation
from stream_rnn.layers.gates import Gate, gates_of
from stream_rnn.layers.gru import GRU
from stream_rnn.layers.layer import Carries, Layer, Parameter, Sizes, accumulate, backward, forward
from stream_rnn.layers.lstm import LSTM
from stream_rnn.layers.rnn import RNN


class Bidirectional(NamedTuple):
    """A cell in both directions; built by `birnn`, `bigru` or `bilstm`."""

    cell: Any
    cell_sizes: Sizes
    """sizes of the cell, for one direction"""
    lookahead: int
    """L, number of later events that the output depends on"""

    @property
    def carries(self) -> Carries:
        """All gradients of the forward cell, through the state."""
        return "window"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of the cell twice; names start with ``forward.`` or ``backward.``."""
        return tuple(
            p._replace(name=f"{direction}.{p.name}")
            for direction in ("forward", "backward")
            for p in self.cell.parameters()
        )

    @property
    def sizes(self) -> Sizes:
        """State: f_t, the backward cell's state, the forward cell's state. Only the last is read by the next event.

        Tape: the forward cell's, the backward cell's at t ... t+L, the number of these events that exist. Delta: the
        same, then the gradient in x_t of the forward cell.
        """
        cell, reads = self.cell_sizes, self.lookahead + 1
        return Sizes(
            reads * cell.inputs,
            2 * cell.outputs,
            2 * cell.params,
            cell.outputs + 2 * cell.state,
            (1 + reads) * cell.tape + 1,
            (1 + reads) * cell.delta + 1 + cell.inputs,
        )


def birnn(inputs: int, hidden: int, lookahead: int, activation: int = Activation.TANH.value) -> Bidirectional:
    """Return a simple recurrent layer with `hidden` units in each direction."""
    return _bidirectional(RNN(inputs, hidden, activation), lookahead)


def bigru(inputs: int, hidden: int, lookahead: int) -> Bidirectional:
    """Return a GRU layer with `hidden` units in each direction."""
    return _bidirectional(GRU(inputs, hidden), lookahead)


def bilstm(inputs: int, hidden: int, lookahead: int) -> Bidirectional:
    """Return an LSTM layer with `hidden` units in each direction."""
    return _bidirectional(LSTM(inputs, hidden), lookahead)


def _bidirectional(cell: Layer, lookahead: int) -> Bidirectional:
    return Bidirectional(cell, cell.sizes, lookahead)


@forward.register
def _forward(layer: Bidirectional, params: Any, x: Any, state: Any, tape: Any) -> None:
    cell, sizes, reads = layer.cell, layer.cell_sizes, layer.lookahead + 1
    I, H, P, S, T = sizes.inputs, sizes.outputs, sizes.params, sizes.state, sizes.tape
    f, b = state[H + S :], state[H : H + S]
    forward(cell, params[:P], x[:I], f, tape[:T])
    state[:H] = f[:H]
    existing = 0
    while existing < reads and not math.isnan(x[existing * I]):
        existing += 1
    b[:] = 0
    for k in range(existing - 1, -1, -1):
        start = T * (1 + k)
        forward(cell, params[P:], x[k * I : (k + 1) * I], b, tape[start : start + T])
    last = tape.shape[0] - 1
    tape[T * (1 + existing) : last] = 0  # a NaN from an older event would survive a product with a delta of 0
    tape[last] = existing


@backward.register
def _backward(
    layer: Bidirectional, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any
) -> None:
    cell, sizes, reads = layer.cell, layer.cell_sizes, layer.lookahead + 1
    I, H, P, S, T, D = sizes.inputs, sizes.outputs, sizes.params, sizes.state, sizes.tape, sizes.delta
    no_error, db, df = d_state[:H], d_state[H : H + S], d_state[H + S :]
    existing = 0
    for j in range(H, d_output.shape[0]):
        if d_output[j] != 0:
            existing = int(tape[tape.shape[0] - 1])
            break
    no_error[:] = 0
    db[:] = 0
    db[:H] = d_output[H:]
    for k in range(existing):
        t, d = T * (1 + k), D * (1 + k)
        d_x = d_input[k * I : (k + 1) * I]
        backward(cell, params[P:], tape[t : t + T], no_error, db, delta[d : d + D], d_x)
    db[:] = 0
    end = D * (1 + reads)
    delta[D * (1 + existing) : end] = 0
    delta[end] = existing
    d_input[existing * I :] = 0
    d_x = delta[end + 1 :][: d_input.shape[0]]
    backward(cell, params[:P], tape[:T], d_output[:H], df, delta[:D], d_x)
    for i in range(d_x.shape[0]):
        d_input[i] += d_x[i]


@accumulate.register
def _accumulate(layer: Bidirectional, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    cell, sizes, reads = layer.cell, layer.cell_sizes, layer.lookahead + 1
    P, T, D = sizes.params, sizes.tape, sizes.delta
    accumulate(cell, tapes, tape, deltas, delta, rows, gradient[:P])
    used, end = rows.shape[0], delta + D * (1 + reads)
    while used > 0 and deltas[rows[used - 1], end] == 0:
        used -= 1  # the backward deltas of this event and of all older ones are 0
    for k in range(reads):
        accumulate(cell, tapes, tape + T * (1 + k), deltas, delta + D * (1 + k), rows[:used], gradient[P:])


@gates_of.register
def _gates_of(layer: Bidirectional) -> tuple[Gate, ...]:
    """Return the gates of both cells, of the backward one as it reads the event itself."""
    T = layer.cell_sizes.tape
    return tuple(
        Gate(f"{direction}.{name}", activation, start + offset, stop + offset)
        for direction, offset in (("forward", 0), ("backward", T))
        for name, activation, start, stop in gates_of(layer.cell)
    )
