"""The picture of a run: forecasts beside what came, and the running error beside persistence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from stream_rnn.cli.plots.series import Curve, Tail, Tails

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from stream_rnn.jobs.replay.job import Shown
    from stream_rnn.settings.engine import Settings

LENGTH = 300
ACTUAL, NEAR, FAR, NAIVE = "#1a1a1a", "#d1495b", "#3d7ea6", "#9a9a9a"
COUNT, ABSOLUTE, MISSES = 0, 1, 3


class Plot:
    """Collects what it draws from the batches of a run.

    Parameters
    ----------
    settings
        Whose forecasts are drawn.
    timed, keyed
        Whether events have times, and keys.
    """

    def __init__(self, settings: Settings, *, timed: bool, keyed: bool) -> None:
        self._settings = settings
        self._timed = timed
        self._keyed = keyed
        self._what = MISSES if settings.categorical else ABSOLUTE
        self._tails = Tails(settings, LENGTH)
        self._curve = Curve(4)

    def add(self, shown: Shown) -> None:
        """Take a batch."""
        self._tails.add(shown)
        judged = shown.judged[:, :, [COUNT, self._what]]
        self._curve.add(judged.reshape(len(judged), 4))

    def draw(self, path: str) -> bool:
        """Write a PNG file, if there was anything to draw; say whether."""
        tail = self._tails.longest()
        if tail is None:
            return False
        figure = Figure(figsize=(11, 7), dpi=110, layout="constrained")
        above, below = figure.subplots(2, 1, height_ratios=[3, 2])
        self._draw_forecasts(above, tail)
        self._draw_errors(below)
        for axes in (above, below):
            axes.spines[["top", "right"]].set_visible(False)
            axes.grid(alpha=0.25, linewidth=0.6)
            axes.margins(x=0.01)
        figure.savefig(path, metadata={"Software": None})
        return True

    def _draw_forecasts(self, axes: Axes, tail: Tail) -> None:
        settings, name = self._settings, self._settings.target_names[0]
        count = len(tail.values)
        x: Any = np.arange(tail.events - count + 1, tail.events + 1)
        if self._timed and np.isfinite(tail.times).all():
            x = np.round(tail.times * 1e6).astype("datetime64[us]")
            locator: Any = AutoDateLocator()  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
            axes.set_xlabel("time (UTC)")
        else:
            axes.set_xlabel("event")
        axes.plot(x, tail.values, color=ACTUAL, linewidth=1.6, label="actual")
        if settings.horizon > 1:
            far = f"forecast {settings.horizon} events before"
            axes.plot(x, tail.far, color=FAR, linewidth=1.1, alpha=0.85, label=far)
        if settings.interval is not None:
            inside = f"{settings.interval:.3g} interval"
            axes.fill_between(x, tail.low, tail.high, color=NEAR, alpha=0.18, linewidth=0, label=inside)
        axes.plot(x, tail.near, color=NEAR, linewidth=1.1, alpha=0.9, label=_when(settings))
        _limit(axes, tail)
        stream = f" of stream {tail.key}" if self._keyed else ""
        axes.set_title(f"{name}{stream}: the last {count:,} of {tail.events:,} events", loc="left", fontweight="bold")
        axes.set_ylabel(name)
        axes.legend(loc="upper left", ncols=3, frameon=True, framealpha=0.85, edgecolor="none", fontsize=9)

    def _draw_errors(self, axes: Axes) -> None:
        settings, curve = self._settings, self._curve
        window = max(1, len(curve) // 20)
        sums = curve.rolling(window)
        x = (np.arange(len(curve)) + 1) * curve.width
        with np.errstate(invalid="ignore", divide="ignore"):
            model, naive = sums[:, 1] / sums[:, 0], sums[:, 3] / sums[:, 2]
        axes.plot(x, naive, color=NAIVE, linewidth=1.4, label="persistence")
        axes.plot(x, model, color=NEAR, linewidth=1.4, label="model")
        error = "share of wrong classes" if self._what == MISSES else "mean absolute error"
        which = ["all targets"] if len(settings.target_names) > 1 else []
        which += ["all streams"] if self._keyed else []
        which += [f"1 to {settings.horizon} events ahead"] if settings.horizon > 1 else []
        events = f"over the last {window * curve.width:,} events" if window * curve.width > 1 else "of each event"
        axes.set_title(
            f"Running error {events}{', ' if which else ''}{', '.join(which)}", loc="left", fontweight="bold"
        )
        axes.set_ylabel(error)
        axes.set_xlabel("events")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set_ylim(0, 1.15 * axes.get_ylim()[1])  # the legend has room
        axes.legend(loc="upper right", ncols=2, frameon=True, framealpha=0.85, edgecolor="none", fontsize=9)


def _when(settings: Settings) -> str:
    """Say when the nearest forecast of a value was made."""
    if settings.task == "forecast":
        return "forecast 1 event before"
    if settings.lookahead:
        return f"said {settings.lookahead} event{'s' if settings.lookahead > 1 else ''} after"
    return "said at the event"


def _limit(axes: Axes, tail: Tail) -> None:
    """Let what came set the scale, with room for the legend: one wild forecast must not flatten it."""
    known = tail.values[np.isfinite(tail.values)]
    if len(known):
        low, high = float(known.min()), float(known.max())
        reach = (high - low) or abs(high) or 1.0
        axes.set_ylim(low - 0.25 * reach, high + 0.35 * reach)
