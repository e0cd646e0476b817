"""The plot of a run's gradients: how far back they reach, and what influences that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stream_rnn.cli.diagnose.advice import EXPLODED, LARGE_UPDATE, SATURATED, SMALL_UPDATE, VANISHED
from stream_rnn.cli.diagnose.measurements import median_curve
from stream_rnn.cli.plots.style import COLOURS, HEALTHY, LIMIT, UNKNOWN, add_legend, save, set_title, tidy
from stream_rnn.learning.diagnosis import relative_norms

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from stream_rnn.cli.diagnose.sampling import Sample

MAX_POWER = 12
"""Powers of ten that are shown below and above 1; beyond them, a gradient has vanished or exploded anyway."""
LINE_STYLES = ("-", "--", ":")
TITLE_SIZE = 11


def draw(path: str, samples: list[Sample]) -> None:
    """Plot the samples of a run (at least one) to a PNG file."""
    fading = np.array([sample.diagnosis.fading for sample in samples])  # (n, h)
    has_lags = fading.shape[1] > 1  # not without memory, nor with a window of one event
    figure = Figure(figsize=(14, 8.5 if has_lags else 4), dpi=100, layout="constrained")
    ratios = [6, 5] if has_lags else None
    rows = figure.subfigures(2 if has_lags else 1, 1, height_ratios=ratios, squeeze=False)[:, 0]
    if has_lags:
        by_run, by_layer = rows[0].subplots(1, 2, width_ratios=[3, 2])
        _draw_map(by_run, samples, fading)
        _draw_layers(by_layer, samples)
    radii, saturated, updates = rows[-1].subplots(1, 3)
    _draw_radii(radii, samples)
    _draw_saturation(saturated, samples)
    _draw_updates(updates, samples)
    save(figure, path)


def _draw_map(axes: Axes, samples: list[Sample], fading: NDArray[np.float64]) -> None:
    """Draw the relative gradient (n, h) over the run, as colours."""
    powers = _log10(fading)
    limit = min(max(1.0, float(np.nanmax(np.abs(powers), initial=0.0))), MAX_POWER)
    axes.set_facecolor(UNKNOWN)
    image = axes.pcolormesh(
        _edges(samples), np.arange(fading.shape[1] + 1) - 0.5, powers.T, cmap="RdBu_r", vmin=-limit, vmax=limit
    )
    ticks = MaxNLocator(7, integer=True)
    axes.figure.colorbar(image, ax=axes, format="$10^{{{x:.3g}}}$", pad=0.01, ticks=ticks)
    set_title(axes, "Gradient at earlier events, relative to the newest event", fontsize=TITLE_SIZE)
    axes.set_ylabel("events back")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _label_events(axes)


def _draw_layers(axes: Axes, samples: list[Sample]) -> None:
    """Draw the relative gradient of each layer: the median over the second half of the run, and the first sample."""
    for place, name in enumerate(samples[-1].diagnosis.gradients):
        colour = COLOURS[place % len(COLOURS)]
        curves = np.array([relative_norms(sample.diagnosis.gradients[name]) for sample in samples])
        median, first = _log10(median_curve(curves)), _log10(curves[0])
        axes.plot(median, color=colour, linewidth=2, marker="o", markersize=3, label=name)
        axes.plot(first, color=colour, linewidth=1, linestyle=":", label=f"{name}, first sample")
    _draw_limit(axes, np.log10(VANISHED), "vanished")
    _draw_limit(axes, np.log10(EXPLODED), "exploded")
    lowest, highest = axes.get_ylim()
    axes.set_ylim(max(lowest, -MAX_POWER), min(highest, MAX_POWER))
    set_title(axes, "By layer, median over the second half of the run", fontsize=TITLE_SIZE)
    axes.set_xlabel("events back")
    axes.set_ylabel("relative gradient")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.yaxis.set_major_formatter("$10^{{{x:.0f}}}$")
    _finish(axes)


def _draw_radii(axes: Axes, samples: list[Sample]) -> None:
    set_title(axes, "Spectral radius of recurrent weights", fontsize=TITLE_SIZE)
    if _draw_lines(axes, samples, [sample.diagnosis.radii for sample in samples], "no recurrent weights"):
        _draw_limit(axes, 1, "")


def _draw_saturation(axes: Axes, samples: list[Sample]) -> None:
    set_title(axes, "Saturated units", fontsize=TITLE_SIZE)
    if _draw_lines(axes, samples, [sample.diagnosis.saturated for sample in samples], "no units that saturate"):
        _draw_limit(axes, SATURATED, "too many")
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter("{x:.0%}")


def _draw_updates(axes: Axes, samples: list[Sample]) -> None:
    set_title(axes, "Size of an update, relative to the weights", fontsize=TITLE_SIZE)
    if _draw_lines(axes, samples, [sample.diagnosis.updates for sample in samples], "no updates"):
        axes.set_yscale("log", nonpositive="mask")
        axes.axhspan(SMALL_UPDATE, LARGE_UPDATE, color=HEALTHY, alpha=0.12, linewidth=0)
        _label_limit(axes, SMALL_UPDATE, "healthy")


def _draw_lines(axes: Axes, samples: list[Sample], measured: list[dict[str, float]], empty: str) -> bool:
    """Draw numbers over the run, by name, and return True; without any, write `empty` and return False."""
    names = list(dict.fromkeys(name for values in measured for name in values))
    if not names:
        axes.set_axis_off()
        axes.text(0.5, 0.5, empty, ha="center", color=LIMIT, transform=axes.transAxes)
        return False
    events = [sample.events for sample in samples]
    for place, name in enumerate(names):
        line, colour = LINE_STYLES[place // len(COLOURS) % len(LINE_STYLES)], COLOURS[place % len(COLOURS)]
        values = [row.get(name, np.nan) for row in measured]
        axes.plot(events, values, line, color=colour, linewidth=1.5, marker=".", markersize=4, label=name)
    _label_events(axes)
    _finish(axes)
    return True


def _draw_limit(axes: Axes, limit: float, label: str) -> None:
    """Draw a limit, and label the range beyond it."""
    axes.axhline(limit, color=LIMIT, linewidth=1, linestyle="--", zorder=1)
    _label_limit(axes, limit, label)


def _label_limit(axes: Axes, limit: float, label: str) -> None:
    """Write a text above a limit, at the right edge."""
    axes.annotate(
        label,
        xy=(1, limit),
        xycoords=("axes fraction", "data"),
        xytext=(-4, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8,
    )


def _finish(axes: Axes) -> None:
    tidy(axes, margin=0.02)
    add_legend(axes, "best", fontsize=8, ncols=2)


def _label_events(axes: Axes) -> None:
    axes.set_xlabel("events processed")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _log10(ratios: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithms; those of 0 and infinity are far outside the plot."""
    return np.log10(np.clip(ratios, 1e-99, 1e99))


def _edges(samples: list[Sample]) -> NDArray[np.float64]:
    """Return the edges of the map's columns, (n + 1,): halfway between two samples."""
    events = np.array([sample.events for sample in samples], float)
    middle = (events[1:] + events[:-1]) / 2
    half = (events[1] - events[0]) / 2 if len(events) > 1 else 0.5
    return np.concatenate([[events[0] - half], middle, [events[-1] + half]])
