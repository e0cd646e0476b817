"""A record that raises is refused alone, whatever it raises and however many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.decode.columns import BadValues, Columns, Decoded
from stream_rnn.connectors.decode.isolate import decode_isolated, halves

if TYPE_CHECKING:
    from collections.abc import Sequence

GOOD, WORD, WITHOUT_TIME, REFUSED, RAISES = b"1", b"off", b"", b"?", b"!"


def decode(records: Sequence[bytes]) -> Decoded:
    """Decode records of all kinds; one of them raises."""
    if RAISES in records:
        raise ZeroDivisionError
    rows = [i for i, record in enumerate(records) if record != REFUSED]
    kept = [records[i] for i in rows]
    numbers = np.array([1.0 if record == GOOD else np.nan for record in kept])
    bad = [BadValues("x", np.array([i]), ["off"]) for i, record in enumerate(kept) if record == WORD]
    reasons = {i: "time is missing" for i, record in enumerate(kept) if record == WITHOUT_TIME}
    keys, ends = np.full(len(rows), "", object), np.zeros(len(rows), np.bool_)
    columns = Columns(keys, np.full(len(rows), np.nan), {"x": numbers}, ends, reasons, bad)
    refused = {i: "not JSON" for i, record in enumerate(records) if record == REFUSED}
    return Decoded(columns, np.array(rows, np.int64), refused)


def outcomes(decoded: Decoded) -> list[str]:
    """Return what became of each record, in order."""
    columns = decoded.columns
    words = {int(row): word for bad in columns.bad_values for row, word in zip(bad.rows, bad.words, strict=True)}
    values = columns.inputs["x"].tolist()
    found = dict(decoded.refused)
    for row, record in enumerate(decoded.records.tolist()):
        found[record] = columns.reasons.get(row, words.get(row, str(values[row])))
    assert len(found) == decoded.record_count
    return [found[record] for record in range(len(found))]


@given(st.lists(st.sampled_from([GOOD, WORD, WITHOUT_TIME, REFUSED, RAISES]), min_size=1, max_size=20))
def test_every_record_becomes_what_it_would_become_alone(records: list[bytes]) -> None:
    meaning = {
        GOOD: "1.0",
        WORD: "off",
        WITHOUT_TIME: "time is missing",
        REFUSED: "not JSON",
        RAISES: "cannot be decoded: ZeroDivisionError",
    }
    assert outcomes(decode_isolated(records, decode, halves, ["x"])) == [meaning[record] for record in records]


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_is_not_the_fault_of_a_record_is_raised(error: type[BaseException]) -> None:
    def fail(_: Sequence[bytes]) -> Decoded:
        raise error

    with pytest.raises(error):
        decode_isolated([GOOD, GOOD], fail, halves, ["x"])
