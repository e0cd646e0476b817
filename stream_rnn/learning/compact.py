"""A compact tape: the activations of the window in 8 and 16 bits, where memory limits the number of streams.

Values of a sigmoid or tanh are bounded, and are stored as one of 256 equal parts of their range; a part is read as its
middle, so that no unit looks entirely saturated. All others are stored as bfloat16, the upper half of a float32
(Kalamkar et al. 2019, arXiv:1905.12322). Both err by at most 0.4 %: of the range, or of the value. The tape is read
only to compute gradients; hidden states and forecasts are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.activations import Activation
from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.jit import inner
from stream_rnn.layers.gates import gates_of
from stream_rnn.layers.stack import stacked_layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.layers.layer import Layer

FLOAT, SIGMOID, TANH = 0, 1, 2
"""Kinds of values."""
PARTS = 256
"""Parts of the range of a bounded value."""


class Compact(NamedTuple):
    """How the tape of an event is stored."""

    pieces: Any
    """(n, 3) int64, start, stop and kind of consecutive pieces of the tape"""

    @property
    def floats(self) -> NDArray[np.int64]:
        """Elements of the tape that are stored in 16 bits."""
        return self._elements(bounded=False)

    @property
    def bounded(self) -> NDArray[np.int64]:
        """Elements of the tape that are stored in 8 bits."""
        return self._elements(bounded=True)

    def _elements(self, *, bounded: bool) -> NDArray[np.int64]:
        pieces = [np.arange(start, stop) for start, stop, kind in self.pieces if (kind != FLOAT) == bounded]
        return np.concatenate([np.zeros(0, np.int64), *pieces])


def compact_tape(body: Layer) -> Compact:
    """Return how the tape of a body is stored.

    Examples
    --------
    >>> from stream_rnn.layers.gru import GRU
    >>> compact_tape(GRU(3, 8)).pieces.tolist()  # x and h, n, r and z, q
    [[0, 11, 0], [11, 19, 2], [19, 35, 1], [35, 43, 0]]
    """
    kinds = np.full(body.sizes.tape, FLOAT)
    for place in stacked_layers(body):
        for gate in gates_of(place.layer):
            kind = SIGMOID if gate.activation is Activation.SIGMOID else TANH
            kinds[place.tape + gate.start : place.tape + gate.stop] = kind
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(kinds)) + 1, [len(kinds)]]) if len(kinds) else np.zeros(1, int)
    return Compact(np.stack([bounds[:-1], bounds[1:], kinds[bounds[:-1]]], axis=1).astype(np.int64))


@dispatched
def row_to_write(compact: Any, tape: Any, scratch: Any, row: int) -> Any:
    """Return where a layer writes the tape of an event: the stream's tape (r, T), or scratch memory of this shape."""
    return tape[row]


@row_to_write.register
def _row_of_scratch(compact: Compact, tape: Any, scratch: Any, row: int) -> Any:
    return scratch[row]


@dispatched
def store(compact: Any, tape: Any, tape16: Any, tape8: Any) -> None:
    """Store the tape of an event (T,), unless it is in the stream's tape."""


@store.register
def _store_compact(compact: Compact, tape: Any, tape16: Any, tape8: Any) -> None:
    place16 = place8 = 0
    for piece in range(compact.pieces.shape[0]):
        start, stop, kind = compact.pieces[piece, 0], compact.pieces[piece, 1], compact.pieces[piece, 2]
        length = stop - start
        if kind == FLOAT:
            _store_floats(tape[start:stop], tape16[place16 : place16 + length])
            place16 += length
        else:
            lowest, parts = _range(kind)
            _store_bounded(tape[start:stop], np.float32(lowest), np.float32(parts), tape8[place8 : place8 + length])
            place8 += length


@dispatched
def restore(compact: Any, tape: Any, tape16: Any, tape8: Any, rows: int, scratch: Any) -> Any:
    """Return a stream's tape (r, T), of which the first `rows` rows are used."""
    return tape


@restore.register
def _restore_compact(compact: Compact, tape: Any, tape16: Any, tape8: Any, rows: int, scratch: Any) -> Any:
    for row in range(rows):
        place16 = place8 = 0
        for piece in range(compact.pieces.shape[0]):
            start, stop, kind = compact.pieces[piece, 0], compact.pieces[piece, 1], compact.pieces[piece, 2]
            length = stop - start
            if kind == FLOAT:
                _restore_floats(tape16[row, place16 : place16 + length], scratch[row, start:stop])
                place16 += length
            else:
                lowest, parts = _range(kind)
                stored, values = tape8[row, place8 : place8 + length], scratch[row, start:stop]
                _restore_bounded(stored, np.float32(lowest), np.float32(1.0 / parts), values)
                place8 += length
    return scratch


@inner
def _range(kind: int) -> tuple[float, float]:
    """Return the lowest value of a kind of piece, and the number of parts per unit of its range."""
    return (0.0, float(PARTS)) if kind == SIGMOID else (-1.0, 0.5 * PARTS)


@inner
def _store_floats(values: Any, stored: Any) -> None:
    """Round to the nearest bfloat16, ties to even."""
    for j in range(values.shape[0]):
        bits = np.float32(values[j]).view(np.uint32)
        stored[j] = np.uint16((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)


@inner
def _restore_floats(stored: Any, values: Any) -> None:
    for j in range(stored.shape[0]):
        values[j] = np.uint32(np.uint32(stored[j]) << 16).view(np.float32)


@inner
def _store_bounded(values: Any, lowest: Any, parts: Any, stored: Any) -> None:
    for j in range(values.shape[0]):
        stored[j] = min(np.int32((np.float32(values[j]) - lowest) * parts), np.int32(PARTS - 1))


@inner
def _restore_bounded(stored: Any, lowest: Any, part: Any, values: Any) -> None:
    for j in range(stored.shape[0]):
        values[j] = lowest + (np.float32(stored[j]) + np.float32(0.5)) * part
