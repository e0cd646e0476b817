"""Metrics of a live job with a clock that is set by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from measured import Clock

from stream_rnn.jobs.live.metrics import JobMetrics
from stream_rnn.jobs.live.metrics_server import MetricsServer
from stream_rnn.jobs.live.prometheus import PrometheusExporter

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def exporter() -> PrometheusExporter:
    return PrometheusExporter()


@pytest.fixture
def metrics(exporter: PrometheusExporter, clock: Clock) -> JobMetrics:
    return JobMetrics(exporter, clock=clock)


@pytest.fixture
def server(metrics: JobMetrics, exporter: PrometheusExporter) -> Iterator[MetricsServer]:
    with MetricsServer(metrics, exporter, 0) as server:
        yield server
