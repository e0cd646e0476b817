"""Everything the kernels work on, as one compiled object.

A kernel called from Python pays for every array that it is handed. `bind` therefore puts an engine's settings, weights,
streams and scratch behind one pointer once, and each call passes only that pointer and the events. The arrays remain
the engine's: the core sees what Python writes, and has to be bound anew when an array is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from numba import types
from numba.experimental import structref
from numba.extending import overload

from stream_rnn.kernels.borrow import borrow
from stream_rnn.kernels.jit import PART, entry
from stream_rnn.layers.network import Halves
from stream_rnn.learning.tbptt import Weights, Work

if TYPE_CHECKING:
    from stream_rnn.layers.network import Network
    from stream_rnn.learning.anomaly import Anomaly
    from stream_rnn.learning.conformal import Conformal
    from stream_rnn.learning.inputs import Inputs
    from stream_rnn.learning.targets import Targets
    from stream_rnn.learning.tbptt import Learner


class Task(NamedTuple):
    """What is forecast from what, and how values are scaled."""

    targets: int
    """D, columns of y."""
    horizon: int
    """H, events ahead; 0 for a label of the same event."""
    lookahead: int
    """L, events that have to come after an event before it is labelled."""
    width: int
    """Outputs of one target at one horizon; O = max(H, 1) D width."""
    point: int
    """Which of these is fed back when a forecast is rolled out."""
    feedback: Any
    """(I,) int64, as which input: which target each is, -1 for none"""
    remembered: int
    """Numbers of the state that have to be finite: all but an embedding's vectors, NaN for events that do not come."""
    reset_after: float
    """Seconds; infinite for never."""
    half_life: float
    """Seconds in which the state halves; infinite for never."""
    judged: bool
    """Whether forecasts are kept to be held against what comes: for intervals, or for anomaly scores."""


class Model(NamedTuple):
    """What the settings ask for, in the kernels' words."""

    network: Network
    learner: Learner
    task: Task
    inputs: Inputs
    targets: Targets
    conformal: Conformal
    anomaly: Anomaly


class Arenas(NamedTuple):
    """All that is kept of the streams, one row per slot; the newest R events of each are kept for learning."""

    state: Any
    """(slots, S) hidden state"""
    tape: Any
    """(slots, R, T)"""
    features: Any
    """(slots, R, F)"""
    forecast: Any
    """(slots, O) float64, the newest event's"""
    errors: Any
    """(slots, R, O)"""
    base: Any
    """(slots, R, D) float64, the last values at each event, which residual forecasts start from"""
    last_y: Any
    """(slots, D) float64, the last known target values of the sequence, NaN before"""
    history: Any
    """(slots, kept, I) float64, as `inputs.Past`"""
    faded: Any
    """(slots, R) what was left of the state before each event; no columns where nothing fades"""
    miss: Any
    """(slots,) float64, by how much the newest event's targets were missed (see `losses.miss`), NaN if none was known;
    of forecasts those one event ahead"""
    ahead_x: Any
    """(slots, L + 1, columns) the newest events' scaled inputs, each in row (event of the stream mod L + 1); no rows
    without lookahead"""
    ahead_y: Any
    """(slots, L + 1, D) float64, the same of their labels"""
    input_moments: Any
    """(slots, 3, moments) float64, as `inputs.Past`"""
    target_moments: Any
    """(slots, 3, C) float64, as `targets.Scales`, for C = max(H, 1) D columns"""
    levels: Any
    """(slots, 3, D or 0) float64, likewise"""
    slopes: Any
    """(slots, 2, C or 0) float64, likewise"""
    time: Any
    """(slots,) float64, seconds, the latest time of an event; NaN before"""
    gap: Any
    """(slots,) float64, seconds between the latest time and the one before; NaN before"""
    clock: Any
    """(slots, 7) int64: LENGTH, WAITING, ERRORS, EVENTS, PENDING, TURN, BETWEEN"""
    interval: Any
    """(slots, C, 2) float64, low and high of the newest forecast's C = max(H, 1) D numbers; C = 0 without intervals"""
    promised: Any
    """(slots, R, C, 3) float64, each event's forecast as it was made, with its interval's low and high"""
    calibration: Any
    """(slots, C, conformal.STATE) float64"""
    surprise: Any
    """(slots, n) float64, as `anomaly.surprise`; n = 0 where no score is asked for"""
    score: Any
    """(slots,) float64, the newest event's anomaly score; NaN where no forecast spoke of it"""


LENGTH, WAITING, ERRORS, EVENTS, PENDING, TURN, BETWEEN = range(7)
"""A stream's clock: events of its current sequence that the network has taken; of these, since the last update; of
these, at which errors arrived; events of the stream; of these, the newest that wait for their lookahead; of all
streams' events, the number of its last one; how many of these came from the one before on, with it."""


