"""From settings to the parts that the kernels work on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.compiled.core import Arenas, Core, Model, Task, bind
from stream_rnn.kernels.activations import Activation
from stream_rnn.kernels.memory import aligned_zeros
from stream_rnn.layers import BIDIRECTIONAL, make_layer
from stream_rnn.layers.initialise import Initialisation, initial_weights, penalised, trained
from stream_rnn.layers.layer import parts
from stream_rnn.layers.network import Halves, Network, network
from stream_rnn.layers.stack import stack
from stream_rnn.learning import anomaly, conformal
from stream_rnn.learning.clipping import Clip, ClipKind
from stream_rnn.learning.inputs import PERIODS, Inputs
from stream_rnn.learning.losses import Loss, LossKind
from stream_rnn.learning.optimizers import MOMENTS, Optimizer, OptimizerKind
from stream_rnn.learning.penalties import Penalties
from stream_rnn.learning.rls import RLS, begin
from stream_rnn.learning.targets import Targets
from stream_rnn.learning.tbptt import Learner, Weights, Work

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import DTypeLike, NDArray

    from stream_rnn.layers.layer import Parameter
    from stream_rnn.settings.engine import Settings

Rows = dict[str, tuple[tuple[int, ...], "DTypeLike"]]

WEIGHTS = ("body", "body_moments", "body_updates", "head", "head_moments", "head_updates", "inverse")
"""Names of the arrays of weights: an arena's where each stream has its own."""


class Assembly(NamedTuple):
    """A network, how it learns, and the shapes of all that it needs."""

    model: Model
    initial: Halves
    """(B,) and (R,) weights to begin with"""
    work: Work
    rows: Rows
    """Shape and type of one stream's row in each arena."""
    shared: Rows
    """The same of each array of weights that all streams share."""

    @property
    def network(self) -> Network:
        """The layers and their readout."""
        return self.model.network

    @property
    def learner(self) -> Learner:
        """How weights are learned."""
        return self.model.learner

    def shared_weights(self) -> dict[str, NDArray[Any]]:
        """Return memory for the weights that all streams share, each array with one row."""
        weights = {name: aligned_zeros((1, *shape), kind) for name, (shape, kind) in self.shared.items()}
        for name, initial in self.initial._asdict().items():
            if name in weights:
                weights[name][0] = initial
        if "inverse" in weights:
            begin(self.learner.rls, weights["inverse"][0])
        return weights

    def core(self, arenas: dict[str, NDArray[Any]], shared: dict[str, NDArray[Any]], counts: NDArray[np.int64]) -> Core:
        """Return the core of the streams' arenas and the shared weights."""
        rows = {name: 0 if name in shared else 1 for name in Halves._fields}
        initial = Halves(**{name: part[np.newaxis][: rows[name]] for name, part in self.initial._asdict().items()})
        streams = Arenas(**{name: arenas[name] for name in Arenas._fields})
        return bind(self.model, gathered(arenas | shared), initial, streams, self.work, counts)

    def named(self, params: Halves) -> dict[str, NDArray[Any]]:
        """Return read-only views of the weights (B,) and (R,), by name."""
        return _views(params.body, self.network.body.parameters()) | _views(params.head, self.network.head_parameters())


def gathered(arrays: Mapping[str, NDArray[Any]]) -> Weights:
    """Return arrays of weights by name as the kernels take them."""
    params, moments, updates = (
        Halves(arrays[f"body{what}"], arrays[f"head{what}"]) for what in ("", "_moments", "_updates")
    )
    return Weights(params, moments, updates, arrays["inverse"])


def _views(params: NDArray[Any], table: tuple[Parameter, ...]) -> dict[str, NDArray[Any]]:
    views = {}
    for parameter, part in parts(table):
        view = params[part].reshape(parameter.shape)
        view.flags.writeable = False
        views[parameter.name] = view
    return views


