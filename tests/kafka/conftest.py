"""Kafka to test with: a broker for all, a fresh topic for each test, a broker to kill."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from broker import Broker, Cluster, NoBrokerError
from live import STARTED

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMED = os.environ.get("STREAM_RNN_KAFKA")
"""The address of a broker to use instead of starting one."""


SOCKET = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bear with kafka-python, which at times leaves a connection that it was making to the garbage collector."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings(SOCKET))


@pytest.fixture(autouse=True)
def no_orphans() -> Iterator[None]:
    """End the live jobs that a failed test has left."""
    yield
    for process in STARTED:
        process.kill()
        process.wait()
    STARTED.clear()


@pytest.fixture(scope="session")
def broker() -> Iterator[Cluster]:
    """Kafka for all tests; it never goes down."""
    if NAMED:
        yield Cluster(NAMED)
        return
    with _new_broker() as started:
        yield started


@pytest.fixture
def topic(broker: Cluster) -> Iterator[str]:
    """Name a fresh topic of 4 partitions."""
    name = broker.topic()
    yield name
    broker.delete_topic(name)


@pytest.fixture
def own_broker() -> Iterator[Broker]:
    """Start a broker that the test may kill, stop and start."""
    if NAMED:
        pytest.skip(f"STREAM_RNN_KAFKA={NAMED} is nobody's to kill")
    with _new_broker() as started:
        yield started


@pytest.fixture
def started_broker(broker: Cluster) -> Broker:
    """Return the broker for all where it was started here, and so asks the users it knows for a password."""
    if not isinstance(broker, Broker):
        pytest.skip(f"STREAM_RNN_KAFKA={NAMED} was not started here")
    return broker


def _new_broker() -> Broker:
    try:
        return Broker()
    except NoBrokerError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
