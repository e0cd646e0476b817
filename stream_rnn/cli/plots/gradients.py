"""The picture of a run's gradients: how far back they arrive, and what bears on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from stream_rnn.cli.diagnose.advice import FADED, FAST, GREW, SLOW, STUCK, typical
from stream_rnn.learning.diagnosis import relative_norms

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from stream_rnn.cli.diagnose.sampling import Sample

DEEPEST = 12
"""Powers of ten that are shown below and above 1: more is as good as none, or as all."""
COLOURS = ("#3d7ea6", "#d1495b", "#e0a030", "#4f9d69", "#7a5ba6", "#8c6d5a", "#d685b5", "#5f6b76")
LIMIT, HEALTHY, UNKNOWN = "#9a9a9a", "#4f9d69", "#e4e4e4"


def draw(path: str, samples: list[Sample]) -> None:
    """Write a picture of the samples, at least one, to a PNG file."""
    fading = np.array([sample.found.fading for sample in samples])  # (n, h)
    carried = fading.shape[1] > 1  # with no memory, or a window of one event, there are no lags to show
    figure = Figure(figsize=(14, 8.5 if carried else 4), dpi=100, layout="constrained")
    rows = figure.subfigures(2 if carried else 1, 1, height_ratios=[6, 5] if carried else None, squeeze=False)[:, 0]
    if carried:
        over, along = rows[0].subplots(1, 2, width_ratios=[3, 2])
        _draw_map(over, samples, fading)
        _draw_curves(along, samples)
    radii, saturated, updates = rows[-1].subplots(1, 3)
    if _draw_lines(radii, samples, [sample.found.radii for sample in samples]):
        _mark(radii, 1, "")
    if _draw_lines(saturated, samples, [sample.found.saturated for sample in samples]):
        _mark(saturated, STUCK, "stuck")
        saturated.set_ylim(-0.02, 1.02)
        saturated.yaxis.set_major_formatter("{x:.0%}")
    if _draw_lines(updates, samples, [sample.found.updates for sample in samples]):
        updates.set_yscale("log", nonpositive="mask")
        updates.axhspan(SLOW, FAST, color=HEALTHY, alpha=0.12, linewidth=0)
    _title(radii, "Spectral radius of recurrent weights")
    _title(saturated, "Share of saturated units")
    _title(updates, "Change of weights in one update, of themselves")
    figure.savefig(path, metadata={"Software": None})


def _draw_map(axes: Axes, samples: list[Sample], fading: NDArray[np.float64]) -> None:
    """Show what is left of the gradient, by lag over the run."""
    powers = _powers(fading)
    deepest = min(max(1.0, float(np.nanmax(np.abs(powers), initial=0.0))), DEEPEST)
    axes.set_facecolor(UNKNOWN)
    image = axes.pcolormesh(
        _edges(samples), np.arange(fading.shape[1] + 1) - 0.5, powers.T, cmap="RdBu_r", vmin=-deepest, vmax=deepest
    )
    axes.figure.colorbar(image, ax=axes, format="$10^{{{x:.3g}}}$", pad=0.01, ticks=MaxNLocator(7, integer=True))
    _title(axes, "What is left of the newest event's gradient in earlier events")
    axes.set_ylabel("events back")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    _label_events(axes)


def _draw_curves(axes: Axes, samples: list[Sample]) -> None:
    """Show the same for each layer: as usual in the later half of the run, and at the first sample."""
    for place, name in enumerate(samples[-1].found.gradients):
        colour = COLOURS[place % len(COLOURS)]
        curves = np.array([relative_norms(sample.found.gradients[name]) for sample in samples])
        usual, first = _powers(typical(curves)), _powers(curves[0])
        axes.plot(usual, color=colour, linewidth=2, marker="o", markersize=3, label=name)
        axes.plot(first, color=colour, linewidth=1, linestyle=":", label=f"{name}, first sample")
    _mark(axes, np.log10(FADED), "vanished")
    _mark(axes, np.log10(GREW), "exploded")
    lowest, highest = axes.get_ylim()
    axes.set_ylim(max(lowest, -DEEPEST), min(highest, DEEPEST))
    _title(axes, "By layer: median of the later half")
    axes.set_xlabel("events back")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))
    axes.yaxis.set_major_formatter("$10^{{{x:.0f}}}$")
    _finish(axes)


def _draw_lines(axes: Axes, samples: list[Sample], measured: list[dict[str, float]]) -> bool:
    """Show numbers over the run, by name, if there are any; say whether."""
    names = list(dict.fromkeys(name for values in measured for name in values))
    events = [sample.events for sample in samples]
    for place, name in enumerate(names):
        style = ("-", "--", ":")[place // len(COLOURS) % 3]
        values = [values.get(name, np.nan) for values in measured]
        axes.plot(
            events,
            values,
            style,
            color=COLOURS[place % len(COLOURS)],
            linewidth=1.5,
            marker=".",
            markersize=4,
            label=name,
        )
    if not names:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "none", ha="center", color=LIMIT, transform=axes.transAxes)
        return False
    _label_events(axes)
    _finish(axes)
    return True


def _title(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontweight="bold", fontsize=11)


def _mark(axes: Axes, limit: float, words: str) -> None:
    """Draw a limit, and say what is beyond it."""
    axes.axhline(limit, color=LIMIT, linewidth=1, linestyle="--", zorder=1)
    axes.annotate(
        words,
        (1, limit),
        (-4, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        fontsize=8,
    )


def _finish(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.margins(x=0.02)
    axes.legend(loc="best", fontsize=8, ncols=2, framealpha=0.85, edgecolor="none")


def _label_events(axes: Axes) -> None:
    axes.set_xlabel("events")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def _powers(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the powers of ten; those of 0 and infinity are far beyond what is shown."""
    return np.log10(np.clip(shares, 1e-99, 1e99))


def _edges(samples: list[Sample]) -> NDArray[np.float64]:
    """Return where the columns of a map meet, (n + 1,): in the middle between two samples."""
    events = np.array([sample.events for sample in samples], float)
    middle = (events[1:] + events[:-1]) / 2
    half = (events[1] - events[0]) / 2 if len(events) > 1 else 0.5
    return np.concatenate([[events[0] - half], middle, [events[-1] + half]])
