"""Draws the diagram of an unrolled network: columns are events, rows are inputs, layers and readout.

All lengths are in inches.
"""

from __future__ import annotations

import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from stream_rnn.cli.console.untrusted import printable_lines
from stream_rnn.cli.plots.style import save

if TYPE_CHECKING:
    from stream_rnn.cli.diagnose.diagram import Block, Diagram

BOX_WIDTH, BOX_HEIGHT = 1.7, 0.72
COLUMN, ROW = 2.85, 1.3
"""Distances between the centres of two boxes."""
SIDE_MARGIN = 1.8
"""Space left and right of the columns, for what lies outside the window."""
SPACE_ABOVE, SPACE_BELOW, NOTE_HEIGHT = 1.85, 0.75, 0.2
MIN_WIDTH, CHARACTER_WIDTH = 9.0, 0.068
SKIP_DISTANCE = 0.25
"""Distance from the boxes to the line from the input to the readout."""
DOTS_GAP = 0.35
"""Space left free around dots."""
TEXT, INPUT, ERROR = "#1a1a1a", "#8a8a8a", "#c0392b"
LAYER_COLOURS = ("#3d7ea6", "#c98a1b", "#4f9d69", "#7a5ba6", "#a0522d", "#2f7f86")
READOUT = "#5f6b76"
DOTS = ". . ."
LEGEND = "Red: errors, and the path of their gradients. Solid arrows: the forward pass, and the state."


def draw(path: str, diagram: Diagram) -> None:
    """Write the diagram to an SVG or PNG file; in an SVG file, text stays text."""
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "stream-rnn"}):
        figure = _Drawing(diagram).figure
        save(figure, path)


