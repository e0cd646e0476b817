"""Time of an event by width and by window, and its share of the core's matrix-product rate.

All sizes run in one process and take turns, so that other load affects them equally. Widths and windows that do not
fill the vectors of the processor are above the smooth curve through those that do: the parabola through the multiples
of eight.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import child, reference

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENTS = 4_000
ROUNDS = 9
LAYERS = ("gru", "lstm")
WIDTHS = (7, 8, 16, 24, 30, 31, 32, 33, 40)
WINDOWS = (7, 8, 9, 15, 16, 17, 24, 31, 32)
LARGE = (32, 64, 128)


def measure() -> dict[str, Any]:
    """Return the rows of the tables by their name."""
    with child.one_core():
        tables = {}
        for layer in LAYERS:
            tables[f"{layer}, by units"] = _against_curve(layer, "hidden", WIDTHS)
            tables[f"{layer}, by window"] = _against_curve(layer, "window", WINDOWS)
            tables[f"{layer}, share of the rate of matrix products"] = _shares(layer)
        return tables


def _against_curve(layer: str, setting: str, sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the microseconds of an event for each size, and relative to the curve."""
    times = _microseconds({size: {"layer": layer, setting: size} for size in sizes})
    suited = [size for size in sizes if size % 8 == 0]
    curve = np.polynomial.Polynomial.fit(suited, [times[size] for size in suited], 2)
    return [{setting: size, "us": times[size], "relative_to_curve": times[size] / float(curve(size))} for size in sizes]


def _shares(layer: str) -> list[dict[str, Any]]:
    times = _microseconds({hidden: {"layer": layer, "hidden": hidden} for hidden in LARGE})
    peak = child.module("benchmarks.peers.sgemm")["gflops"]
    rates = {hidden: reference.product_flops(layer, hidden) / time / 1e3 for hidden, time in times.items()}
    return [
        {"hidden": hidden, "us": times[hidden], "gflops": rate, "share_of_sgemm": rate / peak}
        for hidden, rate in rates.items()
    ]


def _microseconds(settings: Mapping[int, dict[str, Any]]) -> dict[int, float]:
    """Return the microseconds of an event with each settings, medians of rounds in turns."""
    events = reference.data(EVENTS)
    engines = {size: reference.warm(reference.JOB | changed) for size, changed in settings.items()}
    seconds: dict[int, list[float]] = {size: [] for size in engines}
    for _ in range(ROUNDS):
        for size, engine in engines.items():
            seconds[size].append(reference.process(engine, events))
    return {size: 1e6 * statistics.median(times) / EVENTS for size, times in seconds.items()}
