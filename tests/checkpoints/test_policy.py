"""When a checkpoint is due: after so many events or seconds, but only if there was progress."""

from __future__ import annotations

import pytest

from stream_rnn.checkpoints.policy import CheckpointPolicy


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def policy_of(clock: Clock, *, events: int = 100, seconds: float | None = 60.0) -> CheckpointPolicy:
    """Return the policy of a job that resumes at event 5000 and position 7."""
    return CheckpointPolicy(events, seconds, events=5000, position=7, clock=clock)


def test_a_checkpoint_is_due_after_so_many_events(clock: Clock) -> None:
    policy = policy_of(clock)
    assert not policy.is_due(5099, 8)
    assert policy.is_due(5100, 8)
    assert policy.is_due(9000, 8)


def test_a_checkpoint_is_due_after_so_many_seconds(clock: Clock) -> None:
    policy = policy_of(clock)
    clock.now += 59.9
    assert not policy.is_due(5001, 8)
    clock.now += 0.1
    assert policy.is_due(5001, 8)


def test_without_a_limit_in_seconds_only_events_count(clock: Clock) -> None:
    policy = policy_of(clock, seconds=None)
    clock.now += 1e9
    assert not policy.is_due(5099, 8)
    assert policy.is_due(5100, 8)


def test_seconds_without_events_count_if_the_position_has_changed(clock: Clock) -> None:
    policy = policy_of(clock)
    clock.now += 60
    assert policy.is_due(5000, 8)  # records were read that held no event


def test_without_progress_no_checkpoint_is_due(clock: Clock) -> None:
    policy = policy_of(clock)
    clock.now += 1e9
    assert not policy.has_progress(7)
    assert not policy.is_due(5000, 7)


@pytest.mark.parametrize("position", [{"0": 8}, {"0": 7, "1": 1}, {}], ids=str)
def test_any_other_position_is_progress(position: object, clock: Clock) -> None:
    policy = CheckpointPolicy(100, None, events=0, position={"0": 7}, clock=clock)
    assert not policy.has_progress({"0": 7})
    assert policy.has_progress(position)


def test_events_and_seconds_are_counted_from_the_last_checkpoint(clock: Clock) -> None:
    policy = policy_of(clock)
    clock.now += 50
    policy.started(5100, 8)
    clock.now += 50
    assert not policy.is_due(5199, 9)
    assert policy.is_due(5200, 9)
    clock.now += 10
    assert policy.is_due(5101, 9)


def test_a_started_checkpoint_covers_the_progress(clock: Clock) -> None:
    policy = policy_of(clock)
    policy.started(5100, 8)
    assert not policy.has_progress(8)


def test_the_progress_of_a_failed_checkpoint_is_still_to_be_saved(clock: Clock) -> None:
    policy = policy_of(clock)
    policy.started(5100, 8)
    policy.failed()
    assert policy.has_progress(8)


def test_a_failed_checkpoint_is_repeated_after_the_usual_interval(clock: Clock) -> None:
    policy = policy_of(clock)
    policy.started(5100, 8)
    policy.failed()
    assert not policy.is_due(5100, 8)
    clock.now += 59
    assert not policy.is_due(5199, 8)
    clock.now += 1
    assert policy.is_due(5100, 8)
