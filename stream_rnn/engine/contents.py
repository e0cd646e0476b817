"""Checks that the data of a checkpoint can become the state of an engine.

Kernels do not check indices, so a number that a kernel uses as one is checked here: counters of streams, token ids, and
how many events a bidirectional layer saw. Names, shapes and dtypes are those of the engine's own arrays. All of it
happens before the engine is built, so that a file that claims to be large costs no memory.

Other numbers may have any value, because none is dangerous. Weights that are not finite are accepted, as
the engine that was saved could have had them, and logged.
"""

from __future__ import annotations

import logging
import math
import os
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.checkpoints.file import ORDERING, STREAMS
from stream_rnn.compiled.core import Counts
from stream_rnn.compiled.state import Clock
from stream_rnn.engine.build import WEIGHTS, plan_engine
from stream_rnn.engine.conversions import are_whole
from stream_rnn.engine.stream_table import INITIAL_CAPACITY
from stream_rnn.errors import CheckpointError
from stream_rnn.layers.bidirectional import Bidirectional
from stream_rnn.layers.embedding import Embedding
from stream_rnn.layers.stack import stacked_layers
from stream_rnn.learning.failure import FAILING
from stream_rnn.learning.scaling import FIRST_VALUES, MEAN, SEEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.compiled.state import Rows
    from stream_rnn.engine.build import EnginePlan
    from stream_rnn.settings.engine import Settings

SHARED = "weights."
"""Prefix, in a checkpoint, of the weight arrays that all streams share."""
PLAIN = frozenset({str, int})
"""Types of keys, as `stream_table.plain_key` returns them."""
MAX_COUNT = 2**62
"""Of events, updates and the like: no counter overflows."""

log = logging.getLogger("stream_rnn")


def verify_engine(data: CheckpointData) -> None:
    """Check that data can be the state of an engine with its settings.

    Raises
    ------
    CheckpointError
        Naming the file, the first part that is wrong, its value and what is allowed.
    """
    if data.race is not None:
        members = ", ".join(data.race["members"])
        raise CheckpointError(f"the checkpoint is of a race of {members}, not of an engine: use Race.load")
    plan = plan_engine(data.settings)
    rows = plan.rows | _drift_rows(data.settings, "stream")
    expected = (
        {f"{STREAMS}{name}": ((len(data.keys), *shape), kind) for name, (shape, kind) in rows.items()}
        | {f"{SHARED}{name}": ((1, *shape), kind) for name, (shape, kind) in plan.shared.items()}
        | {"counts": ((len(Counts._fields),), np.int64), "frozen": ((1,), np.bool_)}
        | _drift_rows(data.settings, "all")
    )
    verify_arrays(data, expected)
    verify_streams(data)
    _verify_memory(data, rows, plan.shared)
    _verify_tokens(data)
    _verify_counters(data)
    _verify_indices(data, plan)
    _verify_drift(data)
    _verify_failure(data)


def verify_arrays(data: CheckpointData, expected: Rows) -> None:
    """Check that the arrays are those expected, by name, shape and dtype; those of a job's ordering are optional."""
    for name, (shape, kind) in expected.items():
        array = data.arrays.get(name)
        if array is None:
            raise data.invalid(f"array {name!r} is missing")
        if array.shape != shape or array.dtype != kind:
            raise data.invalid(f"array {name!r} must be {np.dtype(kind)} {shape}, got {array.dtype} {array.shape}")
        if array.dtype == np.bool_ and (array.view(np.uint8) > 1).any():
            raise data.invalid(f"array {name!r} must consist of 0 and 1")
    for name in data.arrays:
        if name not in expected and not name.startswith(f"{ORDERING}."):
            raise data.invalid(f"array {name!r} is unknown")


def verify_streams(data: CheckpointData) -> None:
    """Check keys, their order and number."""
    limit = data.settings.max_streams
    if not PLAIN.issuperset(map(type, data.keys)):
        key = next(key for key in data.keys if type(key) not in PLAIN)
        raise data.invalid(f"a key must be a string or an integer, got {type(key).__name__} {key!r}")
    if len(set(data.keys)) != len(data.keys):
        key, count = Counter(data.keys).most_common(1)[0]
        raise data.invalid(f"key {key!r} must not appear {count} times")
    if limit is not None and len(data.keys) > limit:
        raise data.invalid(f"there must be at most {limit} streams, got {len(data.keys)}")
    is_order = len(data.recency) == len(data.keys) and PLAIN.issuperset(map(type, data.recency))
    if not is_order or set(data.recency) != set(data.keys) or (limit is None and data.recency != data.keys):
        raise data.invalid("recency must be an order of the keys")
    if not 0 <= data.evictions <= (0 if limit is None else MAX_COUNT):
        raise data.invalid(f"evictions must not be {data.evictions}")


def verify_counts(data: CheckpointData, name: str, *, most: Any = MAX_COUNT) -> None:
    """Check that the counts in an array are from 0 to `most`.

    Raises
    ------
    CheckpointError
        Naming the first count that is not.
    """
    array = data.arrays[name]
    wrong = (array < 0) | (array > most)
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), array.shape)
        limit = np.broadcast_to(most, array.shape)[place]
        raise data.invalid(f"{_element(name, place)} must be from 0 to {limit}, got {array[place]}")


def warn_of_infinite_weights(data: CheckpointData) -> None:
    """Log how many weights of a file are not finite: with them, every forecast is the last value."""
    for name, array in data.arrays.items():
        if name.removeprefix(STREAMS).removeprefix(SHARED) in WEIGHTS and array.dtype.kind == "f":
            count = array.size - int(np.isfinite(array).sum())
            if count:
                log.warning(
                    "checkpoint %s: %d of %d numbers in %s are not finite, as after learning with too high a rate: "
                    "use an older checkpoint",
                    *(data.path, count, array.size, name),
                )


