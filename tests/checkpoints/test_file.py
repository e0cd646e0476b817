"""A checkpoint file: a loaded engine continues bit for bit, and a damaged file is refused in one line."""

from __future__ import annotations

import json
import math
import os
import pickle
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from support import bits, engine_of, series, settings, tokens_engine

from stream_rnn import CheckpointError, Engine
from stream_rnn.checkpoints import file as checkpoint_file
from stream_rnn.checkpoints.file import CheckpointData

KINDS: dict[str, dict[str, Any]] = {
    "float32": {},
    "float64": {"dtype": "float64", "layer": "bigru", "lookahead": 2, "task": "regression", "targets": ("y",)},
    "per stream": {"weights": "per_stream"},
    "own heads": {"head": "per_stream"},
    "limited": {"max_streams": 2},
    "limited, per stream": {"max_streams": 2, "weights": "per_stream"},
    "pending errors": {"window": 8, "update_every": 7},
    "sgd": {"optimizer": "sgd"},
    "scaled": {"scale_inputs": True, "scaling_forgetting": 0.99},
    "quantiles": {"loss": "quantile", "horizon": 3},
    "labels": {"task": "classification", "targets": ("y",), "classes": 3},
    "a group that waits": {"batch_streams": 7, "horizon": 2},
    "sensitivities": {"layer": "lru"},
    "sensitivities of a stack": {"layer": ("elstm", "columnar_gru")},
}
ALL_KINDS = pytest.mark.parametrize("kind", KINDS)
KEYS = list("abacabcc") * 5
X = series(2 * len(KEYS))
FIRST, SECOND = X[: len(KEYS)], X[len(KEYS) :]


def labels(kind: str) -> Any:
    return np.arange(len(KEYS))[:, None] % 3 if "targets" in KINDS[kind] else None


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.safetensors"


@pytest.fixture
def saved(path: Path) -> Path:
    """Return the file of an engine that has learned."""
    engine = engine_of()
    engine.process(KEYS, FIRST)
    engine.save(path)
    return path


@ALL_KINDS
def test_a_loaded_engine_continues_bit_for_bit(kind: str, path: Path) -> None:
    engine = engine_of(**KINDS[kind])
    engine.process(KEYS, FIRST, labels(kind))
    engine.save(path)
    loaded = Engine.load(path)
    assert bits(loaded) == bits(engine)
    expected = engine.process(KEYS, SECOND, labels(kind))
    assert loaded.process(KEYS, SECOND, labels(kind)).tobytes() == expected.tobytes()
    assert bits(loaded) == bits(engine)


@ALL_KINDS
def test_repeated_saving_and_loading_changes_nothing(kind: str, path: Path) -> None:
    engine = engine_of(**KINDS[kind])
    expected = engine.process(KEYS, FIRST, labels(kind))
    resumed, forecasts = engine_of(**KINDS[kind]), []
    y = labels(kind)
    for t in range(0, len(KEYS), 8):
        part = slice(t, t + 8)
        forecasts.append(resumed.process(KEYS[part], FIRST[part], None if y is None else y[part]))
        resumed.save(path)
        resumed = Engine.load(path)
    assert np.concatenate(forecasts).tobytes() == expected.tobytes()
    assert bits(resumed) == bits(engine)


def test_a_loaded_vocabulary_continues_with_the_next_id(path: Path) -> None:
    engine = tokens_engine()
    engine.process("s", engine.vocabulary.encode("cab"))
    engine.save(path)
    loaded = Engine.load(path)
    assert loaded.vocabulary is not None
    assert loaded.vocabulary.tokens == ["c", "a", "b"]
    for token in "adcbe":  # d is new, and there is no id left for e
        assert loaded.step("s", token).tobytes() == engine.step("s", token).tobytes()
    assert bits(loaded) == bits(engine)
    assert loaded.vocabulary.tokens == ["c", "a", "b", "d"]


@pytest.mark.parametrize("token", ["", "слово", "a\nb", '"', "\x00", "7"])
def test_tokens_of_any_text_are_saved(token: str, path: Path) -> None:
    engine = tokens_engine()
    engine.step("s", token)
    engine.save(path)
    assert Engine.load(path).vocabulary.tokens == [token]


def test_a_file_without_tokens_loads(path: Path) -> None:
    engine = engine_of()
    engine.process(KEYS, FIRST)
    engine.save(path)
    with safe_open(path, framework="numpy") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        about = json.loads(file.metadata()["about"])
    del about["tokens"]
    text = json.dumps(about)
    rewrite(path, about=text, checksum=str(checkpoint_file._checksum(arrays, text)))
    assert bits(Engine.load(path)) == bits(engine)


def test_an_engine_without_streams_can_be_saved(path: Path) -> None:
    engine_of().save(path)
    assert bits(Engine.load(path)) == bits(engine_of())


def test_saving_changes_nothing(path: Path) -> None:
    engine = engine_of()
    engine.process(KEYS, FIRST)
    before = bits(engine)
    engine.save(path)
    assert bits(engine) == before


