from __future__ import annotations

import threading
import time

import pytest

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.stop import Stop


def test_a_stop_is_false_until_it_is_set() -> None:
    stop = Stop()
    assert not stop
    stop.set()
    assert stop


def test_a_stop_is_true_once_its_event_is_set_or_its_condition_returns_true() -> None:
    event, answers = threading.Event(), iter([False, True])
    by_event, by_condition = Stop(event), Stop(lambda: next(answers))
    assert not by_event
    event.set()
    assert by_event
    assert [bool(by_condition), bool(by_condition)] == [False, True]


def test_a_wait_ends_when_another_thread_sets_the_stop() -> None:
    stop = Stop()
    threading.Timer(0.1, stop.set).start()
    start = time.monotonic()
    stop.wait(30)
    assert time.monotonic() - start < 5
    assert stop


def test_a_wait_with_a_condition_is_short_enough_to_check_it_again() -> None:
    start = time.monotonic()
    Stop(lambda: False).wait(30)
    assert time.monotonic() - start < 5


class Resource(Closeable):
    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_a_closeable_is_closed_at_the_end_of_the_block_also_after_an_error() -> None:
    resource = Resource()
    with pytest.raises(KeyError), resource:
        raise KeyError
    assert resource.closed == 1
