"""From settings to the parts that the kernels work on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.compiled.core import Core, Lookahead, Model, TaskShape, bind
from stream_rnn.compiled.forecast import Top
from stream_rnn.compiled.state import STREAM_ARRAYS, Dimensions, Rows, StreamArrays, rows_of
from stream_rnn.kernels.activations import Activation
from stream_rnn.kernels.aligned import aligned_zeros
from stream_rnn.kernels.dispatch import Off
from stream_rnn.layers import BIDIRECTIONAL, make_layer
from stream_rnn.layers.beside import beside
from stream_rnn.layers.initialise import Initialisation, decay_targets, dense_ranges, initial_weights, penalty_mask
from stream_rnn.layers.layer import parameter_slices, recurrent_weights
from stream_rnn.layers.network import BodyAndHead, Network, make_network
from stream_rnn.layers.stack import stack
from stream_rnn.layers.touched import touched_parameters
from stream_rnn.learning import alarm_rate, anomaly, conformal, failure, hourly_scale, target_states
from stream_rnn.learning.bounds import make_bounds
from stream_rnn.learning.clipping import Clip, ClipKind
from stream_rnn.learning.compact import compact_tape
from stream_rnn.learning.groups import Group, Groups, GroupWork
from stream_rnn.learning.inputs import PERIODS, InputEncoding
from stream_rnn.learning.optimizers import MOMENTS_PER_WEIGHT, SGD, Adam, Optimizer, RMSprop
from stream_rnn.learning.penalties import Penalties
from stream_rnn.learning.rls import GAIN, RLS, reset_inverse
from stream_rnn.learning.targets import TargetEncoding
from stream_rnn.learning.tbptt import Learning, Weights, Work
from stream_rnn.losses import make_loss
from stream_rnn.losses.loss import OutputShape, output_shape
from stream_rnn.timezones import offsets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stream_rnn.layers.layer import Parameter
    from stream_rnn.settings.engine import Settings

WEIGHTS = ("body", "body_moments", "body_updates", "head", "head_moments", "head_updates", "inverse", "challenger")
"""Names of the weight arrays, which are stream arrays where each stream has its own; see `weights_from`."""
GROUP = tuple(f"group_{name}" for name in Group._fields)
"""Names of the arrays of a `Group`, which all streams share."""


class EnginePlan(NamedTuple):
    """A network, how it learns, and the shapes of what it remembers: all that is known before memory is allocated."""

    model: Model
    outputs: OutputShape
    """of one target's loss"""
    rows: Rows
    """shape and dtype of one stream's row of each stream array"""
    shared: Rows
    """shape and dtype of each weight array that all streams share"""
    kept: int
    """newest events that are kept for learning"""


class EngineParts(NamedTuple):
    """A network, how it learns, and the shapes of all memory that it needs."""

    model: Model
    initial: BodyAndHead
    """(B,) and (R,) initial weights"""
    work: Work
    rows: Rows
    """shape and dtype of one stream's row of each stream array"""
    shared: Rows
    """shape and dtype of each weight array that all streams share"""

    def for_thread(self) -> EngineParts:
        """Return the parts of another thread, which has scratch memory of its own."""
        return self._replace(work=_copied(self.work))

    @property
    def network(self) -> Network:
        """The layers and their readout."""
        return self.model.network

    @property
    def learning(self) -> Learning:
        """How weights are learned."""
        return self.model.learning

    def shared_weights(self) -> dict[str, NDArray[Any]]:
        """Return memory for the weights that all streams share, each array with one row, at their initial values."""
        weights = {name: aligned_zeros((1, *shape), kind) for name, (shape, kind) in self.shared.items()}
        for name, initial in self.initial._asdict().items():
            if name in weights:
                weights[name][0] = initial
        if "inverse" in weights:
            reset_inverse(self.learning.rls, weights["inverse"][0])
        return weights

    def core(self, arrays: dict[str, NDArray[Any]], shared: dict[str, NDArray[Any]], counts: NDArray[np.int64]) -> Core:
        """Return the core of the stream arrays and the shared weights."""
        rows = {name: 0 if name in shared else 1 for name in BodyAndHead._fields}
        initial = BodyAndHead(**{name: part[np.newaxis][: rows[name]] for name, part in self.initial._asdict().items()})
        streams = StreamArrays(**{name: arrays[name] for name in STREAM_ARRAYS})
        weights = weights_from(arrays | shared)
        if isinstance(self.learning.groups, Groups):
            weights = weights._replace(group=Group(*(shared[name][0] for name in GROUP)))
        return bind(self.model, weights, initial, streams, self.work, counts)

    def by_name(self, params: BodyAndHead) -> dict[str, NDArray[Any]]:
        """Return read-only views of the weights (B,) and (R,), by parameter name."""
        body, head = self.network.body.parameters(), self.network.head_parameters()
        return _views(params.body, body) | _views(params.head, head)


