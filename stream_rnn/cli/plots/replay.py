"""The plot of a replay: forecasts of the newest events of one stream, and the rolling error next to persistence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stream_rnn.cli.console.untrusted import printable
from stream_rnn.cli.plots.series import BinnedSums, NewestEvents
from stream_rnn.cli.plots.style import add_legend, save, set_title, tidy
from stream_rnn.evaluation.prequential import Sum

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stream_rnn.cli.plots.series import Excerpt
    from stream_rnn.jobs.replay.job import BatchReport
    from stream_rnn.settings.engine import Settings

EXCERPT_LENGTH = 300
"""Events of the upper plot."""
ROLLING_FRACTION = 20
"""The rolling error is over this fraction of the run: 20 for a twentieth."""
ACTUAL, NEAREST, FARTHEST, NAIVE = "#1a1a1a", "#d1495b", "#3d7ea6", "#9a9a9a"


class ReplayPlot:
    """Collects data from the batches of a run, and draws them at its end.

    Parameters
    ----------
    settings
        Settings of the engine whose forecasts are drawn.
    has_times, has_keys
        Whether the events have times and keys.
    """

    def __init__(self, settings: Settings, *, has_times: bool, has_keys: bool) -> None:
        self._settings = settings
        self._has_times = has_times
        self._has_keys = has_keys
        self._error = Sum.MISSES if settings.categorical else Sum.ABSOLUTE
        self._newest = NewestEvents(settings, EXCERPT_LENGTH)
        self._sums = BinnedSums(4)
        """count and sum of errors of the model, and of persistence"""

    def add(self, report: BatchReport) -> None:
        """Collect the data of a batch."""
        self._newest.add(report)
        scored = report.scored[:, :, [Sum.COUNT, self._error]]
        self._sums.add(scored.reshape(len(scored), 4))

    def draw(self, path: str) -> bool:
        """Write a PNG file, and return True; return False if there were no events."""
        excerpt = self._newest.longest()
        if excerpt is None:
            return False
        figure = Figure(figsize=(11, 7), dpi=110, layout="constrained")
        upper, lower = figure.subplots(2, 1, height_ratios=[3, 2])
        self._draw_forecasts(upper, excerpt)
        self._draw_errors(lower)
        for axes in (upper, lower):
            tidy(axes, margin=0.01)
        save(figure, path)
        return True

    def _draw_forecasts(self, axes: Axes, excerpt: Excerpt) -> None:
        settings, target = self._settings, self._settings.target_names[0]
        x = self._x_values(axes, excerpt)
        style: dict[str, Any] = {"drawstyle": "steps-mid"} if settings.categorical else {}
        axes.plot(x, excerpt.values, color=ACTUAL, linewidth=1.6, label="actual", **style)
        if settings.horizon > 1:
            label = f"forecast {settings.horizon} events ahead"
            axes.plot(x, excerpt.farthest, color=FARTHEST, linewidth=1.1, alpha=0.85, label=label, **style)
        if settings.interval is not None:
            label = f"{100 * settings.interval:.3g} % prediction interval, 1 event ahead"
            axes.fill_between(x, excerpt.low, excerpt.high, color=NEAREST, alpha=0.18, linewidth=0, label=label)
        axes.plot(x, excerpt.nearest, color=NEAREST, linewidth=1.1, alpha=0.9, label=_nearest_label(settings), **style)
        _limit_to_values(axes, excerpt)
        stream = f", stream {excerpt.key}" if self._has_keys else ""
        shown = f"last {len(excerpt.values):,} of" if len(excerpt.values) < excerpt.events else "all"
        set_title(axes, f"{target}{stream}: {shown} {excerpt.events:,} events")
        axes.set_ylabel(printable(target), parse_math=False)
        if settings.categorical:
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        add_legend(axes, "upper left", ncols=4, fontsize=9)

    def _x_values(self, axes: Axes, excerpt: Excerpt) -> Any:
        """Return the times of the events, or their numbers without times, and label the axis."""
        if not (self._has_times and np.isfinite(excerpt.times).all()):
            axes.set_xlabel("event")
            return np.arange(excerpt.events - len(excerpt.values) + 1, excerpt.events + 1)
        locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        axes.set_xlabel("time (UTC)")
        return np.round(excerpt.times * 1e6).astype("datetime64[us]")

    def _draw_errors(self, axes: Axes) -> None:
        window = max(1, len(self._sums) // ROLLING_FRACTION)
        sums = self._sums.rolling(window)
        x = (np.arange(len(self._sums)) + 1) * self._sums.width
        with np.errstate(invalid="ignore", divide="ignore"):
            model, naive = sums[:, 1] / sums[:, 0], sums[:, 3] / sums[:, 2]
        axes.plot(x, naive, color=NAIVE, linewidth=1.4, label="persistence")
        axes.plot(x, model, color=NEAREST, linewidth=1.4, label="model")
        set_title(axes, self._error_title(window * self._sums.width))
        axes.set_ylabel("error rate" if self._error == Sum.MISSES else "mean absolute error")
        axes.set_xlabel("events processed")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(0, 1.15 * axes.get_ylim()[1])  # leaves space for the legend
        add_legend(axes, "upper right", ncols=2, fontsize=9)

    def _error_title(self, events: int) -> str:
        """Return the title of the error plot: the number of events it averages over, and what it covers."""
        settings = self._settings
        average = f"Rolling error over {events:,} events" if events > 1 else "Error of each event"
        scope = ["all targets"] if len(settings.target_names) > 1 else []
        scope += ["all streams"] if self._has_keys else []
        scope += [f"1 to {settings.horizon} events ahead"] if settings.horizon > 1 else []
        return f"{average} ({', '.join(scope)})" if scope else average


def _nearest_label(settings: Settings) -> str:
    """Return the legend entry of the forecasts made nearest to the event."""
    if settings.task == "forecast":
        return "forecast 1 event ahead"
    if settings.lookahead:
        return f"predicted label, {settings.lookahead} event{'s' * (settings.lookahead > 1)} later"
    return "predicted label"


def _limit_to_values(axes: Axes, excerpt: Excerpt) -> None:
    """Scale the y axis to the actual values, with space for the legend, so that a wild forecast does not flatten it."""
    known = excerpt.values[np.isfinite(excerpt.values)]
    if len(known):
        low, high = float(known.min()), float(known.max())
        span = (high - low) or abs(high) or 1.0
        axes.set_ylim(low - 0.25 * span, high + 0.35 * span)
