"""Views: in compiled code they are what arrays are in Python, and the kernels use no index that they do not have."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.kernels.cache import COMPILED_SOURCES
from stream_rnn.kernels.jit import entry, inner

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(__file__).parents[2] / "stream_rnn"
CUBE = np.arange(2 * 3 * 4.0).reshape(2, 3, 4)


@entry
def _parts(a: Any, i: int, j: int, k: int, out: Any) -> None:
    out[0] = a[i, j, k]
    out[1] = a[i][j][k]
    out[2] = a[i, j, : k + 1][k]
    out[3] = a[i, j:].shape[0]
    out[4] = a[i:].shape[0]
    out[5] = a[i:].reshape(a[i:].size)[k]
    out[6] = a[i].size
    out[7] = a.itemsize


@given(st.integers(0, 1), st.integers(0, 2), st.integers(0, 3))
def test_parts_are_those_of_the_array(i: int, j: int, k: int) -> None:
    out = np.zeros(8)
    _parts(CUBE, i, j, k, out)
    expected = np.zeros(8)
    _parts.__wrapped__(CUBE, i, j, k, expected)
    np.testing.assert_array_equal(out, expected)


@entry
def _assign(a: Any, row: Any, i: int, j: int) -> None:
    a[i] = 7
    a[i, j] = row
    a[i, j, 1:3] = row[: a[i, j, 1:3].shape[0]]
    a[i, j, 0] = 5


@given(st.integers(0, 1), st.integers(0, 2), st.sampled_from(["float32", "float64", "int64"]))
def test_assignments_are_those_of_the_array(i: int, j: int, dtype: str) -> None:
    row = np.array([1, 2, 3, 4], np.float32)
    compiled, expected = CUBE.astype(dtype), CUBE.astype(dtype)
    _assign(compiled, row, i, j)
    _assign.__wrapped__(expected, row, i, j)
    np.testing.assert_array_equal(compiled, expected)


class Pair(NamedTuple):
    flags: Any
    number: float


@entry
def _count(pair: Pair) -> int:
    return _true(pair.flags) + int(pair.number)


@inner
def _true(flags: Any) -> int:
    total = 0
    for i in range(flags.shape[0]):
        total += flags[i]
    return total


def test_arrays_in_named_tuples_become_views() -> None:
    assert _count(Pair(np.array([True, False, True]), 40.0)) == 42


def test_an_array_that_is_not_contiguous_is_refused() -> None:
    with pytest.raises(Exception, match="C-contiguous"):
        _count(Pair(np.array([True, False, True])[::2], 40.0))


@entry
def _column(a: Any, out: Any) -> None:
    out[:] = a[:, 0]


@entry
def _too_many(a: Any, out: Any) -> None:
    out[0] = a[0, 0, 0]


@pytest.mark.parametrize("kernel", [_column, _too_many])
def test_an_index_that_views_do_not_have_does_not_compile(kernel: Callable[..., None]) -> None:
    with pytest.raises(Exception, match="getitem"):
        kernel(np.zeros((2, 2)), np.zeros(2))


def kernels() -> list[Any]:
    """Return the syntax trees of all compiled functions."""
    paths = [path for pattern in COMPILED_SOURCES for path in sorted(PACKAGE.glob(pattern))]
    return [
        pytest.param(node, id=f"{path.stem}.{node.name}")
        for path in paths
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and any(map(is_compiled, node.decorator_list))
    ]


def is_compiled(decorator: ast.expr) -> bool:
    return ast.unparse(decorator).rpartition(".")[2] in {"inner", "entry", "dispatched", "register"}


def negative_indices(function: ast.AST) -> list[str]:
    """Return the subscripts of a function with a negative constant or a step, which views do not check."""

    def is_negative(node: ast.expr | None) -> bool:
        return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)

    wrong = []
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript):
            index = node.slice
            for part in index.elts if isinstance(index, ast.Tuple) else [index]:
                ends = [part.lower, part.upper] if isinstance(part, ast.Slice) else [part]
                if any(map(is_negative, ends)) or (isinstance(part, ast.Slice) and part.step is not None):
                    wrong.append(ast.unparse(node))
    return wrong


@pytest.mark.parametrize("function", kernels())
def test_no_kernel_has_a_negative_index(function: ast.FunctionDef) -> None:
    assert not negative_indices(function)


@pytest.mark.parametrize("code", ["a[-1]", "a[0, :-1]", "a[-2:]", "a[::2]"])
def test_a_negative_index_would_be_found(code: str) -> None:
    assert negative_indices(ast.parse(code)) == [code]
