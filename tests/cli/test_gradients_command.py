"""`stream-rnn gradients`: vanishing and exploding gradients seen in a real run, which is not disturbed."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from command import SMALL, waves

from stream_rnn import Engine, Settings
from stream_rnn.cli.diagnose.sampling import FIRST, MOST, Sampler
from stream_rnn.connectors.events import EventBatch, Positions

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

LONG = ["--hidden", "4", "--window", "16"]
VANISHING = ["--layer", "rnn", "--activation", "sigmoid", *LONG]  # a sigmoid's slope is at most 1/4
EXPLODING = ["--layer", "rnn", "--activation", "identity", "--learning-rate", "0.5", *LONG]


def found(invoke: Invoke, *args: object) -> dict[str, Any]:
    result = invoke("gradients", *args, "--json")
    assert result.exit_code == 0, result.stderr
    told: dict[str, Any] = json.loads(result.stdout)
    return told


def batch(count: int, keys: list[str] | None = None) -> EventBatch:
    names = np.array(keys or ["s"] * count, object)
    positions = Positions(np.zeros(count, np.int32), np.arange(count))
    values = np.sin(np.arange(count) / 3)
    return EventBatch(names, np.full(count, math.nan), {"x": values}, np.zeros(count, np.bool_), positions)


class Still:
    """Counts events like an engine, and has nothing to say of them."""

    def __init__(self) -> None:
        self.settings = Settings(inputs=("x",))
        self.counts = self
        self.events = 0
        self.asked: list[tuple[Any, dict[str, float]]] = []

    def diagnose(self, key: Any, x: dict[str, float], y: dict[str, float], time: float) -> None:
        assert x == y
        assert math.isnan(time)
        self.asked.append((key, x))


def looked(sampler: Sampler, engine: Any, batches: list[EventBatch]) -> list[int]:
    """Go through the batches as a job does; return after how many events there was a look."""
    for whole in batches:
        start = 0
        while start < len(whole):
            taken = sampler.ahead(whole[start:])
            assert taken >= 1
            start += taken
            engine.events += taken
    return [sample.events for sample in sampler.samples]


@pytest.mark.parametrize("length", [FIRST + 1, 200, 5000, 40_000])
@pytest.mark.parametrize("cut", [1000, 8192])
def test_samples_are_few_and_equally_far_apart_however_long_the_run(length: int, cut: int) -> None:
    engine: Any = Still()
    sampler = Sampler(engine)
    at = looked(sampler, engine, list(batch(length).split(cut)))
    assert len(at) <= MOST
    assert len(at) >= min(MOST // 2, (length - 1) // FIRST)
    assert set(np.diff([0, *at])) == {sampler.every}


def test_samples_are_as_far_apart_as_they_are_asked_to_be() -> None:
    engine: Any = Still()
    assert looked(Sampler(engine, every=7), engine, list(batch(1000).split(64))) == list(range(7, 1000, 7))


def test_the_next_event_is_the_one_that_is_diagnosed_with() -> None:
    engine: Any = Still()
    events = batch(20)
    looked(Sampler(engine, every=6), engine, [events])
    assert engine.asked == [("s", {"x": events.columns["x"][n]}) for n in (6, 12, 18)]


def test_of_the_stream_that_is_asked_for_the_next_event() -> None:
    engine: Any = Still()
    events = batch(20, ["a", "b", "c", "a"] * 5)
    looked(Sampler(engine, every=6, stream="b"), engine, [events])
    assert engine.asked == [("b", {"x": events.columns["x"][n]}) for n in (9, 13)]


def test_a_stream_that_is_not_at_hand_is_waited_for() -> None:
    engine: Any = Still()
    sampler = Sampler(engine, every=2, stream="b")
    assert looked(sampler, engine, [batch(9, ["a"] * 9), batch(4, ["a", "a", "b", "b"])]) == [9, 10, 12]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two streams of 300 events."""
    return waves(tmp_path / "waves.csv", 300, keys=2)


def test_a_network_that_forgets_is_warned_of_with_the_remedy(invoke: Invoke, data: Path) -> None:
    result = invoke("gradients", data, "--key", "sensor", *VANISHING)
    assert result.exit_code == 0
    (line,) = [line for line in result.stdout.splitlines() if "fades" in line]
    assert line.startswith("warning: the gradient fades to ")
    assert "over 15 events: gru or lstm layers" in line


def test_a_network_that_explodes_is_warned_of_with_the_remedy(invoke: Invoke, data: Path) -> None:
    warnings = found(invoke, data, "--key", "sensor", *EXPLODING)["warnings"]
    (line,) = [line for line in warnings if "grows" in line]
    assert "tanh" in line
    assert "a lower learning_rate" in line


