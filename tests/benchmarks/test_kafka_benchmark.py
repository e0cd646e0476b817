from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks import kafka_job, kafka_latency, kafka_topic, reference
from benchmarks.kafka_topic import Commit


def test_records_have_two_hundred_bytes_and_every_field() -> None:
    some = kafka_topic.events(500)
    assert {len(payload) for payload in some.payloads} == {kafka_topic.RECORD_BYTES}
    first = json.loads(some.payloads[0])
    assert set(first) == {"key", "time", *reference.INPUTS}
    np.testing.assert_allclose([first[name] for name in reference.INPUTS], some.x[0], atol=1e-9)


def test_a_job_is_timed_from_its_first_commit_without_what_that_held() -> None:
    commits = [Commit(10.0, 0, 100), Commit(10.0, 1, 50), Commit(11.0, 0, 200), Commit(12.0, 1, 250)]
    found = kafka_job._rates(commits, 450)
    assert found["events_per_second"] == (450 - 150) / 2
    assert found["commits_per_second"] == 1


def test_quantiles_lie_within_their_bucket() -> None:
    before = {0.01: 5.0, 0.1: 5.0, float("inf"): 5.0}
    after = {0.01: 5.0, 0.1: 105.0, float("inf"): 105.0}
    found = kafka_latency._transactions(before, after, seconds=10)
    assert found["commits_per_second"] == 10
    assert found["commit_p50_ms"] == pytest.approx(55)
