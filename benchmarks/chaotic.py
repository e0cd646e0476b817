"""The five series of the online recurrent learning protocol, eight streams each.

Henon, Mackey-Glass and Lorenz are generated, 20,065 values each. Sunspot and laser are recordings of the length that
the protocol uses; each stream reads the same recording, shifted. A run starts at value 64 and returns to it at the end
of the series.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

STREAMS = 8
FIRST = 64
LENGTH = 20_065
RESET_EVERY = 200
STATISTICS = 2000
"""Number of values from which the mean and deviation of a recorded series are computed."""

RECORDED = {"sunspot": 3065, "laser": 1065}
"""Number of values of a stream, for each recorded series."""


class Steps(NamedTuple):
    """T steps, each of all eight streams."""

    x: NDArray[np.float64]
    """(T, 8) inputs z_t"""
    y: NDArray[np.float64]
    """(T, 8) targets z_{t+1}"""
    ends: NDArray[np.bool_]
    """(T,) whether the hidden state is reset after the step"""


def steps(name: str, count: int, seed: int, folder: Path) -> Steps:
    """Return the steps of a series.

    Raises
    ------
    FileNotFoundError
        If it is a recorded series and its file is not in the folder.
    """
    rng = np.random.default_rng(seed)
    z = normalised(recorded(name, folder, rng), STATISTICS) if name in RECORDED else normalised(GENERATORS[name](rng))
    t = np.arange(count) % (z.shape[1] - 1 - FIRST)
    ends = (np.arange(count) + 1) % RESET_EVERY == 0
    return Steps(z[:, FIRST + t].T, z[:, FIRST + t + 1].T, ends)


def normalised(series: Array, values: int | None = None) -> Array:
    """Standardize each stream (8, L) by its mean and deviation over all values, or over `values` from value 64 on."""
    known = series if values is None else series[:, FIRST : FIRST + min(values, series.shape[1] - FIRST - 1)]
    mean = known.mean(axis=1, keepdims=True)
    scaled: Array = (series - mean) / known.std(axis=1, ddof=1, keepdims=True)
    return scaled


def henon(_rng: np.random.Generator) -> Array:
    """Return x of x' = 1 - 1.4 x^2 + y, y' = 0.3 x (Henon 1976), streams of different x0; the seed has no effect."""
    x: Array = np.arange(10.0, 10.0 + STREAMS) / 100
    y: Array = np.zeros(STREAMS)
    out = np.empty((STREAMS, LENGTH))
    for t in range(LENGTH):
        out[:, t] = x
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
    return out


def mackey_glass(rng: np.random.Generator) -> Array:
    """Return x of dx/dt = .2 x(t-17) / (1 + x(t-17)^10) - .1 x (Mackey & Glass 1977), by Euler steps of 1."""
    past = deque(rng.uniform(1.2, 1.4, (18, STREAMS)), maxlen=17)
    x = past[-1]
    out = np.empty((STREAMS, LENGTH))
    for t in range(LENGTH):
        delayed = past[0]
        x = x + 0.2 * delayed / (1 + delayed**10) - 0.1 * x
        past.append(x)
        out[:, t] = x
    return out


def lorenz(rng: np.random.Generator) -> Array:
    """Return x of Lorenz (1963), sigma 10, rho 28, beta 8/3: every second one of Euler steps of .01."""
    x, y, z = 1.0 + 0.1 * rng.standard_normal((3, STREAMS))
    out = np.empty((STREAMS, LENGTH))
    for t in range(100 + 2 * LENGTH):
        x, y, z = x + 0.01 * 10 * (y - x), y + 0.01 * (x * (28 - z) - y), z + 0.01 * (x * y - 8 / 3 * z)
        if t >= 100 and t % 2 == 0:
            out[:, (t - 100) // 2] = x
    return out


def recorded(name: str, folder: Path, rng: np.random.Generator) -> Array:
    """Return the streams of a recorded series: the same cyclic values, each stream shifted by another eighth."""
    values = np.loadtxt(folder / f"{name}.txt")
    start = rng.integers(len(values))
    shifts = start + np.arange(STREAMS) * (len(values) // STREAMS)
    indices = (shifts[:, np.newaxis] + np.arange(RECORDED[name])) % len(values)
    return values[indices]


GENERATORS: dict[str, Callable[[np.random.Generator], Array]] = {
    "henon": henon,
    "mackey_glass": mackey_glass,
    "lorenz": lorenz,
}

SERIES = (*GENERATORS, *RECORDED)
