"""The picture of an unrolled network: columns are events, rows are inputs, layers and readout. Lengths are inches."""

from __future__ import annotations

import textwrap
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

if TYPE_CHECKING:
    from stream_rnn.cli.diagnose.diagram import Block, Unfolded

WIDTH, HEIGHT = 1.7, 0.72
COLUMN, ROW = 2.85, 1.3
"""From the middle of a box to that of the next."""
MARGIN = 1.8
"""Left and right of the columns, for what goes on beyond the window."""
ABOVE, BELOW, NOTE = 1.85, 0.75, 0.2
NARROWEST, LETTER = 9.0, 0.068
INK, PALE, ERROR = "#1a1a1a", "#8a8a8a", "#c0392b"
COLOURS = ("#3d7ea6", "#c98a1b", "#4f9d69", "#7a5ba6", "#a0522d", "#2f7f86")
READOUT = "#5f6b76"
DOTS = ". . ."
RED = "Red: errors, and the way their gradients go. Solid arrows: what is computed at each event, and remembered."


def draw(path: str, what: Unfolded) -> None:
    """Write the picture to an SVG or PNG file; an SVG keeps its words as words."""
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "stream-rnn"}):
        figure = _Picture(what).figure
        figure.savefig(path, metadata={"Date" if path.lower().endswith(".svg") else "Software": None})


