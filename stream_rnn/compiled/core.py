"""Everything that the kernels work on, as one compiled object.

A kernel called from Python pays for every array that it is handed. `bind` therefore puts an engine's model, weights,
stream arrays and scratch memory behind one pointer once, and each call passes only that pointer and the events. The
arrays still belong to the engine: the core sees what Python writes, and must be bound again when an array is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numba import types
from numba.experimental import structref
from numba.extending import overload

from stream_rnn.compiled.state import STREAM_ARRAYS
from stream_rnn.kernels.borrow import borrow
from stream_rnn.kernels.jit import INNER_OPTIONS, entry
from stream_rnn.kernels.unrolled import unrolled

if TYPE_CHECKING:
    from stream_rnn.layers.network import BodyAndHead, Network
    from stream_rnn.learning.anomaly import Anomaly
    from stream_rnn.learning.conformal import Conformal
    from stream_rnn.learning.inputs import InputEncoding
    from stream_rnn.learning.targets import TargetEncoding
    from stream_rnn.learning.tbptt import Learning, Weights, Work


class TaskShape(NamedTuple):
    """Shape of the task: its targets and horizons, and when the state is reset or fades."""

    targets: int
    """D, columns of y"""
    horizon: int
    """H, events ahead; 0 for a label of the same event"""
    lookahead: int
    """L, events that must follow an event before it is labelled"""
    width: int
    """outputs of one target at one horizon; O = max(H, 1) D width"""
    point: int
    """which of these is fed back when a forecast is rolled out"""
    categorical: bool
    """whether targets are classes"""
    feedback: Any
    """(I,) int64, which target each input is; -1 for none"""
    checked: int
    """numbers of the state, from the first on, that must be finite; an embedding's vectors, which come after these, are
    NaN for events that do not exist"""
    reset_after: float
    """seconds; infinite for never"""
    half_life: float
    """seconds in which the state halves; infinite for never"""
    issues: bool
    """whether forecasts are kept as they were issued, for intervals or anomaly scores"""


class Model(NamedTuple):
    """The network, its task and its learner, as the kernels need them."""

    network: Network
    learning: Learning
    task: TaskShape
    inputs: InputEncoding
    targets: TargetEncoding
    conformal: Conformal
    anomaly: Anomaly


class Counts(NamedTuple):
    """Counters over all streams since the engine was created."""

    events: int
    updates: int
    """updates of the weights"""
    skipped: int
    """updates that were skipped because the gradient was not finite"""
    resets: int
    """sequences that were ended by a gap, a flag or a reset"""
    overflows: int
    """hidden states that were zeroed because they were not finite"""
    missing_inputs: int
    missing_targets: int
    judged: int
    """values that arrived for which an interval had been issued"""
    covered: int
    """of these, values inside their interval"""
    drifts: int
    """drifts that were detected"""


@structref.register
class CoreType(types.StructRef):
    """Numba's type of a core."""


class Core(structref.StructRefProxy):
    """A bound core. Python only passes it on, and keeps alive what its arrays were borrowed from."""

    __slots__ = ("lenders",)


structref.define_boxing(CoreType, Core)


def bind(model: Model, weights: Weights, initial: BodyAndHead, streams: Any, work: Work, counts: Any) -> Core:
    """Return the core of an engine's model and arrays.

    Each array of `weights`, of the body and of the readout, has one row if the streams share it, and `initial` then has
    no row; else one row per slot, and `initial` has one: the values that a new stream starts with. `streams` are the
    `StreamArrays`, `counts` is (10,) int64, as `Counts`.
    """
    core: Core = _bind(model, weights, initial, streams, work, counts)
    core.lenders = (weights, initial, streams, work, counts)
    return core


@entry
def _bind(model: Model, weights: Weights, initial: BodyAndHead, streams: Any, work: Work, counts: Any) -> Any:
    return _new(model, weights, initial, streams, work, counts)


def _new(model: Any, weights: Any, initial: Any, streams: Any, work: Any, counts: Any) -> Any:
    """Only compiled code can create a core."""
    raise TypeError("a core is created by bind")


@overload(_new, jit_options=INNER_OPTIONS, strict=False)
def _new_compiled(model: Any, weights: Any, initial: Any, streams: Any, work: Any, counts: Any) -> Any:
    others = {"weights": weights, "initial": initial, "counts": counts, "work": work}
    core_type = CoreType(
        [
            *zip(model.fields, model.types, strict=True),
            *others.items(),
            *zip(streams.fields, streams.types, strict=True),
        ]
    )
    return unrolled(
        "new(model, weights, initial, streams, work, counts)",
        [
            "core = create(core_type)",
            *(f"core.{name} = model.{name}" for name in Model._fields),
            *(f"core.{name} = borrow({name})" for name in others),
            *(f"core.{name} = borrow(streams.{name})" for name in STREAM_ARRAYS),
            "return core",
        ],
        {"create": structref.new, "core_type": core_type, "borrow": borrow},
    )
