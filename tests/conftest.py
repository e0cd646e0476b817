"""Configuration that all tests share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

settings.register_profile("stream_rnn", deadline=None)  # the first example may compile
settings.load_profile("stream_rnn")

KAFKA = Path(__file__).parent / "kafka"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests that mostly wait, so that others run beside them."""
    items.sort(key=lambda item: item.path.parent != KAFKA)