def _element(name: str, place: tuple[Any, ...]) -> str:
    return f"{name}[{', '.join(map(str, place))}]"


def _drift_rows(settings: Settings, scope: str) -> Rows:
    """Return the row of the drift monitor, if it detects drifts of each stream, or of all."""
    if settings.drift == "off" or settings.drift_scope != scope:
        return {}
    from stream_rnn.engine.drift import ROW  # noqa: PLC0415 - river takes a second to import

    return {"drift": ((ROW,), np.float64)}


def _verify_memory(data: CheckpointData, rows: Rows, shared: Rows) -> None:
    """Check that the engine fits into the memory of this machine: the size of a file without streams does not tell."""
    needed = _nbytes(rows) * max(len(data.keys), INITIAL_CAPACITY) + _nbytes(shared)
    if hasattr(os, "sysconf"):
        available = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        if needed > available:
            raise data.invalid(f"it needs {needed:,} bytes of memory, this machine has {available:,}")


def _nbytes(rows: Rows) -> int:
    return sum(math.prod(shape) * np.dtype(kind).itemsize for shape, kind in rows.values())


def _verify_tokens(data: CheckpointData) -> None:
    most = data.settings.vocabulary - 1 if data.settings.tokens else 0
    if len(data.tokens) > most:
        raise data.invalid(f"there must be at most {most} tokens, got {len(data.tokens)}")
    if len(set(data.tokens)) != len(data.tokens):
        raise data.invalid("tokens must be distinct")


def _verify_counters(data: CheckpointData) -> None:
    """Check the counts of the engine, and those of each stream, from which rows of the window are computed."""
    verify_counts(data, "counts")
    counts, clock = Counts(*data.arrays["counts"].tolist()), data.arrays[f"{STREAMS}clock"]
    settings = data.settings
    most = np.empty_like(clock)
    most[:, Clock.EVENTS] = most[:, Clock.TURN] = most[:, Clock.BETWEEN] = counts.events
    most[:, Clock.LENGTH] = clock[:, Clock.EVENTS]
    most[:, Clock.PENDING] = np.minimum(settings.lookahead, clock[:, Clock.EVENTS] - clock[:, Clock.LENGTH])
    most[:, Clock.WAITING] = np.minimum(settings.update_every - 1, clock[:, Clock.LENGTH])
    most[:, Clock.ERRORS] = clock[:, Clock.WAITING]
    verify_counts(data, f"{STREAMS}clock", most=most)
    for name in data.arrays:
        if name.endswith("_updates"):
            verify_counts(data, name)
    if settings.batch_streams > 1:
        members = settings.batch_streams
        verify_counts(data, f"{SHARED}group_steps", most=np.array([*[settings.window] * members, members - 1]))


def _verify_indices(data: CheckpointData, plan: EnginePlan) -> None:
    """Check the numbers that are converted to an index."""
    for name, part, below in _indices(data.arrays, plan, data.settings):
        fine = are_whole(part, below)
        if not fine.all():
            place = np.unravel_index(int(fine.argmin()), part.shape)
            raise data.invalid(f"{name} must have integers from 0 to {below - 1}, got {part[place]:g}")


def _indices(
    arrays: Mapping[str, NDArray[Any]], plan: EnginePlan, settings: Settings
) -> Iterator[tuple[str, NDArray[Any], int]]:
    """Yield the name of each array with indices, the part of it that consists of them, and their upper bound."""
    for name in ("input_moments", "target_moments", "levels"):
        seen = np.nan_to_num(arrays[f"{STREAMS}{name}"][:, SEEN], nan=-1.0)
        yield f"{STREAMS}{name}", seen, FIRST_VALUES + 1
    tape = arrays[f"{STREAMS}tape"]
    for place in stacked_layers(plan.model.network.body):
        if isinstance(place.layer, Embedding):
            yield f"{STREAMS}tape", tape[:, :, place.tape : place.tape + place.layer.inputs], place.layer.vocabulary
        elif isinstance(place.layer, Bidirectional):
            last = place.tape + place.layer.sizes.tape - 1
            number = np.nan_to_num(tape[:, :, last], nan=-1.0)  # NaN is a missing id, but no number of events
            yield f"{STREAMS}tape", number, place.layer.lookahead + 2
    if settings.tokens:
        for name in ("history", "ahead_x"):
            yield f"{STREAMS}{name}", arrays[f"{STREAMS}{name}"], settings.vocabulary
        yield f"{STREAMS}input_moments", arrays[f"{STREAMS}input_moments"][:, MEAN], settings.vocabulary


def _verify_drift(data: CheckpointData) -> None:
    """Check the rows of the drift monitor, which divides by its counts."""
    for name in ("drift", f"{STREAMS}drift"):
        if name in data.arrays:
            array = data.arrays[name].reshape(-1, data.arrays[name].shape[-1])
            if not (np.isfinite(array).all() and (array[:, [0, 2]] >= 0).all()):
                raise data.invalid(f"{name} must be finite, and its counts at least 0")


def _verify_failure(data: CheckpointData) -> None:
    """Check the comparison with persistence: its errors must have a root, and its flag must be 0 or 1."""
    name = f"{STREAMS}failure"
    states = data.arrays[name]
    if not ((states >= 0) & np.isfinite(states)).all() or not np.isin(states[:, FAILING:], (0, 1)).all():
        raise data.invalid(f"{name} must be finite and at least 0, and its last element 0 or 1")