def assemble(settings: Settings) -> Assembly:
    """Return the parts that the settings ask for; tokens are neither scaled nor flagged, whatever is said of inputs."""
    inputs, targets = _inputs(settings), len(settings.target_names)
    columns = inputs.columns
    labels = settings.task != "forecast"
    layers = _layers(settings, columns)
    body = stack(*layers)
    vectors = layers[0].sizes.state if settings.tokens else 0  # the lowest layer's state is the last part
    task = Task(
        targets=targets,
        horizon=0 if labels else settings.horizon,
        lookahead=settings.lookahead,
        width=_width(settings),
        point=settings.point,
        feedback=_feedback(settings),
        remembered=body.sizes.state - vectors,
        reset_after=math.inf if settings.reset_after is None else float(settings.reset_after),
        half_life=math.inf if settings.half_life is None else float(settings.half_life),
        judged=settings.interval is not None or settings.anomaly,
    )
    net = network(body, math.prod(settings.forecast_shape), skip=settings.skip)
    reach = (1 if labels else settings.horizon) + settings.update_every - 1
    window = settings.window if net.body.carries == "window" else reach
    learner = _learner(settings, window)
    kind = np.dtype(settings.dtype)
    how = Initialisation(
        settings.init_input,
        settings.init_recurrent,
        {"f": settings.forget_bias, "z": settings.update_bias},
    )
    initial = net.split(initial_weights(net, how, settings.seed).astype(kind))
    kept = max(window, reach)
    model = Model(
        net, learner, task, inputs, _targets(settings), conformal.conformal(settings.interval or 0.9), anomaly.DEFAULT
    )
    weights = _weight_rows("body", initial.body, learner), _head_rows(net, initial.head, learner)
    own, shared = _owned(settings, *weights)
    return Assembly(
        model,
        initial,
        _work(model, kept, kind),
        _arena_rows(settings, model, kept, kind) | own,
        shared,
    )


def _feedback(settings: Settings) -> NDArray[np.int64]:
    """Return which target each input is (I,), -1 for none."""
    targets = settings.target_names if settings.task == "forecast" else ()
    places = {name: place for place, name in enumerate(targets)}
    return np.array([places.get(name, -1) for name in settings.inputs], np.int64)


def _inputs(settings: Settings) -> Inputs:
    """Return what the network sees; a token is neither scaled nor flagged, whatever is said of inputs."""
    turns = [1.0 / PERIODS[name] for name in settings.calendar]
    return Inputs(
        values=len(settings.inputs),
        tokens=settings.tokens,
        scaled=settings.scale_inputs and not settings.tokens,
        flags=settings.missing_flags and not settings.tokens,
        differences=settings.differences,
        lags=np.array(settings.lags, np.int64),
        elapsed=settings.elapsed,
        cycles=np.array([2 * math.pi * turn * (1 + k) for turn in turns for k in range(settings.harmonics)]),
        forgetting=float(settings.scaling_forgetting),
        limit=float(settings.outlier),
    )


def _targets(settings: Settings) -> Targets:
    return Targets(
        targets=len(settings.target_names),
        scaled=settings.scale_targets and not settings.categorical,
        residual=settings.is_residual,
        reversion=settings.reversion,
        forgetting=float(settings.scaling_forgetting),
        limit=float(settings.outlier),
    )


def _width(settings: Settings) -> int:
    """Return the outputs of one target."""
    loss = settings.loss_name
    if loss == "softmax":
        return settings.classes
    if loss == "quantile":
        return len(settings.quantiles)
    return 2 if loss == "gaussian_nll" else 1


def _layers(settings: Settings, columns: int) -> list[Any]:
    options = {
        "activation": Activation[settings.activation.upper()].value,
        "vocabulary": settings.vocabulary,
        "kernel": settings.kernel,
        "lookahead": settings.lookahead,
        "spectral_radius": float(settings.spectral_radius),
        "density": float(settings.density),
        "input_scaling": float(settings.input_scaling),
        "leak": float(settings.leak),
        "vanishing": float(settings.vanishing),
    }
    layers: list[Any] = []
    for name, units in settings.layers:
        below = layers[-1].sizes.outputs if layers else columns
        if name == "embedding":
            below *= settings.lookahead + 1
        elif name in BIDIRECTIONAL and layers:
            below //= settings.lookahead + 1
        layers.append(make_layer(name, below, units, options))
    return layers


def _learner(settings: Settings, window: int) -> Learner:
    kind = settings.optimizer
    rule = OptimizerKind.ADAM if kind == "adamw" else OptimizerKind[kind.upper()]
    return Learner(
        window=window,
        every=settings.update_every,
        loss=Loss(
            LossKind[settings.loss_name.upper()].value,
            float(settings.huber_delta),
            np.array(settings.quantiles if settings.loss_name == "quantile" else ()),
        ),
        clip=Clip(ClipKind[settings.clip.upper()].value, float(settings.clip_limit)),
        penalties=Penalties(float(settings.l1), float(settings.l2), float(settings.decay)),
        optimizer=Optimizer(
            kind=rule.value,
            learning_rate=float(settings.learning_rate),
            momentum=float(settings.momentum),
            nesterov=settings.nesterov,
            decay=0.99 if kind == "rmsprop" else 0.999,
            first_decay=0.9,
            epsilon=1e-8,
        ),
        rls=RLS(
            float(settings.rls_forgetting) if settings.readout == "rls" else 0.0,
            float(settings.rls_ridge),
            unit=-0.5 * len(settings.target_names) * settings.horizon,  # undoes the mean of squares: see `_inject`
        ),
        boost=float(settings.drift_boost),
    )


