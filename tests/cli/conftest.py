"""Fixtures of the command line's tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from command import waves

from stream_rnn.cli.app import cli

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke


@pytest.fixture
def invoke() -> Invoke:
    """Run the command in this process."""
    return lambda *args: CliRunner().invoke(cli, [str(arg) for arg in args])


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Write a recording of one stream with two columns."""
    return waves(tmp_path / "waves.csv")