def weights_from(arrays: Mapping[str, NDArray[Any]]) -> Weights:
    """Return the weight arrays, given by name, as the kernels take them."""
    params, moments, updates = (
        BodyAndHead(arrays[f"body{suffix}"], arrays[f"head{suffix}"]) for suffix in ("", "_moments", "_updates")
    )
    return Weights(params, moments, updates, arrays["inverse"], arrays["challenger"])


def _views(params: NDArray[Any], table: tuple[Parameter, ...]) -> dict[str, NDArray[Any]]:
    views = {}
    for parameter, part in parameter_slices(table):
        view = params[part].reshape(parameter.shape)
        view.flags.writeable = False
        views[parameter.name] = view
    return views


def plan_engine(settings: Settings) -> EnginePlan:
    """Return the plan of an engine with these settings. Tokens are neither scaled nor flagged, whatever these say."""
    inputs = _inputs(settings)
    layers = _layers(settings, inputs.body_columns)
    body = stack(*layers)
    if settings.reservoir:
        body = beside(make_layer("reservoir", inputs.newest_columns, settings.reservoir, _options(settings)), body)
    loss = _loss(settings)
    shape = output_shape(loss, settings.outputs_per_target)
    outputs = _columns(settings) * shape.outputs
    net = make_network(body, outputs, skip=settings.skip, readout_inputs=inputs.readout_columns)
    window = settings.window if net.body.carries == "window" else settings.reach
    kept = max(window, settings.reach)
    dtype = np.dtype(settings.dtype)
    model = Model(
        network=net,
        learning=_learning(settings, loss, window),
        task=_task(settings, shape, body.sizes.state - (layers[0].sizes.state if settings.tokens else 0)),
        inputs=inputs,
        targets=_targets(settings),
        top=Off() if settings.top is None else Top(settings.top),
        lookahead=Lookahead(settings.lookahead) if settings.lookahead else Off(),
        bounds=make_bounds(settings.bounds, shape.outputs - (settings.loss_name == "gaussian_nll")),
        conformal=Off() if settings.interval is None else conformal.conformal_constants(settings.interval),
        anomaly=anomaly.DEFAULT if settings.anomaly else Off(),
        compact=compact_tape(body) if settings.tape == "compact" else Off(),
        alarm_rate=_alarm_rate(settings) if settings.anomaly else Off(),
    )
    own, shared = _split_ownership(settings, *_weight_rows(net, model.learning, dtype))
    shared |= _group_rows(net, model.learning, dtype)
    return EnginePlan(model, shape, rows_of(_dimensions(settings, model, kept), dtype) | own, shared, kept)


def build_parts(settings: Settings) -> EngineParts:
    """Return the parts of the engine that `plan_engine` plans, with initial weights and scratch memory."""
    plan, dtype = plan_engine(settings), np.dtype(settings.dtype)
    net = plan.model.network
    initialisation = Initialisation(
        settings.init_input,
        settings.init_recurrent,
        {"f": settings.forget_bias, "z": settings.update_bias},
    )
    initial = net.split(initial_weights(net, initialisation, settings.seed).astype(dtype))
    return EngineParts(plan.model, initial, _work(settings, plan, initial), plan.rows, plan.shared)


def _alarm_rate(settings: Settings) -> alarm_rate.AlarmRate:
    return alarm_rate.alarm_constants(float(settings.alarm_rate), len(settings.target_names))


def _loss(settings: Settings) -> Any:
    options = {
        "delta": float(settings.huber_delta),
        "levels": np.array(settings.quantiles),
        "classes": settings.classes,
    }
    return make_loss(settings.loss_name, options)


def _columns(settings: Settings) -> int:
    """Return C, the number of targets times that of horizons."""
    return len(settings.target_names) * (settings.horizon if settings.task == "forecast" else 1)


def _task(settings: Settings, shape: OutputShape, checked: int) -> TaskShape:
    return TaskShape(
        targets=len(settings.target_names),
        horizon=settings.horizon if settings.task == "forecast" else 0,
        width=shape.outputs,
        errors=shape.errors,
        point=settings.point,
        categorical=settings.categorical,
        classes=settings.classes,
        feedback=_feedback(settings),
        checked=checked,
        reset_after=math.inf if settings.reset_after is None else float(settings.reset_after),
        half_life=math.inf if settings.half_life is None else float(settings.half_life),
    )


def _feedback(settings: Settings) -> NDArray[np.int64]:
    """Return the index of the target that each input is, (I,); -1 for an input that is no target."""
    targets = settings.target_names if settings.task == "forecast" else ()
    places = {name: place for place, name in enumerate(targets)}
    return np.array([places.get(name, -1) for name in settings.inputs], np.int64)


