"""Engines that continue with other settings, and the events that they process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from support import NAN, series

from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

N = 80
KEYS = list("abaab") * (N // 5)
A, B, Y = series(N), series(N, seed=1), series(N, seed=2)
MISSING = np.full((N, 1), NAN)
TIMES = 3600.0 * np.arange(N)


def changes_of(layers: str, **changes: Any) -> dict[str, Any]:
    """Return settings of a regression whose gradients are clipped one by one, so that no sum over inputs matters."""
    base: dict[str, Any] = {
        "layer": tuple(layers.split(">")),
        "targets": ("y",),
        "task": "regression",
        "inputs": ("a",),
        "window": 5,
        "update_every": 2,
        "learning_rate": 0.02,
        "clip": "value",
        "missing_flags": False,
        "scale_inputs": True,
    }
    return base | changes


def grown(engine: Engine, **changes: Any) -> Engine:
    """Return an engine that continues with some settings changed."""
    return engine.with_settings(Settings.parse(engine.settings.describe() | changes))


def process(engine: Engine, *columns: NDArray[Any], **options: Any) -> NDArray[np.float64]:
    return engine.process(KEYS, np.hstack([np.empty((N, 0)), *columns]), Y, TIMES, **options)