class _Picture:
    """Draws the columns one after the other."""

    def __init__(self, what: Unfolded) -> None:
        columns, rows = len(what.ages), len(what.blocks) + 2
        between = (columns - 1) * COLUMN
        width = max(2 * MARGIN + WIDTH + between, NARROWEST)
        lines = [line for note in (*what.notes, RED) for line in textwrap.wrap(note, int(width / LETTER))]
        self._what = what
        self._left = (width - between) / 2
        self._floor = 0.3 + NOTE * len(lines) + BELOW
        height = self._floor + (rows - 1) * ROW + ABOVE
        self.figure = Figure(figsize=(width, height), dpi=100)
        self._axes = self.figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
        self._axes.set_axis_off()
        self._words(width / 2, height - 0.25, what.title, size=12, weight="bold")
        for place, line in enumerate(reversed(lines)):
            self._words(0.3, 0.25 + NOTE * place, line, size=8.5, ha="left", color=ERROR if line in RED else INK)
        for column, age in enumerate(what.ages):
            if age is None:
                newer = columns - column - 1
                self._dots(column, errors=what.reach > newer)
            else:
                self._event(column, age)
        for row, block in enumerate(what.blocks, 1):
            if block.remembers:
                self._memory(row, block)
        if what.window:
            self._bracket()

    def _x(self, column: int) -> float:
        """Return the middle of a column."""
        return self._left + column * COLUMN

    def _y(self, row: int) -> float:
        """Return the middle of a row: 0 is that of the inputs, 1 that of the lowest layer."""
        return self._floor + row * ROW

    @property
    def _top(self) -> int:
        """The readout's row."""
        return len(self._what.blocks) + 1

    def _event(self, column: int, age: int) -> None:
        """Draw one event: its inputs, layers, forecast and errors."""
        what, x = self._what, self._x(column)
        event = f"t - {age}" if age else "t"
        self._words(x, self._y(0) - HEIGHT / 2 - 0.2, f"event {event}", size=9, weight="bold")
        self._box(column, 0, ("x", *what.inputs), PALE)
        wrong = age < what.reach
        if wrong:
            over = self._y(self._top) + HEIGHT / 2
            self._arrow((x, over + 0.42), (x, over), ERROR, lw=1.8)
            self._words(x, over + 0.52, f"error, {what.loss}" if age == 0 else "error", color=ERROR)
        for row in range(self._top, 0, -1):
            if row == self._top:
                colour, weights = READOUT, what.readout
                self._box(column, row, ("readout", what.forecast), colour)
            else:
                block, colour = what.blocks[row - 1], _colour(row)
                weights = block.upward
                self._box(column, row, _said(block), colour)
                wrong = wrong or (block.carries and what.window > 0)
            self._rise(column, row, weights, colour, back=wrong and row > 1)
        if what.skip:
            side = x - WIDTH / 2
            bend = {"connectionstyle": f"bar,fraction={-0.25 / (self._top * ROW):.3f}", "lw": 1.0}
            self._arrow((side, self._y(0)), (side, self._y(self._top)), READOUT, **bend)

    def _rise(self, column: int, row: int, weights: tuple[str, ...], colour: str, *, back: bool) -> None:
        """Draw the way from the row below into this one, and the gradient's way back."""
        x, low, high = self._x(column), self._y(row - 1) + HEIGHT / 2, self._y(row) - HEIGHT / 2
        self._arrow((x, low), (x, high), colour)
        self._words(x + 0.1, (low + high) / 2, "\n".join(weights), ha="left", color=colour)
        if back:
            self._arrow((x - 0.16, high), (x - 0.16, low), ERROR, linestyle="--", lw=1.1)

    def _memory(self, row: int, block: Block) -> None:
        """Draw what a layer remembers from event to event, and beyond the window."""
        what, y, colour = self._what, self._y(row), _colour(row)
        forth, back, half = y + 0.12, y - 0.16, WIDTH / 2
        label = "\n".join(block.sideways) or "state"
        places = range(len(what.ages))
        gap = 0.35  # around dots
        for one, other in pairwise(places):
            start = self._x(one) + (half if what.ages[one] is not None else gap)
            end = self._x(other) - (half if what.ages[other] is not None else gap)
            self._arrow((start, forth), (end, forth), colour)
            if what.ages[one] is not None and what.ages[other] is not None:
                self._words((start + end) / 2, forth + 0.06, label, color=colour, va="bottom", size=7.5)
            if block.carries and what.window:
                self._arrow((end, back), (start, back), ERROR, linestyle="--", lw=1.1)
        first, last = self._x(0) - half, self._x(places[-1]) + half
        out = COLUMN - WIDTH
        self._arrow((first - out, forth), (first, forth), colour, alpha=0.55)
        self._arrow((last, forth), (last + out, forth), colour)
        self._words(last + out / 2, forth + 0.06, label, color=colour, va="bottom", size=7.5)
        self._words(last + out + 0.05, forth, "t + 1", color=colour, ha="left")
        if block.carries and what.window:
            self._axes.plot([first - 0.12] * 2, [back - 0.12, back + 0.12], color=ERROR, lw=2.2)
            self._words(first - 0.2, back, "no gradient\nbeyond", color=ERROR, ha="right", va="top", size=7.5)

    def _dots(self, column: int, *, errors: bool) -> None:
        """Stand for the events left out."""
        for row in range(self._top + 1):
            self._words(self._x(column), self._y(row), DOTS, size=13, weight="bold", color=PALE)
        if errors:
            over = self._y(self._top) + HEIGHT / 2 + 0.35
            self._words(self._x(column), over, DOTS, size=13, weight="bold", color=ERROR)

    def _bracket(self) -> None:
        """Say how far an error is carried."""
        y = self._y(self._top) + HEIGHT / 2 + 0.78
        first, last = self._x(0) - WIDTH / 2, self._x(len(self._what.ages) - 1) + WIDTH / 2
        self._axes.annotate(
            "", (first, y), (last, y), arrowprops={"arrowstyle": "|-|", "color": ERROR, "mutation_scale": 4}
        )
        words = f"an error is carried back through h = {self._what.window} event{'s' * (self._what.window > 1)}"
        self._words(
            (first + last) / 2, y, words, color=ERROR, bbox={"facecolor": "white", "edgecolor": "none", "pad": 2}
        )

    def _box(self, column: int, row: int, lines: tuple[str, ...], colour: str) -> None:
        x, y = self._x(column), self._y(row)
        corner, shape = (x - WIDTH / 2, y - HEIGHT / 2), "round,pad=0,rounding_size=0.1"
        self._axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, shape, facecolor=colour, alpha=0.15))
        self._axes.add_patch(FancyBboxPatch(corner, WIDTH, HEIGHT, shape, fill=False, edgecolor=colour, lw=1.4))
        for place, line in enumerate(lines):
            bold = {"weight": "bold", "size": 9.5} if place == 0 else {"size": 7.5}
            self._words(x, y + 0.19 * ((len(lines) - 1) / 2 - place), line, **bold)

    def _words(self, x: float, y: float, text: str, *, size: float = 8, **more: Any) -> None:
        style: dict[str, Any] = {"ha": "center", "va": "center", "color": INK, "fontsize": size, "parse_math": False}
        self._axes.text(x, y, text, **style | more)

    def _arrow(self, start: tuple[float, float], end: tuple[float, float], colour: str, **more: Any) -> None:
        style: dict[str, Any] = {"arrowstyle": "-|>", "color": colour, "lw": 1.5, "shrinkA": 0, "shrinkB": 0}
        self._axes.annotate("", end, start, arrowprops=style | {"mutation_scale": 11} | more)


def _colour(row: int) -> str:
    """Return the colour of a layer."""
    return COLOURS[(row - 1) % len(COLOURS)]


def _said(block: Block) -> tuple[str, ...]:
    """Return the words in a layer's box."""
    own = block.own if len(block.own) < 2 else (f"{block.own[0]} and {len(block.own) - 1} more",)
    return block.name, f"{block.units} units, out ({block.outputs},)", *own
