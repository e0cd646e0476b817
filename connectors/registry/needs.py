"""Needs: the fields that a schema must have so that its records can be used, whatever schemas came before."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stream_rnn.connectors.decode.schema import ColumnRoles

NUMBERS = frozenset({"number", "flag"})
SCALARS = NUMBERS | {"text", "enum", "time"}
OPEN = "map"
"""Kind of a field whose names a schema leaves open."""
ROOT = "value"
"""Path of a schema that is no record."""
_INDEX = re.compile(r"\[[0-9]+\]")


class Needs(NamedTuple):
    """Which fields are needed, and which kinds each may have.

    Examples
    --------
    >>> needs = Needs({"power": NUMBERS})
    >>> needs.unmet({"sensor": {"text"}, "power": {"number"}})
    >>> needs.unmet({"sensor": {"text"}})
    "no field 'power'"
    >>> needs.unmet({"power": {"text"}})
    "field 'power' is text, not a number"
    """

    kinds: dict[str, frozenset[str]]
    """by path"""

    @staticmethod
    def of(roles: ColumnRoles) -> Needs:
        """Return what the roles of fields need; a time may be in a header instead."""
        named = [name for name in (roles.key, roles.tag, roles.end) if name is not None]
        words = set(roles.words)
        return Needs(
            dict.fromkeys(named, SCALARS) | {name: SCALARS if name in words else NUMBERS for name in roles.columns}
        )

    def unmet(self, fields: Mapping[str, set[str]]) -> str | None:
        """Return what a schema lacks; None if it lacks nothing.

        Parameters
        ----------
        fields
            Kinds of the schema's fields, by path. A path may begin inside the record, where its event is.
        """
        for name, allowed in self.kinds.items():
            path = _INDEX.sub("", name)
            found = [kinds for known, kinds in fields.items() if known == path or known.endswith(f".{path}")]
            if not found and not any(OPEN in kinds for kinds in fields.values()):
                return f"no field {name!r}"
            if found and not any(kinds & allowed for kinds in found):
                kinds = " or ".join(sorted(set().union(*found)))
                return f"field {name!r} is {kinds or 'null'}, not {'a number' if allowed == NUMBERS else 'a word'}"
        return None
