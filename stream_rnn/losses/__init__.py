"""Losses, one file each. A new loss is a new file, a name in `LossName` and an entry in `LOSSES`.

`LossName` must list the keys of `LOSSES`; type checkers need it as a literal, and a test compares the two. Importing
this package imports neither numba nor the files of the losses.
"""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LossName = Literal[
    "squared", "absolute", "huber", "quantile", "gaussian_nll", "logistic", "softmax", "hierarchical_softmax"
]

NUMBER = ("",)
"""Suffixes of a loss whose forecast of a target is one number."""


class LossSpec(NamedTuple):
    """What the settings, the outputs and the scores need to know about a loss."""

    maker: str
    """module of the compiled side, and what makes the loss there"""
    tasks: tuple[str, ...]
    """the tasks that it can learn"""
    suffixes: Callable[[int, tuple[float, ...]], tuple[str, ...]] = lambda _classes, _levels: NUMBER
    """Of the number of classes and the quantile levels: what is appended to a target's name for each output of it."""
    categorical: bool = False
    """whether targets are classes 0, 1, ..., and forecasts their probabilities"""
    classes: int | None = None
    """the number of classes, where it is fixed"""
    one_target: bool = False
    """whether it takes a single target, whose axis in forecasts is that of the classes"""
    has_spread: bool = False
    """whether its forecasts contain their own measure of uncertainty"""
    least_squares: bool = False
    """whether recursive least squares minimises it"""
    first_forecast: float = 0.0
    """forecast before anything was learned, where it is not that of the scaling"""

    @property
    def is_point(self) -> bool:
        """Whether the forecast of a target is one number, so that forecasts can be averaged."""
        return not self.categorical and not self.has_spread


def _quantiles(_classes: int, levels: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f".q{level:g}" for level in levels)


def _probabilities(classes: int, _levels: tuple[float, ...]) -> tuple[str, ...]:
    return tuple(f".p{c}" for c in range(classes))


NUMBERS = ("forecast", "regression")

LOSSES: dict[LossName, LossSpec] = {
    "squared": LossSpec("squared.Squared", NUMBERS, least_squares=True),
    "absolute": LossSpec("absolute.Absolute", NUMBERS),
    "huber": LossSpec("huber.Huber", NUMBERS),
    "quantile": LossSpec("quantile.Quantile", NUMBERS, _quantiles, has_spread=True),
    "gaussian_nll": LossSpec(
        "gaussian.GaussianNLL", NUMBERS, lambda _classes, _levels: (".mean", ".variance"), has_spread=True
    ),
    "logistic": LossSpec(
        "logistic.Logistic",
        ("classification",),
        lambda _classes, _levels: (".p1",),
        categorical=True,
        classes=2,
        first_forecast=0.5,
    ),
    "softmax": LossSpec(
        "softmax.Softmax", ("forecast", "classification"), _probabilities, categorical=True, one_target=True
    ),
    "hierarchical_softmax": LossSpec(
        "hierarchical_softmax.hierarchical_softmax",
        ("forecast", "classification"),
        _probabilities,
        categorical=True,
        one_target=True,
    ),
}
"""The losses that settings can name."""


def make_loss(name: LossName, options: Mapping[str, Any]) -> Any:
    """Return a loss, built with those of the options that it accepts."""
    module, maker = LOSSES[name].maker.split(".")
    make: Callable[..., Any] = getattr(import_module(f"stream_rnn.losses.{module}"), maker)
    accepted = inspect.signature(make).parameters
    return make(**{option: value for option, value in options.items() if option in accepted})
