"""Checkpoints that earlier versions wrote are loaded without any change, and continue with the same results."""

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

FOLDERS = sorted(Path(__file__).parent.glob("format*"))
SAVED = pytest.mark.parametrize(
    "path", [path for folder in FOLDERS for path in sorted(folder.glob("*.safetensors"))], ids=lambda path: path.stem
)


def load(path: Path) -> Any:
    return (Race if path.stem == "race" else Engine).load(path)


def expected_of(path: Path) -> Iterator[tuple[str, list[float]]]:
    """Yield the results that the version which wrote the checkpoint had after it."""
    for kind, values in json.loads((path.parent / "expected.json").read_text())[path.stem].items():
        yield kind, [float.fromhex(value) for value in values]


def test_checkpoints_of_the_present_format_are_kept() -> None:
    assert f"format{checkpoint_file.VERSION}" in [folder.name for folder in FOLDERS]


@SAVED
def test_a_loaded_model_has_bitwise_the_arrays_and_settings_of_the_file(path: Path, tmp_path: Path) -> None:
    model = load(path)
    assert model.counts.events == BEFORE
    model.save(tmp_path / "again", positions={"at": BEFORE})
    assert contents(tmp_path / "again") == contents(path)


@SAVED
def test_a_loaded_model_continues_with_the_results_of_the_version_that_wrote_it(path: Path) -> None:
    expected = dict(expected_of(path))
    results = results_after(load(path), interval="intervals" in expected)
    assert results.keys() == expected.keys()
    for kind, values in results.items():
        # sums are rounded differently where the processor has other vector instructions
        np.testing.assert_allclose(values, expected[kind], rtol=1e-6, err_msg=kind)
