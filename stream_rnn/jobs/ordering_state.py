"""Events that are held back for ordering, in a checkpoint: counts among its positions, events among its arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np
from msgspec import Meta

from stream_rnn.checkpoints.file import ORDERING
from stream_rnn.connectors.ordering.ordering import HELD, READY, OrderingState
from stream_rnn.connectors.shapes.reshaping import OPEN, SHAPED
from stream_rnn.engine.contents import verify_arrays, verify_counts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.compiled.state import Rows

FILES = "files"
"""Name of the only state of a replay; a live job has one state per partition, with the partition's name."""
Count = Annotated[int, Meta(ge=0, le=2**62)]
COUNTS = ("held", "late", "duplicates")


def dump(states: Mapping[str, OrderingState]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return ordering states, given by name, as positions and arrays of a checkpoint."""
    positions = {ORDERING: {name: state.metadata for name, state in states.items()}} if states else {}
    arrays = {
        f"{ORDERING}.{name}.{array_name}": array
        for name, state in states.items()
        for array_name, array in state.arrays.items()
    }
    return positions, arrays


class _Metadata(msgspec.Struct, frozen=True):
    """The JSON values of an `OrderingState` that are needed to restore it."""

    late: Count
    duplicates: Count
    held: Count
    seen: dict[str, int]
    places: dict[str, str]
    keys: list[str | int]
    shape: dict[str, Any] = {}
    shape_keys: list[str | int] = []


def verify(data: CheckpointData) -> None:
    """Check that the ordering states in a checkpoint, if any, can be restored.

    Raises
    ------
    CheckpointError
        Naming the file, and the first part that is wrong.
    """
    states = data.position(ORDERING, dict[str, _Metadata], "events that are held back")
    for name, about in states.items():
        _verify_arrays(data, f"{ORDERING}.{name}.", about)


def _verify_arrays(data: CheckpointData, prefix: str, about: _Metadata) -> None:
    """Check the arrays of one state: their rows, and the numbers of streams and files in them."""
    if not all(place.isdecimal() for place in about.places):
        raise data.invalid(f"{prefix}places must be numbers, got {', '.join(about.places)}")
    expected: Rows = {f"{prefix}{name}": ((len(about.keys),), np.float64) for name in ("newest", "last")}
    parts = {HELD: about.keys, READY: about.keys} | dict.fromkeys(_shape_parts(about), about.shape_keys)
    for part in parts:
        own = f"{prefix}{part}"
        rows = len(data.arrays.get(f"{own}time", ()))
        kinds: dict[str, Any] = {
            "stream": np.int64,
            "time": np.float64,
            "end": np.bool_,
            "file": np.int32,
            "record": np.int64,
        }
        if f"{own}element" in data.arrays:  # since a record can have several events
            kinds["element"] = np.int32
        expected |= {f"{own}{name}": ((rows,), kind) for name, kind in kinds.items()}
        columns = {name for name in data.arrays if name.startswith(own)} - expected.keys()
        expected |= dict.fromkeys(columns, ((rows,), np.float64))
    verify_arrays(data._replace(arrays={name: data.arrays[name] for name in expected if name in data.arrays}), expected)
    files = {int(place) for place in about.places} | {-1}
    for part, keys in parts.items():
        verify_counts(data, f"{prefix}{part}stream", most=len(keys) - 1)
        if not files.issuperset(data.arrays[f"{prefix}{part}file"].tolist()):
            raise data.invalid(f"{prefix}{part}file must be among {', '.join(about.places)}")


def _shape_parts(about: _Metadata) -> list[str]:
    """Return the prefixes of the arrays of a shape, if there is one."""
    if not about.shape:
        return []
    stages = {"pivot": about.shape.get("pivot"), "resample": about.shape.get("every")}
    return [SHAPED, *(OPEN[name] for name, value in stages.items() if value is not None)]


def load(data: CheckpointData, name: str) -> OrderingState | None:
    """Return the ordering state of this name in a checkpoint, or None if it has none."""
    about = data.positions.get(ORDERING, {}).get(name)
    if about is None:
        return None
    prefix = f"{ORDERING}.{name}."
    arrays = {key.removeprefix(prefix): array for key, array in data.arrays.items() if key.startswith(prefix)}
    return OrderingState(about, arrays)


def summary(positions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checkpoint's positions, with each ordering state reduced to its counts of events, if there are any.

    Examples
    --------
    >>> state = {"held": 2, "late": 1, "duplicates": 0, "keys": ["a", "b"]}
    >>> summary({"source": {}, "ordering": {"files": state}})
    {'source': {}, 'ordering': {'files': {'held': 2, 'late': 1, 'duplicates': 0}}}
    """
    states = {name: {count: about[count] for count in COUNTS} for name, about in positions.get(ORDERING, {}).items()}
    counted = {name: counts for name, counts in states.items() if any(counts.values())}
    others = {name: position for name, position in positions.items() if name != ORDERING}
    return others | {ORDERING: counted} if counted else others