def test_a_loaded_engine_evicts_the_least_recently_seen_stream(path: Path) -> None:
    engine = engine_of(max_streams=2)
    engine.process(["a", "b", "a"], X[:3])
    engine.save(path)
    loaded = Engine.load(path)
    loaded.step("c", [1.0])
    assert sorted(loaded.keys) == ["a", "c"]


@pytest.mark.parametrize("key", ["", "ключ", "a\nb", '"', "\x00", 0, -5, 2**63, -(2**62), 2**200])
def test_keys_of_any_text_and_integers_are_saved(key: str | int, path: Path) -> None:
    engine = engine_of()
    engine.step(key, [1.0])
    engine.save(path)
    assert Engine.load(path).keys == [key]


def test_restoring_the_data_of_a_file_is_loading_it(saved: Path) -> None:
    assert bits(Engine.restore(checkpoint_file.read(saved))) == bits(Engine.load(saved))


def test_a_string_and_an_integer_with_the_same_digits_stay_two_streams(path: Path) -> None:
    engine = engine_of()
    engine.process([1, "1"], X[:2])
    engine.save(path)
    assert Engine.load(path).keys == [1, "1"]


def test_positions_are_saved_with_the_state(path: Path) -> None:
    positions = {"source": {"file.csv": 12345}, "sink": [1, 2], "note": "ü"}
    engine_of().save(path, positions=positions)
    assert checkpoint_file.read(path).positions == positions


def test_the_setting_that_differs_is_named(saved: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has hidden = \(3,\), the settings have \(4,\): use the checkpoint"):
        Engine.load(saved, settings=settings(hidden=4))


def test_equal_settings_are_accepted(saved: Path) -> None:
    assert Engine.load(saved, settings=settings()).keys == ["a", "b", "c"]


def refused(path: Path) -> str:
    """Return the message with which a file is refused."""
    with pytest.raises(CheckpointError) as caught:
        Engine.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def test_a_missing_file_is_refused(path: Path) -> None:
    assert "no checkpoint" in refused(path)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(saved: Path, share: float) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    assert "damaged" in refused(saved)


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"time,value\n1,2\n", bytes(1000), b"\xff" * 1000, pickle.dumps({"weights": [1.0]})],
    ids=["empty", "JSON", "CSV", "zeros", "ones", "pickle"],
)
def test_a_file_of_another_kind_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refused(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path)


def test_a_safetensors_file_of_another_program_is_refused(path: Path) -> None:
    save_file({"weights": np.zeros(3)}, path)
    assert "not a checkpoint of stream_rnn" in refused(path)


def rewrite(path: Path, **metadata: str) -> None:
    """Change the metadata of a file."""
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        before = file.metadata()
    save_file(tensors, path, before | metadata)


LARGE = """
import resource, sys
import numpy as np
from stream_rnn import Settings
from stream_rnn.checkpoints.file import CheckpointData, write
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
data = CheckpointData(Settings(inputs=("x",)), [], [], 0, {}, {"n": np.ones(200 * 2**17)})
before = peak()
write(sys.argv[1], data)
print(peak() - before)
"""


def test_writing_makes_no_copy_of_the_arrays(path: Path) -> None:
    completed = subprocess.run([sys.executable, "-c", LARGE, path], capture_output=True, text=True, check=True)
    assert float(completed.stdout) < 20  # of the array's 200 MB


def test_arrays_of_any_dtype_and_shape_are_read_as_they_were_written(path: Path) -> None:
    dtypes = ("?", "u1", "i1", "u2", "i4", "u8", "i8", "f2", "f4", "f8")
    arrays = {dtype: np.arange(5).astype(dtype) for dtype in dtypes} | {"none": np.empty((0, 3)), "one": np.array(7.0)}
    checkpoint_file.write(path, CheckpointData(settings(), [], [], 0, {}, arrays))
    for name, array in checkpoint_file.read(path).arrays.items():
        assert (array.dtype, array.shape) == (arrays[name].dtype, arrays[name].shape)
        assert array.tobytes() == arrays[name].tobytes()


def test_positions_that_are_too_long_to_be_read_again_are_refused(path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"cannot write checkpoint .*header too large"):
        engine_of().save(path, positions={"at": "x" * 100_000_000})
    assert list(path.parent.iterdir()) == []


def test_positions_are_read_even_if_the_arrays_are_damaged(path: Path) -> None:
    engine_of().save(path, positions={"offset": 7})
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert checkpoint_file.read_positions(path) == {"offset": 7}


def test_reading_positions_from_a_damaged_header_raises_nothing_but_checkpoint_errors(saved: Path) -> None:
    content = saved.read_bytes()
    for place in range(8, data_start(content)):
        damaged = bytearray(content)
        damaged[place] ^= 4
        saved.write_bytes(damaged)
        with suppress(CheckpointError):
            checkpoint_file.read_positions(saved)


