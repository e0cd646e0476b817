"""Which settings may change when an engine continues with others, and which must stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from growing import A, changes_of, grown, process
from support import bits, engine_of, settings

from stream_rnn import SettingError, Settings
from stream_rnn.engine.growth import FREE, GROWING

CHANGEABLE: dict[str, Any] = {
    "learning_rate": 0.5,
    "momentum": 0.5,
    "nesterov": True,
    "clip": "off",
    "clip_limit": 0.1,
    "l1": 0.1,
    "l2": 0.1,
    "vanishing": 0.1,
    "weight_decay": 0.1,
    "huber_delta": 0.2,
    "scaling_forgetting": 0.5,
    "outlier": 2.0,
    "rls_forgetting": 0.5,
    "rls_ridge": 7.0,
    "reset_after": 100.0,
    "drift_threshold": 3.0,
    "drift_delta": 0.1,
    "drift_boost": 3.0,
    "drift_events": 7,
    "lower": -100.0,
    "upper": 100.0,
    "alarm_rate": 0.01,
}
"""Other values of the settings that may change."""

FIXED: dict[str, Any] = {
    "task": "classification",
    "horizon": 2,
    "layer": ("gru",),
    "hidden": (4,),
    "activation": "relu",
    "vocabulary": 7,
    "kernel": 2,
    "lookahead": 1,
    "spectral_radius": 0.5,
    "density": 0.5,
    "input_scaling": 0.5,
    "leak": (0.5,),
    "reservoir": 3,
    "readout": "rls",
    "skip": True,
    "init_input": "he",
    "init_recurrent": "glorot",
    "forget_bias": 0.5,
    "update_bias": 0.5,
    "seed": 2,
    "window": 4,
    "update_every": 1,
    "batch_streams": 2,
    "loss": "huber",
    "top": 2,
    "quantiles": (0.5,),
    "optimizer": "sgd",
    "scale_inputs": False,
    "scale_targets": False,
    "residual": False,
    "reversion": True,
    "missing_flags": True,
    "differences": True,
    "lags": (1,),
    "readout_lags": (1,),
    "calendar": ("day",),
    "timezone": "Europe/Berlin",
    "harmonics": 1,
    "elapsed": True,
    "interval": 0.5,
    "anomaly": True,
    "drift": "report",
    "drift_scope": "all",
    "weights": "per_stream",
    "head": "per_stream",
    "max_streams": 3,
    "half_life": 7.0,
    "tape": "compact",
    "dtype": "float64",
}
"""Other values of the settings that must stay."""

NEEDED: dict[str, dict[str, Any]] = {
    "horizon": {"task": "forecast"},
    "batch_streams": {"layer": ("lstm",)},
    "lookahead": {"layer": ("bigru",), "lookahead": 2},
    "reversion": {"task": "forecast"},
    "readout_lags": {"skip": True},
    "top": {"task": "classification", "loss": "softmax"},
}
"""Settings that some values need."""


def test_every_setting_may_change_grow_or_must_stay() -> None:
    assert CHANGEABLE.keys() == FREE
    assert FIXED.keys() == {*Settings.__struct_fields__} - FREE - {*GROWING}


@pytest.mark.parametrize("name", CHANGEABLE)
def test_a_setting_that_no_array_depends_on_may_change(name: str) -> None:
    engine = engine_of(**changes_of("rnn", optimizer="sgd"))
    process(engine, A)
    other = grown(engine, **{name: CHANGEABLE[name]})
    assert getattr(other.settings, name) == CHANGEABLE[name]
    assert bits(other) == bits(engine)
    assert np.isfinite(process(other, A)).all()


def test_a_new_learning_rate_is_used() -> None:
    engine = engine_of(**changes_of("rnn", optimizer="sgd"))
    process(engine, A)
    assert process(grown(engine, learning_rate=0.5), A).tobytes() != process(engine, A).tobytes()


@pytest.mark.parametrize("name", FIXED)
def test_a_setting_that_gives_the_arrays_their_meaning_must_stay(name: str) -> None:
    engine = engine_of(**changes_of("rnn", **NEEDED.get(name, {})))
    changed = Settings.parse(engine.settings.describe() | {name: FIXED[name]})
    with pytest.raises(SettingError, match=rf"^{name} must stay .*, got ") as caught:
        engine.with_settings(changed)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ({"inputs": ("a", "b")}, {"inputs": ("a",)}, "inputs must begin with a, b, got a"),
        ({"inputs": ("a", "b")}, {"inputs": ("b", "a")}, "inputs must begin with a, b, got b, a"),
        ({"inputs": ("a",)}, {"inputs": ("b", "a")}, "inputs must begin with a, got b, a"),
        ({"targets": ("y", "z")}, {"targets": ("y",)}, "targets must begin with y, z, got y"),
        ({"task": "forecast"}, {"targets": ("y", "z")}, "targets of forecasts must stay y, got y, z"),
        (
            {"task": "forecast", "targets": (), "inputs": ("a",)},
            {"inputs": ("a", "b")},
            "targets of forecasts must stay a, got a, b",
        ),
        (
            {"task": "classification", "classes": 3},
            {"classes": 2, "loss": "softmax"},
            "classes must stay 3, or grow where loss was softmax, got 2",
        ),
        (
            {"task": "classification"},
            {"classes": 3},
            "classes must stay 2, or grow where loss was softmax, got 3",
        ),
        (
            {"task": "forecast", "loss": "softmax"},
            {"classes": 3},
            "classes must stay 2, or grow where loss was softmax, got 3",
        ),
        (
            {"layer": "reservoir"},
            {"inputs": ("a", "b")},
            "inputs must stay the same below layer reservoir without skip, got a, b",
        ),
        (
            {"layer": "bigru", "lookahead": 2},
            {"inputs": ("a", "b")},
            "inputs must stay the same below layer bigru, got a, b",
        ),
    ],
)
def test_changes_that_are_no_growth_are_refused(before: dict[str, Any], after: dict[str, Any], message: str) -> None:
    engine = engine_of(**changes_of("gru") | before)
    with pytest.raises(SettingError) as caught:
        grown(engine, **after)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inputs": ()}, "inputs must name at least one column where no targets are named, got none"),
        (
            {"inputs": (), "targets": "y", "task": "regression", "layer": "bigru", "lookahead": 2},
            "bigru needs at least one input, got none",
        ),
    ],
)
def test_inputs_are_needed_without_targets_or_with_lookahead(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        settings(**changes)
    assert str(caught.value) == message
