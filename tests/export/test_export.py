"""Exported weights are those of PyTorch's equations."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stream_rnn import DataError, Engine, Settings
from stream_rnn.export import to_numpy

TORCH_PYTHON = os.environ.get("STREAM_RNN_TORCH_PYTHON")
"""An interpreter with torch."""
PLAIN: dict[str, Any] = {
    "inputs": ("a", "b"),
    "targets": ("y", "z"),
    "task": "regression",
    "scale_inputs": False,
    "scale_targets": False,
    "missing_flags": False,
    "seed": 3,
}
NETWORKS: dict[str, dict[str, Any]] = {
    "gru": {"layer": "gru", "hidden": 5},
    "lstm": {"layer": "lstm", "hidden": 5},
    "rnn": {"layer": "rnn", "hidden": 5},
    "relu": {"layer": "rnn", "hidden": 5, "activation": "relu"},
    "stack": {"layer": ("gru", "lstm"), "hidden": (4, 3)},
    "skip": {"layer": "gru", "hidden": 4, "skip": True},
}
X = np.random.default_rng(0).normal(size=(60, 2))


def trained(name: str) -> Engine:
    """Return an engine that has learned, also its biases."""
    engine = Engine(Settings(**PLAIN | NETWORKS[name]))
    engine.process("pump", X, np.cumsum(X, axis=0))
    return engine


def outputs_of(engine: Engine) -> Any:
    """Return the outputs of the engine's present weights for a new stream, from which it does not learn."""
    return engine.process("new", X)


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def layer_outputs(kind: str, activation: str, w: dict[str, Any], x: Any) -> Any:
    """Return the outputs of a layer by the equations in PyTorch's documentation."""
    H = w["weight_hh_l0"].shape[1]
    h, c, outputs = np.zeros(H), np.zeros(H), []
    for value in x:
        a = w["weight_ih_l0"] @ value + w["bias_ih_l0"]
        u = w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        if kind == "gru":
            r, z = (sigmoid(a[k * H : (k + 1) * H] + u[k * H : (k + 1) * H]) for k in (0, 1))
            n = np.tanh(a[2 * H :] + r * u[2 * H :])
            h = (1 - z) * n + z * h
        elif kind == "lstm":
            i, f, g, o = np.split(a + u, 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        else:
            h = np.tanh(a + u) if activation == "tanh" else np.maximum(a + u, 0)
        outputs.append(h)
    return np.array(outputs)


@pytest.mark.parametrize("name", NETWORKS)
def test_arrays_in_pytorchs_equations_give_the_outputs_of_the_engine(name: str) -> None:
    engine = trained(name)
    arrays, settings = to_numpy(engine), engine.settings
    features = X
    for place, kind in enumerate(settings.layer):
        prefix = f"layers.{place}."
        own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        features = layer_outputs(kind, settings.activation, own, features)
    features = np.hstack([features, X]) if settings.skip else features
    np.testing.assert_allclose(
        features @ arrays["readout.weight"].T + arrays["readout.bias"], outputs_of(engine), rtol=1e-4, atol=1e-5
    )


@pytest.mark.slow
def test_pytorch_computes_the_same_outputs(tmp_path: Path) -> None:
    if TORCH_PYTHON is None:
        pytest.skip("STREAM_RNN_TORCH_PYTHON does not name an interpreter with torch")
    engines = {name: trained(name) for name in NETWORKS}
    for name, engine in engines.items():
        settings = engine.settings
        names = {"layer": "+".join(settings.layer), "activation": settings.activation, "skip": settings.skip}
        np.savez(tmp_path / f"{name}.npz", x=X, **names, **to_numpy(engine))
    script, root = Path(__file__).with_name("torch_outputs.py"), Path(__file__).parents[2]
    subprocess.run([TORCH_PYTHON, script, tmp_path], check=True, env=os.environ | {"PYTHONPATH": str(root)})
    for name, engine in engines.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), outputs_of(engine), rtol=1e-4, atol=1e-5)


def test_arrays_are_copies() -> None:
    engine = trained("gru")
    before = outputs_of(engine)
    for array in to_numpy(engine).values():
        array[:] = 0
    engine.reset("new")
    np.testing.assert_array_equal(outputs_of(engine), before)


def test_streams_with_their_own_weights_are_exported_by_key() -> None:
    engine = Engine(Settings(**PLAIN | NETWORKS["gru"], weights="per_stream"))
    engine.process("pump", X, np.cumsum(X, axis=0))
    np.testing.assert_array_equal(to_numpy(engine, "pump")["readout.bias"], engine.parameters_of("pump")["c"])
    with pytest.raises(DataError, match=r"use parameters_of\(key\)"):
        to_numpy(engine)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer": "lru"}, "layer must be one of gru, lstm, rnn for PyTorch, got 'lru'"),
        ({"layer": "rnn", "activation": "sigmoid"}, "activation must be tanh or relu for PyTorch, got 'sigmoid'"),
    ],
)
def test_what_pytorch_does_not_have_is_named(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as raised:
        to_numpy(Engine(Settings(inputs="x", hidden=4, **settings)))
    assert str(raised.value) == message
