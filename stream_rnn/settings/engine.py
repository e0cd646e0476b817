"""The settings of an engine: one source for Python, TOML files and the command line."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import msgspec
from msgspec import Meta

from stream_rnn.layers import REGISTRY
from stream_rnn.settings.base import Checked, check_types, make_tuples
from stream_rnn.settings.presets import expand
from stream_rnn.settings.rules import check

Readout = Literal["gradient", "rls"]
ActivationName = Literal["tanh", "relu", "sigmoid", "identity"]
Task = Literal["forecast", "regression", "classification"]
LossName = Literal["squared", "absolute", "huber", "quantile", "gaussian_nll", "logistic", "softmax"]
OptimizerName = Literal["sgd", "rmsprop", "adam", "adamw"]
ClipName = Literal["norm", "value", "off"]
Cycle = Literal["day", "week", "year"]
DriftAction = Literal["off", "report", "boost", "reset_optimizer", "reset_head"]


class Settings(Checked, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an engine learns, and how. Every value is checked when the settings are made.

    Where several values are taken, a list or a single value will do: ``hidden=32`` is ``hidden=(32,)``.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.
    """

    inputs: Annotated[tuple[str, ...], Meta(description="Names of the input columns.")]
    targets: Annotated[
        tuple[str, ...],
        Meta(description="Names of the columns to forecast or to label; empty: every input (forecasts only)."),
    ] = ()
    task: Annotated[
        Task,
        Meta(
            description="forecast: the targets' values 1..horizon events ahead. regression, classification: the "
            "target of the same event, as a number or as a class 0, 1, ...",
        ),
    ] = "forecast"
    horizon: Annotated[int, Meta(description="How many events ahead to forecast, each from 1 on.")] = 1
    classes: Annotated[int, Meta(description="Number of classes (classification, and forecasts by softmax).")] = 2

    layer: Annotated[tuple[str, ...], Meta(description=f"The layers, lowest first: {', '.join(REGISTRY)}.")] = ("gru",)
    hidden: Annotated[
        tuple[int, ...],
        Meta(
            description="Units of each layer, or of each direction of one; one number stands for all layers. none has "
            "as many as inputs, whatever is said here."
        ),
    ] = (32,)
    activation: Annotated[
        ActivationName, Meta(description="Activation of rnn, dense and conv layers: tanh, relu, sigmoid, identity.")
    ] = "tanh"
    vocabulary: Annotated[
        int, Meta(description="Tokens of an embedding layer, numbered from 0, which stands for all others.")
    ] = 256
    kernel: Annotated[int, Meta(description="Events that a conv layer sees: the newest and those before it.")] = 3
    lookahead: Annotated[
        int,
        Meta(
            description="Events to come that a bidirectional layer waits for before it labels one. Where a sequence "
            "ends, its last events are learned from, and a job does not write their labels."
        ),
    ] = 0
    spectral_radius: Annotated[
        float, Meta(description="Largest size of a reservoir's eigenvalues; below 1 the past fades.")
    ] = 0.9
    density: Annotated[float, Meta(description="Share of a reservoir's recurrent weights that are not 0.")] = 0.1
    input_scaling: Annotated[float, Meta(description="Reservoir's input weights are within this of 0.")] = 1.0
    leak: Annotated[
        float, Meta(description="What a reservoir's units take of the new; below 1 they change slowly.")
    ] = 1.0
    readout: Annotated[
        Readout,
        Meta(
            description="How the readout is learned: gradient (by the optimizer, as the layers), rls (recursive least "
            "squares; squared loss)."
        ),
    ] = "gradient"
    rls_forgetting: Annotated[
        float,
        Meta(
            description="What each event of a stream leaves of the memory of recursive least squares; where streams "
            "share a readout, one event of each."
        ),
    ] = 0.9998
    rls_ridge: Annotated[
        float, Meta(description="How strongly recursive least squares begins by holding weights at 0.")
    ] = 1.0
    skip: Annotated[bool, Meta(description="Let the readout see the inputs beside the top layer's output.")] = False
    init_input: Annotated[
        Literal["glorot", "he"], Meta(description="Initial input weights: glorot, he (for relu).")
    ] = "glorot"
    init_recurrent: Annotated[
        Literal["orthogonal", "identity", "glorot"],
        Meta(description="Initial recurrent weights: orthogonal, identity (for relu), glorot."),
    ] = "orthogonal"
    forget_bias: Annotated[float, Meta(description="Initial bias of the forget gate of lstm and elstm layers.")] = 1.0
    update_bias: Annotated[
        float, Meta(description="Initial bias of the update gate of gru layers; above 0 they begin by remembering.")
    ] = 0.0
    seed: Annotated[int, Meta(description="Seed of the initial weights.")] = 0

    window: Annotated[int, Meta(description="h of TBPTT(h; h'): events that an error is carried back through.")] = 16
    update_every: Annotated[int, Meta(description="h' of TBPTT(h; h'): events between two updates.")] = 1
    loss: Annotated[
        LossName | None,
        Meta(
            description="squared, absolute, huber, quantile, gaussian_nll, logistic, softmax; "
            "default: squared for numbers, logistic for 2 classes, softmax for more.",
        ),
    ] = None
    huber_delta: Annotated[float, Meta(description="Where Huber's loss turns straight, in scaled units.")] = 1.0
    quantiles: Annotated[
        tuple[float, ...], Meta(description="Levels of the quantile loss, ascending, between 0 and 1.")
    ] = (0.05, 0.5, 0.95)
    optimizer: Annotated[OptimizerName, Meta(description="sgd, rmsprop, adam, adamw.")] = "adam"
    learning_rate: Annotated[float, Meta(description="Step size of the optimizer.")] = 1e-3
    momentum: Annotated[float, Meta(description="Momentum of sgd.")] = 0.9
    nesterov: Annotated[bool, Meta(description="Nesterov's momentum for sgd.")] = False
    clip: Annotated[
        ClipName,
        Meta(description="Gradient clipping: norm (of the whole gradient), value (each component), off."),
    ] = "norm"
    clip_limit: Annotated[
        float, Meta(description="What the gradient is clipped to; low limits hide tails, and quantiles come too near.")
    ] = 3.0
    l1: Annotated[float, Meta(description="Penalty on the weights' absolute values.")] = 0.0
    l2: Annotated[float, Meta(description="Penalty on the weights' squares.")] = 0.0
    vanishing: Annotated[
        float, Meta(description="Penalty on gradients that fade or grow in rnn layers (Pascanu et al. 2013).")
    ] = 0.0
    weight_decay: Annotated[
        float | None,
        Meta(description="Decoupled weight decay; default: 0.01 for adamw, else 0."),
    ] = None

    scale_inputs: Annotated[
        bool, Meta(description="Standardise each input with its stream's running mean and deviation.")
    ] = True
    scale_targets: Annotated[
        bool, Meta(description="Learn numeric targets in units of their stream's running deviation.")
    ] = True
    scaling_forgetting: Annotated[
        float, Meta(description="What each event leaves of the running moments' memory; 1 forgets nothing.")
    ] = 0.999
    outlier: Annotated[
        float, Meta(description="Values further than this many deviations from the mean count as that far.")
    ] = 10.0
    residual: Annotated[
        bool | None,
        Meta(description="Forecast the change from the last value; default: true for forecasts, false for labels."),
    ] = None
    reversion: Annotated[
        bool,
        Meta(
            description="Begin from between the last value and the running mean, as near to either as served best "
            "at each horizon so far: for series that return to their level."
        ),
    ] = False
    missing_flags: Annotated[bool, Meta(description="Give each input another that says whether it is missing.")] = True
    differences: Annotated[
        bool, Meta(description="Give each input another: its change since the event before, in units of such changes.")
    ] = False
    lags: Annotated[
        tuple[int, ...], Meta(description="Give each input others: its values so many events ago, as 1,2,24.")
    ] = ()
    calendar: Annotated[
        tuple[Cycle, ...],
        Meta(description="Cycles of the event's time (UTC) that are inputs, as sine and cosine: day, week, year."),
    ] = ()
    harmonics: Annotated[
        int, Meta(description="Waves of each cycle of the calendar: 1, 2, ... to a period; more make sharper shapes.")
    ] = 2
    elapsed: Annotated[
        bool, Meta(description="Give the inputs another: the logarithm of 1 + seconds since the stream's last event.")
    ] = False

    interval: Annotated[
        float | None,
        Meta(description="Give each forecast an interval that is to hold this share of what comes, as 0.9."),
    ] = None
    anomaly: Annotated[bool, Meta(description="Score from 0 to 1 how much each event surprises.")] = False

    drift: Annotated[
        DriftAction,
        Meta(
            description="What to do when a stream's error shows that it has changed: off (do not look), report, boost "
            "(learn faster for a while), reset_optimizer (forget its moments, and the memory of recursive least "
            "squares), reset_head (begin the readout anew). Looking takes 5 to 10 us more for each event."
        ),
    ] = "off"
    drift_scope: Annotated[
        Literal["stream", "all"],
        Meta(
            description="Whose error is watched: each stream's, or that of all as one. Shared weights are acted on as "
            "a whole, be it one stream of many that has changed."
        ),
    ] = "stream"
    drift_threshold: Annotated[
        float,
        Meta(description="How much error too many is a drift, added up, in units of its mean (Page-Hinkley's lambda)."),
    ] = 50.0
    drift_delta: Annotated[
        float, Meta(description="How much the error may exceed its mean, in units of it, before it is too much.")
    ] = 0.5
    drift_boost: Annotated[
        float, Meta(description="What boost multiplies the learning rate and 1 - rls_forgetting by.")
    ] = 2.0
    drift_events: Annotated[int, Meta(description="How many updates the boost lasts.")] = 200

    weights: Annotated[
        Literal["shared", "per_stream"],
        Meta(description="shared: all streams train one network; per_stream: each has its own."),
    ] = "shared"
    head: Annotated[
        Literal["shared", "per_stream"],
        Meta(
            description="shared: all streams that share weights share the readout, too; per_stream: each has its own "
            "over the layers that all train."
        ),
    ] = "shared"
    max_streams: Annotated[
        int | None, Meta(description="Streams kept; the least recently seen makes room. Default: no limit.")
    ] = None
    reset_after: Annotated[
        float | None,
        Meta(description="Seconds without an event that end a stream's sequence. Default: never."),
    ] = None
    half_life: Annotated[
        float | None,
        Meta(description="Seconds between two events in which the hidden state halves. Default: it does not."),
    ] = None
    dtype: Annotated[Literal["float32", "float64"], Meta(description="Precision of the network.")] = "float32"

    def __post_init__(self) -> None:
        """Check every value, and that they go together."""
        make_tuples(self, ("inputs", "targets", "layer", "hidden", "quantiles", "lags", "calendar"))
        check_types(self)
        check(self)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> Self:
        """Return the settings of a mapping, such as a table of a TOML file; ``preset`` names others to begin with.

        Raises
        ------
        SettingError
            For an unknown name, with the nearest known one, one that is missing, or a value that is not allowed.
        """
        return super().parse(expand(values))

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """Return a preset's settings, with changes; ``inputs`` has to be among them.

        Raises
        ------
        SettingError
            As `parse`.
        """
        return cls.parse({"preset": name} | changes)

    def describe(self) -> dict[str, Any]:
        """Return the settings as plain values that `parse` takes back."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in plain.items() if value is not None}

    @property
    def target_names(self) -> tuple[str, ...]:
        """The columns that are forecast or labelled."""
        return self.targets or self.inputs

    @property
    def layers(self) -> tuple[tuple[str, int], ...]:
        """Each layer's name and number of units."""
        hidden = self.hidden * len(self.layer) if len(self.hidden) == 1 else self.hidden
        return tuple(zip(self.layer, hidden, strict=True))

    @property
    def tokens(self) -> bool:
        """Whether the input is a token id, which an embedding looks up: neither scaled nor flagged."""
        return self.layer[0] == "embedding"

    @property
    def loss_name(self) -> LossName:
        """The loss, chosen by the task where none was given."""
        if self.loss is not None:
            return self.loss
        if self.task == "classification":
            return "logistic" if self.classes == 2 else "softmax"
        return "squared"

    @property
    def categorical(self) -> bool:
        """Whether targets are classes, which are told by their probabilities, and not numbers."""
        return self.loss_name in {"logistic", "softmax"}

    @property
    def is_residual(self) -> bool:
        """Whether forecasts are changes from the last value."""
        return self.task == "forecast" and not self.categorical if self.residual is None else self.residual

    @property
    def point(self) -> int:
        """Which number of those that tell of a target stands for all: the middle quantile, or the mean."""
        levels = self.quantiles if self.loss_name == "quantile" else ()
        return min(range(len(levels)), key=lambda place: abs(levels[place] - 0.5), default=0)

    @property
    def decay(self) -> float:
        """The weight decay, chosen by the optimizer where none was given."""
        if self.weight_decay is not None:
            return self.weight_decay
        return 0.01 if self.optimizer == "adamw" else 0.0

    @property
    def forecast_shape(self) -> tuple[int, ...]:
        """The shape of one event's forecast.

        (H, D) for forecasts of D targets, (D,) for labels; with another axis at the end for the quantile loss (levels)
        and gaussian_nll (mean, variance). Probabilities: (H, classes) for forecasts by softmax, (classes,) for
        classification by it, (D,) by logistic.
        """
        if self.loss_name == "softmax":
            return (self.horizon, self.classes) if self.task == "forecast" else (self.classes,)
        lengths: tuple[int, ...] = (len(self.target_names),)
        if self.task == "forecast":
            lengths = (self.horizon, *lengths)
        if self.loss_name == "quantile":
            return (*lengths, len(self.quantiles))
        if self.loss_name == "gaussian_nll":
            return (*lengths, 2)
        return lengths
