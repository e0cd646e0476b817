"""Events that are held back for ordering, in a checkpoint: counts among its positions, events among its arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.connectors.ordering.ordering import OrderingState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData

NAME = "ordering"
FILES = "files"
"""Name of the only state of a replay; a live job has one state per partition, with the partition's name."""
COUNTS = ("held", "late", "duplicates")


def dump(states: Mapping[str, OrderingState]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return ordering states, given by name, as positions and arrays of a checkpoint."""
    positions = {NAME: {name: state.metadata for name, state in states.items()}} if states else {}
    arrays = {
        f"{NAME}.{name}.{array_name}": array
        for name, state in states.items()
        for array_name, array in state.arrays.items()
    }
    return positions, arrays


def load(data: CheckpointData, name: str) -> OrderingState | None:
    """Return the ordering state of this name in a checkpoint, or None if it has none."""
    about = data.positions.get(NAME, {}).get(name)
    if about is None:
        return None
    prefix = f"{NAME}.{name}."
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
    states = {name: {count: about[count] for count in COUNTS} for name, about in positions.get(NAME, {}).items()}
    counted = {name: counts for name, counts in states.items() if any(counts.values())}
    others = {name: position for name, position in positions.items() if name != NAME}
    return others | {NAME: counted} if counted else others
