"""Checkpoints of format 3, which 0.2.0 wrote, as those of format 4.

Format 4 knows of several regimes of a value (`learning.scaling`), of jumps (`learning.jumps`), of values beyond the
limit (`learning.targets`), of the challenger of a readout by least squares (`learning.rls`), of alarms
(`learning.failure`), of ranges and usual values (`learning.anomaly`), of states of targets
(`learning.target_states`), and of scales by hour (`learning.hourly_scale`). In an upgraded checkpoint, all of this has
its initial value. The weights of a race are those of each target, where they were shared by all. What only the readout
needs is kept of as many events as it needs, no longer of the whole window. There is no compact tape, and no engine is
frozen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.learning import anomaly, hourly_scale, target_states
from stream_rnn.learning.failure import STATE_SIZE
from stream_rnn.learning.jumps import BEFORE
from stream_rnn.learning.mixing import EARLY_LOSSES
from stream_rnn.learning.rls import GAIN
from stream_rnn.learning.scaling import FIRST_VALUES, MOMENT_ROWS, SEEN
from stream_rnn.learning.targets import SLOPE_ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stream_rnn.settings.engine import Settings

MOMENTS = ("input_moments", "target_moments", "levels")
LENGTH = 0
"""Column of the events of the present sequence in `clock`."""
READOUT = ("features", "errors", "base", "promised")
"""Arrays of the newest events that only the readout needs."""
COUNTERS = ("counts", "left")
"""Counters of an engine, and of the retired members of a race."""
NEW_COUNTERS = 5
"""The last counters: alarms, and alarms of anomalies and events by state."""


def from_format_3(arrays: Mapping[str, NDArray[Any]], owners: Mapping[str, Settings]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a checkpoint in format 4.

    Arrays whose shape cannot be right are left as they are, to be refused like those of other checkpoints.

    Parameters
    ----------
    arrays
        Those of format 3.
    owners
        Settings of the engine, or of each member of a race, by the prefix of its arrays: the empty text, or one for
        each member.
    """
    upgraded = dict(arrays)
    for full_name, array in arrays.items():
        place, _, name = full_name.rpartition(".")
        prefix = f"{place}." if place else ""
        owner = next((owners[start] for start in owners if full_name.startswith(start)), None)
        upgraded |= _unknown(prefix, name, array, owner)
        if array.ndim == 3 and name in MOMENTS:
            moments = _with_rows(array, MOMENT_ROWS)
            moments[:, SEEN] = FIRST_VALUES
            upgraded[full_name] = moments
        elif array.ndim == 3 and name == "slopes":
            upgraded[full_name] = _with_rows(array, SLOPE_ROWS)
        elif array.ndim == 2 and name == "last_y":
            is_forecast = owner is not None and owner.task == "forecast"
            upgraded[f"{prefix}known_y"] = array if is_forecast else array[:, :0]
            last = array if owner is not None and owner.is_residual else array[:, :0]
            newest = np.full((len(last), 2, last.shape[1]), np.nan)
            newest[:, BEFORE] = last
            upgraded |= {f"{prefix}newest_y": newest, f"{prefix}jumps": np.zeros_like(newest)}
        elif array.ndim == 3 and name == "inverse":
            head = arrays.get(f"{prefix}head")
            weights = GAIN + 1 + head.shape[-1] if head is not None and head.ndim > 0 and array.shape[1] > 0 else 0
            upgraded[f"{prefix}challenger"] = np.zeros((len(array), weights))
        elif array.ndim == 1 and name == "score":
            is_forecast = owner is not None and owner.task == "forecast"
            upgraded[f"{prefix}failure"] = np.zeros((len(array), STATE_SIZE if is_forecast else 0))
        elif array.ndim == 2 and name == "surprise" and array.shape[1] % anomaly.ERRORS_SIZE == 1:
            upgraded[full_name] = _with_evidence(array)
        elif array.ndim == 1 and name in COUNTERS:
            if name == "counts":
                upgraded[f"{prefix}frozen"] = np.zeros(1, np.bool_)
            upgraded[full_name] = np.append(array, np.zeros(NEW_COUNTERS, array.dtype))
    return upgraded | _mixing(arrays) | _windows(arrays, owners)


