"""A core is filled by Python and read by compiled code: each field has the same value on both sides."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from stream_rnn.compiled.core import Core
from stream_rnn.kernels.jit import entry


class Inner(NamedTuple):
    flag: bool
    matrix: Any


class Outer(NamedTuple):
    count: int
    inner: Inner
    share: float


class Empty(NamedTuple):
    pass


@entry
def _read(core: Any, out: Any) -> None:
    out[0] = core.outer.count
    out[1] = core.outer.inner.flag
    out[2] = core.outer.inner.matrix[1, 2]
    out[3] = core.outer.share
    out[4] = core.pair[1][0]
    out[5] = core.rows.shape[0]


def test_compiled_code_reads_what_python_has_written() -> None:
    matrix, pair = np.arange(6.0).reshape(2, 3), (np.array([7.0]), np.array([8.0]))
    core = Core(empty=Empty(), outer=Outer(3, Inner(True, matrix), 0.25), pair=pair, rows=np.zeros((9, 0)))
    out = np.zeros(6)
    _read(core, out)
    assert out.tolist() == [3, 1, 5, 0.25, 8, 9]


def test_compiled_code_sees_what_python_changes_later() -> None:
    matrix = np.zeros((2, 3))
    core = Core(outer=Outer(3, Inner(False, matrix), 0.25), pair=(np.zeros(1), np.zeros(1)), rows=np.zeros(1))
    matrix[1, 2] = 9
    out = np.zeros(6)
    _read(core, out)
    assert out[2] == 9


def test_an_array_that_is_not_contiguous_is_refused() -> None:
    with pytest.raises(TypeError, match="C-contiguous"):
        Core(rows=np.zeros((2, 4))[:, ::2])
