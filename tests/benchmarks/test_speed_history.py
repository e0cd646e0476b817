from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import history, reference

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def run(rate: float) -> dict[str, Any]:
    peers = [{"peer": "JAX whole stream in one scan 1.0", "engine_times": 8.0}, {"peer": "torch", "skipped": "absent"}]
    return {"reference": {"events_per_second": rate, "share_of_sgemm": 0.4, "peers": peers}}


def test_the_figures_of_each_run_are_kept_in_their_order(tmp_path: Path) -> None:
    for rate in (1000.0, 2000.0):
        history.record(run(rate), tmp_path / "history")
    first, second = history.rows(tmp_path / "history")
    assert (first["events/s"], second["events/s"]) == (1000.0, 2000.0)
    assert first["times JAX scan"] == 8.0
    assert first["times JAX step"] is None
    assert first["version"]
    assert "step p99 us" not in first


def test_products_of_an_event_are_those_of_the_gates() -> None:
    inputs, hidden, window = 8, 32, 16
    for layer, gates in (("gru", 3), ("lstm", 4)):
        weights = gates * hidden * (inputs + hidden)
        expected = 2 * (weights + window * (weights + gates * hidden * hidden))
        assert reference.product_flops(layer, hidden) == expected
