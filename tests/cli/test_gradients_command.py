"""`stream-rnn gradients` shows vanishing and exploding gradients of a run, and does not change its results."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import SMALL, error_line, waves

from stream_rnn import Engine, Settings
from stream_rnn.cli.diagnose.sampling import INITIAL_INTERVAL, MAX_SAMPLES, Sampler
from stream_rnn.connectors.events import EventBatch, Positions

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

LONG = ["--hidden", "4", "--window", "16"]
VANISHING = ["--layer", "rnn", "--activation", "sigmoid", *LONG]  # a sigmoid's slope is at most 1/4
EXPLODING = ["--layer", "rnn", "--activation", "identity", "--learning-rate", "0.5", *LONG]


def measured(invoke: Invoke, *args: object) -> dict[str, Any]:
    """Return the JSON output of the command."""
    result = invoke("gradients", *args, "--json")
    assert result.exit_code == 0, result.stderr
    output: dict[str, Any] = json.loads(result.stdout)
    return output


def batch(count: int, keys: list[str] | None = None) -> EventBatch:
    names = np.array(keys or ["s"] * count, object)
    positions = Positions(np.zeros(count, np.int32), np.arange(count))
    values = np.sin(np.arange(count) / 3)
    return EventBatch(names, np.full(count, math.nan), {"x": values}, np.zeros(count, np.bool_), positions)


class FakeEngine:
    """Counts events, and records with which ones it was asked for a diagnosis."""

    def __init__(self) -> None:
        self.settings = Settings(inputs=("x",))
        self.counts = self
        self.events = 0
        self.diagnosed: list[tuple[Any, dict[str, float]]] = []

    def diagnose(self, key: Any, x: dict[str, float], y: dict[str, float], time: float) -> None:
        assert x == y
        assert math.isnan(time)
        self.diagnosed.append((key, x))


def sampled_at(sampler: Sampler, engine: Any, batches: list[EventBatch]) -> list[int]:
    """Process the batches as a job does; return after how many events a sample was taken."""
    for upcoming in batches:
        start = 0
        while start < len(upcoming):
            count = sampler.batch_limit(upcoming[start:])
            assert count >= 1
            start += count
            engine.events += count
    return [sample.events for sample in sampler.samples]


@pytest.mark.parametrize("length", [INITIAL_INTERVAL + 1, 200, 5000, 40_000])
@pytest.mark.parametrize("cut", [1000, 8192])
def test_samples_are_few_and_equally_spaced_in_runs_of_any_length(length: int, cut: int) -> None:
    engine: Any = FakeEngine()
    sampler = Sampler(engine)
    at = sampled_at(sampler, engine, list(batch(length).split(cut)))
    assert len(at) <= MAX_SAMPLES
    assert len(at) >= min(MAX_SAMPLES // 2, (length - 1) // INITIAL_INTERVAL)
    assert set(np.diff([0, *at])) == {sampler.every}


def test_the_interval_between_samples_can_be_set() -> None:
    engine: Any = FakeEngine()
    assert sampled_at(Sampler(engine, every=7), engine, list(batch(1000).split(64))) == list(range(7, 1000, 7))


def test_a_diagnosis_uses_the_next_event() -> None:
    engine: Any = FakeEngine()
    events = batch(20)
    sampled_at(Sampler(engine, every=6), engine, [events])
    assert engine.diagnosed == [("s", {"x": events.columns["x"][n]}) for n in (6, 12, 18)]


def test_a_diagnosis_of_one_stream_uses_the_next_event_of_that_stream() -> None:
    engine: Any = FakeEngine()
    events = batch(20, ["a", "b", "c", "a"] * 5)
    sampled_at(Sampler(engine, every=6, stream="b"), engine, [events])
    assert engine.diagnosed == [("b", {"x": events.columns["x"][n]}) for n in (9, 13)]


def test_the_sampler_waits_for_an_event_of_its_stream() -> None:
    engine: Any = FakeEngine()
    sampler = Sampler(engine, every=2, stream="b")
    assert sampled_at(sampler, engine, [batch(9, ["a"] * 9), batch(4, ["a", "a", "b", "b"])]) == [9, 10, 12]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write a recording of two streams of 300 events."""
    return waves(tmp_path / "waves.csv", 300, keys=2)


def test_vanishing_gradients_are_reported_with_advice(invoke: Invoke, data: Path) -> None:
    result = invoke("gradients", data, "--key", "sensor", *VANISHING)
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if "vanishes" in line]
    assert line.startswith("warning: the gradient vanishes: ")
    assert "after 15 events" in line
    assert "try gru or lstm layers" in line


def test_exploding_gradients_are_reported_with_advice(invoke: Invoke, data: Path) -> None:
    warnings = measured(invoke, data, "--key", "sensor", *EXPLODING)["warnings"]
    (line,) = [line for line in warnings if "explodes" in line]
    assert "tanh" in line
    assert "a lower learning_rate" in line


def test_a_healthy_network_gives_no_warning(invoke: Invoke, data: Path) -> None:
    result = invoke("gradients", data, "--key", "sensor", *LONG)
    assert "warning" not in result.stdout
    assert "no problems found" in result.stdout


