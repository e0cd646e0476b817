"""Which settings are allowed, and which go together: what cannot work is refused before anything starts."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from stream_rnn.errors import SettingError, nearest
from stream_rnn.layers import BIDIRECTIONAL, REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.settings.engine import Settings

MOST = 100_000
"""Events or units: beyond, no memory holds what is kept of a stream."""

LARGEST_VOCABULARY = 2**24
"""Ids go through the network as float32, which holds every whole number up to here."""


def check(settings: Settings) -> None:
    """Check that each value, whose type is right, is one that is allowed, and that they go together.

    Raises
    ------
    SettingError
        Naming the first setting that is not, its value and what is allowed.
    """
    _check_layers(settings)
    _check_ranges(settings)
    _check_together(settings)


def _check_layers(settings: Settings) -> None:
    for layer in settings.layer:
        if layer not in REGISTRY:
            raise SettingError(f"layer must be one of {', '.join(REGISTRY)}, got {layer!r}{nearest(layer, REGISTRY)}")


_RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "horizon": (lambda value: 1 <= value <= MOST, f"from 1 to {MOST}"),
    "vocabulary": (lambda value: 2 <= value <= LARGEST_VOCABULARY, f"from 2 to {LARGEST_VOCABULARY}"),
    "kernel": (lambda value: 1 <= value <= MOST, f"from 1 to {MOST}"),
    "lookahead": (lambda value: value >= 0, "at least 0"),
    "spectral_radius": (lambda value: value > 0, "above 0"),
    "density": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "input_scaling": (lambda value: value > 0, "above 0"),
    "leak": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "rls_forgetting": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "rls_ridge": (lambda value: value > 0, "above 0"),
    "vanishing": (lambda value: value >= 0, "at least 0"),
    "window": (lambda value: 1 <= value <= MOST, f"from 1 to {MOST}"),
    "update_every": (lambda value: value >= 1, "at least 1"),
    "classes": (lambda value: value >= 2, "at least 2"),
    "hidden": (lambda units: 1 <= min(units, default=0) <= max(units) <= MOST, f"from 1 to {MOST} for every layer"),
    "seed": (lambda value: value >= 0, "at least 0"),
    "learning_rate": (lambda value: value > 0, "above 0"),
    "clip_limit": (lambda value: value > 0, "above 0"),
    "huber_delta": (lambda value: value > 0, "above 0"),
    "outlier": (lambda value: value > 0, "above 0"),
    "l1": (lambda value: value >= 0, "at least 0"),
    "l2": (lambda value: value >= 0, "at least 0"),
    "weight_decay": (lambda value: value is None or value >= 0, "at least 0"),
    "momentum": (lambda value: 0 <= value < 1, "from 0 to below 1"),
    "scaling_forgetting": (lambda value: 0 < value <= 1, "above 0 and at most 1"),
    "drift_threshold": (lambda value: value > 0, "above 0"),
    "drift_delta": (lambda value: value >= 0, "at least 0"),
    "drift_boost": (lambda value: value >= 1, "at least 1"),
    "drift_events": (lambda value: value >= 1, "at least 1"),
    "max_streams": (lambda value: value is None or value >= 1, "at least 1"),
    "reset_after": (lambda value: value is None or value > 0, "above 0 seconds"),
    "half_life": (lambda value: value is None or value > 0, "above 0 seconds"),
    "interval": (lambda value: value is None or 0 < value < 1, "above 0 and below 1"),
    "lags": (lambda lags: _ascend((0, *lags, MOST + 1)), f"whole numbers from 1 to {MOST}, ascending"),
    "calendar": (lambda names: len(set(names)) == len(names), "different cycles"),
    "harmonics": (lambda value: 1 <= value <= 100, "from 1 to 100"),
    "quantiles": (lambda levels: _ascend((0.0, *levels, 1.0)) and len(levels) > 0, "ascending between 0 and 1"),
}


def _check_ranges(settings: Settings) -> None:
    for name, (allowed, words) in _RANGES.items():
        value = getattr(settings, name)
        if not allowed(value):
            raise SettingError(f"{name} must be {words}, got {value}")


def _ascend(levels: tuple[float, ...]) -> bool:
    return all(low < high for low, high in pairwise(levels))


def _check_together(settings: Settings) -> None:
    if not settings.inputs and not settings.targets:
        raise SettingError("inputs must name at least one column where no targets are named, got none")
    for name in ("inputs", "targets"):
        columns = getattr(settings, name)
        twice = {column for column in columns if columns.count(column) > 1}
        if twice:
            raise SettingError(f"{name} must be different columns, got {min(twice)!r} twice")
    if not settings.layer:
        raise SettingError("layer must name at least one layer, got none")
    if len(settings.hidden) not in {1, len(settings.layer)}:
        raise SettingError(
            f"hidden must be one number or one per layer ({len(settings.layer)}), got {len(settings.hidden)}"
        )
    if settings.update_every > settings.window:
        raise SettingError(f"update_every must be at most window ({settings.window}), got {settings.update_every}")
    if settings.nesterov and settings.momentum == 0:
        raise SettingError("nesterov needs momentum above 0, got 0")
    _check_derived(settings)
    _check_lookahead(settings)
    _check_readout(settings)
    _check_tokens(settings)
    _check_drift(settings)
    if settings.vanishing > 0 and "rnn" not in settings.layer:
        raise SettingError(f"vanishing is for rnn layers, got {settings.vanishing} for {', '.join(settings.layer)}")
    _check_task(settings)
    _check_judged(settings)
    if settings.loss_name == "softmax" and len(settings.target_names) != 1:
        raise SettingError(f"softmax takes one target, got {len(settings.target_names)}")


def _check_tokens(settings: Settings) -> None:
    if "embedding" in settings.layer[1:]:
        raise SettingError(f"embedding must be the lowest layer, got layer {','.join(settings.layer)}")
    if not settings.tokens:
        return
    if len(settings.inputs) != 1:
        raise SettingError(f"embedding takes one input, a token id, got {len(settings.inputs)} inputs")
    if settings.skip:
        raise SettingError("skip must be false over an embedding: a token id is no number, got true")
    if settings.task != "forecast" or settings.inputs[0] not in settings.target_names:
        return
    if settings.loss_name != "softmax":
        raise SettingError(f"loss must be softmax to forecast a token, got {settings.loss_name!r}")
    if settings.classes != settings.vocabulary:
        raise SettingError(
            f"classes must be vocabulary ({settings.vocabulary}) to forecast a token, got {settings.classes}"
        )


def _check_derived(settings: Settings) -> None:
    for name in ("differences", "lags", "calendar", "elapsed"):
        value = getattr(settings, name)
        if value and settings.tokens:
            raise SettingError(f"{name} is not for an embedding, which takes a token id alone, got {_plain(value)}")
    if settings.half_life is not None and settings.lookahead:
        raise SettingError(f"half_life is not for bidirectional layers, got {settings.half_life}")


def _plain(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower()


def _check_lookahead(settings: Settings) -> None:
    lookahead, names = settings.lookahead, [name for name in settings.layer if name in BIDIRECTIONAL]
    if not names:
        if lookahead:
            raise SettingError(f"lookahead needs a bidirectional layer ({', '.join(BIDIRECTIONAL)}), got {lookahead}")
        return
    if names != [settings.layer[1 if settings.tokens else 0]]:
        raise SettingError(
            f"{names[-1]} must be the lowest layer only, or over an embedding, got {', '.join(settings.layer)}"
        )
    if not lookahead:
        raise SettingError(f"{names[0]} needs a lookahead of at least 1, got 0")
    if not settings.inputs:  # by which it tells what comes from what does not
        raise SettingError(f"{names[0]} must have at least one input, got none")
    if lookahead > settings.window:
        raise SettingError(f"lookahead must be at most window ({settings.window}), got {lookahead}")
    if settings.task == "forecast":
        raise SettingError(f"lookahead is for labels (regression, classification), got {lookahead} for forecast")
    if settings.skip:
        raise SettingError(f"skip is not for bidirectional layers, got true for {names[0]}")


def _check_task(settings: Settings) -> None:
    loss, task = settings.loss_name, settings.task
    if settings.reversion and not settings.is_residual:
        raise SettingError("reversion is for residual forecasts, got true")
    if task == "forecast":
        _check_loss(loss == "logistic", loss, task)
        if settings.residual and settings.categorical:
            raise SettingError(f"residual is for forecasts of numbers, got true for {loss}")
        return
    if settings.residual:
        raise SettingError(f"residual is for forecasts, got true for {task}")
    if settings.horizon != 1:
        raise SettingError(f"horizon is for forecasts, got {settings.horizon} for {task}")
    if not settings.targets:
        raise SettingError(f"targets must be named for {task}, got none")
    _check_loss(settings.categorical != (task == "classification"), loss, task)
    if loss == "logistic" and settings.classes != 2:
        raise SettingError(f"logistic is for 2 classes, got {settings.classes}")


def _check_loss(wrong: bool, loss: str, task: str) -> None:
    if wrong:
        wanted = {
            "classification": "logistic or softmax",
            "regression": "a loss of numbers",
            "forecast": "softmax or a loss of numbers",
        }[task]
        raise SettingError(f"loss must be {wanted} for {task}, got {loss!r}")


def _check_judged(settings: Settings) -> None:
    for name, value in (("interval", settings.interval), ("anomaly", settings.anomaly)):
        if not value:
            continue
        if settings.categorical:
            raise SettingError(f"{name} is for numbers, got {_plain(value)} for {settings.loss_name}")
        if settings.lookahead:
            raise SettingError(f"{name} is not for bidirectional layers, got {_plain(value)}")
    if settings.interval is not None and settings.loss_name in {"quantile", "gaussian_nll"}:
        raise SettingError(f"interval is not for {settings.loss_name}, which has its own, got {settings.interval}")
    if settings.anomaly and "anomaly" in settings.target_names:
        raise SettingError("targets must not be named 'anomaly', as the scores are, got one")


def _check_readout(settings: Settings) -> None:
    if settings.readout == "rls" and settings.loss_name != "squared":
        raise SettingError(f"readout rls needs loss squared, got {settings.loss_name!r}")
    if settings.head == settings.weights == "per_stream":
        raise SettingError("head must be shared with weights per_stream, which are the head's, too, got per_stream")


def _check_drift(settings: Settings) -> None:
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
