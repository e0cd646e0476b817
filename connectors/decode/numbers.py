"""Decoding of records that are bare numbers, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.columns import BadValues, Columns, Decoded, RowErrors
from stream_rnn.connectors.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.connectors.decode.schema import ColumnRoles

NUMBER_COLUMN = "value"
"""The input that a bare number is."""


class NumberDecoder:
    """Decodes records that are single numbers, the input ``value``.

    Parameters
    ----------
    roles
        Which field is what; a number has no fields, so key and end cannot be named.

    Raises
    ------
    UsageError
        If other fields are to be read, or the number is to be read as a word.

    Examples
    --------
    >>> from stream_rnn.connectors.decode.schema import ColumnRoles
    >>> decoded = NumberDecoder(ColumnRoles(None, None, None, ("value",))).decode([b"21.5", b"NaN", b"off"])
    >>> decoded.columns.inputs["value"], decoded.columns.bad_values
    (array([21.5,  nan,  nan]), [BadValues(column='value', rows=array([2]), words=['off'])])
    """

    def __init__(self, roles: ColumnRoles) -> None:
        if roles.columns != (NUMBER_COLUMN,):
            names = ", ".join(map(repr, roles.columns))
            raise UsageError(f"format is number: the only input and target is {NUMBER_COLUMN!r}, got {names}")
        for role, name in (
            ("key", roles.key),
            ("end", roles.end),
            ("unwrap", roles.unwrap),
            ("records", roles.records),
        ):
            if name:
                raise UsageError(f"format is number: a number has no fields, {role} must not be set, got {name!r}")
        if roles.words:
            raise UsageError(f"format is number: {NUMBER_COLUMN!r} is no word, it must not be a category or a label")
        self.recognised: dict[str, None] = {}
        self._bad_values = roles.bad_values
        self._missing = roles.missing_in(NUMBER_COLUMN)
        self._decode: msgspec.json.Decoder[float] = msgspec.json.Decoder(float)

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode records; each is a row."""
        errors, bad_values = RowErrors(), list[BadValues]()
        try:
            numbers = np.fromiter(map(self._decode.decode, records), np.float64, len(records))
        except (ValueError, RecursionError):
            texts = [record.decode(errors="replace") for record in records]
            parsed = [
                float("nan") if text.strip() in self._missing.texts else values.parse_number(text) for text in texts
            ]
            numbers = np.array(parsed, np.float64)  # None becomes NaN
            bad = np.array([number is None for number in parsed], np.bool_)
            if self._bad_values == "refuse":
                errors.add(bad, values.NOT_A_NUMBER, NUMBER_COLUMN)
            elif bad.any():
                rows = np.flatnonzero(bad)
                bad_values = [BadValues(NUMBER_COLUMN, rows, [texts[row] for row in rows])]
        numbers = self._missing.mask(numbers)
        errors.add(np.isinf(numbers), values.NOT_FINITE, NUMBER_COLUMN)
        count = len(records)
        columns = Columns(
            np.full(count, "", object),
            np.full(count, np.nan),
            {NUMBER_COLUMN: numbers},
            np.zeros(count, np.bool_),
            errors.reasons,
            bad_values,
        )
        return Decoded(columns, np.arange(count), {})
