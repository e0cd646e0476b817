"""Everything that the kernels work on, as one compiled object.

A kernel called from Python pays for every array that it is handed. `bind` therefore puts an engine's model, weights,
stream arrays and scratch memory behind one pointer once, and each call passes only that pointer and the events. The
arrays still belong to the engine: the core sees what Python writes, and must be bound again when an array is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.kernels.structure import Structure

if TYPE_CHECKING:
    from stream_rnn.compiled.forecast import Top
    from stream_rnn.kernels.dispatch import Off
    from stream_rnn.layers.network import BodyAndHead, Network
    from stream_rnn.learning.alarm_rate import AlarmRate
    from stream_rnn.learning.anomaly import Anomaly
    from stream_rnn.learning.bounds import Bounds
    from stream_rnn.learning.compact import Compact
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
    width: int
    """W, outputs of one target at one horizon; O = max(H, 1) D W"""
    errors: int
    """length of the gradient in these; W, unless few of them have one"""
    point: int
    """which of these is fed back when a forecast is rolled out"""
    categorical: bool
    """whether targets are classes"""
    classes: int
    """number of classes"""
    feedback: Any
    """(I,) int64, which target each input is; -1 for none"""
    checked: int
    """numbers of the state, from the first on, that must be finite; an embedding's vectors, which come after these, are
    NaN for events that do not exist"""
    reset_after: float
    """seconds; infinite for never"""
    half_life: float
    """seconds in which the state halves; infinite for never"""


class Lookahead(NamedTuple):
    """Labels are emitted later."""

    events: int
    """L, events that must follow an event before it is labelled"""


class Model(NamedTuple):
    """The network, its task and its learner, as the kernels need them."""

    network: Network
    learning: Learning
    task: TaskShape
    inputs: InputEncoding
    targets: TargetEncoding
    top: Top | Off
    lookahead: Lookahead | Off
    bounds: Bounds | Off
    conformal: Conformal | Off
    anomaly: Anomaly | Off
    compact: Compact | Off
    alarm_rate: AlarmRate | Off


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
    alarms: int
    """times that a stream began to fail, see `Engine.failing`"""
    anomaly_alarms: int
    """alarms of anomalies, see `learning.alarm_rate`"""
    abnormal: int
    """events at which the state of the stream was abnormal, see `learning.target_states`"""
    stuck: int
    """events at which it was stuck"""
    missing: int
    """events at which it was missing"""


class Core(Structure):
    """A bound core."""

    __slots__ = ()


def bind(model: Model, weights: Weights, initial: BodyAndHead, streams: Any, work: Work, counts: Any) -> Core:
    """Return the core of an engine's model and arrays.

    Each array of `weights`, of the body and of the readout, has one row if the streams share it, and `initial` then has
    no row; else one row per slot, and `initial` has one: the values that a new stream starts with. `streams` are the
    `StreamArrays`, `counts` is (15,) int64, as `Counts`.
    """
    others = {"weights": weights, "initial": initial, "work": work, "counts": counts}
    return Core(**model._asdict(), **others, **streams._asdict())
