"""Advice on how to improve a network's learning: a table of checks, each with a limit, a message, and what helps."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stream_rnn.cli.diagnose.measurements import gradient_reach, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.cli.diagnose.measurements import Measurements, NumericalIssues
    from stream_rnn.cli.diagnose.sampling import Sample
    from stream_rnn.settings.engine import Settings

VANISHED = 1e-3
"""Fraction of the newest event's gradient: with less, an event adds less to an update than the newest one's noise."""
EXPLODED = 1e2
"""Multiple of the newest event's gradient: with more, the oldest event alone decides the update."""
SATURATED = 0.9
"""Fraction of a gate's units: with more, the gate hardly responds to its inputs, and hardly learns."""
LARGE_UPDATE = 1e-2
"""Relative size of an update: with more, the weights are replaced completely in a hundred updates."""
SMALL_UPDATE = 1e-5
"""Relative size of an update: with less, the weights need a hundred thousand updates to change."""
OFTEN_CLIPPED = 0.5
"""Fraction of clipped updates: with more, large errors have no more weight than small ones."""


class Advice(NamedTuple):
    """Something to try."""

    text: str
    applies: Callable[[Settings], bool] = lambda _: True
    """whether it is possible with these settings, and not the case yet"""


class Check(NamedTuple):
    """Something that can go wrong."""

    values: Callable[[Measurements], dict[str, float]]
    """values that are compared with the limit, by name"""
    fails: Callable[[float], bool]
    message: Callable[[str, float, Measurements], str]
    """describes a failure, given the name, the value, and all measurements"""
    advice: tuple[Advice, ...]

    def warnings(self, measurements: Measurements) -> list[str]:
        """Return a line for each value that fails, with the advice that applies."""
        advice = [item.text for item in self.advice if item.applies(measurements.settings)]
        return [
            "; ".join([self.message(name, value, measurements), *([f"try {_either(advice)}"] if advice else [])])
            for name, value in self.values(measurements).items()
            if self.fails(value)
        ]


def warnings(samples: list[Sample], settings: Settings, issues: NumericalIssues) -> list[str]:
    """Return a line for each problem of a run, with what may help; none without samples."""
    if not samples:
        return []
    measurements = measure(samples, settings, issues)
    return [line for check in CHECKS.values() for line in check.warnings(measurements)]


def _has_rnn(settings: Settings) -> bool:
    return "rnn" in settings.layer


def _largest_gradient(measurements: Measurements) -> dict[str, float]:
    fading = measurements.fading
    return {"": float(fading.max())} if len(fading) > 1 else {}


def _oldest_gradient(measurements: Measurements) -> dict[str, float]:
    fading = measurements.fading
    return {"": float(fading[-1])} if len(fading) > 1 and fading.max() <= EXPLODED else {}


def _explosion(_: str, peak: float, measurements: Measurements) -> str:
    growth = f"by a factor of {peak:.1g}" if np.isfinite(peak) else "beyond the largest number"
    return f"the gradient explodes: it grows {growth} over {len(measurements.fading) - 1} events"


def _vanishing(_: str, left: float, measurements: Measurements) -> str:
    fading = measurements.fading
    return (
        f"the gradient vanishes: {left:.1g} of it is left after {len(fading) - 1} events, so that a window of "
        f"{gradient_reach(fading) + 1} would learn the same"
    )


def _saturation(name: str, share: float, _: Measurements) -> str:
    return f"{share:.0%} of the {name} are saturated, so that hardly any gradient passes them"


def _large_update(name: str, ratio: float, _: Measurements) -> str:
    return f"an update changes {name} by {ratio:.1%} of its size, where 0.1% is healthy"


def _small_update(name: str, ratio: float, _: Measurements) -> str:
    return f"an update changes {name} by {ratio:.1g} of its size, where 0.001 is healthy"


def _clipping(_: str, __: float, measurements: Measurements) -> str:
    updates = f"{measurements.clipped} of {measurements.sampled_updates} updates"
    return f"{updates} were clipped, so that large errors have no more weight than small ones"


LOWER_LEARNING_RATE = Advice("a lower learning_rate")
HIGHER_LEARNING_RATE = Advice("a higher learning_rate")
GATED_LAYERS = Advice("gru or lstm layers", _has_rnn)
VANISHING_PENALTY = Advice("a vanishing penalty", _has_rnn)

CHECKS = {
    "exploding gradient": Check(
        values=_largest_gradient,
        fails=lambda peak: peak > EXPLODED,
        message=_explosion,
        advice=(
            Advice("activation tanh", lambda s: _has_rnn(s) and s.activation in {"relu", "identity"}),
            GATED_LAYERS,
            VANISHING_PENALTY,
            LOWER_LEARNING_RATE,
            Advice("a lower clip_limit"),
        ),
    ),
    "vanishing gradient": Check(
        values=_oldest_gradient,
        fails=lambda left: left < VANISHED,
        message=_vanishing,
        advice=(
            GATED_LAYERS,
            VANISHING_PENALTY,
            Advice("activation tanh", lambda s: _has_rnn(s) and s.activation == "sigmoid"),
            Advice("init_recurrent orthogonal", lambda s: s.init_recurrent == "glorot"),
            Advice("a higher update_bias", lambda s: "gru" in s.layer),
            Advice("a higher forget_bias", lambda s: not {"lstm", "slstm"}.isdisjoint(s.layer)),
        ),
    ),
    "saturated units": Check(
        values=lambda measurements: measurements.saturated,
        fails=lambda share: share >= SATURATED,
        message=_saturation,
        advice=(LOWER_LEARNING_RATE, Advice("l2 to keep the weights small")),
    ),
    "large updates": Check(
        # The readout V starts at 0, where every update is large.
        values=lambda measurements: {name: ratio for name, ratio in measurements.updates.items() if name != "V"},
        fails=lambda ratio: ratio > LARGE_UPDATE,
        message=_large_update,
        advice=(LOWER_LEARNING_RATE,),
    ),
    "small updates": Check(
        values=lambda measurements: measurements.updates,
        fails=lambda ratio: ratio < SMALL_UPDATE,
        message=_small_update,
        advice=(HIGHER_LEARNING_RATE,),
    ),
    "clipped updates": Check(
        values=lambda m: {"": m.clipped / m.sampled_updates} if m.sampled_updates else {},
        fails=lambda share: share > OFTEN_CLIPPED,
        message=_clipping,
        advice=(Advice("a higher clip_limit"), LOWER_LEARNING_RATE),
    ),
    "skipped updates": Check(
        values=lambda measurements: {"": measurements.issues.skipped_updates},
        fails=lambda count: count > 0,
        message=lambda _, count, __: f"{count:,} updates were skipped because their gradients were not finite",
        advice=(LOWER_LEARNING_RATE,),
    ),
    "overflows": Check(
        values=lambda measurements: {"": measurements.issues.overflows},
        fails=lambda count: count > 0,
        message=lambda _, count, __: f"the hidden state was reset {count:,} times because it was not finite",
        advice=(LOWER_LEARNING_RATE, Advice("a bounded activation", lambda s: s.activation in {"relu", "identity"})),
    ),
}
"""What is checked, in the order of the warnings."""


def _either(options: list[str]) -> str:
    """Join options: a, b, or c."""
    return ", or ".join(part for part in (", ".join(options[:-1]), options[-1]) if part)
