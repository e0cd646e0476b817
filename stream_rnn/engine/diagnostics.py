"""Diagnostics of one stream: what `learning.diagnosis` measures, applied to an engine's state."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.compiled.state import Clock
from stream_rnn.learning.compact import restore
from stream_rnn.learning.diagnosis import Diagnosis, diagnose, relative_changes
from stream_rnn.learning.tbptt import RecentEvents

if TYPE_CHECKING:
    from collections.abc import Hashable

    from stream_rnn.engine.state import EngineState
    from stream_rnn.learning.tbptt import Weights

RECENT = ("tape", "tape16", "tape8", "features", "errors", "faded")
"""Arrays of a stream's newest events."""


def diagnosis_of(state: EngineState, key: Hashable) -> Diagnosis:
    """Return the measurements of a stream that need no hypothetical event; an unknown key is that of a new stream."""
    slot, arrays = state.streams.find(key), state.streams.arrays
    network, learning, length = state.parts.network, state.parts.learning, state.clock(key, Clock.LENGTH)
    tape, tape16, tape8, features, errors, faded = (arrays[name][slot or 0] for name in RECENT)
    scratch = np.zeros_like(state.parts.work.tape)
    tape = restore(state.parts.model.compact, tape, tape16, tape8, min(length, len(scratch)), scratch)
    recent = RecentEvents(tape, features, errors, faded, upcoming=tape[:0])
    return diagnose(network, np.concatenate(state.params_of(key)), recent, length, learning.window)


def with_update(
    diagnosis: Diagnosis, state: EngineState, key: Hashable, after: Weights, clipless: Weights
) -> Diagnosis:
    """Return a stream's diagnosis with the measurements of an update.

    Parameters
    ----------
    diagnosis
        The diagnosis without the update.
    state, key
        The stream before the update.
    after, clipless
        Its weights after the update, and after the same update without clipping.
    """
    before, now = (np.concatenate(params) for params in (state.params_of(key), after.params))
    clipped = any((one != other).any() for one, other in zip(after.moments, clipless.moments, strict=True))
    return diagnosis._replace(updates=relative_changes(state.parts.network, before, now), clipped=clipped)
