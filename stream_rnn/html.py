"""Tables of HTML, as notebooks show an object."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def html_table(title: str, rows: Iterable[Sequence[object]], header: Sequence[str] = ()) -> str:
    """Return a table with a caption; every text is escaped.

    Examples
    --------
    >>> html_table("<Engine>", [("streams", 2)])
    '<table><caption>&lt;Engine&gt;</caption><tr><td>streams</td><td>2</td></tr></table>'
    """
    head = _row("th", header) if header else ""
    return f"<table><caption>{html.escape(title)}</caption>{head}{''.join(_row('td', row) for row in rows)}</table>"


def _row(tag: str, cells: Sequence[object]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(str(cell))}</{tag}>' for cell in cells)}</tr>"