def _unknown(prefix: str, name: str, array: NDArray[Any], owner: Settings | None) -> dict[str, NDArray[Any]]:
    """Return the blank new arrays that have as many rows as an array with this name."""
    if array.ndim == 3 and name == "calibration":
        return {f"{prefix}hourly": np.zeros((*array.shape[:2], hourly_scale.STATE_SIZE))}
    if array.ndim == 3 and name == "base" and owner is not None:
        return {f"{prefix}hour": np.full((len(array), owner.reach), -1.0)}
    if array.ndim == 1 and name == "score":
        targets = len(owner.target_names) if owner is not None else 0
        size = target_states.state_size(targets) if owner is not None and owner.anomaly else 0
        return {f"{prefix}watched": np.zeros((len(array), size))}
    return {}


def _mixing(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays of a race's mixing that changed; none if they are not those of a race."""
    weights, scale, seen = (arrays.get(f"mixing.{name}") for name in ("log_weights", "scale", "seen"))
    if weights is None or scale is None or seen is None or (weights.ndim, scale.ndim, seen.ndim) != (3, 3, 2):
        return {}
    (slots, targets), rows = seen.shape, np.full((len(scale), 1, scale.shape[2]), float(EARLY_LOSSES))
    return {
        "mixing.log_weights": np.repeat(weights, targets, axis=1),
        "mixing.scale": np.concatenate([scale, rows], axis=1),
        "mixing.values": np.zeros((slots, targets, 0)),
        "mixing.errors": np.zeros((slots, targets, 2)),
        "mixing.counts": np.zeros((slots, targets, 2), np.int64),
        "mixing.seasonal": np.zeros((slots, targets, 2, 0)),
        "mixing.smooth": np.zeros((slots, targets, 2, 2)),
        "mixing.active": np.zeros((slots, targets, 2), np.int64),
        "mixing.bounds": np.zeros((slots, targets, 2)),
    }


def _with_evidence(array: NDArray[Any]) -> NDArray[Any]:
    """Return states of anomaly scores, which had a threshold and the errors of each target only, with the rest."""
    slots, targets = len(array), array.shape[1] // anomaly.ERRORS_SIZE
    states = np.zeros((slots, anomaly.state_size(targets)))
    states[:, anomaly.THRESHOLD] = array[:, 0]
    of_targets = states[:, anomaly.TARGETS :].reshape(slots, targets, anomaly.TARGET_SIZE)
    of_targets[:, :, : anomaly.ERRORS_SIZE] = array[:, 1:].reshape(slots, targets, anomaly.ERRORS_SIZE)
    return states


def _windows(arrays: Mapping[str, NDArray[Any]], owners: Mapping[str, Settings]) -> dict[str, NDArray[Any]]:
    """Return the arrays of the newest events whose number of rows changed."""
    upgraded: dict[str, NDArray[Any]] = {}
    for full_name, array in arrays.items():
        place, _, name = full_name.rpartition(".")
        prefix = f"{place}." if place else ""
        owner = next((owners[start] for start in owners if full_name.startswith(start)), None)
        if array.ndim == 3 and name == "tape":
            upgraded[f"{prefix}tape16"] = np.zeros((len(array), 0, 0), np.uint16)
            upgraded[f"{prefix}tape8"] = np.zeros((len(array), 0, 0), np.uint8)
        elif array.ndim >= 3 and name in READOUT and owner is not None:
            upgraded[full_name] = _newest(array, owner.reach, arrays.get(f"{prefix}clock"))
    return upgraded


def _newest(array: NDArray[Any], rows: int, clock: NDArray[Any] | None) -> NDArray[Any]:
    """Return an array (slots, rows before, ...) with fewer rows: event n of a sequence is in row n mod rows."""
    fits = clock is not None and clock.ndim == 2 and clock.dtype.kind == "i" and len(clock) == len(array)
    if not fits or clock is None or array.shape[1] <= rows or clock.shape[1] == 0:
        return array
    events = np.maximum(clock[:, [LENGTH]] - 1 - np.arange(rows), 0)
    slots = np.arange(len(array))[:, np.newaxis]
    newest = np.zeros((len(array), rows, *array.shape[2:]), array.dtype)
    newest[slots, events % rows] = array[slots, events % array.shape[1]]
    return newest


def _with_rows(array: NDArray[Any], rows: int) -> NDArray[Any]:
    """Return an array (slots, rows before, columns) with more rows, which are 0."""
    padded = np.zeros((len(array), rows, array.shape[2]), array.dtype)
    padded[:, : min(array.shape[1], rows)] = array[:, :rows]
    return padded
