"""Examples in docstrings run, and every public class and function has one."""

from __future__ import annotations

import doctest
import inspect
from importlib import import_module
from pathlib import Path

import pytest

import stream_rnn
from stream_rnn import estimators

ROOT = Path(__file__).parents[2]
WITH_EXAMPLES = sorted(
    ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    for path in [*(ROOT / "stream_rnn").rglob("*.py"), *(ROOT / "connectors").rglob("*.py")]
    if "stream_rnn/connectors" not in path.as_posix() and path.name != "__main__.py" and ">>>" in path.read_text()
    for parts in [
        ("stream_rnn", *path.relative_to(ROOT).with_suffix("").parts)[path.relative_to(ROOT).parts[0] == "stream_rnn" :]
    ]
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_the_examples_of_a_module_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert tried > 0
    assert failed == 0


PUBLIC = {f"stream_rnn.{name}": getattr(stream_rnn, name) for name in stream_rnn.__all__} | {
    f"stream_rnn.estimators.{name}": getattr(estimators, name) for name in estimators.__all__
}


@pytest.mark.parametrize("name", PUBLIC)
def test_everything_public_has_an_example(name: str) -> None:
    documented = PUBLIC[name]
    if inspect.isclass(documented) and issubclass(documented, (Exception, tuple)):  # errors and plain results
        assert documented.__doc__
        return
    assert ">>>" in (documented.__doc__ or "")
