"""The weights of a trained network for other libraries: arrays with the names and layouts of PyTorch, or its modules.

What is exported is the network: layers and readout. It sees inputs as the engine scales them, with those derived from
them (flags of missing values, calendar, lags), and its outputs are in scaled units, as changes in residual forecasts.
With ``scale_inputs=False, scale_targets=False, residual=False, missing_flags=False`` and the squared loss its outputs
are the engine's forecasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.errors import DataError, require

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from numpy.typing import NDArray

    from stream_rnn.engine.engine import Engine

    Arrays = dict[str, NDArray[Any]]

MODULES = {"gru": "GRU", "lstm": "LSTM", "rnn": "RNN"}
"""Layers that PyTorch has, and its name of each."""
NONLINEARITIES = ("tanh", "relu")
"""Activations that PyTorch's RNN has."""


def to_numpy(engine: Engine, key: Hashable | None = None) -> Arrays:
    """Return copies of the weights of a network of layers gru, lstm and rnn, as PyTorch names and arranges them.

    Parameters
    ----------
    engine
        The engine.
    key
        The stream whose network it is; needed where streams have their own weights.

    Returns
    -------
    dict of str to ndarray
        ``layers.0.weight_ih_l0`` (gates * H, I), ``weight_hh_l0`` (gates * H, H), ``bias_ih_l0`` and ``bias_hh_l0``
        (gates * H,) of each layer; ``readout.weight`` (O, F) and ``readout.bias`` (O,). With the setting ``skip`` the
        features are the output of the top layer, then the inputs.

    Raises
    ------
    DataError
        If a layer is one that PyTorch does not have, or streams have their own weights and no key is given.

    Examples
    --------
    >>> from stream_rnn import Engine, Settings
    >>> arrays = to_numpy(Engine(Settings(inputs="x", layer="lstm", hidden=4, missing_flags=False)))
    >>> arrays["layers.0.weight_ih_l0"].shape, arrays["readout.weight"].shape
    ((16, 1), (1, 4))
    """
    _check(engine)
    parameters = engine.parameters if key is None else engine.parameters_of(key)
    layers, arrays = engine.settings.layer, dict[str, Any]()
    for place, name in enumerate(layers):
        prefix = f"{place}." if len(layers) > 1 else ""
        own = _ARRANGED[name](*(parameters[f"{prefix}{letter}"] for letter in "WUb"))
        arrays |= {f"layers.{place}.{each}_l0": array for each, array in own.items()}
    return arrays | {"readout.weight": parameters["V"].copy(), "readout.bias": parameters["c"].copy()}


def to_torch(engine: Engine, key: Hashable | None = None) -> Any:
    """Return the network as a ``torch.nn.Module`` with the weights of `to_numpy`.

    Its ``forward(x, states=None)`` takes inputs (T, N, I) and returns outputs (T, N, O) and the states of the layers,
    from which the next call continues.

    Parameters
    ----------
    engine, key
        As for `to_numpy`.

    Raises
    ------
    DataError
        As `to_numpy`.
    MissingExtraError
        If PyTorch is not installed.
    """
    arrays = to_numpy(engine, key)
    return require("stream_rnn.torch_network", "torch").Network(engine.settings, arrays)


def _check(engine: Engine) -> None:
    settings = engine.settings
    if other := next((name for name in settings.layer if name not in MODULES), None):
        raise DataError(f"layer must be one of {', '.join(MODULES)} for PyTorch, got {other!r}")
    if settings.reservoir:
        raise DataError(f"reservoir must be 0 for PyTorch, got {settings.reservoir}")
    if "rnn" in settings.layer and settings.activation not in NONLINEARITIES:
        raise DataError(f"activation must be {' or '.join(NONLINEARITIES)} for PyTorch, got {settings.activation!r}")


def _gru(W: Any, U: Any, b: Any) -> Arrays:
    n, r, z, q = np.split(b, 4)  # W is (I, n r z), U is (H, r z q)
    W_n, W_r, W_z = np.split(W, 3, axis=1)
    zero = np.zeros_like(r)
    return _arrays(np.hstack([W_r, W_z, W_n]), U, np.concatenate([r, z, n]), np.concatenate([zero, zero, q]))


def _lstm(W: Any, U: Any, b: Any) -> Arrays:
    def reorder(gates: Any) -> Any:
        i, f, o, g = np.split(gates, 4, axis=-1)
        return np.concatenate([i, f, g, o], axis=-1)

    return _arrays(reorder(W), reorder(U), reorder(b), np.zeros_like(b))


def _rnn(W: Any, U: Any, b: Any) -> Arrays:
    return _arrays(W, U, b.copy(), np.zeros_like(b))


def _arrays(W: Any, U: Any, b: Any, b_recurrent: Any) -> Arrays:
    """Return the arrays of one layer: PyTorch multiplies weights from the left."""
    weights = {"weight_ih": W.T.copy(), "weight_hh": U.T.copy()}
    return weights | {"bias_ih": b, "bias_hh": b_recurrent}


_ARRANGED: Mapping[str, Callable[[Any, Any, Any], Arrays]] = {"gru": _gru, "lstm": _lstm, "rnn": _rnn}
