"""Files that are valid but cannot be right: each is refused in one line, before memory is allocated."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import forging
import numpy as np
import pytest
from forging import Contents, contents_of
from support import engine_of, series, tokens_engine

from stream_rnn import CheckpointError, Engine, Race, Settings
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.compiled.state import Clock
from stream_rnn.learning.scaling import FIRST_VALUES, SEEN
from stream_rnn.race.snapshot import verify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Change = Callable[[Contents], object]

pytestmark = pytest.mark.slow


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "forged.safetensors"


@pytest.fixture
def contents(path: Path) -> Contents:
    """Return the contents of a checkpoint of three streams."""
    engine = engine_of(update_every=3, horizon=2)
    engine.process(list("abc") * 10, series(30))
    engine.save(path)
    return contents_of(path)


def refusal(path: Path, contents: Contents, cls: type[Engine | Race] = Engine) -> str:
    """Return the message with which contents are refused, without the path."""
    forging.write(path, contents)
    with pytest.raises(CheckpointError) as caught:
        cls.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"checkpoint {path} ")
    return message.removeprefix(f"checkpoint {path} ")


@pytest.mark.parametrize("seed", [0, 1])
def test_a_forged_file_is_refused_or_runs(tmp_path: Path, seed: int) -> None:
    program = [sys.executable, forging.__file__, str(tmp_path), str(seed), "300"]
    completed = subprocess.run(program, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr[-3000:]
    outcomes = json.loads(completed.stdout)
    assert outcomes["loaded"] + outcomes["refused"] == 300
    assert min(outcomes.values()) > 10


def test_contents_that_are_written_again_are_loaded(path: Path, contents: Contents) -> None:
    forging.write(path, contents)
    assert Engine.load(path).keys == ["a", "b", "c"]


# Arrays.


def test_a_missing_array_is_named(path: Path, contents: Contents) -> None:
    for name in contents.arrays:
        rest = {other: array for other, array in contents.arrays.items() if other != name}
        assert refusal(path, contents._replace(arrays=rest)) == f"is not valid: array {name!r} is missing"


def test_an_array_of_another_shape_or_dtype_is_named(path: Path, contents: Contents) -> None:
    for name, array in contents.arrays.items():
        for other in (array[np.newaxis], array.astype("f2")):
            message = refusal(path, contents._replace(arrays=contents.arrays | {name: other}))
            assert message == (
                f"is not valid: array {name!r} must be {array.dtype} {array.shape}, got {other.dtype} {other.shape}"
            )


@pytest.mark.parametrize("name", ["x", "streams.x", "weights.x", "", "line\nbreak"])
def test_an_unknown_array_is_named(path: Path, contents: Contents, name: str) -> None:
    contents.arrays[name] = np.zeros(3)
    assert refusal(path, contents) == f"is not valid: array {name!r} is unknown"


@pytest.mark.parametrize(("kind", "size"), [("BF16", 2), ("F8_E4M3", 1)])
def test_a_dtype_that_numpy_does_not_have_is_refused(path: Path, contents: Contents, kind: str, size: int) -> None:
    change_header(path, contents, "counts", {"dtype": kind, "shape": [contents.arrays["counts"].nbytes // size]})
    with pytest.raises(CheckpointError, match=rf"the dtype of 'counts' must not be {kind}"):
        Engine.load(path)


@pytest.mark.parametrize("shape", [[0, 2**62], [2**40, 0, 2**40], [0] * 100])
def test_an_empty_array_of_an_absurd_shape_is_refused(path: Path, contents: Contents, shape: list[int]) -> None:
    contents.arrays["empty"] = np.empty((0, 3))
    change_header(path, contents, "empty", {"shape": shape})
    with pytest.raises(CheckpointError, match="'empty' must not have the shape"):
        Engine.load(path)


def change_header(path: Path, contents: Contents, name: str, change: dict[str, Any]) -> None:
    """Write contents, and change what the file says about an array."""
    forging.write(path, contents)
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header[name] |= change
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[start:])


# Sizes.


@pytest.mark.parametrize(
    "change",
    [
        {"hidden": [57_000]},
        {"vocabulary": 2**24, "classes": 2**24, "loss": "softmax", "layer": ["embedding", "gru"]},
        {"layer": ["reservoir"], "hidden": [100_000]},
        {"window": 100_000, "horizon": 100_000},
        {"lags": [100_000]},
        {"classes": 2**24, "task": "classification", "targets": ["y"], "horizon": 1},
        {"layer": ["gru"] * 100_000, "hidden": [1]},
        {"inputs": [f"x{n}" for n in range(100_000)]},
    ],
    ids=",".join,
)
def test_settings_of_an_absurd_size_cost_no_memory(path: Path, contents: Contents, change: dict[str, Any]) -> None:
    contents.document["settings"] |= change
    forging.write(path, contents)
    load_with_little_memory(path, "is not valid: array|this version does not know: layer must name at most 100")


def test_a_file_without_streams_that_needs_more_memory_than_there_is_is_refused(path: Path) -> None:
    """Rows of no stream take no space in a file, but the engine has room for some streams."""
    engine_of(hidden=1).save(path)
    contents = contents_of(path)
    contents.document["settings"] |= {"window": 100_000, "interval": 0.9, "horizon": 30_000}
    contents.arrays.update({name: np.empty((0, 0)) for name in contents.arrays if name.startswith("streams.")})
    rows = forging.rows_of(Settings.parse(contents.document["settings"]))
    contents.arrays.update({f"streams.{name}": np.empty((0, *shape), kind) for name, (shape, kind) in rows[0].items()})
    contents.arrays.update({f"weights.{name}": np.zeros((1, *shape), kind) for name, (shape, kind) in rows[1].items()})
    forging.write(path, contents)
    load_with_little_memory(path, "is not valid: (it needs .* bytes of memory|there is not enough memory)")


LITTLE_MEMORY = """
import resource, sys
from stream_rnn import CheckpointError, Engine
limit = 200 * 2**20 + int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    Engine.load(sys.argv[1])
except CheckpointError as error:
    print(error)
