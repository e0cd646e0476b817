"""Diagnosing one stream: what `learning.diagnosis` measures, of what an engine remembers of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stream_rnn.compiled.core import LENGTH
from stream_rnn.learning.diagnosis import Diagnosis, changes, diagnose
from stream_rnn.learning.tbptt import Recent

if TYPE_CHECKING:
    from collections.abc import Hashable

    from stream_rnn.engine.state import Memory
    from stream_rnn.learning.tbptt import Weights


def diagnosis_of(memory: Memory, key: Hashable) -> Diagnosis:
    """Return what there is to measure of a stream without an event to come; one not known is one that begins."""
    slot, arenas = memory.streams.find(key), memory.streams.arenas
    length = 0 if slot is None else int(arenas["clock"][slot, LENGTH])
    recent = Recent(*(arenas[name][slot or 0] for name in Recent._fields))
    network, learner = memory.assembly.network, memory.assembly.learner
    return diagnose(network, np.concatenate(memory.params_of(key)), recent, length, learner.window)


def with_update(found: Diagnosis, memory: Memory, key: Hashable, after: Weights, unclipped: Weights) -> Diagnosis:
    """Return a stream's diagnosis with that of an update.

    Parameters
    ----------
    found
        The diagnosis without it.
    memory, key
        The stream before the update.
    after, unclipped
        Its weights after the update, and after the same without clipping.
    """
    before, now = (np.concatenate(params) for params in (memory.params_of(key), after.params))
    clipped = any((one != other).any() for one, other in zip(after.moments, unclipped.moments, strict=True))
    return found._replace(updates=changes(memory.assembly.network, before, now), clipped=clipped)
