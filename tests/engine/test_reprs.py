"""Objects are shown in one short line, and as a table in notebooks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stream_rnn import Engine, Race, Settings, frames

SETTINGS = Settings(inputs=("load", "<b>"), targets="load", hidden=4, horizon=2)


def test_settings_are_shown_by_what_differs_from_the_defaults() -> None:
    assert repr(SETTINGS) == "Settings(inputs=('load', '<b>'), targets=('load',), horizon=2, hidden=(4,))"
    assert "<td>horizon</td><td>2</td>" in SETTINGS._repr_html_()
    assert "window" not in SETTINGS._repr_html_()


def test_names_are_escaped() -> None:
    assert "&lt;b&gt;" in SETTINGS._repr_html_()
    assert "<b>" not in SETTINGS._repr_html_()


def test_an_engine_and_its_results_are_shown_in_a_line() -> None:
    engine = Engine(SETTINGS)
    result = engine.process_detailed("pump", np.zeros((3, 2)))
    assert repr(engine) == (
        "<Engine: layers gru 4, task forecast, targets load, horizon 2, streams 1, events 3, updates 2>"
    )
    assert repr(result) == "<BatchResult of 3 events: forecasts (3, 2, 1)>"
    assert "<td>events</td><td>3</td>" in engine._repr_html_()


def test_a_race_is_shown_with_its_members() -> None:
    race = Race({"small": SETTINGS, "large": Settings(inputs=("load", "<b>"), targets="load", horizon=2)})
    assert repr(race) == "<Race of small, large: targets load, 0 streams, 0 events>"
    assert "<td>small</td>" in race._repr_html_()


def test_a_backtest_is_shown_with_its_errors() -> None:
    df = pd.DataFrame({"ds": pd.date_range("2025-01-01", periods=50, freq="h"), "y": np.arange(50.0)})
    result = frames.backtest(df, preset="linear")
    assert repr(result).startswith("<ReplayResult of 50 events of 1 streams; MAE: model ")
    assert "<td>persistence</td><td>1</td>" in result._repr_html_()
