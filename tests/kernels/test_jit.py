"""The cache of machine code; results do not depend on where the code came from."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support import engine_of, series, weights

from stream_rnn.kernels import cache

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent.parent

GRADIENT = """
import hashlib
from probe import LENGTH, Probe, body_of
from stream_rnn.kernels import cache
run = Probe(body_of("dense")).run(window=LENGTH)
print(hashlib.sha256(run["out"].tobytes() + run["gradient"].tobytes()).hexdigest(), cache.source_hash())
"""

LEARNING = """
import hashlib
from support import engine_of, series, weights
engine = engine_of(learning_rate=0.05)
forecasts = engine.process(["a", "b"] * 250, series(500))
print(hashlib.sha256(forecasts.tobytes() + weights(engine).tobytes()).hexdigest())
"""


def run(program: str, cache: Path | None = None) -> tuple[str, str]:
    """Return what a new process prints, and what it logs."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    if cache is not None:
        environment["STREAM_RNN_CACHE"] = str(cache)
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return process.stdout.strip(), process.stderr


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Path]:
    """Return output and log of a process with an empty cache folder, and the folder."""
    cache = tmp_path_factory.mktemp("cache")
    return *run(GRADIENT, cache), cache


def test_cached_code_gives_the_same_bits_as_newly_compiled_code(fresh: tuple[str, str, Path]) -> None:
    output, log, cache = fresh
    cached_output, cached_log = run(GRADIENT, cache)
    assert cached_output == output
    assert "compiling" in log
    assert "compiling" not in cached_log


def test_another_cache_gives_the_same_bits(fresh: tuple[str, str, Path]) -> None:
    assert run(GRADIENT)[0] == fresh[0]


def test_another_process_learns_the_same_bits() -> None:
    engine = engine_of(learning_rate=0.05)
    forecasts = engine.process(["a", "b"] * 250, series(500))
    expected = hashlib.sha256(forecasts.tobytes() + weights(engine).tobytes()).hexdigest()
    assert run(LEARNING)[0] == expected


def test_the_cache_folder_is_named_by_the_hash_of_the_sources(fresh: tuple[str, str, Path]) -> None:
    output, _, cache = fresh
    assert [folder.name for folder in cache.iterdir()] == [output.split()[-1]]


def test_the_hash_changes_with_every_compiled_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "kernels" / "cache.py"))
    hashes = set()
    for text in ("a = 1", "a = 2"):
        for pattern in cache.COMPILED_SOURCES:
            path = tmp_path / pattern.replace("*", "module")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            hashes.add(cache.source_hash.__wrapped__())
    assert len(hashes) == 2 * len(cache.COMPILED_SOURCES)


def test_every_file_with_compiled_functions_is_hashed() -> None:
    package = Path(cache.__file__).parent.parent
    hashed = {path for pattern in cache.COMPILED_SOURCES for path in package.glob(pattern)}
    compiled = {
        path for path in package.rglob("*.py") if re.search(r"^@(entry|inner|overload)", path.read_text(), re.MULTILINE)
    }
    assert compiled
    assert compiled <= hashed
