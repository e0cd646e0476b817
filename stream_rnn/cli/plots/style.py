"""The look that all plots share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from stream_rnn.cli.console.untrusted import printable
from stream_rnn.connectors.errors import writing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIMIT, HEALTHY, UNKNOWN = "#9a9a9a", "#4f9d69", "#e4e4e4"
COLOURS = ("#3d7ea6", "#d1495b", "#e0a030", "#4f9d69", "#7a5ba6", "#8c6d5a", "#d685b5", "#5f6b76")


def tidy(axes: Axes, margin: float) -> None:
    """Remove the upper and the right spine, and add a light grid and a margin in x."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.margins(x=margin)


def set_title(axes: Axes, title: str, **style: Any) -> None:
    """Set a bold title above the left edge, which may hold text from data."""
    axes.set_title(printable(title), loc="left", fontweight="bold", parse_math=False, **style)


def add_legend(axes: Axes, loc: Literal["best", "upper left", "upper right"], **style: Any) -> None:
    """Add a legend on a half-transparent background."""
    axes.legend(loc=loc, frameon=True, framealpha=0.85, edgecolor="none", **style)


def save(figure: Figure, path: str) -> None:
    """Write a figure to a PNG or SVG file, the same bytes each time.

    Raises
    ------
    ConnectorError
        If the file cannot be written.
    """
    varying = "Date" if path.lower().endswith(".svg") else "Software"
    with writing(path):
        figure.savefig(path, metadata={varying: None})
