"""Functions with one statement for each entry of a table.

A kernel cannot loop over the fields of a structure, whose types differ. It is written out instead, from the table that
names the fields, so that no second list of them has to agree with the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def unrolled(signature: str, statements: Iterable[str], names: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a function that executes the statements.

    Parameters
    ----------
    signature
        Name and arguments.
    statements
        Lines of its body.
    names
        What the statements refer to, besides arguments.

    Examples
    --------
    >>> clear = unrolled("clear(core, slot)", [f"core[{name!r}][slot] = 0" for name in ("a", "b")], {})
    >>> core = {"a": [1, 2], "b": [3, 4]}
    >>> clear(core, 1)
    >>> core
    {'a': [1, 0], 'b': [3, 0]}
    """
    body = "\n    ".join(statements)
    scope = dict(names)
    exec(f"def {signature}:\n    {body}\n", scope)  # noqa: S102 - statements are made from this package's own tables
    function: Callable[..., Any] = scope[signature.partition("(")[0]]
    return function
