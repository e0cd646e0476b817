"""Events that are held back, in a checkpoint: what is said of them among its positions, the rest among its arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.connectors.ordering.ordering import OrderingState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData

NAME = "ordering"
FILES = "files"
"""The place of a job that reads files; of a live job, each partition is one."""
COUNTS = ("held", "late", "duplicates")


def to_keep(states: Mapping[str, OrderingState]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return what a checkpoint's positions and arrays have of the states, by place."""
    about = {NAME: {place: state.metadata for place, state in states.items()}} if states else {}
    arrays = {
        f"{NAME}.{place}.{name}": array for place, state in states.items() for name, array in state.arrays.items()
    }
    return about, arrays


def state_of(saved: CheckpointData, place: str) -> OrderingState | None:
    """Return the state that a checkpoint has of a place, None if it has none."""
    about = saved.positions.get(NAME, {}).get(place)
    if about is None:
        return None
    begin = f"{NAME}.{place}."
    return OrderingState(
        about, {name.removeprefix(begin): a for name, a in saved.arrays.items() if name.startswith(begin)}
    )


def described(positions: Mapping[str, Any]) -> dict[str, Any]:
    """Return positions without what only a stage can use: of each place, how many events became what."""
    places = {place: {name: about[name] for name in COUNTS} for place, about in positions.get(NAME, {}).items()}
    return {**positions, NAME: places} if places else dict(positions)
