"""A broker and peers for the tests of MQTT."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from mosquitto import PROGRAM, Mosquitto

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    if PROGRAM is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()