def test_a_healthy_network_is_warned_of_nothing(invoke: Invoke, data: Path) -> None:
    result = invoke("gradients", data, "--key", "sensor", *LONG)
    assert "warning" not in result.stdout
    assert "nothing to warn of" in result.stdout


def test_json_has_every_sample(invoke: Invoke, data: Path) -> None:
    told = found(invoke, data, "--key", "sensor", *SMALL)
    assert told["events"] == 600
    assert told["streams"] == 2
    assert [sample["events"] for sample in told["samples"]] == list(range(told["every"], 600, told["every"]))
    last = told["samples"][-1]
    assert last["fading"][0] == 1
    assert len(last["fading"]) == len(last["gradients"]["GRU"]) == 4
    assert set(last["radii"]) == {"U_r", "U_z", "U_q"}
    assert set(last["saturated"]) == {"n", "r", "z"}
    assert set(last["updates"]) == {"W", "U", "V"}
    assert isinstance(last["clipped"], bool)


def test_a_sample_is_what_the_engine_says_of_that_moment(invoke: Invoke, tmp_path: Path) -> None:
    path = waves(tmp_path / "waves.csv", 60)
    told = found(invoke, path, "--inputs", "a", *SMALL, "--every", "50")["samples"]
    rows = [line.split(",") for line in path.read_text().splitlines()[1:]]
    x, times = np.array([float(row[2]) for row in rows]), np.array([float(row[0]) for row in rows])
    engine = Engine(Settings(inputs=("a",), hidden=4, window=4))
    engine.process("", x[:50], times=times[:50])
    expected = engine.diagnose("", [x[50]], time=times[50])
    assert [sample["events"] for sample in told] == [50]
    assert told[0]["updates"] == expected.updates
    assert told[0]["gradients"]["GRU"] == expected.gradients["GRU"].tolist()


@pytest.mark.parametrize("more", [[], ["--weights", "per_stream"], ["--every", "1"]])
def test_looking_changes_nothing(invoke: Invoke, data: Path, tmp_path: Path, more: list[str]) -> None:
    outputs = []
    for command in ("replay", "gradients"):
        args = [arg for arg in more if command == "gradients" or more[0] != "--every"]
        outputs.append(tmp_path / f"{command}.csv")
        result = invoke(command, data, "--key", "sensor", *SMALL, *args, "--output", outputs[-1])
        assert result.exit_code == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()


def test_one_stream_can_be_looked_at(invoke: Invoke, data: Path) -> None:
    told = found(invoke, data, "--key", "sensor", *SMALL, "--stream", "s1")
    assert {sample["stream"] for sample in told["samples"]} == {"s1"}
    assert {
        sample["stream"] for sample in found(invoke, data, "--key", "sensor", *SMALL, "--every", "7")["samples"]
    } == {
        "s0",
        "s1",
    }


def test_a_person_gets_a_short_table(invoke: Invoke, data: Path) -> None:
    shown = invoke("gradients", data, "--key", "sensor", "--layer", "gru,dense", *SMALL).stdout
    for words in (
        "after so many events",
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


def test_too_few_events_are_said_and_not_drawn(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "plot.png"
    result = invoke("gradients", waves(tmp_path / "waves.csv", 5), *SMALL, "--plot", path)
    assert result.exit_code == 0
    assert "5 events of 1 stream, 0 samples" in result.stdout
    assert "nothing to measure: the first sample is after 8 events" in result.stdout
    assert not path.exists()


@pytest.mark.parametrize(
    ("args", "words", "code"),
    [
        (["--plot", "out.pdf"], "plot must be a .png file, got 'out.pdf'", 2),
        (["--plot", "none/out.png"], "plot must be in a folder that is there", 2),
        (["--every", "0"], "0 is not in the range x>=1", 2),
        (["--evry", "3"], "no such option --evry; did you mean --every?", 2),
        (["--output", "-", "--json"], "output must not be - with --json", 2),
        (["--window", "0"], "window must be from 1 to 100000, got 0", 2),
        (["--config", "none.toml"], "none.toml: cannot be read: No such file or directory", 2),
        (["--key", "senor"], "no column 'senor'; did you mean 'sensor'?", 1),
        (["--key", "sensor", "--stream", "s11"], "no event of a stream 's11'; did you mean 's1'?", 1),
    ],
)
def test_a_mistake_is_said_in_one_line(invoke: Invoke, data: Path, args: list[str], words: str, code: int) -> None:
    result = invoke("gradients", data, *SMALL, *args)
    lines = [line for line in result.stderr.splitlines() if not line.startswith("compiling")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert words in lines[0]
    assert (result.exit_code, result.stdout) == (code, "")


def test_without_a_file_the_request_is_wrong(invoke: Invoke) -> None:
    result = invoke("gradients")
    assert (result.exit_code, result.stderr) == (2, "error: files must name at least one file, got none\n")
