"""Which engine settings go together: what cannot work is refused before anything starts.

Each rule is a function that raises a `SettingError`; `check` applies all of them. Bounds and choices of single values
are part of the fields' types (see `fields`).
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from stream_rnn.errors import SettingError, nearest
from stream_rnn.layers import BIDIRECTIONAL
from stream_rnn.losses import LOSSES
from stream_rnn.settings.base import EVERY_COLUMN, check_text
from stream_rnn.time_formats import check_timezone

if TYPE_CHECKING:
    from stream_rnn.settings.fields import EngineFields

MAX_LAYERS = 100
"""Stacks nest, and so do the calls that describe and compile them."""


def check(settings: EngineFields) -> None:
    """Check that the settings go together.

    Raises
    ------
    SettingError
        Naming the first setting that does not fit, its value and what is allowed.
    """
    for rule in RULES:
        rule(settings)


def _columns(settings: EngineFields) -> None:
    if not settings.inputs and not settings.targets:
        raise SettingError("inputs must name at least one column where no targets are named, got none")
    for name in ("inputs", "targets", "calendar"):
        repeated = [value for value, count in Counter(getattr(settings, name)).items() if count > 1]
        if repeated:
            raise SettingError(f"{name} must be distinct, got {min(repeated)!r} twice")
        for value in getattr(settings, name):
            check_text(name, value)
    check_timezone(settings.timezone)


def _sequences(settings: EngineFields) -> None:
    if not settings.layer:
        raise SettingError("layer must name at least one layer, got none")
    layers = len(settings.layer)
    if layers > MAX_LAYERS:
        raise SettingError(f"layer must name at most {MAX_LAYERS} layers, got {layers}")
    if len(settings.hidden) not in {1, layers}:
        raise SettingError(
            f"hidden must be one number or one per layer ({layers}), got {_plain(settings.hidden) or 'none'}"
        )
    for name in ("lags", "readout_lags"):
        if not _ascending((0, *getattr(settings, name))):
            raise SettingError(f"{name} must be ascending, got {_plain(getattr(settings, name))}")
    if len(settings.leak) not in {1, 2} or not _ascending((0.0, *settings.leak)):
        raise SettingError(f"leak must be one rate or two, ascending, got {_plain(settings.leak) or 'none'}")
    if not settings.quantiles or not _ascending((0.0, *settings.quantiles, 1.0)):
        raise SettingError(f"quantiles must be ascending between 0 and 1, got {_plain(settings.quantiles) or 'none'}")


def _updates(settings: EngineFields) -> None:
    if settings.update_every > settings.window:
        raise SettingError(f"update_every must be at most window ({settings.window}), got {settings.update_every}")
    if settings.nesterov and settings.momentum == 0:
        raise SettingError("nesterov needs momentum above 0, got 0")
    if settings.vanishing > 0 and "rnn" not in settings.layer:
        raise SettingError(f"vanishing is for rnn layers, got {settings.vanishing} for {', '.join(settings.layer)}")


def _batch_streams(settings: EngineFields) -> None:
    if settings.batch_streams == 1:
        return
    got = f"got {settings.batch_streams}"
    if settings.layer not in {("gru",), ("lstm",)}:
        raise SettingError(
            f"batch_streams must be 1 except with a single gru or lstm layer, {got} for {', '.join(settings.layer)}"
        )
    for name, needed in (("weights", "shared"), ("head", "shared"), ("readout", "gradient"), ("half_life", None)):
        value = getattr(settings, name)
        if value != needed:
            raise SettingError(f"batch_streams must be 1 with {name} {value}, {got}")
    if settings.reservoir:
        raise SettingError(f"batch_streams must be 1 with reservoir {settings.reservoir}, {got}")
    if settings.loss_name == "hierarchical_softmax":
        raise SettingError(f"batch_streams must be 1 with loss hierarchical_softmax, {got}")


def _derived_inputs(settings: EngineFields) -> None:
    if settings.readout_lags and not settings.skip:
        raise SettingError(f"readout_lags needs skip, got {_plain(settings.readout_lags)} without")
    for name in ("differences", "lags", "calendar", "elapsed"):
        value = getattr(settings, name)
        if value and settings.tokens:
            raise SettingError(f"{name} is not for an embedding, whose only input is a token id, got {_plain(value)}")
    if settings.half_life is not None and settings.lookahead:
        raise SettingError(f"half_life is not for bidirectional layers, got {settings.half_life}")


def _lookahead(settings: EngineFields) -> None:
    lookahead, names = settings.lookahead, [name for name in settings.layer if name in BIDIRECTIONAL]
    if not names:
        if lookahead:
            raise SettingError(f"lookahead needs a bidirectional layer ({', '.join(BIDIRECTIONAL)}), got {lookahead}")
        return
    if names != [settings.layer[1 if settings.tokens else 0]]:
        raise SettingError(
            f"{names[-1]} must be the lowest layer, or directly above an embedding, got {', '.join(settings.layer)}"
        )
    if not lookahead:
        raise SettingError(f"{names[0]} needs a lookahead of at least 1, got 0")
    if not settings.inputs:  # missing inputs mark the events that do not follow
        raise SettingError(f"{names[0]} needs at least one input, got none")
    if lookahead > settings.window:
        raise SettingError(f"lookahead must be at most window ({settings.window}), got {lookahead}")
    if settings.task == "forecast":
        raise SettingError(f"lookahead is for labels (regression, classification), got {lookahead} for forecast")
    if settings.skip:
        raise SettingError(f"skip is not for bidirectional layers, got true for {names[0]}")
    if settings.reservoir:
        raise SettingError(f"reservoir must be 0 with layer {names[0]}, got {settings.reservoir}")


def _tape(settings: EngineFields) -> None:
    indexed = [name for name in settings.layer if name in (*BIDIRECTIONAL, "embedding")]
    if settings.tape == "compact" and indexed:
        raise SettingError(f"tape must be full with layer {indexed[0]}, got compact")


def _readout(settings: EngineFields) -> None:
    if settings.readout == "rls" and not settings.loss_spec.least_squares:
        raise SettingError(f"readout rls needs loss squared, got {settings.loss_name!r}")
    if settings.head == settings.weights == "per_stream":
        raise SettingError("head must be shared with weights per_stream, which include the readout, got per_stream")


def _tokens(settings: EngineFields) -> None:
    if "embedding" in settings.layer[1:]:
        raise SettingError(f"embedding must be the lowest layer, got layer {','.join(settings.layer)}")
    if not settings.tokens:
        return
    if len(settings.inputs) != 1:
        raise SettingError(f"embedding needs one input, a token id, got {len(settings.inputs)} inputs")
    if settings.skip:
        raise SettingError("skip must be false with an embedding: a token id is not a number, got true")
    if settings.reservoir:
        raise SettingError(f"reservoir must be 0 with an embedding, got {settings.reservoir}")
    if settings.task != "forecast" or settings.inputs[0] not in settings.target_names:
        return
    if not settings.loss_spec.one_target:
        raise SettingError(
            f"loss must be softmax or hierarchical_softmax to forecast a token, got {settings.loss_name!r}"
        )
    if settings.classes != settings.vocabulary:
        raise SettingError(
            f"classes must be vocabulary ({settings.vocabulary}) to forecast a token, got {settings.classes}"
        )


def _drift(settings: EngineFields) -> None:
    if settings.drift == "off":
        return
    if settings.lookahead:
        raise SettingError(f"drift is not for bidirectional layers, got {settings.drift}")
    if settings.drift_scope == "all" and settings.weights == "per_stream":
        raise SettingError("drift_scope must be stream with weights per_stream, got all")
    if settings.drift == "boost" and settings.readout == "rls":
        forgotten = settings.drift_boost * (1 - settings.rls_forgetting)
        if forgotten >= 1:
            raise SettingError(
                f"drift_boost must be below {1 / (1 - settings.rls_forgetting):g} with rls_forgetting "
                f"{settings.rls_forgetting}, got {settings.drift_boost}"
            )


def _task(settings: EngineFields) -> None:
    task, spec = settings.task, settings.loss_spec
    if task != "forecast":
        if settings.residual:
            raise SettingError(f"residual is for forecasts, got true for {task}")
        if settings.horizon != 1:
            raise SettingError(f"horizon is for forecasts, got {settings.horizon} for {task}")
        if not settings.targets:
            raise SettingError(f"targets must be named for {task}, got none")
    if task not in spec.tasks:
        allowed = [name for name, other in LOSSES.items() if task in other.tasks]
        raise SettingError(f"loss must be one of {', '.join(allowed)} for {task}, got {settings.loss_name!r}")
    if settings.residual and settings.categorical:
        raise SettingError(f"residual is for forecasts of numbers, got true for {settings.loss_name}")
    if settings.reversion and not settings.is_residual:
        raise SettingError("reversion is for residual forecasts, got true")
    if spec.classes is not None and settings.classes != spec.classes:
        raise SettingError(f"classes must be {spec.classes} for loss {settings.loss_name}, got {settings.classes}")
    if spec.one_target and len(settings.target_names) != 1:
        raise SettingError(
            f"targets must be a single column for {settings.loss_name}, got {len(settings.target_names)}"
        )


def _top(settings: EngineFields) -> None:
    if settings.top is None:
        return
    if not settings.loss_spec.one_target:
        raise SettingError(f"top is for softmax and hierarchical_softmax, got {settings.top} for {settings.loss_name}")
    if settings.top > settings.classes:
        raise SettingError(f"top must be at most classes ({settings.classes}), got {settings.top}")


def _uncertainty(settings: EngineFields) -> None:
    for name, value in (("interval", settings.interval), ("anomaly", settings.anomaly)):
        if not value:
            continue
        if settings.categorical:
            raise SettingError(f"{name} is for numbers, got {_plain(value)} for {settings.loss_name}")
        if settings.lookahead:
            raise SettingError(f"{name} is not for bidirectional layers, got {_plain(value)}")
    if settings.interval is not None and settings.loss_spec.has_spread:
        raise SettingError(f"interval is not for {settings.loss_name}, which has its own, got {settings.interval}")
    if settings.anomaly and "anomaly" in settings.target_names:
        raise SettingError("targets must not be named 'anomaly', which is the name of the scores")


def _bounds(settings: EngineFields) -> None:
    for name in ("lower", "upper"):
        value = getattr(settings, name)
        if value is None:
            continue
        if settings.categorical:
            raise SettingError(f"{name} is for numbers, got {value} for {settings.loss_name}")
        for target, bound in value.items() if isinstance(value, dict) else ():
            if target not in {*settings.target_names, EVERY_COLUMN}:
                known = (*settings.target_names, EVERY_COLUMN)
                raise SettingError(
                    f"{name} must name targets ({', '.join(known)}), got {target!r}{nearest(target, known)}"
                )
            if not math.isfinite(bound):
                raise SettingError(f"{name} must be a finite number, got {bound} for {target!r}")
    for target, (low, high) in zip(settings.target_names, settings.bounds, strict=True):
        if low is not None and high is not None and low >= high:
            raise SettingError(f"lower must be below upper ({high}), got {low} for {target!r}")


RULES = (
    _columns,
    _sequences,
    _updates,
    _batch_streams,
    _derived_inputs,
    _lookahead,
    _tape,
    _readout,
    _tokens,
    _drift,
    _task,
    _top,
    _uncertainty,
    _bounds,
)


def _ascending(values: tuple[float, ...]) -> bool:
    return all(low < high for low, high in pairwise(values))


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()
