"""The reference job and similar jobs, run by the engine.

GRU, 8 inputs, 32 units, linear readout, window 16, float32, Adam at 1e-3, the gradient clipped to norm 1, the squared
loss, an update at every event, one thread. The job's settings are given in full, so that a changed default does not
change what is measured.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.clock import now, since
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

INPUTS = tuple(f"x{i}" for i in range(8))
HIDDEN, WINDOW = 32, 16

JOB: dict[str, Any] = {
    "inputs": INPUTS,
    "targets": ("y",),
    "task": "regression",
    "layer": "gru",
    "hidden": HIDDEN,
    "window": WINDOW,
    "update_every": 1,
    "loss": "squared",
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "clip": "norm",
    "clip_limit": 1.0,
    "skip": False,
    "missing_flags": False,
    "dtype": "float32",
    "seed": 0,
}

VARIANTS: dict[str, dict[str, Any]] = {
    "GRU 32": JOB,
    "RNN 32": JOB | {"layer": "rnn"},
    "LSTM 32": JOB | {"layer": "lstm"},
    "GRU 32, reset before the product": JOB | {"layer": "gru_reset_before"},
    "LSTM 32 with peepholes": JOB | {"layer": "lstm_peephole"},
    "RNN 32, gradients kept from vanishing": JOB | {"layer": "rnn", "vanishing": 0.1},
    "dense 32": JOB | {"layer": "dense"},
    "conv 32, kernel 3": JOB | {"layer": "conv", "kernel": 3},
    "reservoir 300": JOB | {"layer": "reservoir", "hidden": 300},
    "LRU 32": JOB | {"layer": "lru"},
    "eLSTM 32": JOB | {"layer": "elstm"},
    "columnar GRU 32": JOB | {"layer": "columnar_gru"},
    "bidirectional GRU 32, lookahead 8": JOB | {"layer": "bigru", "lookahead": 8},
    "GRU 32 + GRU 32": JOB | {"layer": ("gru", "gru")},
    "GRU 64": JOB | {"hidden": 64},
    "default settings, forecasting 8 columns": {"inputs": INPUTS},
}
"""The reference job and other networks, by name."""


class Data(NamedTuple):
    """Events of one stream."""

    x: NDArray[np.float64]
    """(N, 8)"""
    y: NDArray[np.float64]
    """(N,)"""


def data(events: int, seed: int = 0) -> Data:
    """Return noise, and a label that a recurrent network can learn: a leaky sum of one input and a share of another."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((events, len(INPUTS)))
    y = np.empty(events)
    leak = 0.0
    for t in range(events):
        leak = 0.8 * leak + 0.2 * x[t, 0]
        y[t] = leak + 0.3 * x[t, 1]
    return Data(x, y)


def warm(settings: dict[str, Any]) -> Engine:
    """Return an engine whose kernels are compiled and whose window is full."""
    engine = Engine(Settings(**settings))
    engine.warmup()
    process(engine, data(4 * WINDOW, seed=1))
    return engine


def process(engine: Engine, events: Data) -> float:
    """Process all events as one stream; return the duration in seconds."""
    labels = events.y if engine.settings.task == "regression" else None
    start = now()
    engine.process("stream", events.x, labels)
    return since(start)


def rate(engine: Engine, events: Data, rounds: int = 5) -> float:
    """Return events per second, the median of several rounds."""
    return len(events.x) / statistics.median(process(engine, events) for _ in range(rounds))


GATES: dict[str, int] = {"gru": 3, "lstm": 4}
"""Gates of a layer whose products are counted."""


def product_flops(layer: str = "gru", hidden: int = HIDDEN) -> int:
    """Return the number of floating-point operations of the matrix products in one event of the reference job.

    The forward product [x, h] -> gates once; the backward product with U^T and the gradient of the weights once for
    each event of the window.
    """
    inputs, gates = len(INPUTS), GATES[layer] * hidden
    forward = (inputs + hidden) * gates
    return 2 * (forward + WINDOW * (hidden * gates + forward))