"""


def load_with_little_memory(path: Path, expected: str) -> None:
    """Check that a process that may use 200 MB refuses the file."""
    completed = subprocess.run([sys.executable, "-c", LITTLE_MEMORY, path], capture_output=True, text=True, check=True)
    with pytest.raises(CheckpointError, match=expected):
        raise CheckpointError(completed.stdout.strip())


# Counters and indices.


@pytest.mark.parametrize(
    ("counter", "value"),
    [
        (Clock.LENGTH, -1),
        (Clock.LENGTH, 11),
        (Clock.WAITING, -1),
        (Clock.WAITING, 3),
        (Clock.ERRORS, -1),
        (Clock.ERRORS, 3),
        (Clock.EVENTS, -1),
        (Clock.EVENTS, 31),
        (Clock.PENDING, -1),
        (Clock.PENDING, 1),
        (Clock.TURN, -1),
        (Clock.TURN, 2**63 - 1),
        (Clock.BETWEEN, -(2**63)),
        (Clock.BETWEEN, 31),
    ],
)
def test_a_counter_that_is_out_of_range_is_named(path: Path, contents: Contents, counter: Clock, value: int) -> None:
    contents.arrays["streams.clock"][1, counter] = value
    assert refusal(path, contents).startswith("is not valid: streams.clock[1, ")


@pytest.mark.parametrize("name", ["counts", "weights.body_updates", "weights.head_updates"])
@pytest.mark.parametrize("value", [-1, 2**63 - 1])
def test_a_count_that_is_out_of_range_is_named(path: Path, contents: Contents, name: str, value: int) -> None:
    contents.arrays[name].reshape(-1)[1] = value
    assert refusal(path, contents).endswith(f"must be from 0 to {2**62}, got {value}")


@pytest.mark.parametrize("name", ["streams.tape", "streams.history", "streams.input_moments"])
@pytest.mark.parametrize("value", [-1.0, 5.0, 0.5, 1e30, np.inf])
def test_a_token_id_without_a_vector_is_refused(path: Path, name: str, value: float) -> None:
    engine = tokens_engine()
    for token in "abcab":
        engine.step("s", token)
    engine.save(path)
    contents = contents_of(path)
    array = contents.arrays[name]
    array[0, 1 % array.shape[1], 0] = value
    assert refusal(path, contents).startswith(f"is not valid: {name} must have integers from 0 to 4, got ")


@pytest.mark.parametrize("name", ["input_moments", "target_moments", "levels"])
@pytest.mark.parametrize("value", [-1.0, -1e6, 2.5, FIRST_VALUES + 1.0, np.nan])
def test_a_number_of_first_values_beyond_those_kept_is_refused(path: Path, name: str, value: float) -> None:
    engine = engine_of(reversion=True)
    engine.process("s", series(9))
    engine.save(path)
    contents = contents_of(path)
    contents.arrays[f"streams.{name}"][0, SEEN, 0] = value
    assert refusal(path, contents).startswith(f"is not valid: streams.{name} must have integers from 0 to 5")


@pytest.mark.parametrize("value", [-1.0, 4.0, np.nan])
def test_a_number_of_following_events_beyond_the_lookahead_is_refused(path: Path, value: float) -> None:
    engine = engine_of(layer="bigru", lookahead=2, task="regression", targets=("y",), dtype="float64")
    engine.process("s", series(9), series(9))
    engine.save(path)
    contents = contents_of(path)
    contents.arrays["streams.tape"][0, 0, -1] = value
    assert refusal(path, contents).startswith("is not valid: streams.tape must have integers from 0 to 3")


# The document.


def put(name: str, value: Any) -> Change:
    return lambda contents: contents.document.update({name: value})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("keys", ["a", "b", "a"]), "key 'a' must not appear 2 times"),
        (put("keys", ["a", "b", True]), "a key must be a string or an integer, got bool True"),
        (put("keys", ["a", "b", None]), "a key must be a string or an integer, got NoneType None"),
        (put("keys", ["a", "b", 1.5]), "a key must be a string or an integer, got float 1.5"),
        (put("keys", ["a", "b"]), "array 'streams.state' must be float32 (2, 3), got float32 (3, 3)"),
        (put("recency", ["a", "b"]), "recency must be an order of the keys"),
        (put("recency", ["a", "c", "b"]), "recency must be an order of the keys"),
        (put("recency", ["a", "b", []]), "recency must be an order of the keys"),
        (put("evictions", -1), "evictions must not be -1"),
        (put("evictions", 1), "evictions must not be 1"),
        (put("tokens", ["a"]), "there must be at most 0 tokens, got 1"),
    ],
)
def test_a_document_that_contradicts_itself_is_refused(
    path: Path, contents: Contents, change: Change, message: str
) -> None:
    change(contents)
    assert refusal(path, contents) == f"is not valid: {message}"


@pytest.mark.parametrize("text", ["[" * 50_000, '{"version": ' * 5_000, '{"version": 3, "keys": ' + "[" * 50_000])
def test_a_document_that_is_nested_thousands_deep_is_refused(path: Path, contents: Contents, text: str) -> None:
    arrays = contents.arrays
    checksum = forging.checkpoint_file._checksum(arrays, text)
    forging.save_file(arrays, path, {"about": text, "checksum": str(checksum)})
    for read in (Engine.load, forging.checkpoint_file.read_positions):
        with pytest.raises(CheckpointError, match="is damaged"):
            read(path)


def test_positions_that_are_nested_too_deep_are_not_saved(path: Path) -> None:
    positions: dict[str, Any] = {}
    for _ in range(5_000):
        positions = {"in": positions}
    with pytest.raises(CheckpointError, match="positions must be JSON values"):
        engine_of().save(path, positions=positions)
    assert not path.exists()


def test_more_tokens_than_ids_are_refused(path: Path) -> None:
    tokens_engine().save(path)
    contents = contents_of(path)
    for tokens, message in ((list("abcde"), "at most 4 tokens, got 5"), (["a", "a"], "tokens must be distinct")):
        contents.document["tokens"] = tokens
        assert message in refusal(path, contents)


# Races.


@pytest.fixture
def race(path: Path) -> Contents:
    """Return the contents of a checkpoint of a race."""
    race = Race({name: Settings(**values) for name, values in forging.MEMBERS.items()})
    race.process(list("ab") * 5, series(10))
    race.save(path)
    return contents_of(path)


def retire(contents: Contents) -> None:
    contents.arrays["mixing.retired_at"][1] = 5


def without_members(contents: Contents) -> None:
    for name in [name for name in contents.arrays if name.startswith("member")]:
        del contents.arrays[name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda race: race.arrays.pop("mixing.length"), "array 'length' is missing"),
        (lambda race: race.arrays.pop("member1.counts"), "array 'counts' is missing"),
        (lambda race: race.arrays.update({"x": np.zeros(1)}), "it has arrays of neither members nor mixing"),
        (lambda race: race.arrays["mixing.length"].fill(-1), "length[0] must be from 0 to 10, got -1"),
        (lambda race: race.arrays["mixing.length"].fill(11), "length[0] must be from 0 to 10, got 11"),
        (lambda race: race.arrays["mixing.left"].fill(-1), "left[0] must be from 0 to "),
        (lambda race: race.arrays["mixing.use"].fill(np.nan), "use must be finite"),
        (lambda race: race.arrays["member0.counts"].fill(40), "its members must have had the same events, got 10, 40"),
        (lambda race: race.arrays["member0.streams.clock"].fill(-1), "streams.clock[0, 0] must be from 0 to"),
        (retire, "retired_at must be 0 for slow, fast only, got [0 5]"),
        (without_members, "no member is racing"),
        (lambda race: race.document["settings"].update(hidden=[4]), "its settings must be those of its first member"),
        (lambda race: race.document["race"]["members"]["fast"].update(horizon=2), "member 'fast': horizon must be 1"),
        (lambda race: race.document["race"]["members"]["fast"].update(horizon=0), "member 'fast': horizon must be"),
        (lambda race: race.document["race"]["settings"].update(rate=-1), "rate must be"),
        (lambda race: race.document["race"]["members"].clear(), "a race needs at least one member"),
    ],
)
def test_a_race_that_contradicts_itself_is_refused(path: Path, race: Contents, change: Change, message: str) -> None:
    change(race)
    assert message in refusal(path, race, Race)


# Folders.


def test_a_folder_falls_back_to_the_checkpoint_before_a_forged_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, engine = CheckpointFolder(tmp_path), engine_of()
    for t in range(2):
        engine.step("s", [float(t)])
        folder.write(engine.snapshot(positions={"at": t}).finish(), events=t)
    contents = deepcopy(contents_of(folder.files[1]))
    del contents.arrays["streams.state"]
    forging.write(folder.files[1], contents)
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        found = folder.newest(verify=verify)
    assert found is not None
    assert found[0] == folder.files[0]
    assert found[1].positions == {"at": 0}
    assert "array 'streams.state' is missing; falling back to the previous checkpoint" in caplog.text


def test_positions_that_are_refused_are_a_reason_to_fall_back(tmp_path: Path) -> None:
    folder, engine = CheckpointFolder(tmp_path), engine_of()
    for t in range(2):
        engine.step("s", [float(t)])
        folder.write(engine.snapshot(positions={"at": t}).finish(), events=t)

    def accept(positions: Any) -> bool:
        if positions["at"] == 1:
            raise CheckpointError("positions cannot be right")
        return True

    found = folder.newest(accept=accept)
    assert found is not None
    assert found[1].positions == {"at": 0}


# Weights that are not finite.


def test_weights_that_are_not_finite_are_counted_in_the_log(
    path: Path, contents: Contents, caplog: pytest.LogCaptureFixture
) -> None:
    contents.arrays["weights.body"][0, :2] = np.nan, np.inf
    forging.write(path, contents)
    with caplog.at_level(logging.WARNING, "stream_rnn"):
        engine = Engine.load(path)
    size = contents.arrays["weights.body"].size
    (message,) = caplog.messages
    assert message.startswith(f"checkpoint {path}: 2 of {size} numbers in weights.body are not finite")
    for t in range(50):
        engine.step("a", [float(t)])
    assert engine.counts.overflows >= 50
