"""The settings of an engine as fields, and what follows from them; `engine.Settings` validates them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from stream_rnn.layers import LayerName  # noqa: TC001 - msgspec reads it
from stream_rnn.losses import LOSSES, LossName, LossSpec
from stream_rnn.settings.base import (
    EVERY_COLUMN,
    AtLeastOne,
    Checked,
    Forgetting,
    NonNegative,
    Positive,
    TimeZone,
)

MAX_SIZE = 100_000
"""Most events or units: with more, a stream would not fit into any memory."""
MAX_VOCABULARY = 2**24
"""Ids pass through the network as float32, which represents every integer up to here."""

Size = Annotated[int, Meta(ge=1, le=MAX_SIZE)]
Share = Annotated[float, Meta(gt=0, le=1)]
Readout = Literal["gradient", "rls"]
ActivationName = Literal["tanh", "relu", "sigmoid", "identity"]
TaskName = Literal["forecast", "regression", "classification"]
OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw"]
ClipName = Literal["norm", "value", "off"]
CycleName = Literal["day", "week", "year"]
Bound = float | dict[str, float] | None
BY_COLUMN = 'A number for every target, or a table by target, where "*" is every other one.'
DriftAction = Literal["off", "report", "boost", "reset_optimizer", "reset_head"]


class EngineFields(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an engine learns, and how. See `engine.Settings`."""

    inputs: Annotated[tuple[str, ...], Meta(description="Names of the input columns.")]
    targets: Annotated[
        tuple[str, ...],
        Meta(description="Names of the columns to forecast or to label. Default: every input (forecasts only)."),
    ] = ()
    task: Annotated[
        TaskName,
        Meta(
            description="forecast: the targets' values 1..horizon events ahead. regression, classification: the target "
            "of the same event, as a number or as a class 0, 1, ..."
        ),
    ] = "forecast"
    horizon: Annotated[
        Size,
        Meta(
            description="Forecast 1 to this many events ahead. In jobs also a duration such as 6h, if events have one "
            "interval, as with every."
        ),
    ] = 1
    classes: Annotated[
        Annotated[int, Meta(ge=2, le=MAX_VOCABULARY)],
        Meta(description="Number of classes (classification, and forecasts with the softmax loss)."),
    ] = 2

    layer: Annotated[
        tuple[LayerName, ...], Meta(description="The layers, lowest first; one name or a comma-separated list.")
    ] = ("gru",)
    hidden: Annotated[
        tuple[Size, ...],
        Meta(
            description="Units of each layer, or of each direction of a bidirectional layer; one number stands for all "
            "layers. The layer none ignores it."
        ),
    ] = (32,)
    activation: Annotated[ActivationName, Meta(description="Activation of rnn, dense and conv layers.")] = "tanh"
    vocabulary: Annotated[
        Annotated[int, Meta(ge=2, le=MAX_VOCABULARY)],
        Meta(description="Token ids of an embedding layer; id 0 stands for every token beyond them."),
    ] = 256
    kernel: Annotated[
        Size, Meta(description="Events that a conv layer sees: the newest one and those directly before it.")
    ] = 3
    lookahead: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="Following events that a bidirectional layer waits for before it labels an event. At the end "
            "of a sequence the last events are learned from, but a job does not write their labels."
        ),
    ] = 0
    spectral_radius: Annotated[
        Positive, Meta(description="Spectral radius of a reservoir's recurrent weights; below 1 the past fades.")
    ] = 0.9
    density: Annotated[Share, Meta(description="Fraction of a reservoir's recurrent weights that are not 0.")] = 0.1
    input_scaling: Annotated[
        Positive,
        Meta(
            description="A reservoir's input weights are uniform in [-input_scaling, input_scaling], over the root of "
            "the number of inputs."
        ),
    ] = 3.0
    leak: Annotated[
        tuple[Share, ...],
        Meta(
            description="Leak rate of a reservoir's units, or the lowest and the highest, between which those of the "
            "units are spread; below 1 they change slowly."
        ),
    ] = (0.1, 1.0)
    reservoir: Annotated[
        Annotated[int, Meta(ge=0, le=MAX_SIZE)],
        Meta(
            description="Units of a reservoir beside the layers, which only the readout sees. It is driven by the "
            "newest values, without lags and calendar. 0: none."
        ),
    ] = 0
    readout: Annotated[
        Readout,
        Meta(
            description="How the readout is learned: gradient (by the optimizer, like the layers) or rls (recursive "
            "least squares; squared loss only)."
        ),
    ] = "gradient"
    rls_forgetting: Annotated[
        Forgetting,
        Meta(
            description="RLS forgetting factor (lambda) per event of a stream; where streams share a readout, per "
            "round of one event of each."
        ),
    ] = 0.9998
    rls_ridge: Annotated[Positive, Meta(description="Initial ridge penalty of recursive least squares.")] = 1.0
    skip: Annotated[bool, Meta(description="Let the readout see the inputs besides the top layer's output.")] = False
    init_input: Annotated[Literal["glorot", "he"], Meta(description="Initial input weights; he suits relu.")] = "glorot"
    init_recurrent: Annotated[
        Literal["orthogonal", "identity", "glorot"], Meta(description="Initial recurrent weights; identity suits relu.")
    ] = "orthogonal"
    forget_bias: Annotated[
        float, Meta(description="Initial bias of the forget gate of lstm, lstm_peephole, slstm and elstm layers.")
    ] = 1.0
    update_bias: Annotated[
        float, Meta(description="Initial bias of the update gate of GRU layers; above 0 they start out remembering.")
    ] = 0.0
    seed: Annotated[Annotated[int, Meta(ge=0)], Meta(description="Seed of the initial weights.")] = 0

    window: Annotated[Size, Meta(description="h of TBPTT(h; h'): events through which an error is backpropagated.")] = (
        16
    )
    update_every: Annotated[AtLeastOne, Meta(description="h' of TBPTT(h; h'): events between two updates.")] = 1
    batch_streams: Annotated[
        Size,
        Meta(
            description="B: one update from the mean gradient of B that are due, of any streams, in order of arrival "
            "(one gru or lstm layer with shared weights). More events per second with many streams."
        ),
    ] = 1
    loss: Annotated[
        LossName | None,
        Meta(description="Loss to minimise. Default: squared for numbers, logistic for 2 classes, softmax for more."),
    ] = None
    top: Annotated[
        AtLeastOne | None,
        Meta(
            description="Forecast this many classes only, the most likely ones, each with its probability (softmax "
            "losses). Default: the probabilities of all classes."
        ),
    ] = None
    huber_delta: Annotated[
        Positive,
        Meta(description="Threshold between the quadratic and the linear part of the Huber loss, in scaled units."),
    ] = 1.0
    quantiles: Annotated[
        tuple[float, ...], Meta(description="Levels of the quantile loss, ascending, between 0 and 1.")
    ] = (0.05, 0.5, 0.95)
    optimizer: Annotated[OptimizerName, Meta(description="Optimizer of everything that is learned by gradient.")] = (
        "adamw"
    )
    learning_rate: Annotated[Positive, Meta(description="Learning rate of the optimizer.")] = 1e-3
    momentum: Annotated[Annotated[float, Meta(ge=0, lt=1)], Meta(description="Momentum of sgd.")] = 0.9
    nesterov: Annotated[bool, Meta(description="Use Nesterov's momentum with sgd.")] = False
    clip: Annotated[
        ClipName, Meta(description="Gradient clipping: norm (of the whole gradient), value (of each component) or off.")
    ] = "norm"
    clip_limit: Annotated[
        Positive,
        Meta(description="Limit that the gradient is clipped to. Low limits bias quantiles toward the median."),
    ] = 3.0
    l1: Annotated[NonNegative, Meta(description="L1 penalty on the weights.")] = 0.0
    l2: Annotated[NonNegative, Meta(description="L2 penalty on the weights.")] = 0.0
    vanishing: Annotated[
        NonNegative,
        Meta(description="Penalty on vanishing and exploding gradients of rnn layers (Pascanu et al. 2013)."),
    ] = 0.0
    weight_decay: Annotated[
        NonNegative | None, Meta(description="Decoupled weight decay. Default: 0.01 for adamw, otherwise 0.")
    ] = None

    scale_inputs: Annotated[
        bool, Meta(description="Standardise each input by the running mean and deviation of its stream.")
    ] = True
    scale_targets: Annotated[
        bool, Meta(description="Learn numeric targets in units of the running deviation of their stream.")
    ] = True
    scaling_forgetting: Annotated[
        Forgetting, Meta(description="Forgetting factor of the running moments, per event; 1 forgets nothing.")
    ] = 0.999
    outlier: Annotated[
        Positive, Meta(description="Values are clipped to this many deviations from the running mean.")
    ] = 10.0
    residual: Annotated[
        bool | None,
        Meta(description="Forecast the change from the last value. Default: true for forecasts, false for labels."),
    ] = None
    reversion: Annotated[
        bool,
        Meta(
            description="Start residual forecasts between the last value and the running mean, at the point that has "
            "worked best for each horizon: for series that return to their level."
        ),
    ] = False
    missing_flags: Annotated[
        bool, Meta(description="Add an input for each input that tells whether its value is missing.")
    ] = True
    differences: Annotated[
        bool, Meta(description="Add each input's change since the previous event, in units of such changes.")
    ] = False
    lags: Annotated[
        tuple[Size, ...], Meta(description="Add each input's values from this many events ago, such as 1,2,24.")
    ] = ()
    readout_lags: Annotated[
        tuple[Size, ...], Meta(description="Lags, as above, that the readout sees beside the layers; needs skip.")
    ] = ()
    calendar: Annotated[
        tuple[CycleName, ...],
        Meta(description="Add sine and cosine of the event's time for these cycles: day, week, year."),
    ] = ()
    timezone: TimeZone = None
    harmonics: Annotated[
        Annotated[int, Meta(ge=1, le=100)],
        Meta(
            description="Harmonics of each calendar cycle: 1, 2, ... waves per period; more represent sharper shapes."
        ),
    ] = 2
    elapsed: Annotated[
        bool, Meta(description="Add the logarithm of 1 + seconds since the stream's previous event.")
    ] = False

    lower: Annotated[
        Bound,
        Meta(
            description="Least possible value of a target, such as 0 for counts: no forecast and no interval is below "
            f"it. {BY_COLUMN}"
        ),
    ] = None
    upper: Annotated[Bound, Meta(description=f"Largest possible value of a target. {BY_COLUMN}")] = None
    interval: Annotated[
        Annotated[float, Meta(gt=0, lt=1)] | None,
        Meta(description="Coverage of the prediction intervals, such as 0.9. Default: no intervals."),
    ] = None
    anomaly: Annotated[
        bool,
        Meta(
            description="Score each event from 0 to 1 by how surprising it is, raise alarms at alarm_rate, and tell "
            "the state of each target: normal, abnormal, stuck or missing."
        ),
    ] = False
    alarm_rate: Annotated[
        Annotated[float, Meta(gt=0, le=0.1)],
        Meta(description="Alarms of anomalies per event of a stream without anomalies."),
    ] = 0.001

    drift: Annotated[
        DriftAction,
        Meta(
            description="Detect drift in a stream's error, and respond: off (do not detect), report, boost (learn "
            "faster for a while), reset_optimizer (reset its moments, and the memory of recursive least squares), "
            "reset_head (restart the readout). Detection costs 5 to 10 us per event."
        ),
    ] = "off"
    drift_scope: Annotated[
        Literal["stream", "all"],
        Meta(
            description="Whose error is monitored: each stream's, or that of all streams as one. Shared weights are "
            "changed as a whole, even if only one of many streams has drifted."
        ),
    ] = "stream"
    drift_threshold: Annotated[
        Positive,
        Meta(
            description="Lambda of the Page-Hinkley test: accumulated excess error that counts as drift, in units of "
            "the mean error."
        ),
    ] = 50.0
    drift_delta: Annotated[
        NonNegative, Meta(description="Delta of the Page-Hinkley test: excess over the mean error that is tolerated.")
    ] = 0.5
    drift_boost: Annotated[
        Annotated[float, Meta(ge=1)],
        Meta(description="Factor by which boost multiplies the learning rate and 1 - rls_forgetting."),
    ] = 2.0
    drift_events: Annotated[AtLeastOne, Meta(description="Number of updates that the boost lasts.")] = 200

    weights: Annotated[
        Literal["shared", "per_stream"],
        Meta(description="shared: all streams train one network. per_stream: each stream has its own."),
    ] = "shared"
    head: Annotated[
        Literal["shared", "per_stream"],
        Meta(description="per_stream: each stream has its own readout over layers with shared weights."),
    ] = "shared"
    max_streams: Annotated[
        AtLeastOne | None,
        Meta(description="Most streams to keep; the least recently seen one is evicted. Default: no limit."),
    ] = None
    reset_after: Annotated[
        Positive | None, Meta(description="Seconds without an event that end a stream's sequence. Default: never.")
    ] = None
    half_life: Annotated[
        Positive | None,
        Meta(description="Seconds between two events in which the hidden state halves. Default: it does not fade."),
    ] = None
    tape: Annotated[
        Literal["full", "compact"],
        Meta(
            description="Precision of the window's activations, from which gradients are computed. compact: 8 and 16 "
            "bits, for very many streams; not for embedding and bidirectional layers."
        ),
    ] = "full"
    dtype: Annotated[Literal["float32", "float64"], Meta(description="Precision of the network.")] = "float32"

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns that are forecast or labelled."""
        return self.targets or self.inputs

    @property
    def reach(self) -> int:
        """Newest events of a stream whose targets may still arrive, or whose errors wait for an update."""
        return (self.horizon if self.task == "forecast" else 1) + self.update_every - 1

    @property
    def bounds(self) -> tuple[tuple[float | None, float | None], ...]:
        """Least and largest possible value of each target, None where there is none."""
        lower, upper = (_by_target(bound, self.target_names) for bound in (self.lower, self.upper))
        return tuple(zip(lower, upper, strict=True))

    @property
    def layers(self) -> tuple[tuple[LayerName, int], ...]:
        """Name and number of units of each layer."""
        hidden = self.hidden * len(self.layer) if len(self.hidden) == 1 else self.hidden
        return tuple(zip(self.layer, hidden, strict=True))

    @property
    def tokens(self) -> bool:
        """Whether the input is a token id for an embedding, which is neither scaled nor flagged."""
        return self.layer[0] == "embedding"

    @property
    def loss_name(self) -> LossName:
        """The loss, by the task where none is set."""
        if self.loss is not None:
            return self.loss
        if self.task == "classification":
            return "logistic" if self.classes == 2 else "softmax"
        return "squared"

    @property
    def loss_spec(self) -> LossSpec:
        """The loss's entry in the table of losses."""
        return LOSSES[self.loss_name]

    @property
    def categorical(self) -> bool:
        """Whether targets are classes, forecast by their probabilities."""
        return self.loss_spec.categorical

    @property
    def output_suffixes(self) -> tuple[str, ...]:
        """What is appended to a target's name for each output of its loss."""
        return self.loss_spec.suffixes(self.classes, self.quantiles)

    @property
    def outputs_per_target(self) -> int:
        """The number of `output_suffixes`, which may be millions of classes that nobody names."""
        return self.classes if self.loss_spec.one_target else len(self.output_suffixes)

    @property
    def forecast_suffixes(self) -> tuple[str, ...]:
        """What is appended to a target's name for each number of its forecast."""
        if self.top is None:
            return self.output_suffixes
        return tuple(f".top{place}{part}" for place in range(1, self.top + 1) for part in ("", ".p"))

    @property
    def is_residual(self) -> bool:
        """Whether forecasts are changes from the last value."""
        return self.task == "forecast" and not self.categorical if self.residual is None else self.residual

    @property
    def point(self) -> int:
        """Index of the output that serves as a target's point forecast: the middle quantile, or the first."""
        levels = self.quantiles if self.loss_name == "quantile" else ()
        return min(range(len(levels)), key=lambda place: abs(levels[place] - 0.5), default=0)

    @property
    def decay(self) -> float:
        """The weight decay, by the optimizer where none is set."""
        if self.weight_decay is not None:
            return self.weight_decay
        return 0.01 if self.optimizer == "adamw" else 0.0

    @property
    def forecast_shape(self) -> tuple[int, ...]:
        """The shape of one event's forecast.

        (H, D) for forecasts of D targets, (D,) for labels; with a last axis for the outputs of the quantile loss
        (levels) and gaussian_nll (mean, variance). Probabilities: (H, classes) for forecasts by softmax, (classes,) for
        classification by softmax, (D,) by logistic. With `top`, (H, top, 2) or (top, 2): a class and its probability.
        """
        lengths = (self.horizon,) if self.task == "forecast" else ()
        outputs = self.outputs_per_target
        if self.top is not None:
            return (*lengths, self.top, 2)
        if self.loss_spec.one_target:
            return (*lengths, outputs)
        return (*lengths, len(self.target_names), *((outputs,) if outputs > 1 or self.loss_spec.has_spread else ()))


def _by_target(bound: Bound, targets: tuple[str, ...]) -> list[float | None]:
    """Return a bound of each target, None where it has none."""
    if isinstance(bound, dict):
        return [bound.get(name, bound.get(EVERY_COLUMN)) for name in targets]
    return [bound] * len(targets)
