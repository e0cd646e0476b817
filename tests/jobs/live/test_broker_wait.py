"""BrokerWait: waits for a broker, but not longer than until the job is stopped or the wait's timeout."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.client import BrokerError, make_cluster
from stream_rnn.connectors.stop import Stop
from stream_rnn.jobs.live.broker_wait import BrokerWait

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn.jobs.live.metrics import JobMetrics

CLUSTER = make_cluster(["kafka-1:9092", "kafka-2:9092"])


@pytest.fixture
def blocked() -> Iterator[threading.Event]:
    """Return an event that requests wait for, and that is set at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def _wait(event: threading.Event) -> None:
    event.wait()


def test_a_request_is_repeated_until_a_broker_answers(metrics: JobMetrics, caplog: pytest.LogCaptureFixture) -> None:
    answers: list[BrokerError | None] = [BrokerError("no Kafka broker answers at kafka-1:9092"), None]

    def request() -> None:
        if (error := answers.pop(0)) is not None:
            assert metrics.health().reason == "starting: no turn is completed"
            raise error
        assert metrics.health().reason == "starting: the broker does not answer"

    assert BrokerWait(CLUSTER, Stop(), metrics).until_answered(request)
    assert caplog.messages == ["no Kafka broker answers at kafka-1:9092; waiting, next attempt in 0.5 s"]
    assert metrics.health().reason == "starting: no turn is completed"


def test_a_stop_does_not_wait_for_a_request_that_hangs(metrics: JobMetrics, blocked: threading.Event) -> None:
    stop = Stop()

    def request() -> None:
        stop.set()
        blocked.wait()

    assert not BrokerWait(CLUSTER, stop, metrics).until_answered(request)


def test_the_end_of_the_timeout_does_not_either(metrics: JobMetrics, blocked: threading.Event) -> None:
    with pytest.raises(BrokerError) as error:
        BrokerWait(CLUSTER, Stop(), metrics, timeout=0.2).until_answered(lambda: _wait(blocked))
    assert str(error.value) == (
        "no Kafka broker answers at kafka-1:9092, kafka-2:9092; gave up after start_timeout, 0.2 s"
    )


def test_what_does_not_go_away_by_itself_is_raised(metrics: JobMetrics) -> None:
    def request() -> None:
        raise ConnectorError("no topic 'a'")

    with pytest.raises(ConnectorError, match="no topic 'a'"):
        BrokerWait(CLUSTER, Stop(), metrics).until_answered(request)
