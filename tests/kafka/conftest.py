"""Fixtures for Kafka: a broker for all tests, a new topic for each test, a broker that a test may kill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from broker import Broker, Cluster, NoBrokerError
from live import STARTED

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTERNAL = os.environ.get("STREAM_RNN_KAFKA")
"""Address of a broker to use instead of starting one."""

UNCLOSED_SOCKET = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore warnings about sockets: kafka-python may leave a connection that it was opening to the collector."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings(UNCLOSED_SOCKET))


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    """Kill live jobs that a failed test has left running."""
    yield
    for process in STARTED:
        process.kill()
        process.wait()
    STARTED.clear()


@pytest.fixture(scope="session")
def broker() -> Iterator[Cluster]:
    """Return the broker for all tests; it is never killed."""
    if EXTERNAL:
        yield Cluster(EXTERNAL)
        return
    with _new_broker() as started:
        yield started


@pytest.fixture
def topic(broker: Cluster) -> Iterator[str]:
    """Return the name of a new topic with 4 partitions."""
    name = broker.topic()
    yield name
    broker.delete_topic(name)


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """Return a broker that the test may kill, stop and start."""
    if EXTERNAL:
        pytest.skip(f"STREAM_RNN_KAFKA={EXTERNAL} must not be killed")
    with _new_broker() as started:
        yield started


@pytest.fixture
def started_broker(broker: Cluster) -> Broker:
    """Return the broker for all tests if it was started here, with a listener that asks for a password."""
    if not isinstance(broker, Broker):
        pytest.skip(f"STREAM_RNN_KAFKA={EXTERNAL} was not started here")
    return broker


def _new_broker() -> Broker:
    try:
        return Broker()
    except NoBrokerError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
