"""Advice: each check warns beyond its limit, with what helps, and not before."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stream_rnn.cli.diagnose.advice import (
    CHECKS,
    EXPLODED,
    LARGE_UPDATE,
    OFTEN_CLIPPED,
    SATURATED,
    SMALL_UPDATE,
    VANISHED,
    warnings,
)
from stream_rnn.cli.diagnose.measurements import REACHED, UNITS, NumericalIssues, gradient_reach, measure, median_curve
from stream_rnn.cli.diagnose.sampling import Sample
from stream_rnn.engine.engine import Engine
from stream_rnn.learning.diagnosis import Diagnosis
from stream_rnn.settings.engine import Settings

H = 9
NO_ISSUES = NumericalIssues(0, 0)
HEALTHY = 0.9 ** np.arange(H)


def samples(curve: Any = HEALTHY, count: int = 10, layer: str = "GRU", **changes: Any) -> list[Sample]:
    """Return the samples of a run that is healthy but for the changes."""
    healthy: dict[str, Any] = {
        "radii": {"U_z": 1.2},
        "saturated": {"z": 0.3},
        "updates": {"W": 1e-3, "V": 2e-3},
        "clipped": False,
    }
    diagnosis = Diagnosis({layer: 0.2 * np.asarray(curve, float)}, **(healthy | changes))
    return [Sample(8 * n, "s", diagnosis) for n in range(1, count + 1)]


def warned(run: list[Sample], issues: NumericalIssues = NO_ISSUES, **settings: Any) -> list[str]:
    return warnings(run, Settings(inputs=("x",), **settings), issues)


def only(run: list[Sample], issues: NumericalIssues = NO_ISSUES, **settings: Any) -> str:
    (line,) = warned(run, issues, **settings)
    return line


def test_a_healthy_run_gives_no_warning() -> None:
    assert warned(samples()) == []
    assert warned([]) == []


def test_a_vanishing_gradient_is_reported_with_the_window_that_suffices() -> None:
    line = only(samples(0.1 ** np.arange(H), layer="RNN"), layer="rnn")
    assert line == (
        "the gradient vanishes: 1e-08 of it is left after 8 events, so that a window of 3 would learn the same; "
        "try gru or lstm layers, or a vanishing penalty"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layer": ("rnn",)}, "gru or lstm layers"),
        ({"layer": ("rnn",), "activation": "sigmoid"}, "activation tanh"),
        ({"init_recurrent": "glorot"}, "init_recurrent orthogonal"),
        ({"layer": ("gru",)}, "a higher update_bias"),
        ({"layer": ("lstm", "dense")}, "a higher forget_bias"),
    ],
)
def test_advice_is_what_the_settings_allow(settings: dict[str, Any], words: str) -> None:
    vanished = samples(0.1 ** np.arange(H))
    assert words in only(vanished, **settings)
    if words not in only(vanished):
        assert words not in only(vanished, layer=("dense",))


def test_an_exploding_gradient_is_reported() -> None:
    line = only(samples(10.0 ** np.arange(H)), layer="rnn", activation="identity")
    assert line.startswith(
        "the gradient explodes: it grows by a factor of 1e+08 over 8 events; try activation tanh, gru or lstm layers, "
    )
    assert "learning_rate" in line
    assert "clip_limit" in line
    assert "beyond the largest number" in only(samples([1, 1e200, *[math.inf] * (H - 2)]))


@pytest.mark.parametrize(
    ("last", "count"), [(0.99 * VANISHED, 1), (1.01 * VANISHED, 0), (0.99 * EXPLODED, 0), (1.01 * EXPLODED, 1)]
)
def test_gradients_are_reported_beyond_the_limits(last: float, count: int) -> None:
    assert len(warned(samples([1.0, 0.5, last]))) == count


def test_only_the_later_half_of_the_run_counts() -> None:
    good, bad = samples(count=6), samples(0.1 ** np.arange(H), count=6)
    assert warned(bad + good) == []
    assert len(warned(good + bad)) == 1


def test_lags_that_are_mostly_unknown_do_not_count() -> None:
    short = np.array([1, 0.5, *[math.nan] * (H - 2)])
    assert warned(samples(short)) == []
    long = samples(0.1 ** np.arange(H))
    assert warned(samples(short, count=6) + samples(short, count=4) + long[:2]) == []


def test_a_network_without_memory_gives_no_warning_about_gradients() -> None:
    run = [Sample(8, "s", Diagnosis({}, {}, {}, {"W": 1e-3}, clipped=False))]
    assert warned(run, layer="dense") == []


@pytest.mark.parametrize(
    ("layer", "gate", "units"),
    [
        ("GRU", "z", "update gates z"),
        ("LSTM", "f", "forget gates f"),
        ("1.0.LSTM", "1.0.o", "output gates 1.0.o"),
        ("RNN", "h", "units h"),
        ("1.GRU", "0.y", "units 0.y"),
    ],
)
def test_saturated_units_are_called_by_the_name_of_their_gate(layer: str, gate: str, units: str) -> None:
    line = only(samples(layer=layer, saturated={gate: 0.92, "other": SATURATED - 0.01}))
    assert line.startswith(f"92% of the {units} are saturated")


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        (2 * LARGE_UPDATE, "a lower learning_rate"),
        (SMALL_UPDATE / 2, "a higher learning_rate"),
        (0.0, "a higher learning_rate"),
    ],
)
def test_large_and_small_updates_are_reported(ratio: float, words: str) -> None:
    line = only(samples(updates={"U": ratio, "V": 1e-3}))
    assert line.startswith("an update changes U by ")
    assert line.endswith(words)


def test_large_updates_of_the_readout_are_not_reported() -> None:
    assert warned(samples(updates={"V": 2 * LARGE_UPDATE})) == []
    assert only(samples(updates={"V": SMALL_UPDATE / 2})).endswith("a higher learning_rate")


@pytest.mark.parametrize("ratio", [LARGE_UPDATE, SMALL_UPDATE, math.nan])
def test_updates_within_the_limits_are_not_reported(ratio: float) -> None:
    assert warned(samples(updates={"U": ratio})) == []


def test_updates_are_reported_if_most_are_clipped() -> None:
    clipped, free = samples(clipped=True), samples()
    assert warned(clipped[:5] + free[:5]) == []
    assert only(clipped[:6] + free[:5]).startswith("6 of 11 updates were clipped")
    idle = samples(updates={})
    assert only(clipped[:1] + idle[:9]).startswith("1 of 1 updates were clipped")


def test_numbers_that_are_not_finite_are_reported() -> None:
    skipped, overflows = warned(samples(), NumericalIssues(1234, 7))
    assert skipped.startswith("1,234 updates were skipped")
    assert overflows.startswith("the hidden state was reset 7 times")


def test_the_reach_is_the_last_event_with_a_hundredth_of_the_gradient() -> None:
    assert gradient_reach(np.array([1.0])) == 0
    assert gradient_reach(np.array([1, 0.5, REACHED, REACHED / 2])) == 2
    assert gradient_reach(np.array([1, 0.5, 0.001, 0.5, math.nan])) == 3
    assert gradient_reach(np.full(3, math.nan)) == 0


def test_the_median_curve_needs_half_of_the_later_half() -> None:
    curves = np.array([[9, 9, 9], [9, 9, 9], [1, 1, math.nan], [1, math.nan, math.nan], [4, 3, 2]], float)
    np.testing.assert_array_equal(median_curve(curves), [1, 2, math.nan])


FAILURES: dict[str, tuple[list[Sample], NumericalIssues]] = {
    "exploding gradient": (samples([1.0, 2 * EXPLODED]), NO_ISSUES),
    "vanishing gradient": (samples([1.0, VANISHED / 2]), NO_ISSUES),
    "saturated units": (samples(saturated={"z": SATURATED}), NO_ISSUES),
    "large updates": (samples(updates={"W": 2 * LARGE_UPDATE}), NO_ISSUES),
    "small updates": (samples(updates={"W": SMALL_UPDATE / 2}), NO_ISSUES),
    "clipped updates": (samples(clipped=OFTEN_CLIPPED < 1), NO_ISSUES),
    "skipped updates": (samples(), NumericalIssues(1, 0)),
    "overflows": (samples(), NumericalIssues(0, 1)),
}
"""A run that fails each check."""


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_warns_on_its_own(name: str) -> None:
    run, issues = FAILURES[name]
    (line,) = warned(run, issues)
    assert line in CHECKS[name].warnings(measure(run, Settings(inputs=("x",)), issues))


@pytest.mark.parametrize("layer", ["gru", "lstm"])
def test_every_gate_of_gru_and_lstm_has_a_name(layer: str) -> None:
    diagnosis = Engine(Settings(inputs=("x",), layer=layer)).diagnose("s")
    assert {(layer.upper(), gate) for gate in diagnosis.saturated} == {key for key in UNITS if key[0] == layer.upper()}
