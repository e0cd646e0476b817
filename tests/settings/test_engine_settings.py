"""Settings of an engine: values that cannot work are refused in one line, and valid settings can be written down."""

from __future__ import annotations

import math
import tomllib
from typing import Any

import msgspec
import pytest
from support import settings

from stream_rnn import SettingError, Settings
from stream_rnn.layers import BIDIRECTIONAL, REGISTRY

DESCRIBED: dict[str, dict[str, Any]] = {
    "defaults": {},
    "several": {
        "inputs": ("a", "b"),
        "targets": ("c",),
        "layer": ("gru", "dense"),
        "hidden": (8, 4),
        "loss": "quantile",
        "quantiles": (0.1, 0.9),
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "weights": "per_stream",
        "max_streams": 10,
        "reset_after": 60.0,
        "residual": False,
        "dtype": "float64",
    },
    "labels": {"task": "classification", "targets": ("y",), "classes": 4},
    "tokens": {"layer": ("embedding", "gru"), "loss": "softmax", "vocabulary": 20, "classes": 20},
    "lookahead": {"task": "regression", "targets": ("y",), "layer": "bigru", "lookahead": 3},
}

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "horizon": ({"horizon": 0}, "horizon must be from 1 to 100000, got 0"),
    "window": ({"window": 0}, "window must be from 1 to 100000, got 0"),
    "update_every": ({"update_every": 0}, "update_every must be at least 1, got 0"),
    "update_every beyond window": ({"window": 4, "update_every": 5}, r"update_every .* window \(4\), got 5"),
    "batch_streams": ({"batch_streams": 0}, "batch_streams must be from 1 to 100000, got 0"),
    "batch_streams of another layer": (
        {"batch_streams": 2, "layer": "lru"},
        "batch_streams must be 1 except with a single gru or lstm layer, got 2 for lru",
    ),
    "batch_streams with own weights": (
        {"batch_streams": 2, "weights": "per_stream"},
        "batch_streams must be 1 with weights per_stream, got 2",
    ),
    "batch_streams with least squares": (
        {"batch_streams": 2, "readout": "rls"},
        "batch_streams must be 1 with readout rls, got 2",
    ),
    "batch_streams with fading": (
        {"batch_streams": 2, "half_life": 5.0},
        "batch_streams must be 1 with half_life 5.0, got 2",
    ),
    "surrogate": ({"inputs": ("a", "\ud800")}, r"inputs must be valid Unicode text, got '\\ud800'"),
    "surrogate target": ({"targets": ("\udfff",)}, r"targets must be valid Unicode text, got '\\udfff'"),
    "layers": ({"layer": ["gru"] * 101, "hidden": 1}, "layer must name at most 100 layers, got 101"),
    "classes": ({"task": "classification", "targets": "y", "classes": 1}, "classes must be from 2 to 16777216, got 1"),
    "hidden": ({"hidden": 0}, "hidden must be from 1 to 100000, got 0"),
    "no hidden": ({"hidden": ()}, r"hidden must be one number or one per layer \(1\), got none"),
    "too many hidden": ({"hidden": (2, 3)}, r"hidden must be one number or one per layer \(1\), got 2,3"),
    "seed": ({"seed": -1}, "seed must be at least 0, got -1"),
    "learning_rate": ({"learning_rate": 0.0}, "learning_rate must be above 0, got 0.0"),
    "negative rate": ({"learning_rate": -1.0}, "learning_rate must be above 0, got -1.0"),
    "rate NaN": ({"learning_rate": math.nan}, "learning_rate must be a finite number, got nan"),
    "rate infinite": ({"learning_rate": math.inf}, "learning_rate must be a finite number, got inf"),
    "clip_limit": ({"clip_limit": 0.0}, "clip_limit must be above 0, got 0.0"),
    "huber_delta": ({"huber_delta": 0.0}, "huber_delta must be above 0, got 0.0"),
    "outlier": ({"outlier": -1.0}, "outlier must be above 0, got -1.0"),
    "l1": ({"l1": -0.1}, "l1 must be at least 0, got -0.1"),
    "l2": ({"l2": -0.1}, "l2 must be at least 0, got -0.1"),
    "weight_decay": ({"weight_decay": -0.1}, "weight_decay must be at least 0, got -0.1"),
    "momentum": ({"momentum": 1.0}, "momentum must be at least 0 and below 1, got 1.0"),
    "nesterov": ({"nesterov": True, "momentum": 0.0}, "nesterov needs momentum above 0"),
    "vanishing": ({"vanishing": 0.1, "layer": ("gru", "dense")}, "vanishing is for rnn layers, got 0.1 for gru, dense"),
    "forgetting": ({"scaling_forgetting": 0.0}, "scaling_forgetting must be above 0 and at most 1, got 0.0"),
    "forgetting above": ({"scaling_forgetting": 1.1}, "scaling_forgetting must be above 0 and at most 1, got 1.1"),
    "max_streams": ({"max_streams": 0}, "max_streams must be at least 1, got 0"),
    "reset_after": ({"reset_after": 0.0}, "reset_after must be above 0, got 0.0"),
    "quantiles falling": ({"quantiles": (0.9, 0.1)}, "quantiles must be ascending between 0 and 1, got 0.9,0.1"),
    "quantiles twice": ({"quantiles": (0.5, 0.5)}, "quantiles must be ascending between 0 and 1"),
    "quantiles outside": ({"quantiles": (0.5, 1.0)}, "quantiles must be ascending between 0 and 1"),
    "no quantiles": ({"quantiles": ()}, "quantiles must be ascending between 0 and 1, got none"),
    "quantile NaN": ({"quantiles": (math.nan,)}, "quantiles must be a finite number, got nan"),
    "no inputs": ({"inputs": ()}, "inputs must name at least one column where no targets are named"),
    "no inputs, both directions": (
        {"inputs": (), "targets": ("y",), "task": "regression", "layer": "bigru", "lookahead": 2},
        "bigru needs at least one input, got none",
    ),
    "inputs twice": ({"inputs": ("a", "b", "a")}, "inputs must be distinct, got 'a' twice"),
    "targets twice": ({"targets": ("y", "y")}, "targets must be distinct, got 'y' twice"),
    "drift": ({"drift": "bost"}, "drift must be one of .*, got 'bost'; did you mean 'boost'"),
    "drift_threshold": ({"drift_threshold": 0.0}, "drift_threshold must be above 0, got 0.0"),
    "drift_delta": ({"drift_delta": -0.1}, "drift_delta must be at least 0, got -0.1"),
    "drift_boost": ({"drift_boost": 0.5}, "drift_boost must be at least 1, got 0.5"),
    "drift_events": ({"drift_events": 0}, "drift_events must be at least 1, got 0"),
    "drift, both directions": (
        {"drift": "report", "task": "regression", "targets": "y", "layer": "bigru", "lookahead": 3},
        "drift is not for bidirectional layers, got report",
    ),
    "drift of all streams": (
        {"drift": "report", "drift_scope": "all", "weights": "per_stream"},
        "drift_scope must be stream with weights per_stream, got all",
    ),
    "drift forgets all": (
        {"drift": "boost", "readout": "rls", "rls_forgetting": 0.9, "drift_boost": 20.0},
        "drift_boost must be below 10 with rls_forgetting 0.9, got 20.0",
    ),
    "no layer": ({"layer": ()}, "layer must name at least one layer"),
    "layer": ({"layer": "gruu"}, "layer must be one of .*gru.*, got 'gruu'; did you mean 'gru'"),
    "loss": ({"loss": "sqared"}, "loss must be one of .*, got 'sqared'; did you mean 'squared'"),
    "optimizer": ({"optimizer": "adamm"}, "optimizer must be one of .*, got 'adamm'; did you mean 'adam"),
    "clip": ({"clip": "nrom"}, "clip must be one of norm, value, off, got 'nrom'; did you mean 'norm'"),
    "task": ({"task": "forcast"}, "task must be one of .*, got 'forcast'; did you mean 'forecast'"),
    "activation": ({"activation": "tan"}, "activation must be one of .*, got 'tan'; did you mean 'tanh'"),
    "weights": ({"weights": "own"}, "weights must be one of shared, per_stream, got 'own'"),
    "head": ({"head": "own"}, "head must be one of shared, per_stream, got 'own'"),
    "per_stream twice": (
        {"weights": "per_stream", "head": "per_stream"},
        "head must be shared with weights per_stream",
    ),
    "dtype": ({"dtype": "float16"}, "dtype must be one of float32, float64, got 'float16'"),
    "string for a number": ({"window": "sixteen"}, "window: expected `int`, got `str`.*'sixteen'"),
    "float for an integer": ({"window": 2.5}, "window: expected `int`, got `float`.*2.5"),
    "bool for a number": ({"window": True}, "window: expected `int`, got `bool`.*True"),
    "number for a bool": ({"skip": 1}, "skip: expected `bool`, got `int`.*1"),
    "number for a name": ({"inputs": (5,)}, "inputs: expected `str`, got `int`"),
    "residual labels": ({"task": "regression", "targets": "y", "residual": True}, "residual is for forecasts"),
    "horizon of labels": ({"task": "regression", "targets": "y", "horizon": 3}, "horizon is for forecasts, got 3"),
    "labels without targets": ({"task": "regression"}, "targets must be named for regression"),
    "logistic forecast": (
        {"loss": "logistic"},
        "loss must be one of squared, absolute, huber, quantile, gaussian_nll, softmax, hierarchical_softmax for fore",
    ),
    "softmax regression": (
        {"task": "regression", "targets": "y", "loss": "softmax"},
        "loss must be one of squared, absolute, huber, quantile, gaussian_nll for regression, got 'softmax'",
    ),
    "residual classes": ({"loss": "softmax", "residual": True}, "residual is for forecasts of numbers, got true for"),
    "softmax forecast of two": (
        {"targets": ("y", "z"), "loss": "softmax"},
        "targets must be a single column for softmax, got 2",
    ),
    "vocabulary": ({"vocabulary": 1}, "vocabulary must be from 2 to 16777216, got 1"),
    "vocabulary beyond float32": ({"vocabulary": 2**24 + 1}, "vocabulary must be from 2 to 16777216, got 16777217"),
    "embedding on top": (
        {"layer": ("gru", "embedding")},
        "embedding must be the lowest layer, got layer gru,emb",
    ),
    "embedding twice": ({"layer": ("embedding", "embedding")}, "embedding must be the lowest layer"),
    "embedding of two": (
        {"layer": "embedding", "inputs": ("a", "b"), "targets": "y"},
        "embedding needs one input, a token id, got 2 inputs",
    ),
    "embedding skipped": (
        {"layer": "embedding", "targets": "y", "skip": True},
        "skip must be false with an embedding: a token id is not a number, got true",
    ),
    "token as a number": ({"layer": "embedding"}, "loss must be softmax or hierarchical_softmax to forecast a"),
    "token of two classes": (
        {"layer": "embedding", "loss": "softmax"},
        r"classes must be vocabulary \(256\) to forecast a token, got 2",
    ),
    "classes squared": (
        {"task": "classification", "targets": "y", "loss": "squared"},
        "loss must be one of logistic, softmax, hierarchical_softmax for classification, got 'squared'",
    ),
    "top of numbers": ({"top": 3}, "top is for softmax and hierarchical_softmax, got 3 for squared"),
    "top of too many": ({"loss": "softmax", "classes": 5, "top": 6}, r"top must be at most classes \(5\), got 6"),
    "top of none": ({"loss": "softmax", "top": 0}, "top must be at least 1, got 0"),
    "softmax of two": (
        {"task": "classification", "targets": ("y", "z"), "classes": 3},
        "targets must be a single column for softmax, got 2",
    ),
    "logistic of three": (
        {"task": "classification", "targets": "y", "classes": 3, "loss": "logistic"},
        "classes must be 2 for loss logistic, got 3",
    ),
    "lookahead of gru": (
        {"task": "regression", "targets": "y", "lookahead": 2},
        r"lookahead needs a bidirectional layer \(birnn, bigru, bilstm\), got 2",
    ),
    "no lookahead": ({"layer": "bilstm"}, "bilstm needs a lookahead of at least 1, got 0"),
    "lookahead of forecasts": (
        {"layer": "bigru", "lookahead": 2},
        r"lookahead is for labels \(regression, classification\), got 2 for forecast",
    ),
    "lookahead beyond window": (
        {"task": "regression", "targets": "y", "layer": "bigru", "lookahead": 9, "window": 8},
        r"lookahead must be at most window \(8\), got 9",
    ),
    "bidirectional above": (
        {"task": "regression", "targets": "y", "layer": ("gru", "bigru"), "lookahead": 2},
        "bigru must be the lowest layer, or directly above an embedding, got gru, bigru",
    ),
    "bidirectional twice": (
        {"task": "regression", "targets": "y", "layer": ("birnn", "bigru"), "lookahead": 2},
        "bigru must be the lowest layer, or directly above an embedding, got birnn, bigru",
    ),
    "bidirectional skip": (
        {"task": "regression", "targets": "y", "layer": "bigru", "lookahead": 2, "skip": True},
        "skip is not for bidirectional layers, got true for bigru",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_value_that_cannot_work_is_refused_in_one_line(case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(SettingError, match=message) as caught:
        settings(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("case", REFUSED)
def test_a_mapping_is_validated_like_arguments(case: str) -> None:
    changes, message = REFUSED[case]
    with pytest.raises(SettingError, match=message):
        Settings.parse({"inputs": ("x",)} | changes)


def test_an_unknown_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="unknown setting 'learning_rte'; did you mean 'learning_rate'"):
        Settings.parse({"inputs": ["x"], "learning_rte": 0.1})


def test_inputs_are_required() -> None:
    with pytest.raises(SettingError, match="inputs is required"):
        Settings.parse({})


def test_every_number_but_the_biases_has_bounds() -> None:
    unbounded = {"forget_bias", "update_bias"}
    for field in msgspec.structs.fields(Settings):
        if (
            isinstance(field.default, (int, float))
            and not isinstance(field.default, bool)
            and field.name not in unbounded
        ):
            with pytest.raises(SettingError):
                settings(**{field.name: -1})


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_description_parses_to_equal_settings(name: str) -> None:
    original = settings(**DESCRIBED[name])
    assert Settings.parse(original.describe()) == original


@pytest.mark.parametrize("name", DESCRIBED)
def test_a_description_can_be_written_to_a_toml_file(name: str) -> None:
    original = settings(**DESCRIBED[name])
    text = msgspec.toml.encode(original.describe()).decode()
    assert Settings.parse(tomllib.loads(text)) == original


@pytest.mark.parametrize("layer", REGISTRY)
def test_every_registered_layer_can_be_set(layer: str) -> None:
    needed = {"task": "regression", "lookahead": 1} if layer in BIDIRECTIONAL else {}
    assert settings(layer=layer, targets="y", **needed).layers == ((layer, 3),)


def test_a_single_value_is_a_tuple_of_one() -> None:
    single = Settings(inputs="x", layer="gru", hidden=8)
    assert single == Settings(inputs=["x"], layer=("gru",), hidden=[8])


def test_a_single_number_of_units_is_for_all_layers() -> None:
    assert settings(layer=("gru", "lstm"), hidden=8).layers == (("gru", 8), ("lstm", 8))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        settings().window = 3


def test_without_targets_every_input_is_forecast() -> None:
    assert settings(inputs=("a", "b")).target_names == ("a", "b")


@pytest.mark.parametrize(
    ("changes", "loss"),
    [
        ({}, "squared"),
        ({"task": "regression", "targets": ("y",)}, "squared"),
        ({"task": "classification", "targets": ("y",)}, "logistic"),
        ({"task": "classification", "targets": ("y",), "classes": 3}, "softmax"),
    ],
    ids=["forecast", "regression", "two classes", "three classes"],
)
def test_the_default_loss_depends_on_the_task(changes: dict[str, Any], loss: str) -> None:
    assert settings(**changes).loss_name == loss


def test_only_adamw_decays_weights_by_default() -> None:
    assert settings(optimizer="adamw").decay > 0
    assert settings(optimizer="adam").decay == 0
    assert settings(optimizer="adamw", weight_decay=0.0).decay == 0
