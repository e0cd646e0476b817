"""One record must not stop a job: in a block that cannot be decoded, the record that is the cause is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stream_rnn.connectors.decode.columns import Decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RecordsT = TypeVar("RecordsT")


def decode_isolated(
    records: RecordsT,
    decode: Callable[[RecordsT], Decoded],
    halve: Callable[[RecordsT], Sequence[RecordsT]],
    names: Sequence[str],
) -> Decoded:
    """Decode records, at once if possible; a record that raises is refused, and the others are not.

    A lack of memory is not the fault of a record, and is raised.

    Parameters
    ----------
    records
        A block of records of any form.
    decode
        Decodes a block.
    halve
        Returns the two halves of a block; fewer if it has fewer than two records.
    names
        Names of the inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from stream_rnn.connectors.decode.columns import Columns
    >>> def decode(texts):
    ...     numbers, no_times = np.array(list(map(float, texts))), np.full(len(texts), np.nan)
    ...     keys, ends = np.full(len(texts), "", object), np.zeros(len(texts), np.bool_)
    ...     return Decoded(Columns(keys, no_times, {"x": numbers}, ends, {}), np.arange(len(texts)), {})
    >>> decoded = decode_isolated([b"1", b"?", b"3"], decode, halves, ["x"])
    >>> decoded.columns.inputs["x"], decoded.records, decoded.refused
    (array([1., 3.]), array([0, 2]), {1: 'cannot be decoded: ValueError'})
    """
    try:
        return decode(records)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a record raises, it is this record that cannot be used
        halves = halve(records)
        if len(halves) < 2:
            return Decoded.none(names, {0: f"cannot be decoded: {type(error).__name__}"})
    return Decoded.concat([decode_isolated(half, decode, halve, names) for half in halves])


def halves(records: Sequence[bytes]) -> Sequence[Sequence[bytes]]:
    """Return the two halves of some records; fewer if there are fewer than two.

    Examples
    --------
    >>> halves([b"a", b"b", b"c"]), halves([b"a"])
    (([b'a'], [b'b', b'c']), ([b'a'],))
    """
    middle = len(records) // 2
    return (records[:middle], records[middle:]) if middle else (records,)
