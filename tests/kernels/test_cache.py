"""The cache of machine code costs time when it fails, and nothing else."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

IS_ROOT = os.geteuid() == 0
WITH_PERMISSIONS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if IS_ROOT else []
"""Runs a command so that permissions hold for it, even if the tests are run by root."""

PROGRAM = """
import logging
from stream_rnn.kernels.cache import cache_folder
from stream_rnn.kernels.jit import entry
@entry
def twice(x):
    return 2 * x
@entry
def half(x):
    return x / 2
print(twice(21), twice(2.5), half(3), sum(twice._cache_hits.values()) + sum(half._cache_hits.values()))
"""
"""Three kernels: prints their results, and how many of them were cached."""

RESULTS = "42 5.0 1.5"


def run(folder: Path, prepare: Callable[[], object] | None = None) -> tuple[int, str]:
    """Return how many kernels a new process finds in the cache, and its log, in which a problem is told once."""
    environment = os.environ | {"STREAM_RNN_CACHE": str(folder)}
    process = subprocess.run(
        [*WITH_PERMISSIONS, sys.executable, "-c", PROGRAM],
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=prepare,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    results, hits = process.stdout.strip().rsplit(" ", 1)
    assert results == RESULTS
    return int(hits), process.stderr


def problems(log: str) -> list[str]:
    return [line for line in log.splitlines() if not line.startswith("compiling ")]


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.nbc"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a cache folder with three kernels."""
    folder = tmp_path / "cache"
    assert run(folder) == (0, "".join(f"compiling '{n}': first use of this network on this machine\n" for n in NAMES))
    assert len(entries(folder)) == 3
    return folder


NAMES = ("twice", "twice", "half")


def test_kernels_are_found_again(folder: Path) -> None:
    assert run(folder) == (3, "")


@pytest.mark.parametrize("shares", [(0.0, 0.0001, 0.001), (0.3, 0.6, 0.999)], ids=str)
def test_a_truncated_entry_is_compiled_again_and_replaced(folder: Path, shares: tuple[float, ...]) -> None:
    for path, share in zip(entries(folder), shares, strict=True):
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])
    hits, log = run(folder)
    assert hits == 0
    assert problems(log) == [f"kernels in {entries(folder)[0].parent} are damaged: they are compiled again"]
    assert run(folder) == (3, "")


@pytest.mark.parametrize("shares", [(0.0, 0.0005, 0.01), (0.25, 0.5, 0.9999)], ids=str)
def test_code_with_a_changed_byte_is_not_run(folder: Path, shares: tuple[float, ...]) -> None:
    for path, share in zip(entries(folder), shares, strict=True):
        content = bytearray(path.read_bytes())
        content[int(share * len(content))] ^= 0xFF
        path.write_bytes(content)
    hits, log = run(folder)
    assert hits == 0
    assert len(problems(log)) == 1


def test_an_entry_of_another_key_is_not_used(folder: Path) -> None:
    first, *others = entries(folder)
    for path in others:
        path.write_bytes(first.read_bytes())
    assert run(folder)[0] == 1


def test_an_entry_that_cannot_be_read_or_replaced_is_compiled_in_every_process(folder: Path) -> None:
    for path in entries(folder):
        path.unlink()
        path.mkdir()
    for _ in range(2):
        hits, log = run(folder)
        assert hits == 0
        read, save = problems(log)
        assert read == f"cannot read kernels in {entries(folder)[0].parent} (Is a directory): they are compiled again"
        assert save.startswith("cannot save kernels in ")
    assert sorted(entries(folder)[0].parent.iterdir()) == entries(folder)


def test_a_full_disk_is_told_once_and_leaves_no_file(tmp_path: Path) -> None:
    hits, log = run(tmp_path, prepare=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)))
    assert hits == 0
    (folder,) = tmp_path.iterdir()
    assert problems(log) == [f"cannot save kernels in {folder} (File too large): they are compiled in every process"]
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_still_read(folder: Path) -> None:
    entries(folder)[0].unlink()
    subfolder = entries(folder)[0].parent
    subfolder.chmod(0o555)
    hits, log = run(folder)
    assert hits == 2
    assert problems(log) == [
        f"cannot save kernels in {subfolder} (Permission denied): they are compiled in every process"
    ]


def test_an_entry_without_permission_is_compiled_again(folder: Path) -> None:
    for path in entries(folder):
        path.chmod(0)
    hits, log = run(folder)
    assert hits == 0
    assert len(problems(log)) == 1
    assert "(Permission denied): they are compiled again" in log
    assert run(folder) == (3, "")


def test_a_folder_that_cannot_be_entered_is_not_used(folder: Path) -> None:
    folder.chmod(0)
    hits, log = run(folder)
    assert hits == 0
    assert len(problems(log)) == 1
    assert "no cache folder" in log
    folder.chmod(0o755)


def test_a_file_in_place_of_the_folder_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    hits, log = run(tmp_path / "file")
    assert hits == 0
    assert len(problems(log)) == 1
    assert "no cache folder" in problems(log)[0]


@pytest.mark.parametrize("mode", [0o775, 0o1777])
@pytest.mark.parametrize("level", ["folder", "subfolder"])
def test_a_folder_that_others_can_write_to_is_not_used(folder: Path, mode: int, level: str) -> None:
    open_folder = folder if level == "folder" else entries(folder)[0].parent
    open_folder.chmod(mode)
    before = [path.read_bytes() for path in entries(folder)]
    hits, log = run(folder)
    assert hits == 0
    assert [path.read_bytes() for path in entries(folder)] == before
    assert len(problems(log)) == 1
    assert f"the cache folder {open_folder} is not used, kernels are compiled in every process: others can" in log


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a folder to another user")
@pytest.mark.parametrize("level", ["folder", "subfolder"])
def test_a_folder_of_another_user_is_not_used(folder: Path, level: str) -> None:
    foreign = folder if level == "folder" else entries(folder)[0].parent
    os.chown(foreign, 65534, -1)
    hits, log = run(folder)
    assert hits == 0
    assert len(problems(log)) == 1
    assert f"the cache folder {foreign} is not used, kernels are compiled in every process: it belongs to user" in log


@pytest.mark.parametrize("mask", [0o002, 0o000])
def test_a_new_folder_is_closed_to_others_whatever_the_umask_is(tmp_path: Path, mask: int) -> None:
    run(tmp_path / "cache", prepare=lambda: os.umask(mask))
    hits, log = run(tmp_path / "cache")
    assert (hits, log) == (3, "")
    for path in (tmp_path / "cache").rglob("*"):
        assert path.stat().st_mode & 0o022 == 0


def test_processes_that_compile_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    environment = os.environ | {"STREAM_RNN_CACHE": str(tmp_path)}
    command = [sys.executable, "-c", PROGRAM]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(4)]
    for process in processes:
        output, _ = process.communicate()
        assert process.returncode == 0
        assert output.decode().startswith(RESULTS)
    assert run(tmp_path) == (3, "")
