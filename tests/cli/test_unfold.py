"""`stream-rnn unfold` draws what a network is: each weight by its shape, and errors where learning lets them enter."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from command import SMALL, waves

from stream_rnn.cli.diagnose.diagram import unfold
from stream_rnn.engine.build import build_parts
from stream_rnn.layers import BIDIRECTIONAL, REGISTRY
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke


def settings(**changes: Any) -> Settings:
    return Settings(**({"inputs": ("x",), "missing_flags": False} | changes))


def words(path: Path) -> list[str]:
    """Return the texts of an SVG file."""
    return [unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())]


def drawn(invoke: Invoke, path: Path, *args: object) -> list[str]:
    result = invoke("unfold", *args, "--output", path)
    assert result.exit_code == 0, result.stderr
    return words(path)


def test_the_same_weights_are_drawn_at_every_event(invoke: Invoke, tmp_path: Path) -> None:
    found = drawn(invoke, tmp_path / "net.svg", "--layer", "gru", "--hidden", "7", "--window", "4", "--inputs", "a,b")
    for event in ("event t - 3", "event t - 2", "event t - 1", "event t"):
        assert found.count(event) == 1
    assert found.count("W (4, 21)") == 4
    assert found.count("U (7, 21)") == 4  # between the events, and on to the next
    assert found.count("V (2, 7)") == 4
    assert found.count("b (28,)") == 4
    assert found.count("GRU") == 4
    assert found.count("7 units, out (7,)") == 4
    assert found.count("a, b") == 4
    assert found.count("(4,) with flags of missing") == 4
    assert found.count("forecast (1, 2)") == 4
    assert (
        "One network, drawn once for each event: what has one name and colour is the same weights at every event."
        in found
    )


def test_every_weight_of_a_stack_is_named_with_its_shape(invoke: Invoke, tmp_path: Path) -> None:
    asked = settings(layer=("dense", "gru", "lstm"), hidden=(3, 4, 5), horizon=12)
    args = ["--layer", "dense,gru,lstm", "--hidden", "3,4,5", "--horizon", "12", "--no-missing-flags"]
    shown = " ".join(drawn(invoke, tmp_path / "net.svg", *args))
    for parameter in build_parts(asked).network.parameters():
        lengths = ", ".join(map(str, parameter.shape)) + "," * (len(parameter.shape) == 1)
        assert f"{parameter.name} ({lengths})" in shown


NEEDS = {"embedding": ("--loss", "softmax", "--classes", "256")} | dict.fromkeys(
    BIDIRECTIONAL, ("--lookahead", "2", "--task", "regression", "--targets", "y")
)
"""Options without which a layer makes no sense."""


@pytest.mark.parametrize("name", REGISTRY)
def test_every_registered_layer_can_be_drawn(invoke: Invoke, tmp_path: Path, name: str) -> None:
    found = drawn(invoke, tmp_path / "net.svg", "--layer", name, "--hidden", "6", *NEEDS.get(name, ()))
    units = 2 if name == "none" else 6  # as many as there are inputs: a number, and whether it is missing
    assert any(re.match(rf"{units} units, out \(\d+,\)", text) for text in found)


def test_a_layer_without_memory_has_no_way_from_event_to_event(invoke: Invoke, tmp_path: Path) -> None:
    (block,) = unfold(settings(layer="dense")).blocks
    assert not block.remembers
    assert not block.carries
    found = drawn(invoke, tmp_path / "net.svg", "--layer", "dense")
    assert "t + 1" not in found
    assert not any("no gradient" in text or "h = " in text for text in found)


def test_what_a_layer_remembers_goes_on_beyond_the_window_and_gradients_do_not(invoke: Invoke, tmp_path: Path) -> None:
    found = drawn(invoke, tmp_path / "net.svg", "--layer", "gru,lstm", "--window", "3")
    assert found.count("t + 1") == 2
    assert found.count("no gradient") == found.count("beyond") == 2
    assert "an error is carried back through h = 3 events" in found


@pytest.mark.parametrize(
    ("window", "ages"),
    [(1, (0,)), (2, (1, 0)), (5, (4, 3, 2, 1, 0)), (6, (5, None, 2, 1, 0)), (200, (199, None, 2, 1, 0))],
)
def test_of_a_long_window_the_first_and_the_last_events_are_drawn(window: int, ages: tuple[int | None, ...]) -> None:
    assert unfold(settings(window=window)).ages == ages


@pytest.mark.parametrize(
    ("changes", "reach"),
    [
        ({}, 1),
        ({"horizon": 3}, 3),
        ({"horizon": 3, "update_every": 4}, 6),
        ({"task": "regression", "targets": ("y",)}, 1),
        ({"task": "regression", "targets": ("y",), "update_every": 4}, 4),
    ],
)
def test_errors_enter_where_learning_has_them_arrive(
    invoke: Invoke, tmp_path: Path, changes: dict[str, Any], reach: int
) -> None:
    found = unfold(settings(window=16, **changes))
    assert found.reach == reach
    args = [part for name, value in changes.items() for part in (f"--{name.replace('_', '-')}", value)]
    texts = drawn(invoke, tmp_path / "net.svg", "--window", "16", *(a[0] if isinstance(a, tuple) else a for a in args))
    assert sum(text.startswith("error") for text in texts) == min(reach, 3)


def test_errors_before_the_window_train_the_readout_alone() -> None:
    assert "readout alone" not in " ".join(unfold(settings(horizon=4, window=4)).notes)
    assert (
        "Errors at events before the window of 4 events train the readout alone."
        in unfold(settings(horizon=5, window=4)).notes
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "At every event errors enter at the events whose forecasts they judge, and are carried back"),
        ({"window": 9, "update_every": 4}, "Every h' = 4 events errors enter"),
        ({"window": 9, "update_every": 4}, "carried back through 9 events: TBPTT(9; 4)."),
        ({"window": 1}, "carried back through 1 event: TBPTT(1; 1)."),
        ({"horizon": 12}, "here the newest 12"),
        ({"task": "classification", "targets": ("y",)}, "enter at the event that was labelled"),
        ({"layer": "dense"}, "None is carried from one event to another."),
    ],
)
def test_how_it_learns_is_said(changes: dict[str, Any], words: str) -> None:
    assert words in " ".join(unfold(settings(**changes)).notes)


@pytest.mark.parametrize(
    ("changes", "forecast"),
    [
        ({"horizon": 3, "loss": "quantile"}, "forecast (3, 1, 3)"),
        ({"task": "regression", "targets": ("y", "z")}, "regression (2,)"),
        ({"task": "classification", "targets": ("y",), "classes": 5}, "classification (5,)"),
    ],
)
def test_what_comes_out_has_its_shape(changes: dict[str, Any], forecast: str) -> None:
    assert unfold(settings(**changes)).forecast == forecast


def test_many_inputs_are_counted() -> None:
    found = unfold(settings(inputs=tuple(f"column number {n}" for n in range(20)))).inputs
    assert found[0].endswith("... and 17 more")
    assert len(found[0]) <= 30
    assert found[1] == "(20,)"


def test_names_are_drawn_as_they_are(invoke: Invoke, tmp_path: Path) -> None:
    found = drawn(invoke, tmp_path / "net.svg", "--inputs", "cost $,<x> & $^", "--window", "2")
    assert found.count("cost $, <x> & $^") == 2


def test_the_inputs_go_past_the_layers_where_the_readout_sees_them() -> None:
    assert unfold(settings(skip=True, hidden=4)).readout == ("V (1, 5)", "c (1,)")


@pytest.mark.parametrize("ending", ["svg", "png"])
@pytest.mark.parametrize(
    "args",
    [["--layer", "dense,gru,lstm", "--horizon", "12", "--skip"], ["--window", "1"], ["--window", "200"]],
    ids=["stack", "window 1", "window 200"],
)
def test_it_is_drawn_to_the_kind_of_file_that_is_named(
    invoke: Invoke, tmp_path: Path, ending: str, args: list[str]
) -> None:
    path = tmp_path / f"net.{ending}"
    result = invoke("unfold", *args, "-o", path)
    assert result.exit_code == 0
    assert result.stdout.endswith(f": {path}\n")
    assert path.read_bytes().startswith(b"\x89PNG" if ending == "png" else b"<?xml")


def test_the_same_network_gives_the_same_file(invoke: Invoke, tmp_path: Path) -> None:
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


def test_a_job_file_is_drawn_and_options_override_it(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text('[job]\nfiles = ["events.csv"]\n[engine]\nlayer = "rnn"\nhidden = 5\nwindow = 3\n')
    assert "U (5, 5)" in drawn(invoke, tmp_path / "net.svg", "--config", path)
    assert "U (6, 6)" in drawn(invoke, tmp_path / "net.svg", "--config", path, "--hidden", "6")


@pytest.mark.parametrize(
    ("args", "said", "code"),
    [
        (["-o", "net.pdf"], "output must be a .svg or .png file, got 'net.pdf'", 2),
        (["-o", "net"], "output must be a .svg or .png file, got 'net'", 2),
        (["-o", "none/net.svg"], "output must be in a folder that is there, got 'none/net.svg'", 2),
        (["-o", "/proc/net.svg"], "/proc/net.svg", 1),
        (["none.safetensors"], "none.safetensors", 1),
        (["."], "no checkpoint in the folder .", 1),
        ([".", "--hidden", "3"], ". has its own settings: leave --config and options out, or the checkpoint", 2),
        (["--window", "0"], "window must be from 1 to 100000, got 0", 2),
        (["--layer", "gro"], "did you mean 'gru'?", 2),
        (["--task", "regression"], "targets must be named for regression, got none", 2),
        (["--config", "none.toml"], "none.toml: cannot be read: No such file or directory", 2),
        (["--outptu", "net.svg"], "no such option --outptu; did you mean --output?", 2),
    ],
)
def test_a_mistake_is_said_in_one_line(
    invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str, code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("unfold", *args)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert said in result.stderr
    assert (result.exit_code, result.stdout) == (code, "")
    assert list(tmp_path.iterdir()) == []
