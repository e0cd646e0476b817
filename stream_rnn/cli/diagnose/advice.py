"""What a run's diagnoses warn of, in plain words, and what helps.

What is usual in the later half of the samples counts: the first updates of a network tell little of the rest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from stream_rnn.cli.diagnose.sampling import Sample
    from stream_rnn.settings.engine import Settings

FADED = 1e-3
"""Of the newest event's gradient: with a thousandth, an event adds less to an update than the newest one's noise."""
REACHED = 1e-2
"""Of the newest event's gradient: as far back as this much arrives, an event still counts."""
GREW = 1e2
"""Of the newest event's gradient: with a hundredfold, the oldest event alone decides the update."""
STUCK = 0.9
"""Share of a gate's units at their flat ends: the gate has next to nothing left to decide, and cannot learn to."""
FAST = 1e-2
"""Change of weights in one update, of themselves: in a hundred updates all that they were is gone."""
SLOW = 1e-5
"""Change of weights in one update, of themselves: they would need a hundred thousand to become others."""
OFTEN = 0.5
"""Share of updates: when most gradients are clipped, large errors count no more than small ones."""

GATES = {
    ("GRU", "n"): "candidates",
    ("GRU", "r"): "reset gates",
    ("GRU", "z"): "update gates",
    ("LSTM", "i"): "input gates",
    ("LSTM", "f"): "forget gates",
    ("LSTM", "o"): "output gates",
    ("LSTM", "g"): "candidates",
    ("LSTM", "t"): "cells",
}
"""What a gate's units are called, by layer and letter."""


class Trouble(NamedTuple):
    """What a run counted that should not happen."""

    skipped: int
    """updates left out because the gradient was not finite"""
    overflows: int
    """hidden states zeroed because they were not finite"""


def typical(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median by lag of the later half of curves (n, h); (h,), NaN where most are not known."""
    late = curves[len(curves) // 2 :]
    known = 2 * np.isnan(late).sum(axis=0) <= len(late)
    found = np.full(late.shape[1], math.nan)
    found[known] = np.nanmedian(late[:, known], axis=0)
    return found


def reach(fading: NDArray[np.float64]) -> int:
    """Return how many events back something of the gradient arrives."""
    return int(np.flatnonzero(fading >= REACHED).max(initial=0))


def warnings(samples: list[Sample], settings: Settings, trouble: Trouble) -> list[str]:
    """Return a line for each thing that is wrong, with what helps."""
    if not samples:
        return []
    return [*_of_gradients(samples, settings), *_of_gates(samples), *_of_updates(samples), *_of_trouble(trouble)]


def _of_gradients(samples: list[Sample], settings: Settings) -> Iterator[str]:
    fading = typical(np.array([sample.found.fading for sample in samples]))
    fading = fading[~np.isnan(fading)]
    if len(fading) < 2:
        return
    lag, plain = len(fading) - 1, "rnn" in settings.layer
    if fading.max() > GREW:
        helps = ["tanh"] if plain and settings.activation in {"relu", "identity"} else []
        helps += ["gru or lstm layers", "a vanishing penalty"] if plain else []
        helps += ["a lower learning_rate", "a lower clip_limit"]
        growth = f"{fading.max():.1g}-fold" if np.isfinite(fading.max()) else "beyond all numbers"
        yield f"the gradient grows {growth} over {lag} events: {' or '.join(helps)} would hold it down"
    elif fading[lag] < FADED:
        helps = ["gru or lstm layers", "a vanishing penalty"] if plain else []
        helps += ["tanh"] if plain and settings.activation == "sigmoid" else []
        helps += ["orthogonal initial weights"] if settings.init_recurrent == "glorot" else []
        helps += ["a higher update_bias"] if "gru" in settings.layer else []
        helps += ["a higher forget_bias"] if "lstm" in settings.layer else []
        so = f"{' or '.join(helps)} would keep it up; " if helps else ""
        yield (
            f"the gradient fades to {fading[lag]:.1g} of itself over {lag} events: {so}a window of {reach(fading) + 1} "
            "would learn the same"
        )


def _of_gates(samples: list[Sample]) -> Iterator[str]:
    layers = dict(name.rpartition(".")[::2] for name in samples[-1].found.gradients)
    for name, share in _medians([sample.found.saturated for sample in samples]).items():
        if share >= STUCK:
            place, _, letter = name.rpartition(".")
            units = GATES.get((layers.get(place, ""), letter), "units")
            yield (
                f"{share:.0%} of the {units} {name} are saturated, and next to no gradient passes them: lower "
                "learning_rate, or hold the weights small with l2"
            )


def _of_updates(samples: list[Sample]) -> Iterator[str]:
    for name, ratio in _medians([sample.found.updates for sample in samples]).items():
        if ratio > FAST and name != "V":  # the readout begins at 0, where every step is long
            yield f"an update changes {name} by {ratio:.1%} of itself, 0.1% is healthy: lower learning_rate"
        elif ratio < SLOW:
            yield f"an update changes {name} by {ratio:.1g} of itself, 0.001 is healthy: raise learning_rate"
    learned = [sample.found.clipped for sample in samples if sample.found.updates]
    if learned and sum(learned) > OFTEN * len(learned):
        yield (
            f"{sum(learned)} of {len(learned)} updates were clipped, so large errors count no more than small ones: "
            "raise clip_limit, or lower learning_rate"
        )


def _of_trouble(trouble: Trouble) -> Iterator[str]:
    if trouble.skipped:
        yield f"{trouble.skipped:,} updates were skipped, their gradients were not finite: lower learning_rate"
    if trouble.overflows:
        yield (
            f"{trouble.overflows:,} times the hidden state was not finite and began anew: lower learning_rate, or take "
            "an activation with bounds"
        )


def _medians(measured: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of the later half by name, where there is any."""
    found: dict[str, list[float]] = {}
    for values in measured[len(measured) // 2 :]:
        for name, value in values.items():
            if math.isfinite(value):
                found.setdefault(name, []).append(value)
    return {name: float(np.median(values)) for name, values in found.items()}
