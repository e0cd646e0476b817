"""What every test shares."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("stream_rnn", deadline=None)  # the first example may compile
settings.load_profile("stream_rnn")


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a module's tests run in one process, which compiles for them once, and those of Kafka beside one broker."""
    for item in items:
        group = "kafka" if "kafka" in item.path.parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