def _arena_rows(settings: Settings, model: Model, kept: int, kind: np.dtype[Any]) -> Rows:
    net, task, inputs = model.network, model.task, model.inputs
    sizes, outputs = net.body.sizes, net.outputs
    ahead = task.lookahead + 1 if task.lookahead else 0
    columns = max(task.horizon, 1) * task.targets
    promised = columns if settings.interval is not None else 0
    return {
        "state": ((sizes.state,), kind),
        "tape": ((kept, sizes.tape), kind),
        "features": ((kept, net.features), kind),
        "forecast": ((outputs,), np.float64),
        "errors": ((kept, outputs), kind),
        "base": ((kept, task.targets), np.float64),
        "last_y": ((task.targets,), np.float64),
        "history": ((inputs.kept, inputs.values), np.float64),
        "faded": ((kept if task.half_life < math.inf else 0,), kind),
        "ahead_x": ((ahead, inputs.columns), kind),
        "miss": ((), np.float64),
        "ahead_y": ((ahead, task.targets), np.float64),
        "input_moments": ((3, inputs.moments), np.float64),
        "target_moments": ((3, columns), np.float64),
        "levels": ((3, task.targets if settings.reversion else 0), np.float64),
        "slopes": ((2, columns if settings.reversion else 0), np.float64),
        "time": ((), np.float64),
        "gap": ((), np.float64),
        "clock": ((7,), np.int64),
        "interval": ((promised, 2), np.float64),
        "promised": ((kept, promised, 3), np.float64),
        "calibration": ((promised, conformal.STATE), np.float64),
        "surprise": ((anomaly.rows(task.targets) if settings.anomaly else 0,), np.float64),
        "score": ((), np.float64),
    }


def _owned(settings: Settings, body: Rows, head: Rows) -> tuple[Rows, Rows]:
    """Return which rows of weights each stream has of its own, and which all share."""
    if settings.weights == "per_stream":
        return body | head, {}
    return (head, body) if settings.head == "per_stream" else ({}, body | head)


def _weight_rows(part: str, initial: NDArray[Any], learner: Learner) -> Rows:
    moments = MOMENTS[OptimizerKind(learner.optimizer.kind)]
    return {
        part: (initial.shape, initial.dtype),
        f"{part}_moments": ((moments, *initial.shape), initial.dtype),
        f"{part}_updates": ((2,), np.int64),
    }


def _head_rows(net: Network, initial: NDArray[Any], learner: Learner) -> Rows:
    rows = _weight_rows("head", initial, learner)
    if not learner.rls.forgetting:
        return rows | {"inverse": ((0, 0), np.float64)}
    moments, kind = rows["head_moments"]
    q = net.features + 1
    return rows | {"head_moments": ((moments[0], 0), kind), "inverse": ((q, q), np.float64)}


def _work(model: Model, kept: int, kind: np.dtype[Any]) -> Work:
    net, learner = model.network, model.learner
    sizes = net.body.sizes
    weighted = penalised(net).astype(kind)
    return Work(
        x=aligned_zeros(((1 + model.task.lookahead) * model.inputs.columns,), kind),
        outputs=aligned_zeros((net.outputs,), kind),
        deltas=aligned_zeros((kept, sizes.delta), kind),
        rows=np.zeros(learner.window, np.int64),
        gradient=aligned_zeros(weighted.shape, kind),
        penalised=weighted,
        trained=trained(net.body if learner.rls.forgetting else net),
        d_body=aligned_zeros((net.hidden,), kind),
        d_state=aligned_zeros((sizes.state,), kind),
        d_input=aligned_zeros((0,), kind),
        regressors=aligned_zeros((net.features + 1,), np.float64),
        gain=aligned_zeros((net.features + 1,), np.float64),
        residuals=aligned_zeros((model.task.targets,), np.float64),
    )
