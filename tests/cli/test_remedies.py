"""What a run's diagnoses warn of, and what they do not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stream_rnn.cli.diagnose.advice import FADED, FAST, GREW, REACHED, SLOW, STUCK, Trouble, reach, typical, warnings
from stream_rnn.cli.diagnose.sampling import Sample
from stream_rnn.learning.diagnosis import Diagnosis
from stream_rnn.settings.engine import Settings

H = 9
FINE = Trouble(0, 0)
HEALTHY = 0.9 ** np.arange(H)


def samples(curve: Any = HEALTHY, count: int = 10, layer: str = "GRU", **changes: Any) -> list[Sample]:
    """Return a run's samples, healthy but for what is changed."""
    healthy: dict[str, Any] = {
        "radii": {"U_z": 1.2},
        "saturated": {"z": 0.3},
        "updates": {"W": 1e-3, "V": 2e-3},
        "clipped": False,
    }
    found = Diagnosis({layer: 0.2 * np.asarray(curve, float)}, **(healthy | changes))
    return [Sample(8 * n, "s", found) for n in range(1, count + 1)]


def warned(run: list[Sample], trouble: Trouble = FINE, **settings: Any) -> list[str]:
    return warnings(run, Settings(inputs=("x",), **settings), trouble)


def only(run: list[Sample], trouble: Trouble = FINE, **settings: Any) -> str:
    (line,) = warned(run, trouble, **settings)
    return line


def test_a_healthy_run_is_warned_of_nothing() -> None:
    assert warned(samples()) == []
    assert warned([]) == []


def test_a_gradient_that_fades_is_warned_of_with_how_far_it_reaches() -> None:
    line = only(samples(0.1 ** np.arange(H), layer="RNN"), layer="rnn")
    assert line == (
        "the gradient fades to 1e-08 of itself over 8 events: gru or lstm layers or a vanishing penalty would keep it "
        "up; a window of 3 would learn the same"
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"layer": ("rnn",)}, "gru or lstm layers"),
        ({"layer": ("rnn",), "activation": "sigmoid"}, "tanh"),
        ({"init_recurrent": "glorot"}, "orthogonal initial weights"),
        ({"layer": ("gru",)}, "a higher update_bias"),
        ({"layer": ("lstm", "dense")}, "a higher forget_bias"),
    ],
)
def test_what_helps_is_what_the_settings_leave_to_do(settings: dict[str, Any], words: str) -> None:
    vanished = samples(0.1 ** np.arange(H))
    assert words in only(vanished, **settings)
    if words not in only(vanished):
        assert words not in only(vanished, layer=("dense",))


def test_a_gradient_that_grows_is_warned_of() -> None:
    line = only(samples(10.0 ** np.arange(H)), layer="rnn", activation="identity")
    assert line.startswith("the gradient grows 1e+08-fold over 8 events: tanh or gru or lstm layers or ")
    assert "learning_rate" in line
    assert "clip_limit" in line
    assert "beyond all numbers" in only(samples([1, 1e200, *[math.inf] * (H - 2)]))


@pytest.mark.parametrize(("last", "count"), [(0.99 * FADED, 1), (1.01 * FADED, 0), (0.99 * GREW, 0), (1.01 * GREW, 1)])
def test_limits_of_fading_and_growing(last: float, count: int) -> None:
    assert len(warned(samples([1.0, 0.5, last]))) == count


def test_the_later_half_of_the_run_counts() -> None:
    good, bad = samples(count=6), samples(0.1 ** np.arange(H), count=6)
    assert warned(bad + good) == []
    assert len(warned(good + bad)) == 1


def test_lags_that_are_seldom_known_do_not_count() -> None:
    short = np.array([1, 0.5, *[math.nan] * (H - 2)])
    assert warned(samples(short)) == []
    long = samples(0.1 ** np.arange(H))
    assert warned(samples(short, count=6) + samples(short, count=4) + long[:2]) == []


def test_a_network_without_memory_has_no_gradient_to_warn_of() -> None:
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
def test_gates_that_are_stuck_are_called_by_their_names(layer: str, gate: str, units: str) -> None:
    line = only(samples(layer=layer, saturated={gate: 0.92, "other": STUCK - 0.01}))
    assert line.startswith(f"92% of the {units} are saturated")


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(2 * FAST, "lower learning_rate"), (SLOW / 2, "raise learning_rate"), (0.0, "raise learning_rate")],
)
def test_steps_too_long_and_too_short(ratio: float, words: str) -> None:
    line = only(samples(updates={"U": ratio, "V": 1e-3}))
    assert line.startswith("an update changes U by ")
    assert line.endswith(words)


def test_a_readout_that_grows_from_0_takes_long_steps() -> None:
    assert warned(samples(updates={"V": 2 * FAST})) == []
    assert only(samples(updates={"V": SLOW / 2})).endswith("raise learning_rate")


@pytest.mark.parametrize("ratio", [FAST, SLOW, math.nan])
def test_steps_within_bounds(ratio: float) -> None:
    assert warned(samples(updates={"U": ratio})) == []


def test_updates_that_are_mostly_clipped() -> None:
    clipped, free = samples(clipped=True), samples()
    assert warned(clipped[:5] + free[:5]) == []
    assert only(clipped[:6] + free[:5]).startswith("6 of 11 updates were clipped")
    idle = samples(updates={})
    assert only(clipped[:1] + idle[:9]).startswith("1 of 1 updates were clipped")


def test_what_is_not_finite_is_counted() -> None:
    skipped, overflows = warned(samples(), Trouble(1234, 7))
    assert skipped.startswith("1,234 updates were skipped")
    assert overflows.startswith("7 times the hidden state was not finite")


def test_how_far_back_a_gradient_arrives() -> None:
    assert reach(np.array([1.0])) == 0
    assert reach(np.array([1, 0.5, REACHED, REACHED / 2])) == 2
    assert reach(np.array([1, 0.5, 0.001, 0.5, math.nan])) == 3
    assert reach(np.full(3, math.nan)) == 0


def test_the_median_by_lag_is_of_the_later_half_where_half_of_it_is_known() -> None:
    curves = np.array([[9, 9, 9], [9, 9, 9], [1, 1, math.nan], [1, math.nan, math.nan], [4, 3, 2]], float)
    np.testing.assert_array_equal(typical(curves), [1, 2, math.nan])
