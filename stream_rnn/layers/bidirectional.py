"""Bidirectional recurrent layer (Schuster & Paliwal 1997, doi:10.1109/78.650093), on a stream.

A cell reads the sequence in both directions, with weights of its own for each. Forward it goes on from event to event.
Backward it begins at 0 with the newest event that is there, at most L after the one to be labelled, and comes back to
it, as in latency-controlled networks (Zhang et al. 2016, arXiv:1510.08983):

    f_t = cell(x_t, f_(t-1))                   of the whole past
    b_k = cell(x_k, b_(k+1))                   for k = t+L ... t, of what is to come; 0 before the first
    y_t = [f_t, b_t]

The input of event t is [x_t, x_(t+1) ... x_(t+L)], (L + 1) I numbers. An event that does not come, after the end of the
sequence, begins with NaN. With L as long as the sequence the labels are those of the paper.

The gradient, for dL/dy_t from above: that of f_t is carried through the window, as the cell does by itself; that of b_t
from t to t+L and no further, since no other event has read this pass. An event without an error has none to carry.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.activations import Activation
from stream_rnn.layers.gru import GRU
from stream_rnn.layers.layer import Carries, Layer, Parameter, Sizes, accumulate, backward, forward
from stream_rnn.layers.lstm import LSTM
from stream_rnn.layers.rnn import RNN


class Bidirectional(NamedTuple):
    """A cell that reads in both directions; build it with `birnn`, `bigru` or `bilstm`."""

    cell: Any
    one: Sizes
    """The cell's sizes, one direction's."""
    lookahead: int
    """L, events to come that a label may depend on."""

    @property
    def carries(self) -> Carries:
        """All gradients of the forward direction, by way of the state."""
        return "window"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the cell's table twice, names marked with the direction."""
        return tuple(
            p._replace(name=f"{direction}.{p.name}")
            for direction in ("forward", "backward")
            for p in self.cell.parameters()
        )

    @property
    def sizes(self) -> Sizes:
        """State: f, the cell's after t backward, the cell's after t forward; only the last is read by the next event.

        Tape: the cell's forward, then backward at t ... t+L; how many of these are there. Delta: the same, and room for
        the gradient in x_t.
        """
        one, places = self.one, self.lookahead + 1
        return Sizes(
            places * one.inputs,
            2 * one.outputs,
            2 * one.params,
            one.outputs + 2 * one.state,
            (1 + places) * one.tape + 1,
            (1 + places) * one.delta + 1 + one.inputs,
        )


def birnn(inputs: int, hidden: int, lookahead: int, activation: int = Activation.TANH.value) -> Bidirectional:
    """Return a simple recurrent layer of so many units in each direction."""
    return _bidirectional(RNN(inputs, hidden, activation), lookahead)


def bigru(inputs: int, hidden: int, lookahead: int) -> Bidirectional:
    """Return a GRU layer of so many units in each direction."""
    return _bidirectional(GRU(inputs, hidden), lookahead)


def bilstm(inputs: int, hidden: int, lookahead: int) -> Bidirectional:
    """Return an LSTM layer of so many units in each direction."""
    return _bidirectional(LSTM(inputs, hidden), lookahead)


def _bidirectional(cell: Layer, lookahead: int) -> Bidirectional:
    return Bidirectional(cell, cell.sizes, lookahead)


@forward.register
def _forward(layer: Bidirectional, params: Any, x: Any, state: Any, tape: Any) -> None:
    cell, places = layer.cell, layer.lookahead + 1
    I, H, P, S, T = layer.one.inputs, layer.one.outputs, layer.one.params, layer.one.state, layer.one.tape
    f, b = state[H + S :], state[H : H + S]
    forward(cell, params[:P], x[:I], f, tape[:T])
    state[:H] = f[:H]
    there = 0
    while there < places and not math.isnan(x[there * I]):
        there += 1
    b[:] = 0
    for k in range(there - 1, -1, -1):
        begin = T * (1 + k)
        forward(cell, params[P:], x[k * I : (k + 1) * I], b, tape[begin : begin + T])
    tape[T * (1 + there) : -1] = 0  # where no pass was, an old one's NaN would outlast a delta of 0
    tape[-1] = there


@backward.register
def _backward(
    layer: Bidirectional, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any
) -> None:
    cell, places = layer.cell, layer.lookahead + 1
    I, H, P, S = layer.one.inputs, layer.one.outputs, layer.one.params, layer.one.state
    T, D = layer.one.tape, layer.one.delta
    none, db, df = d_state[:H], d_state[H : H + S], d_state[H + S :]
    there = 0
    for error in d_output[H:]:
        if error != 0:
            there = int(tape[-1])
            break
    none[:] = 0
    db[:] = 0
    db[:H] = d_output[H:]
    for k in range(there):
        at, to = T * (1 + k), D * (1 + k)
        d_x = d_input[k * I : (k + 1) * I]
        backward(cell, params[P:], tape[at : at + T], none, db, delta[to : to + D], d_x)
    db[:] = 0
    count = D * (1 + places)
    delta[D * (1 + there) : count] = 0
    delta[count] = there
    d_input[there * I :] = 0
    d_x = delta[count + 1 :][: d_input.shape[0]]
    backward(cell, params[:P], tape[:T], d_output[:H], df, delta[:D], d_x)
    for i in range(d_x.shape[0]):
        d_input[i] += d_x[i]


@accumulate.register
def _accumulate(layer: Bidirectional, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    cell, places = layer.cell, layer.lookahead + 1
    P, T, D = layer.one.params, layer.one.tape, layer.one.delta
    accumulate(cell, tapes, tape, deltas, delta, rows, gradient[:P])
    asked, count = rows.shape[0], delta + D * (1 + places)
    while asked > 0 and deltas[rows[asked - 1], count] == 0:
        asked -= 1  # the rest of the window has no deltas of this direction
    for k in range(places):
        accumulate(cell, tapes, tape + T * (1 + k), deltas, delta + D * (1 + k), rows[:asked], gradient[P:])