def _inputs(settings: Settings) -> InputEncoding:
    turns = [1.0 / PERIODS[name] for name in settings.calendar]
    zone = offsets_of(settings.timezone)
    return InputEncoding(
        values=len(settings.inputs),
        tokens=settings.tokens,
        scaled=settings.scale_inputs and not settings.tokens,
        flags=settings.missing_flags and not settings.tokens,
        differences=settings.differences,
        lags=np.array(settings.lags, np.int64),
        readout_lags=np.array(settings.readout_lags, np.int64),
        elapsed=settings.elapsed,
        cycles=np.array([2 * math.pi * turn * (1 + k) for turn in turns for k in range(settings.harmonics)]),
        offset_starts=zone.starts,
        offsets=zone.offsets,
        forgetting=float(settings.scaling_forgetting),
        limit=float(settings.outlier),
    )


def _targets(settings: Settings) -> TargetEncoding:
    return TargetEncoding(
        targets=len(settings.target_names),
        scaled=settings.scale_targets and not settings.categorical,
        residual=settings.is_residual,
        reversion=settings.reversion,
        forgetting=float(settings.scaling_forgetting),
        limit=float(settings.outlier),
    )


def _options(settings: Settings) -> dict[str, Any]:
    return {
        "activation": Activation[settings.activation.upper()].value,
        "vocabulary": settings.vocabulary,
        "kernel": settings.kernel,
        "lookahead": settings.lookahead,
        "spectral_radius": float(settings.spectral_radius),
        "density": float(settings.density),
        "input_scaling": float(settings.input_scaling),
        "slowest": float(settings.leak[0]),
        "fastest": float(settings.leak[-1]),
        "vanishing": float(settings.vanishing),
    }


def _layers(settings: Settings, columns: int) -> list[Any]:
    options, layers = _options(settings), list[Any]()
    for name, units in settings.layers:
        below = layers[-1].sizes.outputs if layers else columns
        if name == "embedding":
            below *= settings.lookahead + 1
        elif name in BIDIRECTIONAL and layers:
            below //= settings.lookahead + 1
        layers.append(make_layer(name, below, units, options))
    return layers


def _learning(settings: Settings, loss: Any, window: int) -> Learning:
    return Learning(
        window=window,
        every=settings.update_every,
        loss=loss,
        clip=Clip(ClipKind[settings.clip.upper()].value, float(settings.clip_limit)),
        penalties=Penalties(float(settings.l1), float(settings.l2), float(settings.decay)),
        optimizer=_optimizer(settings),
        rls=_rls(settings),
        boost=float(settings.drift_boost),
        groups=Groups(settings.batch_streams) if settings.batch_streams > 1 else Off(),
    )


def _optimizer(settings: Settings) -> Optimizer:
    rate = float(settings.learning_rate)
    if settings.optimizer == "sgd":
        return SGD(rate, float(settings.momentum), settings.nesterov)
    if settings.optimizer == "rmsprop":
        return RMSprop(rate, decay=0.99, epsilon=1e-8)
    return Adam(rate, first_decay=0.9, second_decay=0.999, epsilon=1e-8)


def _rls(settings: Settings) -> RLS | Off:
    if settings.readout != "rls":
        return Off()
    unit = -0.5 * len(settings.target_names) * settings.horizon  # undoes the mean of squares: see `step._inject`
    return RLS(float(settings.rls_forgetting), float(settings.rls_ridge), unit, challenged=settings.horizon == 1)


def _dimensions(settings: Settings, model: Model, kept: int) -> Dimensions:
    net, task, inputs = model.network, model.task, model.inputs
    columns = _columns(settings)
    compact = None if isinstance(model.compact, Off) else model.compact
    return Dimensions(
        S=net.body.sizes.state,
        T=net.body.sizes.tape,
        F=net.features,
        N=math.prod(settings.forecast_shape),
        E=columns * task.errors,
        R=kept if compact is None else 0,
        P=kept if compact is not None else 0,
        T16=len(compact.floats) if compact is not None else 0,
        T8=len(compact.bounded) if compact is not None else 0,
        A=settings.reach,
        D=task.targets,
        I=inputs.values,
        X=inputs.columns,
        K=inputs.history_length,
        M=inputs.moment_columns,
        C=columns,
        L=settings.lookahead + 1 if settings.lookahead else 0,
        fading=kept if settings.half_life is not None else 0,
        residuals=task.targets if settings.is_residual else 0,
        reverting=task.targets if settings.reversion else 0,
        reverting_columns=columns if settings.reversion else 0,
        intervals=columns if settings.interval is not None else 0,
        calibration=conformal.STATE_SIZE,
        hourly=hourly_scale.STATE_SIZE,
        surprise=anomaly.state_size(task.targets) if settings.anomaly else 0,
        watched=target_states.state_size(task.targets) if settings.anomaly else 0,
        failure=failure.STATE_SIZE if settings.task == "forecast" else 0,
        compared=task.targets if settings.task == "forecast" else 0,
    )


