from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import kafka_job, kafka_latency, kafka_topic, reference
from benchmarks.kafka_topic import Commit

pytestmark = pytest.mark.slow


def test_records_have_200_bytes_and_all_fields() -> None:
    events = kafka_topic.events(500)
    assert {len(record) for record in events.records} == {kafka_topic.RECORD_BYTES}
    first = json.loads(events.records[0])
    assert set(first) == {"key", "time", *reference.INPUTS}
    np.testing.assert_allclose([first[name] for name in reference.INPUTS], events.x[0], atol=1e-9)


def test_rates_are_counted_from_the_first_commit_without_its_events() -> None:
    commits = [Commit(10.0, 0, 100), Commit(10.0, 1, 50), Commit(11.0, 0, 200), Commit(12.0, 1, 250)]
    rates = kafka_job.rates(commits, 450)
    assert rates["events_per_second"] == (450 - 150) / 2
    assert rates["commits_per_second"] == 1


def test_quantiles_of_commit_durations_are_interpolated_within_a_bucket() -> None:
    before = {0.01: 5.0, 0.1: 5.0, float("inf"): 5.0}
    after = {0.01: 5.0, 0.1: 105.0, float("inf"): 105.0}
    times = kafka_latency.transaction_times(before, after, seconds=10)
    assert times["commits_per_second"] == 10
    assert times["commit_p50_ms"] == pytest.approx(55)