@pytest.mark.parametrize("by", [-2, 1])
def test_a_file_of_another_format_version_is_refused(by: int, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(checkpoint_file, "VERSION", checkpoint_file.VERSION + by)
        engine_of().save(path)
    assert "this version of stream_rnn reads 3 and 4" in refused(path)


def test_a_checksum_that_does_not_match_is_refused(saved: Path) -> None:
    rewrite(saved, checksum="12345")
    assert "checksum" in refused(saved)


def test_a_damaged_header_is_refused_wherever_the_damage_is(saved: Path) -> None:
    content = saved.read_bytes()
    for place in range(8, data_start(content)):
        damaged = bytearray(content)
        damaged[place] ^= 4
        saved.write_bytes(damaged)
        refused(saved)


def test_positions_that_are_not_json_are_refused(path: Path) -> None:
    for positions in ({"at": object()}, {"at": "\ud800"}):
        with pytest.raises(CheckpointError, match="positions must be JSON values"):
            engine_of().save(path, positions=positions)


def test_a_numpy_integer_is_saved_as_an_integer(path: Path) -> None:
    engine = engine_of()
    engine.step(np.int64(5), [1.0])
    engine.save(path)
    assert Engine.load(path).keys == [5]


def data_start(content: bytes) -> int:
    return 8 + int.from_bytes(content[:8], "little")


def test_a_flipped_bit_in_the_arrays_is_detected_wherever_it_is(saved: Path) -> None:
    content = saved.read_bytes()
    start = data_start(content)
    for place in range(start, len(content), math.ceil((len(content) - start) / 200)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        saved.write_bytes(damaged)
        assert "checksum" in refused(saved)


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("code-was-run"),)


def test_loading_runs_no_code(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path.write_bytes(pickle.dumps(Trap()))
    refused(path)
    with path.open("wb") as file:
        np.save(file, np.array([Trap()], object), allow_pickle=True)
    refused(path)
    assert not Path("code-was-run").exists()


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write checkpoint") as caught:
        engine_of().save(tmp_path / "file" / "below.safetensors")
    assert "\n" not in str(caught.value)


def test_a_failed_save_leaves_the_previous_file_and_no_other(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CheckpointError, match="No space left"):
        engine_of().save(saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_every_new_folder_and_the_rename_reach_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, fsync, path = list[str](), os.fsync, tmp_path / "new" / "newer" / "engine.safetensors"

    def record(descriptor: int) -> None:
        synced.append(f"{Path(f'/proc/self/fd/{descriptor}').readlink()} {path.exists()}")
        fsync(descriptor)

    monkeypatch.setattr("os.fsync", record)
    engine_of().save(path)
    assert set(synced[:2]) == {f"{tmp_path} False", f"{tmp_path / 'new'} False"}
    assert synced[2].endswith("/engine.safetensors False")  # under its temporary name
    assert synced[3:] == [f"{path.parent} True"]


def test_a_failed_sync_of_the_folder_is_reported(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_for_folders(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.fsync", fail_for_folders)
    with pytest.raises(CheckpointError) as caught:
        engine_of().save(path)
    assert str(caught.value) == f"cannot write checkpoint {path}: Input/output error"


LIMITED = """
import resource, sys
from stream_rnn import CheckpointError, Engine, Settings
engine = Engine(Settings(inputs=("x",), hidden=100))
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    engine.save(sys.argv[1])
except CheckpointError as error:
    print(error)
"""


def test_a_file_that_does_not_fit_on_the_disk_is_named_and_removed(path: Path) -> None:
    completed = subprocess.run([sys.executable, "-c", LIMITED, path], capture_output=True, text=True, check=True)
    assert completed.stdout.startswith(f"cannot write checkpoint {path}: ")
    assert "File too large" in completed.stdout
    assert completed.stdout.count("\n") == 1
    assert list(path.parent.iterdir()) == []


def test_a_folder_in_place_of_the_file_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(CheckpointError) as caught:
        engine_of().save(path)
    assert str(caught.value) == f"cannot write checkpoint {path}: Is a directory"
    assert list(path.parent.iterdir()) == [path]


def test_a_symbolic_link_is_replaced_and_not_followed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("precious")
    path.symlink_to(other)
    engine_of().save(path)
    assert other.read_text() == "precious"
    assert not path.is_symlink()
    assert Engine.load(path).keys == []


SAVER = """
import sys
import numpy as np
from stream_rnn import Settings
from stream_rnn.checkpoints.file import CheckpointData, write
n = 0
while True:
    write(sys.argv[1], CheckpointData(Settings(inputs=("x",)), [], [], 0, {}, {"n": np.full(100_000, n)}))
    if n == 0:
        print("saved", flush=True)
    n += 1
"""


def test_a_process_killed_while_saving_leaves_an_intact_file(path: Path) -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(rng.uniform(0.01, 0.1))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        array = checkpoint_file.read(path).arrays["n"]
        assert (array == array[0]).all()
