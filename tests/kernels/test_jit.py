"""Where machine code is kept, and that bits do not depend on where it came from."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stream_rnn.kernels import jit

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import hashlib
import numpy as np
from stream_rnn import Engine, Settings
engine = Engine(Settings(inputs=("x",), layer="dense", hidden=3, scale_inputs=True, learning_rate=0.05))
x = np.random.default_rng(0).normal(size=(500, 1)).cumsum(axis=0)
made = engine.process(["a", "b"] * 250, x)
print(hashlib.sha256(made.tobytes() + engine.parameters["W"].tobytes()).hexdigest())
"""

TINY = """
from stream_rnn.kernels.jit import cache_folder, entry
@entry
def twice(x):
    return 2 * x
print(cache_folder(), twice(21))
"""


def run(program: str, cache: Path | None = None) -> tuple[str, str]:
    """Return what a fresh process prints and logs."""
    environment = os.environ | ({} if cache is None else {"STREAM_RNN_CACHE": str(cache)})
    made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return made.stdout.strip(), made.stderr


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """Return what a process prints and logs that has to compile everything, and its cache folder."""
    cache = tmp_path_factory.mktemp("cache")
    return *run(PROGRAM, cache), cache


def test_code_from_the_disk_gives_the_bits_of_code_compiled_afresh(fresh: tuple[str, str, Path]) -> None:
    made, log, cache = fresh
    again, log_again = run(PROGRAM, cache)
    assert again == made
    assert "compiling" in log
    assert "compiling" not in log_again


def test_another_process_and_cache_gives_the_same_bits(fresh: tuple[str, str, Path]) -> None:
    assert run(PROGRAM)[0] == fresh[0]


def test_the_cache_folder_is_named_by_the_sources(fresh: tuple[str, str, Path]) -> None:
    assert [folder.name for folder in fresh[2].iterdir()] == [jit.source_hash()]


def test_the_hash_changes_with_any_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = set()
    for text in ("a = 1", "a = 2"):
        for folder in ("kernels", "layers", "learning", "."):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / "some.py").write_text(text)
            monkeypatch.setattr(jit, "__file__", str(tmp_path / "kernels" / "jit.py"))
            hashes.add(jit.source_hash.__wrapped__())
    assert len(hashes) == 8


def test_without_a_writable_folder_kernels_are_kept_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made, log = run(TINY, tmp_path / "file")
    assert made == "None 42"
    assert "no writable cache folder" in log
    assert "Traceback" not in log
