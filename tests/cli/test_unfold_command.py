"""`stream-rnn unfold` draws a network: its weights with their shapes, and the events at which errors enter."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from command import SMALL, error_line, waves

from stream_rnn.cli.diagnose.diagram import unfold
from stream_rnn.engine.build import build_parts
from stream_rnn.layers import BIDIRECTIONAL, REGISTRY
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke


def settings(**changes: Any) -> Settings:
    return Settings(**({"inputs": ("x",), "missing_flags": False} | changes))


def texts_of(path: Path) -> list[str]:
    """Return the texts of an SVG file."""
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())]


def drawn(invoke: Invoke, path: Path, *args: object) -> list[str]:
    """Return the texts in the drawing of a network."""
    result = invoke("unfold", *args, "--output", path)
    assert result.exit_code == 0, result.stderr
    return texts_of(path)


def test_the_same_weights_are_drawn_at_every_event(invoke: Invoke, tmp_path: Path) -> None:
    texts = drawn(invoke, tmp_path / "net.svg", "--layer", "gru", "--hidden", "7", "--window", "4", "--inputs", "a,b")
    for event in ("event t - 3", "event t - 2", "event t - 1", "event t"):
        assert texts.count(event) == 1
    assert texts.count("W (4, 21)") == 4
    assert texts.count("U (7, 21)") == 4  # between the events, and to the next one
    assert texts.count("V (2, 7)") == 4
    assert texts.count("b (28,)") == 4
    assert texts.count("GRU") == 4
    assert texts.count("7 units, output (7,)") == 4
    assert texts.count("a, b") == 4
    assert texts.count("(4,) with missing flags") == 4
    assert texts.count("forecast (1, 2)") == 4
    assert "One network, drawn once per event: the same name and colour means the same weights." in texts


def test_every_weight_of_a_stack_is_named_with_its_shape(invoke: Invoke, tmp_path: Path) -> None:
    network = settings(layer=("dense", "gru", "lstm"), hidden=(3, 4, 5), horizon=12)
    args = ["--layer", "dense,gru,lstm", "--hidden", "3,4,5", "--horizon", "12", "--no-missing-flags"]
    shown = " ".join(drawn(invoke, tmp_path / "net.svg", *args))
    for parameter in build_parts(network).network.parameters():
        lengths = ", ".join(map(str, parameter.shape)) + "," * (len(parameter.shape) == 1)
        assert f"{parameter.name} ({lengths})" in shown


NEEDS = {"embedding": ("--loss", "softmax", "--classes", "256")} | dict.fromkeys(
    BIDIRECTIONAL, ("--lookahead", "2", "--task", "regression", "--targets", "y")
)
"""Options that a layer needs."""


@pytest.mark.parametrize("name", REGISTRY)
def test_every_registered_layer_can_be_drawn(invoke: Invoke, tmp_path: Path, name: str) -> None:
    texts = drawn(invoke, tmp_path / "net.svg", "--layer", name, "--hidden", "6", *NEEDS.get(name, ()))
    units = 2 if name == "none" else 6  # one per input: the value, and its missing flag
    assert any(re.match(rf"{units} units, output \(\d+,\)", text) for text in texts)


def test_a_layer_without_state_is_not_connected_through_time(invoke: Invoke, tmp_path: Path) -> None:
    (block,) = unfold(settings(layer="dense")).blocks
    assert not block.has_state
    assert not block.carries_gradient
    texts = drawn(invoke, tmp_path / "net.svg", "--layer", "dense")
    assert "t + 1" not in texts
    assert not any("no gradient" in text or "h = " in text for text in texts)


def test_states_continue_beyond_the_window_and_gradients_do_not(invoke: Invoke, tmp_path: Path) -> None:
    texts = drawn(invoke, tmp_path / "net.svg", "--layer", "gru,lstm", "--window", "3")
    assert texts.count("t + 1") == 2
    assert texts.count("no gradient") == texts.count("beyond") == 2
    assert "backpropagation through h = 3 events" in texts


@pytest.mark.parametrize(
    ("window", "ages"),
    [(1, (0,)), (2, (1, 0)), (5, (4, 3, 2, 1, 0)), (6, (5, None, 2, 1, 0)), (200, (199, None, 2, 1, 0))],
)
def test_the_middle_of_a_long_window_is_left_out(window: int, ages: tuple[int | None, ...]) -> None:
    assert unfold(settings(window=window)).ages == ages


@pytest.mark.parametrize(
    ("changes", "error_events"),
    [
        ({}, 1),
        ({"horizon": 3}, 3),
        ({"horizon": 3, "update_every": 4}, 6),
        ({"task": "regression", "targets": ("y",)}, 1),
        ({"task": "regression", "targets": ("y",), "update_every": 4}, 4),
    ],
)
def test_errors_enter_at_the_events_whose_forecasts_are_scored(
    invoke: Invoke, tmp_path: Path, changes: dict[str, Any], error_events: int
) -> None:
    assert unfold(settings(window=16, **changes)).error_events == error_events
    args = [part for name, value in changes.items() for part in (f"--{name.replace('_', '-')}", value)]
    texts = drawn(invoke, tmp_path / "net.svg", "--window", "16", *(a[0] if isinstance(a, tuple) else a for a in args))
    assert sum(text.startswith("error") for text in texts) == min(error_events, 3)


def test_errors_before_the_window_train_only_the_readout() -> None:
    assert "only the readout" not in " ".join(unfold(settings(horizon=4, window=4)).notes)
    assert (
        "Errors at events before the window of 4 events train only the readout."
        in unfold(settings(horizon=5, window=4)).notes
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "At every event, errors enter at the events whose forecasts are scored, and are backpropagated"),
        ({"window": 9, "update_every": 4}, "Every h' = 4 events, errors enter"),
        ({"window": 9, "update_every": 4}, "backpropagated through 9 events: TBPTT(9; 4)."),
        ({"window": 1}, "backpropagated through 1 event: TBPTT(1; 1)."),
        ({"horizon": 12}, "here the newest 12"),
        ({"task": "classification", "targets": ("y",)}, "enter at the labelled event"),
        ({"layer": "dense"}, "They are not backpropagated through time."),
    ],
)
def test_the_notes_describe_the_learning(changes: dict[str, Any], words: str) -> None:
    assert words in " ".join(unfold(settings(**changes)).notes)


@pytest.mark.parametrize(
    ("changes", "forecast"),
    [
        ({"horizon": 3, "loss": "quantile"}, "forecast (3, 1, 3)"),
        ({"task": "regression", "targets": ("y", "z")}, "regression (2,)"),
        ({"task": "classification", "targets": ("y",), "classes": 5}, "classification (5,)"),
    ],
)
def test_the_output_is_shown_with_its_shape(changes: dict[str, Any], forecast: str) -> None:
    assert unfold(settings(**changes)).forecast == forecast


def test_the_names_of_many_inputs_are_shortened() -> None:
    names, shape = unfold(settings(inputs=tuple(f"column number {n}" for n in range(20)))).inputs
    assert names.endswith("... and 17 more")
    assert len(names) <= 30
    assert shape == "(20,)"


def test_special_characters_in_names_are_drawn_unchanged(invoke: Invoke, tmp_path: Path) -> None:
    texts = drawn(invoke, tmp_path / "net.svg", "--inputs", "cost $,<x> & $^", "--window", "2")
    assert texts.count("cost $, <x> & $^") == 2


def test_with_skip_the_readout_has_weights_for_the_inputs() -> None:
    assert unfold(settings(skip=True, hidden=4)).readout == ("V (1, 5)", "c (1,)")


@pytest.mark.parametrize("ending", ["svg", "png"])
@pytest.mark.parametrize(
    "args",
    [["--layer", "dense,gru,lstm", "--horizon", "12", "--skip"], ["--window", "1"], ["--window", "200"]],
    ids=["stack", "window 1", "window 200"],
)
def test_the_suffix_sets_the_file_format(invoke: Invoke, tmp_path: Path, ending: str, args: list[str]) -> None:
    path = tmp_path / f"net.{ending}"
    result = invoke("unfold", *args, "-o", path)
    assert result.exit_code == 0
    assert result.stdout.endswith(f": {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG" if ending == "png" else b"<?xml")


def test_the_same_network_gives_an_identical_file(invoke: Invoke, tmp_path: Path) -> None:
    for name in ("one.svg", "two.svg"):
        assert invoke("unfold", "-o", tmp_path / name).exit_code == 0
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_a_checkpoint_is_drawn_with_its_own_settings(invoke: Invoke, tmp_path: Path) -> None:
    state = tmp_path / "state"
    recording = waves(tmp_path / "waves.csv", 30)
    assert invoke("replay", recording, *SMALL, "--checkpoint", state).exit_code == 0
    folder = drawn(invoke, tmp_path / "folder.svg", state)
    assert folder.count("a, b") == 4
    assert folder.count("U (4, 12)") == 4
    assert drawn(invoke, tmp_path / "file.svg", next(state.iterdir())) == folder


def test_options_override_the_job_file(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text('[job]\nfiles = ["events.csv"]\n[engine]\nlayer = "rnn"\nhidden = 5\nwindow = 3\n')
    assert "U (5, 5)" in drawn(invoke, tmp_path / "net.svg", "--config", path)
    assert "U (6, 6)" in drawn(invoke, tmp_path / "net.svg", "--config", path, "--hidden", "6")


@pytest.mark.parametrize(
    ("args", "words", "status"),
    [
        (["-o", "net.pdf"], "output must be a .svg or .png file, got 'net.pdf'", 2),
        (["-o", "net"], "output must be a .svg or .png file, got 'net'", 2),
        (["-o", "none/net.svg"], "output must be in an existing folder, got 'none/net.svg'", 2),
        (["-o", "/proc/net.svg"], "/proc/net.svg", 1),
        (["none.safetensors"], "none.safetensors", 1),
        (["."], "no checkpoint in the folder .", 1),
        ([".", "--hidden", "3"], ". has its own settings: omit either the checkpoint, or --config and options", 2),
        (["--window", "0"], "window must be from 1 to 100000, got 0", 2),
        (["--layer", "gro"], "did you mean 'gru'?", 2),
        (["--task", "regression"], "targets must be named for regression, got none", 2),
        (["--config", "none.toml"], "none.toml: cannot be read: No such file or directory", 2),
        (["--outptu", "net.svg"], "no such option --outptu; did you mean --output?", 2),
    ],
)
def test_a_mistake_is_reported_in_one_line(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], words: str, status: int
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("unfold", *args)
    assert words in error_line(result)
    assert result.exit_code == status
    assert list(tmp_path.iterdir()) == []