class Counts(NamedTuple):
    """What is counted over all streams since the engine began."""

    events: int
    updates: int
    """of the weights"""
    skipped: int
    """updates left out because the gradient was not finite"""
    resets: int
    """sequences ended by a gap, a flag or a reset"""
    overflows: int
    """hidden states zeroed because they were not finite"""
    missing_inputs: int
    missing_targets: int
    judged: int
    """values that came where an interval had been given"""
    covered: int
    """of these, inside it"""
    drifts: int
    """changes of the streams that were found"""


@structref.register
class CoreType(types.StructRef):
    """Numba's type of a core."""


class Core(structref.StructRefProxy):
    """A bound core; Python only hands it on, and keeps what its arrays were borrowed from."""

    __slots__ = ("lenders",)


structref.define_boxing(CoreType, Core)


def bind(model: Model, weights: Weights, initial: Halves, arenas: Arenas, work: Work, counts: Any) -> Core:
    """Return the core of an engine's model and arrays.

    Each array of `weights`, the body's and the readout's, has one row if the streams share them, and `initial` then has
    none; else one row per slot, and `initial` one: what those of a new stream begin as. `counts` is (10,) int64, as
    Counts.
    """
    core: Core = _bind(model, weights, initial, arenas, work, counts)
    core.lenders = (weights, initial, arenas, work, counts)
    return core


@entry
def _bind(model: Model, weights: Weights, initial: Halves, arenas: Arenas, work: Work, counts: Any) -> Any:
    return _new(model, weights, initial, arenas, work, counts)


def _new(model: Any, weights: Any, initial: Any, arenas: Any, work: Any, counts: Any) -> Any:
    """Only compiled code can make a core."""
    raise TypeError("a core is made by bind")


@overload(_new, jit_options=PART)
def _new_compiled(model: Any, weights: Any, initial: Any, arenas: Any, work: Any, counts: Any) -> Any:
    others = {"weights": weights, "initial": initial, "counts": counts, "work": work}
    core_type = CoreType(
        [
            *zip(model.fields, model.types, strict=True),
            *others.items(),
            *zip(arenas.fields, arenas.types, strict=True),
        ]
    )

    def new(model: Any, weights: Any, initial: Any, arenas: Any, work: Any, counts: Any) -> Any:
        core = structref.new(core_type)
        core.network = model.network
        core.learner = model.learner
        core.task = model.task
        core.inputs = model.inputs
        core.targets = model.targets
        core.conformal = model.conformal
        core.anomaly = model.anomaly
        core.weights = Weights(
            Halves(borrow(weights.params.body), borrow(weights.params.head)),
            Halves(borrow(weights.moments.body), borrow(weights.moments.head)),
            Halves(borrow(weights.updates.body), borrow(weights.updates.head)),
            borrow(weights.inverse),
        )
        core.initial = Halves(borrow(initial.body), borrow(initial.head))
        core.counts = borrow(counts)
        core.work = Work(
            borrow(work.x),
            borrow(work.outputs),
            borrow(work.deltas),
            borrow(work.rows),
            borrow(work.gradient),
            borrow(work.penalised),
            borrow(work.trained),
            borrow(work.d_body),
            borrow(work.d_state),
            borrow(work.d_input),
            borrow(work.regressors),
            borrow(work.gain),
            borrow(work.residuals),
        )
        core.state = borrow(arenas.state)
        core.tape = borrow(arenas.tape)
        core.features = borrow(arenas.features)
        core.forecast = borrow(arenas.forecast)
        core.errors = borrow(arenas.errors)
        core.base = borrow(arenas.base)
        core.last_y = borrow(arenas.last_y)
        core.history = borrow(arenas.history)
        core.faded = borrow(arenas.faded)
        core.miss = borrow(arenas.miss)
        core.ahead_x = borrow(arenas.ahead_x)
        core.ahead_y = borrow(arenas.ahead_y)
        core.input_moments = borrow(arenas.input_moments)
        core.target_moments = borrow(arenas.target_moments)
        core.levels = borrow(arenas.levels)
        core.slopes = borrow(arenas.slopes)
        core.time = borrow(arenas.time)
        core.gap = borrow(arenas.gap)
        core.clock = borrow(arenas.clock)
        core.interval = borrow(arenas.interval)
        core.promised = borrow(arenas.promised)
        core.calibration = borrow(arenas.calibration)
        core.surprise = borrow(arenas.surprise)
        core.score = borrow(arenas.score)
        return core

    return new
