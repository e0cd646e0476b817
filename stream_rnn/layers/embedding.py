"""Embedding: a learned vector for each token (Bengio et al. 2003, A neural probabilistic language model, JMLR 3).

With a token id i and a table E (V, H):

    y = E_i

The gradient, for d = dL/dy; there is none in an id:

    dE_i = d

An update touches the vectors of the window's tokens only, see `touched`.

Below a bidirectional layer, an event has several ids: its own, and those of the lookahead. Their vectors are
concatenated. The id of an event that does not exist is NaN, and so is its vector.

Initial values are normal, E ~ N(0, 0.3^2): rows must differ for the layer above to distinguish tokens, but initial
values must soon matter less than what is learned. On English text, by characters and by words, 0.3 gave the lowest
final loss; 0.1 learned more slowly, and 1 faster at first but worse later. The rules of Glorot and He do not apply,
because their fan in would be V, but an event reads one row.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.linalg import add_scaled, copy
from stream_rnn.layers.gates import Gate, gates_of
from stream_rnn.layers.layer import (
    Carries,
    Parameter,
    Sizes,
    accumulate,
    backward,
    forward,
    parameter_count,
    touch_rows,
)
from stream_rnn.layers.touched import Touched, touch

SPREAD = 0.3
"""Standard deviation of the initial values."""


class Embedding(NamedTuple):
    """A table of vectors; see the module for its equations. Ids must be checked by the caller."""

    inputs: int
    hidden: int
    vocabulary: int = 256

    @property
    def carries(self) -> Carries:
        """None: it has no memory."""
        return "never"

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the table of E."""
        shape = self.vocabulary, self.hidden
        return (Parameter("E", shape, "input", "y", lambda rng: rng.normal(0.0, SPREAD, shape), sparse=True),)

    @property
    def sizes(self) -> Sizes:
        """State: y, which the next event does not read. Tape: i. Delta: d."""
        I, H = self.inputs, self.hidden
        return Sizes(I, I * H, parameter_count(self.parameters()), state=I * H, tape=I, delta=I * H)


@forward.register
def _forward(layer: Embedding, params: Any, x: Any, state: Any, tape: Any) -> None:
    H = layer.hidden
    tape[:] = x
    for k in range(layer.inputs):
        y = state[k * H : (k + 1) * H]
        if math.isnan(x[k]):
            y[:] = math.nan
        else:
            i = int(x[k])
            copy(params[i * H : (i + 1) * H], y)


@backward.register
def _backward(layer: Embedding, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:  # noqa: ARG001 - the signature of `backward`
    delta[:] = d_output
    d_state[:] = 0
    d_input[:] = 0


@accumulate.register
def _accumulate(layer: Embedding, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    H = layer.hidden
    one = gradient.dtype.type(1)
    for r in range(rows.shape[0]):
        q = rows[r]
        for k in range(layer.inputs):
            if not math.isnan(tapes[q, tape + k]):
                i, d = int(tapes[q, tape + k]), delta + k * H
                add_scaled(one, deltas[q, d : d + H], gradient[i * H : (i + 1) * H])  # () * (H,) -> (H,)


@touch_rows.register
def _touch_rows(layer: Embedding, tapes: Any, tape: int, rows: Any, touched: Touched, gradient: Any) -> None:
    H = layer.hidden
    for r in range(rows.shape[0]):
        for k in range(layer.inputs):
            if not math.isnan(tapes[rows[r], tape + k]):
                i = int(tapes[rows[r], tape + k])
                touch(touched, touched.body, i, i * H, (i + 1) * H, gradient)


@gates_of.register
def _gates_of(layer: Embedding) -> tuple[Gate, ...]:  # noqa: ARG001 - no units
    return ()
