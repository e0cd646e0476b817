"""Every kind of estimator has a complete, documented class for every cell, which tools can read."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stream_rnn import estimators
from stream_rnn.estimators.cells import CELLS
from stream_rnn.estimators.classifiers import RecurrentClassifier
from stream_rnn.estimators.forecasters import RecurrentForecaster
from stream_rnn.estimators.multi_target import RecurrentMultiTargetRegressor
from stream_rnn.estimators.regressors import RecurrentRegressor

if TYPE_CHECKING:
    from stream_rnn.estimators.recurrent import Recurrent

ROOT = Path(__file__).parents[2]
KINDS: list[type[Recurrent]] = [
    RecurrentClassifier,
    RecurrentForecaster,
    RecurrentMultiTargetRegressor,
    RecurrentRegressor,
]
OTHERS = ["AutoForecaster", "evaluate", "evaluate_streams", "iter_evaluate"]
NAMES = [name for name in estimators.__all__ if name not in OTHERS]
COMMON_PARAMETERS = [
    *(
        "hidden",
        "window",
        "learning_rate",
        "text_width",
        "key_field",
        "time_field",
        "end_field",
        "seed",
        "max_features",
    ),
    "settings",
]


def class_of(name: str) -> type[Recurrent]:
    cls: type[Recurrent] = getattr(estimators, name)
    return cls


def kind_of(cls: type[Recurrent]) -> type[Recurrent]:
    return next(kind for kind in KINDS if issubclass(cls, kind))


def cell_names(kind: type[Recurrent]) -> list[str]:
    """Return the first parts of the names of a kind's classes, such as GRU."""
    suffix = kind.__name__.removeprefix("Recurrent")
    return sorted(name.removesuffix(suffix) for name in NAMES if kind_of(class_of(name)) is kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_one_class_per_cell(kind: type[Recurrent]) -> None:
    layers = [class_of(name)._layer for name in NAMES if kind_of(class_of(name)) is kind]
    assert sorted(layers) == sorted(CELLS)
    assert cell_names(kind) == cell_names(RecurrentRegressor)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_is_found_in_the_module_of_its_kind(name: str) -> None:
    cls = class_of(name)
    assert cls is getattr(import_module(kind_of(cls).__module__), name)
    assert (cls.__name__, cls.__module__) == (name, kind_of(cls).__module__)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_can_be_pickled_and_prints_its_parameters(name: str) -> None:
    model = class_of(name)(hidden=7)
    assert repr(pickle.loads(pickle.dumps(model))) == repr(model)  # noqa: S301
    assert repr(model).startswith(f"{name} (\n")
    assert "  hidden=7\n" in repr(model)


@pytest.mark.parametrize("name", NAMES)
def test_a_constructor_names_its_parameters(name: str) -> None:
    own = ["horizon"] if name.endswith("Forecaster") else []
    assert list(inspect.signature(class_of(name)).parameters) == own + COMMON_PARAMETERS


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_describes_the_cell_and_every_parameter(name: str) -> None:
    cls = class_of(name)
    text = cls.__doc__ or ""
    assert CELLS[cls._layer] in text
    parameters = text.partition("Parameters\n----------\n")[2].partition("\n\nRaises\n------\n")[0]
    described = ", ".join(line for line in parameters.splitlines() if not line.startswith(" "))
    assert described.replace("**", "").split(", ") == list(inspect.signature(cls).parameters)


@pytest.mark.parametrize("name", NAMES)
def test_the_example_in_a_docstring_uses_the_class(name: str) -> None:
    text = class_of(name).__doc__ or ""
    assert f">>> from stream_rnn.estimators import {name}\n" in text
    assert f">>> model = {name}(" in text


def test_a_new_cell_needs_only_a_layer_and_a_summary() -> None:
    class PeepholeRegressor(RecurrentRegressor, layer="lstm_peephole"):
        """Regressor with peepholes."""

    model = PeepholeRegressor(hidden=3, seed=1)
    assert model._engine_settings(0).layer == ("lstm_peephole",)
    assert "The layer is ``lstm_peephole``." in str(PeepholeRegressor.__doc__)
    assert "model = PeepholeRegressor(" in str(PeepholeRegressor.__doc__)


def test_a_subclass_of_a_class_keeps_its_layer() -> None:
    class MyRegressor(estimators.GRURegressor):
        """My regressor."""

    assert MyRegressor()._engine_settings(0).layer == ("gru",)
    assert MyRegressor.__doc__ == "My regressor."


USER_CODE = """
from stream_rnn.estimators import ColumnarGRUForecaster, GRURegressor
from stream_rnn.estimators.regressors import RecurrentRegressor

def create() -> GRURegressor:
    return GRURegressor(hidden=16, window=8, seed=1, interval=0.9)

class PeepholeRegressor(RecurrentRegressor, layer="lstm_peephole"):
    pass

reveal_type(create().predict_one({"a": 1.0}))
reveal_type(ColumnarGRUForecaster(3, hidden=8).forecast(3))
reveal_type(GRURegressor)
GRURegressor(hidden="many")
"""
EXPECTED = [
    (11, 'note: Revealed type is "float"'),
    (12, 'note: Revealed type is "list[float]"'),
    (13, 'note: Revealed type is "def (hidden: int | tuple[int, ...] =, window: int =, learning_rate: float ='),
    (14, 'error: Argument "hidden" to "GRURegressor" has incompatible type "str"'),
]


def test_a_type_checker_knows_classes_and_constructors(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "user.py").write_text(USER_CODE)
    (tmp_path / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nfollow_imports = silent\ncache_dir = " + str(ROOT / ".mypy_cache" / "user")
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "user.py"],
        cwd=tmp_path,
        env={"MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in checked.stdout.splitlines() if line.startswith("user.py:")]
    assert len(lines) == len(EXPECTED), checked.stdout + checked.stderr
    for line, (number, message) in zip(lines, EXPECTED, strict=True):
        assert line.startswith(f"user.py:{number}: {message}")
