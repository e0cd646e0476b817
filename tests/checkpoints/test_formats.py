"""Checkpoints of earlier versions are loaded; those of the present format continue with the same results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from contents import contents
from saved_models import BEFORE, results_after

from stream_rnn import Engine, Race
from stream_rnn.checkpoints import file as checkpoint_file

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).parent
FOLDERS = sorted(HERE.glob("format*"))


def saved(*folders: Path) -> Any:
    paths = [path for folder in folders for path in sorted(folder.glob("*.safetensors"))]
    return pytest.mark.parametrize("path", paths, ids=lambda path: path.stem)


PRESENT, EARLIER = saved(HERE / f"format{checkpoint_file.VERSION}"), saved(HERE / f"format{checkpoint_file.UPGRADED}")


def load(path: Path) -> Any:
    return (Race if path.stem == "race" else Engine).load(path)


def expected_of(path: Path) -> Iterator[tuple[str, list[float]]]:
    """Yield the results that the version which wrote the checkpoint had after it."""
    for kind, values in json.loads((path.parent / "expected.json").read_text())[path.stem].items():
        yield kind, [float.fromhex(value) for value in values]


def test_checkpoints_of_the_present_format_are_kept() -> None:
    assert f"format{checkpoint_file.VERSION}" in [folder.name for folder in FOLDERS]


@PRESENT
def test_a_loaded_model_has_bitwise_the_arrays_and_settings_of_the_file(path: Path, tmp_path: Path) -> None:
    model = load(path)
    assert model.counts.events == BEFORE
    model.save(tmp_path / "again", positions={"at": BEFORE})
    assert contents(tmp_path / "again") == contents(path)


@PRESENT
def test_a_loaded_model_continues_with_the_results_of_the_version_that_wrote_it(path: Path) -> None:
    expected = dict(expected_of(path))
    results = results_after(load(path), interval="intervals" in expected)
    assert results.keys() == expected.keys()
    for kind, values in results.items():
        # sums are rounded differently where the processor has other vector instructions
        np.testing.assert_allclose(values, expected[kind], rtol=1e-6, err_msg=kind)


@EARLIER
def test_an_upgraded_model_keeps_what_was_learned(path: Path, tmp_path: Path) -> None:
    expected = dict(expected_of(path))
    model = load(path)
    assert model.counts.events == BEFORE
    results = results_after(model, interval="intervals" in expected)
    for kind, values in results.items():
        # values within the usual range are treated as before; what is new are the rules for others
        np.testing.assert_allclose(values, expected[kind], rtol=2e-2, atol=2e-2, err_msg=kind)
    model.save(tmp_path / "again")
    assert load(tmp_path / "again").counts == model.counts if path.stem != "race" else True
