"""The recurrent cells that estimators are offered with, and the docstrings of their classes.

Every kind of estimator (`RecurrentRegressor`, `RecurrentClassifier`, ...) has one class for each cell of the table
`CELLS`. All that such a class adds to its kind is a layer and a summary:

    class GRURegressor(RecurrentRegressor, layer="gru"):
        '''Regressor with gated recurrent units (GRU).'''

These are class statements rather than classes created in a loop, because pickle, type checkers and editors find a class
where it is written. Everything else is written once: behaviour and constructor in the kind, the cell in `CELLS`,
parameters and examples in the docstrings of `Recurrent` and the kind. `Recurrent.__init_subclass__` sets the layer and
completes the class's docstring from these.

A class for another layer of `stream_rnn.layers` is written in the same way, in this package or outside.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.layers import LayerName

TBPTT = "It is trained by truncated backpropagation through time."
RTRL = "It is trained by real-time recurrent learning: gradients are exact and go back to the start of the sequence."

CELLS: dict[LayerName, str] = {
    "rnn": f"The cell is the simple recurrent network of Elman (1990).\n{TBPTT}",
    "gru": f"The cell is the gated recurrent unit of Cho et al. (2014).\n{TBPTT}",
    "lstm": f"The cell is the long short-term memory of Hochreiter & Schmidhuber (1997).\n{TBPTT}",
    "slstm": f"The cell is the LSTM with exponential gates of Beck et al. (2024).\n{TBPTT}",
    "lru": f"The cell is the linear recurrent unit of Orvieto et al. (2023).\n{RTRL}",
    "elstm": f"The cell is the element-wise LSTM of Irie et al. (2024).\n{RTRL}",
    "columnar_gru": f"The cell is a GRU of independent columns, as in Javed et al. (2023).\n{RTRL}",
    "mingru": f"The cell is the minimal GRU of Feng et al. (2024).\n{RTRL}",
}
"""What the docstrings say about each cell, by its layer."""

EXAMPLE_CELL = "GRU"
"""The cell of the examples in the kinds' docstrings; a class's own example names the class instead."""

SECTIONS = ("Parameters", "Raises", "Examples")


def complete_docstring(cls: type, layer: LayerName, bases: Sequence[type]) -> str:
    """Return a class's docstring, completed with its cell and with the docstrings of its bases.

    Parameters
    ----------
    cls
        The class; its own docstring is the summary.
    layer
        Its layer.
    bases
        Its kind and the kind's bases, nearest first. Sections of the same name are joined in this order.
    """
    descriptions, sections = zip(*map(_split, bases), strict=True)
    parts = [inspect.cleandoc(cls.__doc__ or ""), CELLS.get(layer, f"The layer is ``{layer}``."), descriptions[0]]
    for name in SECTIONS:
        texts = [found[name] for found in sections if name in found]
        parts.append("\n".join([name, "-" * len(name), *texts]) if texts else "")
    example_class = EXAMPLE_CELL + bases[0].__name__.removeprefix("Recurrent")
    return "\n\n".join(filter(None, parts)).replace(example_class, cls.__name__)


def _split(cls: type) -> tuple[str, dict[str, str]]:
    """Return what a class's docstring says after its summary: the text before the first section, and the sections."""
    head, *rest = re.split(r"\n\n(\w+)\n-{3,}\n", inspect.cleandoc(cls.__doc__ or ""))
    return head.partition("\n\n")[2], dict(zip(rest[::2], rest[1::2], strict=True))