def test_json_output_has_every_sample(invoke: Invoke, data: Path) -> None:
    output = measured(invoke, data, "--key", "sensor", *SMALL)
    assert output["events"] == 600
    assert output["streams"] == 2
    assert [sample["events"] for sample in output["samples"]] == list(range(output["every"], 600, output["every"]))
    last = output["samples"][-1]
    assert last["fading"][0] == 1
    assert len(last["fading"]) == len(last["gradients"]["GRU"]) == 4
    assert set(last["radii"]) == {"U_r", "U_z", "U_q"}
    assert set(last["saturated"]) == {"n", "r", "z"}
    assert set(last["updates"]) == {"W", "U", "V"}
    assert isinstance(last["clipped"], bool)


def test_a_sample_equals_the_diagnosis_of_an_engine_in_the_same_state(invoke: Invoke, tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv", 60)
    output = measured(invoke, path, "--inputs", "a", *SMALL, "--every", "50")["samples"]
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    x, times = np.array([float(row[2]) for row in rows]), np.array([float(row[0]) for row in rows])
    engine = Engine(Settings(inputs=("a",), hidden=4, window=4))
    engine.process("", x[:50], times=times[:50])
    expected = engine.diagnose("", [x[50]], time=times[50])
    assert [sample["events"] for sample in output] == [50]
    assert output[0]["updates"] == expected.updates
    assert output[0]["gradients"]["GRU"] == expected.gradients["GRU"].tolist()


@pytest.mark.parametrize("more", [[], ["--weights", "per_stream"], ["--every", "1"]])
def test_sampling_does_not_change_the_forecasts(invoke: Invoke, data: Path, tmp_path: Path, more: list[str]) -> None:
    outputs = []
    for command in ("replay", "gradients"):
        args = [arg for arg in more if command == "gradients" or more[0] != "--every"]
        outputs.append(tmp_path / f"{command}.csv")
        result = invoke(command, data, "--key", "sensor", *SMALL, *args, "--output", outputs[-1])
        assert result.exit_code == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_one_stream_can_be_selected(invoke: Invoke, data: Path) -> None:
    def sampled_streams(*args: object) -> set[str]:
        samples = measured(invoke, data, "--key", "sensor", *SMALL, *args)["samples"]
        return {sample["stream"] for sample in samples}

    assert sampled_streams("--stream", "s1") == {"s1"}
    assert sampled_streams("--every", "7") == {"s0", "s1"}


def test_the_table_has_a_few_samples(invoke: Invoke, data: Path) -> None:
    shown = invoke("gradients", data, "--key", "sensor", "--layer", "gru,dense", *SMALL).stdout
    for words in (
        "events processed",
        "gradient 3 events back",
        "spectral radius of 0.U_z",
        "saturated units of 1.y",
        "update of V",
        "600 events of 2 streams, ",
    ):
        assert words in shown


@pytest.mark.parametrize(
    "args",
    [SMALL, VANISHING, EXPLODING, ["--layer", "gru,dense", *SMALL], ["--layer", "dense"], ["--window", "1"]],
    ids=["gru", "vanishing", "exploding", "stack", "dense", "window 1"],
)
def test_a_plot_is_drawn(invoke: Invoke, data: Path, tmp_path: Path, args: list[str]) -> None:
    path = tmp_path / "plot.png"
    result = invoke("gradients", data, "--key", "sensor", *args, "--plot", path)
    assert result.exit_code == 0, result.stderr
    assert path.read_bytes().startswith(b"\x89PNG")
    assert result.stdout.splitlines()[-1] == f"plot: {path}"


def test_without_samples_nothing_is_drawn(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    result = invoke("gradients", waves(tmp_path / "waves.csv", 5), *SMALL, "--plot", path)
    assert result.exit_code == 0
    assert "5 events of 1 stream, 0 samples" in result.stdout
    assert "no samples: the first one is taken after 8 events" in result.stdout
    assert not path.exists()


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        (["--plot", "out.pdf"], "plot must be a .png file, got 'out.pdf'", 2),
        (["--plot", "none/out.png"], "plot must be in an existing folder", 2),
        (["--every", "0"], "0 is not in the range x>=1", 2),
        (["--evry", "3"], "no such option --evry; did you mean --every?", 2),
        (["--output", "-", "--json"], "output must not be - with --json", 2),
        (["--window", "0"], "window must be from 1 to 100000, got 0", 2),
        (["--config", "none.toml"], "none.toml: cannot be read: No such file or directory", 2),
        (["--key", "senor"], "no column 'senor'; did you mean 'sensor'?", 1),
        (["--key", "sensor", "--stream", "s11"], "no event of a stream 's11'; did you mean 's1'?", 1),
    ],
)
def test_a_mistake_is_reported_in_one_line(invoke: Invoke, data: Path, args: list[str], words: str, code: int) -> None:
    result = invoke("gradients", data, *SMALL, *args)
    assert words in error_line(result)
    assert result.exit_code == code


def test_a_run_without_files_is_refused(invoke: Invoke) -> None:
    result = invoke("gradients")
    assert (result.exit_code, result.stderr) == (2, "error: files must name at least one file, got none\n")
