"""Errors are logged while a replay runs, to a log in memory, to MLflow, and to TensorBoard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from stream_rnn import SettingError, frames
from stream_rnn.callbacks import ErrorLog, MLflowLog, TensorBoardLog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOURS = pd.date_range("2025-01-01", periods=20_000, freq="h")
DF = pd.DataFrame({"ds": HOURS, "y": np.sin(np.arange(20_000) / 4)})


class MemoryLog(ErrorLog):
    def __init__(self, every: int) -> None:
        super().__init__(every)
        self.settings: dict[str, str] = {}
        self.entries: list[tuple[int, dict[str, float]]] = []

    def _log_settings(self, settings: Mapping[str, str]) -> None:
        self.settings |= settings

    def _log(self, errors: Mapping[str, float], events: int) -> None:
        self.entries.append((events, dict(errors)))


def backtest(log: ErrorLog) -> frames.Backtest:
    return frames.backtest(DF, callbacks=[log], preset="linear")


def test_errors_are_means_over_the_events_between_two_entries() -> None:
    log = MemoryLog(every=5000)
    result = backtest(log)
    forecasts, y = result.forecasts["forecast"].to_numpy()[:-1], DF["y"].to_numpy()
    assert len(log.entries) >= 3
    errors = np.abs(forecasts - y[1:])
    start = 1
    for events, entry in log.entries[:-1]:
        np.testing.assert_allclose(entry["model_mae"], errors[start - 1 : events - 1].mean())
        start = events
    assert log.entries[-1][1]["overall/model_mae"] == result.summary.scores["model"]["mae"]
    assert log.settings["readout"] == "rls"


def test_mlflow_has_settings_and_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # a database would need the whole of MLflow
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed")
    mlflow.set_tracking_uri(f"file:{tmp_path}/runs")
    mlflow.set_experiment("pumps")
    with mlflow.start_run() as run:
        result = backtest(MLflowLog())
    logged = mlflow.get_run(run.info.run_id).data
    assert logged.params["readout"] == "rls"
    assert logged.metrics["overall/model_mae"] == result.summary.scores["model"]["mae"]


def test_tensorboard_reads_the_errors(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator  # noqa: PLC0415

    result = backtest(TensorBoardLog(tmp_path))
    events: Any = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    (entry,) = events.Tensors("overall/model_mae")
    assert entry.step == len(DF)
    value = np.frombuffer(entry.tensor_proto.tensor_content, np.float32)
    np.testing.assert_allclose(value, result.summary.scores["model"]["mae"], rtol=1e-6)


def test_no_interval_is_refused() -> None:
    with pytest.raises(SettingError, match="every must be an integer of at least 1, got 0"):
        MemoryLog(every=0)
