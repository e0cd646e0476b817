"""What the diagnoses of a run have in common: medians over the later half of its samples.

The first updates of a network say little about the rest of the run.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stream_rnn.cli.diagnose.sampling import Sample
    from stream_rnn.settings.engine import Settings

REACHED = 1e-2
"""An event still contributes to an update if this fraction of the newest event's gradient reaches it."""

UNITS = {
    ("GRU", "n"): "candidates",
    ("GRU", "r"): "reset gates",
    ("GRU", "z"): "update gates",
    ("LSTM", "i"): "input gates",
    ("LSTM", "f"): "forget gates",
    ("LSTM", "o"): "output gates",
    ("LSTM", "g"): "candidates",
    ("LSTM", "t"): "cells",
}
"""What the units of a gate are called, by layer and letter; "units" for all others."""


class NumericalIssues(NamedTuple):
    """Numbers of a run that were not finite."""

    skipped_updates: int
    """updates skipped because the gradient was not finite"""
    overflows: int
    """hidden states reset because they were not finite"""


class Measurements(NamedTuple):
    """Values that the checks of a run examine."""

    settings: Settings
    fading: NDArray[np.float64]
    """(n,) fraction of the newest event's gradient that reaches each earlier event, newest first"""
    saturated: dict[str, float]
    """fraction of saturated units, by name with the kind of units, such as ``update gates z``"""
    updates: dict[str, float]
    """relative size of an update, by parameter"""
    clipped: int
    """number of sampled updates that were clipped"""
    sampled_updates: int
    """number of samples with an update"""
    issues: NumericalIssues


def measure(samples: list[Sample], settings: Settings, issues: NumericalIssues) -> Measurements:
    """Return the values to check in the samples of a run (at least one sample)."""
    diagnoses = [sample.diagnosis for sample in samples]
    fading = median_curve(np.array([diagnosis.fading for diagnosis in diagnoses]))
    layers = dict(name.rpartition(".")[::2] for name in diagnoses[-1].gradients)
    saturated = _medians([diagnosis.saturated for diagnosis in diagnoses])
    with_update = [diagnosis for diagnosis in diagnoses if diagnosis.updates]
    return Measurements(
        settings=settings,
        fading=fading[~np.isnan(fading)],
        saturated={f"{_units(name, layers)} {name}": share for name, share in saturated.items()},
        updates=_medians([diagnosis.updates for diagnosis in diagnoses]),
        clipped=sum(diagnosis.clipped for diagnosis in with_update),
        sampled_updates=len(with_update),
        issues=issues,
    )


def median_curve(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the median over the later half of curves (n, h), (h,); NaN where more than half of them are NaN.

    Examples
    --------
    >>> import numpy as np
    >>> median_curve(np.array([[9, 9], [9, 9], [1, 0.1], [1, 0.3]])).tolist()
    [1.0, 0.2]
    """
    later = curves[len(curves) // 2 :]
    is_known = 2 * np.isnan(later).sum(axis=0) <= len(later)
    medians = np.full(later.shape[1], math.nan)
    medians[is_known] = np.nanmedian(later[:, is_known], axis=0)
    return medians


def gradient_reach(fading: NDArray[np.float64]) -> int:
    """Return how many events back at least a hundredth of the newest event's gradient arrives.

    Examples
    --------
    >>> import numpy as np
    >>> gradient_reach(np.array([1.0, 0.2, 0.04, 0.008]))
    2
    """
    return int(np.flatnonzero(fading >= REACHED).max(initial=0))


def _units(gate: str, layers: dict[str, str]) -> str:
    """Return the name for the units of a gate, such as ``1.z``; `layers` has layers by prefix."""
    prefix, _, letter = gate.rpartition(".")
    return UNITS.get((layers.get(prefix, ""), letter), "units")


def _medians(measured: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of the finite values in the later half, by name."""
    finite: dict[str, list[float]] = {}
    for values in measured[len(measured) // 2 :]:
        for name, value in values.items():
            if math.isfinite(value):
                finite.setdefault(name, []).append(value)
    return {name: float(np.median(values)) for name, values in finite.items()}
