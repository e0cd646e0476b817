"""A replay does not depend on how times are written, and follows the local clock."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from replays import NETWORK as SMALL
from replays import replay

from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
SET_BACK = dt.datetime(2024, 10, 27, 1, tzinfo=dt.UTC)
MOMENTS = [SET_BACK + dt.timedelta(minutes=10 * i) for i in range(-1000, 1000)]
"""Two weeks around the night when clocks in Berlin were set back."""
LOAD = np.random.default_rng(0).normal(size=len(MOMENTS)).round(3).tolist()
NETWORK: dict[str, Any] = {"inputs": ("load",), "calendar": ("day",), "elapsed": True}

NOTATIONS: dict[str, Callable[[dt.datetime], object]] = {
    "ISO 8601": dt.datetime.isoformat,
    "seconds": lambda moment: int(moment.timestamp()),
    "microseconds": lambda moment: int(moment.timestamp()) * 1_000_000,
    "day first": lambda moment: f"{moment:%d.%m.%Y %H:%M}",
    "month first": lambda moment: f"{moment:%m/%d/%Y %I:%M:%S %p}",
    "RFC 2822": lambda moment: f'"{moment:%a, %d %b %Y %H:%M:%S %z}"',
}


def forecasts(folder: Path, times: list[object], **settings: Any) -> str:
    folder.mkdir(exist_ok=True)
    lines = [f"{time},{load}" for time, load in zip(times, LOAD, strict=True)]
    (folder / "a.csv").write_text("\n".join(["time,load", *lines]) + "\n")
    output = folder / "out.csv"
    replay(ReplaySettings(files=str(folder / "a.csv"), output=str(output), **settings), None, **NETWORK)  # type: ignore[arg-type]
    return output.read_text()


def test_the_same_events_in_any_notation_have_bitwise_the_same_forecasts(tmp_path: Path) -> None:
    results = {forecasts(tmp_path, [write(moment) for moment in MOMENTS]) for write in NOTATIONS.values()}
    assert len(results) == 1
    assert results.pop().count("\n") == len(MOMENTS) + 1


def local_texts() -> list[object]:
    return [f"{moment.astimezone(BERLIN):%d.%m.%Y %H:%M}" for moment in MOMENTS]


def test_local_times_are_the_same_events_as_times_with_their_offset(tmp_path: Path) -> None:
    zone = {"timezone": "Europe/Berlin"}
    with_offset = [moment.astimezone(BERLIN).isoformat() for moment in MOMENTS]
    assert forecasts(tmp_path, local_texts(), **zone) == forecasts(tmp_path, with_offset, **zone)
    assert forecasts(tmp_path, local_texts(), duplicates="drop", **zone).count("\n") == len(MOMENTS) + 1


@pytest.mark.parametrize("stop_after", [996, 1003])
def test_a_replay_that_stops_in_the_repeated_hour_resumes_bitwise(tmp_path: Path, stop_after: int) -> None:
    whole = forecasts(tmp_path, local_texts(), timezone="Europe/Berlin")
    folder = tmp_path / "resumed"
    folder.mkdir()
    (folder / "a.csv").write_text((tmp_path / "a.csv").read_text())
    settings = ReplaySettings(
        files=str(folder / "a.csv"),  # type: ignore[arg-type]
        output=str(folder / "out.csv"),
        checkpoint=str(folder / "state"),
        timezone="Europe/Berlin",
        resume=True,
    )
    job = open_replay(settings, SMALL | NETWORK)
    stopped = job.run(lambda _: job.stop() if job.events == stop_after else None, batch_limit=lambda _: 1)
    assert (stopped.events, stopped.finished) == (stop_after, False)
    assert replay(settings, None, **NETWORK).resumed_at == stop_after
    assert (folder / "out.csv").read_text() == whole
