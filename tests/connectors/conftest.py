"""Files to read."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, bytes | str], str]:
    """Return a function that writes a file, compressed if its name ends in .gz, and returns its path."""

    def write(name: str, content: bytes | str) -> str:
        data = content.encode() if isinstance(content, str) else content
        path = tmp_path / name
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return str(path)

    return write