def _split_ownership(settings: Settings, body: Rows, head: Rows) -> tuple[Rows, Rows]:
    """Return the rows of the weights that each stream owns, and of those that all streams share."""
    if settings.weights == "per_stream":
        return body | head, {}
    return (head, body) if settings.head == "per_stream" else ({}, body | head)


def _weight_rows(net: Network, learning: Learning, kind: np.dtype[Any]) -> tuple[Rows, Rows]:
    """Return the rows of the weights of the body and of the head."""
    per_weight, sizes = MOMENTS_PER_WEIGHT[type(learning.optimizer)], (net.head_start, net.outputs * (net.features + 1))
    body, head = (
        {
            part: ((size,), kind),
            f"{part}_moments": ((per_weight, size), kind),
            f"{part}_updates": ((2,), np.int64),
        }
        for part, size in zip(BodyAndHead._fields, sizes, strict=True)
    )
    if not isinstance(learning.rls, RLS):
        return body, head | {"inverse": ((0, 0), np.float64), "challenger": ((0,), np.float64)}
    q = net.features + 1
    squares = {"inverse": ((q, q), np.float64), "challenger": ((GAIN + 1 + net.outputs * q,), np.float64)}
    return body, head | {"head_moments": ((per_weight, 0), kind)} | squares


def _group_rows(net: Network, learning: Learning, kind: np.dtype[Any]) -> Rows:
    """Return the rows of the arrays of a group."""
    if not isinstance(learning.groups, Groups):
        return {}
    shape, params = (learning.window, learning.groups.size), net.head_start + net.outputs * (net.features + 1)
    rows = (
        ((*shape, net.body.sizes.tape), kind),
        ((*shape, net.hidden), kind),
        ((params,), kind),
        ((learning.groups.size + 1,), np.int64),
    )
    return dict(zip(GROUP, rows, strict=True))


def _group_work(net: Network, learning: Learning, kind: np.dtype[Any]) -> GroupWork | Off:
    """Return scratch memory for a group."""
    if not isinstance(learning.groups, Groups):
        return Off()
    window, size = learning.window, learning.groups.size
    return GroupWork(
        deltas=aligned_zeros((window, size, net.body.sizes.delta), kind),
        d_states=aligned_zeros((size, net.body.sizes.state), kind),
        transposed=aligned_zeros((recurrent_weights(net.body).columns, net.hidden), kind),
        rows=np.arange(window * size),
    )


def _copied(arrays: Any) -> Any:
    """Return a copy of an array, or of a named tuple of them; each array starts at a cache line."""
    if isinstance(arrays, tuple):
        return type(arrays)(*map(_copied, arrays))
    copy = aligned_zeros(arrays.shape, arrays.dtype)
    copy[...] = arrays
    return copy


def _work(settings: Settings, plan: EnginePlan, initial: BodyAndHead) -> Work:
    model, shape, kept, kind = plan.model, plan.outputs, plan.kept, initial.body.dtype
    net, learning = model.network, model.learning
    sizes = net.body.sizes
    weighted = penalty_mask(net).astype(kind)
    blocks = shape.blocks * _columns(settings)
    dense = net if isinstance(learning.rls, Off) and not blocks else net.body
    return Work(
        x=aligned_zeros(((1 + settings.lookahead) * model.inputs.columns,), kind),
        outputs=aligned_zeros((net.outputs,), kind),
        tape=aligned_zeros((0 if isinstance(model.compact, Off) else kept, sizes.tape), kind),
        deltas=aligned_zeros((kept, sizes.delta), kind),
        rows=np.zeros(learning.window, np.int64),
        upcoming=np.zeros(1, np.int64),
        weight=np.ones(1),
        frozen=np.zeros(1, np.uint8),
        gradient=aligned_zeros(weighted.shape, kind),
        penalty_mask=weighted,
        decay_targets=decay_targets(net, np.concatenate(initial)),
        touched=touched_parameters(
            dense_ranges(dense), sum(p.shape[0] for p in net.body.parameters() if p.sparse), blocks
        ),
        d_body=aligned_zeros((net.hidden,), kind),
        d_state=aligned_zeros((sizes.state,), kind),
        d_input=aligned_zeros((0,), kind),
        regressors=aligned_zeros((net.features + 1,), np.float64),
        gain=aligned_zeros((net.features + 1,), np.float64),
        residuals=aligned_zeros((model.task.targets,), np.float64),
        group=_group_work(net, learning, kind),
        evidence=aligned_zeros((model.task.targets,), np.float64),
    )