class _Drawing:
    """The figure of a diagram."""

    def __init__(self, diagram: Diagram) -> None:
        columns, rows = len(diagram.ages), len(diagram.blocks) + 2
        span = (columns - 1) * COLUMN
        width = max(2 * SIDE_MARGIN + BOX_WIDTH + span, MIN_WIDTH)
        notes = [(line, TEXT) for note in diagram.notes for line in _wrap(note, width)]
        notes += [(line, ERROR) for line in _wrap(LEGEND, width)]
        self._diagram = diagram
        self._left = (width - span) / 2
        self._floor = 0.3 + NOTE_HEIGHT * len(notes) + SPACE_BELOW
        height = self._floor + (rows - 1) * ROW + SPACE_ABOVE
        self.figure = Figure(figsize=(width, height), dpi=100)
        self._axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
        self._axes.set_axis_off()
        self._text(width / 2, height - 0.25, diagram.title, size=12, weight="bold")
        for place, (line, colour) in enumerate(reversed(notes)):
            self._text(0.3, 0.25 + NOTE_HEIGHT * place, line, size=8.5, ha="left", color=colour)
        for column, age in enumerate(diagram.ages):
            if age is None:
                newer = columns - column - 1
                self._draw_dots(column, has_errors=diagram.error_events > newer)
            else:
                self._draw_event(column, age)
        for row, block in enumerate(diagram.blocks, 1):
            if block.has_state:
                self._draw_state(row, block)
        if diagram.window:
            self._draw_window()

    def _x(self, column: int) -> float:
        """Return the centre of a column."""
        return self._left + column * COLUMN

    def _y(self, row: int) -> float:
        """Return the centre of a row: 0 for the inputs, 1 for the lowest layer."""
        return self._floor + row * ROW

    @property
    def _top(self) -> int:
        """The readout's row."""
        return len(self._diagram.blocks) + 1

    def _draw_event(self, column: int, age: int) -> None:
        """Draw one event: its inputs, layers, forecast and errors."""
        diagram, x = self._diagram, self._x(column)
        event = f"t - {age}" if age else "t"
        self._text(x, self._y(0) - BOX_HEIGHT / 2 - 0.2, f"event {event}", size=9, weight="bold")
        self._box(column, 0, ("input", *diagram.inputs), INPUT)
        has_gradient = age < diagram.error_events
        if has_gradient:
            above = self._y(self._top) + BOX_HEIGHT / 2
            self._arrow((x, above + 0.42), (x, above), ERROR, lw=1.8)
            self._text(x, above + 0.52, f"error, {diagram.loss}" if age == 0 else "error", color=ERROR)
        for row in range(self._top, 0, -1):
            if row == self._top:
                colour, weights = READOUT, diagram.readout
                self._box(column, row, ("readout", diagram.forecast), colour)
            else:
                block, colour = diagram.blocks[row - 1], _layer_colour(row)
                weights = block.input_weights
                self._box(column, row, _layer_lines(block), colour)
                has_gradient = has_gradient or (block.carries_gradient and diagram.window > 0)
            self._draw_upward(column, row, weights, colour, has_gradient=has_gradient and row > 1)
        if diagram.skip:
            side = x - BOX_WIDTH / 2
            bend = {"connectionstyle": f"bar,fraction={-SKIP_DISTANCE / (self._top * ROW):.3f}", "lw": 1.0}
            self._arrow((side, self._y(0)), (side, self._y(self._top)), READOUT, **bend)

    def _draw_upward(self, column: int, row: int, weights: tuple[str, ...], colour: str, *, has_gradient: bool) -> None:
        """Draw the arrow from the row below to this one, and that of the gradient back."""
        x, low, high = self._x(column), self._y(row - 1) + BOX_HEIGHT / 2, self._y(row) - BOX_HEIGHT / 2
        self._arrow((x, low), (x, high), colour)
        self._text(x + 0.1, (low + high) / 2, "\n".join(weights), ha="left", color=colour)
        if has_gradient:
            self._arrow((x - 0.16, high), (x - 0.16, low), ERROR, linestyle="--", lw=1.1)

    def _draw_state(self, row: int, block: Block) -> None:
        """Draw the state of a layer from event to event, and into and out of the window."""
        ages, colour = self._diagram.ages, _layer_colour(row)
        forward, back, half = self._y(row) + 0.12, self._y(row) - 0.16, BOX_WIDTH / 2
        label = "\n".join(block.recurrent_weights) or "state"
        has_gradient = block.carries_gradient and self._diagram.window > 0
        for one, other in pairwise(range(len(ages))):
            start = self._x(one) + (half if ages[one] is not None else DOTS_GAP)
            end = self._x(other) - (half if ages[other] is not None else DOTS_GAP)
            self._arrow((start, forward), (end, forward), colour)
            if ages[one] is not None and ages[other] is not None:
                self._text((start + end) / 2, forward + 0.06, label, color=colour, va="bottom", size=7.5)
            if has_gradient:
                self._arrow((end, back), (start, back), ERROR, linestyle="--", lw=1.1)
        first, last = self._x(0) - half, self._x(len(ages) - 1) + half
        outside = COLUMN - BOX_WIDTH
        self._arrow((first - outside, forward), (first, forward), colour, alpha=0.55)
        self._arrow((last, forward), (last + outside, forward), colour)
        self._text(last + outside / 2, forward + 0.06, label, color=colour, va="bottom", size=7.5)
        self._text(last + outside + 0.05, forward, "t + 1", color=colour, ha="left")
        if has_gradient:
            self._axes.plot([first - 0.12] * 2, [back - 0.12, back + 0.12], color=ERROR, lw=2.2)
            x = first - (SKIP_DISTANCE + 0.07 if self._diagram.skip else 0.2)
            self._text(x, back, "no gradient\nbeyond", color=ERROR, ha="right", va="top", size=7.5)

    def _draw_dots(self, column: int, *, has_errors: bool) -> None:
        """Draw dots in place of the events that are left out."""
        for row in range(self._top + 1):
            self._text(self._x(column), self._y(row), DOTS, size=13, weight="bold", color=INPUT)
        if has_errors:
            above = self._y(self._top) + BOX_HEIGHT / 2 + 0.35
            self._text(self._x(column), above, DOTS, size=13, weight="bold", color=ERROR)

    def _draw_window(self) -> None:
        """Draw how far an error is backpropagated."""
        y, window = self._y(self._top) + BOX_HEIGHT / 2 + 0.78, self._diagram.window
        first, last = self._x(0) - BOX_WIDTH / 2, self._x(len(self._diagram.ages) - 1) + BOX_WIDTH / 2
        bar = {"arrowstyle": "|-|", "color": ERROR, "mutation_scale": 4}
        self._axes.annotate("", (first, y), (last, y), arrowprops=bar)
        label = f"backpropagation through h = {window} event{'s' * (window > 1)}"
        background = {"facecolor": "white", "edgecolor": "none", "pad": 2}
        self._text((first + last) / 2, y, label, color=ERROR, bbox=background)

    def _box(self, column: int, row: int, lines: tuple[str, ...], colour: str) -> None:
        x, y = self._x(column), self._y(row)
        corner, shape = (x - BOX_WIDTH / 2, y - BOX_HEIGHT / 2), "round,pad=0,rounding_size=0.1"
        self._axes.add_patch(FancyBboxPatch(corner, BOX_WIDTH, BOX_HEIGHT, shape, facecolor=colour, alpha=0.15))
        self._axes.add_patch(FancyBboxPatch(corner, BOX_WIDTH, BOX_HEIGHT, shape, fill=False, edgecolor=colour, lw=1.4))
        for place, line in enumerate(lines):
            style = {"weight": "bold", "size": 9.5} if place == 0 else {"size": 7.5}
            self._text(x, y + 0.19 * ((len(lines) - 1) / 2 - place), line, **style)

    def _text(self, x: float, y: float, text: str, *, size: float = 8, **style: Any) -> None:
        default: dict[str, Any] = {"ha": "center", "va": "center", "color": TEXT, "fontsize": size, "parse_math": False}
        self._axes.text(x, y, printable_lines(text), **default | style)

    def _arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str, **style: Any) -> None:
        default: dict[str, Any] = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
        self._axes.annotate("", end, start, arrowprops=default | {"mutation_scale": 11} | style)


def _wrap(note: str, width: float) -> list[str]:
    return textwrap.wrap(note, int(width / CHARACTER_WIDTH))


def _layer_colour(row: int) -> str:
    return LAYER_COLOURS[(row - 1) % len(LAYER_COLOURS)]


def _layer_lines(block: Block) -> tuple[str, ...]:
    """Return the lines in a layer's box."""
    others = block.other_weights
    others = others if len(others) < 2 else (f"{others[0]} and {len(others) - 1} more",)
    return block.name, f"{block.units} units, output ({block.outputs},)", *others
