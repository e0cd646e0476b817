"""Embedding: each token's own learned vector (Bengio et al. 2003, A neural probabilistic language model, JMLR 3).

With a token id i and a table E (V, H):

    y = E_i

The gradient, for d = dL/dy, is in row i alone; an id has none:

    dE_i = d

There may be several ids, those of the events that a bidirectional layer above looks ahead to; their vectors stand side
by side. An id that is NaN is that of an event that does not come; its vector is NaN, too.

Every row begins as small normal numbers, E ~ N(0, 0.3^2): rows must differ for the layer above to tell tokens apart,
and what was drawn must soon weigh less than what is learned. Of English text by characters and by words, 0.3 was
learned best in the end, 0.1 more slowly, 1 faster at first and then worse. Glorot's and He's rules do not fit: they
take V for the fan in, but an event reads one row.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.linalg import add_scaled, copy
from stream_rnn.layers.layer import Carries, Parameter, Sizes, accumulate, backward, count, forward

SPREAD = 0.3
"""Standard deviation of the first values."""


class Embedding(NamedTuple):
    """A table of vectors; see the module for its equations. The kernels index with the id as it is: check it before."""

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
        return (Parameter("E", shape, "input", "y", lambda rng: rng.normal(0.0, SPREAD, shape)),)

    @property
    def sizes(self) -> Sizes:
        """State: y, which the next event does not read. Tape: i. Delta: d."""
        I, H = self.inputs, self.hidden
        return Sizes(I, I * H, count(self.parameters()), state=I * H, tape=I, delta=I * H)


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
def _backward(layer: Embedding, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:  # noqa: ARG001 - a layer's signature
    delta[:] = d_output
    d_state[:] = 0
    d_input[:] = 0


@accumulate.register
def _accumulate(layer: Embedding, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    H = layer.hidden
    one = gradient.dtype.type(1)
    for q in rows:
        for k in range(layer.inputs):
            if not math.isnan(tapes[q, tape + k]):
                i, d = int(tapes[q, tape + k]), delta + k * H
                add_scaled(one, deltas[q, d : d + H], gradient[i * H : (i + 1) * H])  # () * (H,) -> (H,)
