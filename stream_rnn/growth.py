"""Growth: what an engine knows, as one of other settings takes it over.

New inputs begin without effect: their weights are 0, and no stream has seen them. New targets begin as at the start; a
new class as unlikely as the least likely one. Everything else stays as it is, to the bit.

An array of the old engine goes into one of the new, which is filled as if nothing had happened yet. Along an axis that
has grown, old places are the first ones, but where the inputs stand: those come in groups (values, flags, ...), each of
which takes in more, and a layer says itself where its arrays have a row for each of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.assembly import assemble
from stream_rnn.checkpoint import STREAMS
from stream_rnn.errors import SettingError
from stream_rnn.layers.layer import input_rows
from stream_rnn.layers.stack import places
from stream_rnn.memory import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from stream_rnn.assembly import Assembly
    from stream_rnn.checkpoint import Saved
    from stream_rnn.config import Settings

FREE = frozenset(
    {
        "learning_rate",
        "momentum",
        "nesterov",
        "clip",
        "clip_limit",
        "l1",
        "l2",
        "vanishing",
        "weight_decay",
        "huber_delta",
        "scaling_forgetting",
        "outlier",
        "rls_forgetting",
        "rls_ridge",
        "reset_after",
        "drift_threshold",
        "drift_delta",
        "drift_boost",
        "drift_events",
    }
)
"""Settings that no array depends on."""

GROWING = ("inputs", "targets", "classes")
"""Settings that may have more."""

UNKNOWN = frozenset({"last_y", "base", "history", "interval"})
"""Arrays that are NaN where nothing is known."""

Places = dict[str, tuple[Any, ...]]
"""Of arrays by name, the places that old numbers have along the axes behind the first; None where they stay."""


def grown(saved: Saved, settings: Settings) -> Saved:
    """Return what an engine of these settings goes on with, from what another saved.

    Raises
    ------
    SettingError
        For a setting that may not change so.
    """
    _check(saved.settings, settings)
    if all(getattr(saved.settings, name) == getattr(settings, name) for name in GROWING):
        return saved._replace(settings=settings)
    old, new = assemble(saved.settings), assemble(settings)
    moved = _moved(old, new, settings)
    arrays = {}
    for name, array in saved.arrays.items():
        short = name.removeprefix(STREAMS).removeprefix(SHARED)
        if short not in new.rows and short not in new.shared:
            arrays[name] = array
            continue
        shape, kind = (new.rows | new.shared)[short]
        taking = np.full((len(array), *shape), math.nan if short in UNKNOWN else 0, kind)
        if short == "inverse" and array.size:
            taking[:] = np.eye(shape[0]) / settings.rls_ridge
        _put(array, taking, moved.get(short, ()))
        if short == "head" and settings.loss_name == "softmax":
            _dampen(taking, old, new)
        arrays[name] = taking
    return saved._replace(settings=settings, arrays=arrays)


def _check(old: Settings, new: Settings) -> None:
    """Refuse what would make numbers mean something else."""
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after or name in FREE:
            continue
        if name not in GROWING:
            raise SettingError(f"{name} must stay {before!r} where learning goes on, got {after!r}")
        if name == "classes":
            if after < before or new.loss_name != "softmax" or new.task != "classification":
                raise SettingError(f"classes may only become more, for classification by softmax, got {after}")
        elif after[: len(before)] != before:
            raise SettingError(f"{name} must begin with {', '.join(before)}, got {', '.join(after)}")
    if new.target_names != old.target_names:
        _check_targets(new)
    if new.inputs != old.inputs:
        _check_inputs(old)


def _check_targets(new: Settings) -> None:
    if new.task == "forecast":
        raise SettingError(f"targets of forecasts must stay as they are, got {', '.join(new.target_names)}")
    if new.anomaly:
        raise SettingError(f"targets must stay as they are with anomaly scores, got {', '.join(new.target_names)}")


def _check_inputs(old: Settings) -> None:
    try:
        input_rows(places(assemble(old).network.body)[0].layer)
    except TypeError:
        raise SettingError(f"inputs must stay as they are under layer {old.layer[0]}, got more") from None
    if old.lookahead:
        raise SettingError(f"inputs must stay as they are with lookahead, got more for lookahead {old.lookahead}")


def _moved(old: Assembly, new: Assembly, settings: Settings) -> Places:
    """Return where the old arrays' numbers are in the new ones."""
    columns = old.model.inputs.places(new.model.inputs)
    hidden = old.network.hidden
    features = np.arange(old.network.features)
    features[hidden:] = hidden + columns[: len(features) - hidden]
    params, state, tape = _body(old, new, columns)
    outputs, width = old.network.outputs, new.network.features
    V = (np.arange(outputs)[:, np.newaxis] * width + features).ravel()
    head = np.concatenate([V, new.network.outputs * width + np.arange(outputs)])
    moments = old.model.inputs.moment_places(new.model.inputs)
    learned_head = head if settings.readout == "gradient" else np.arange(0)
    return {
        "state": (state,),
        "tape": (None, tape),
        "features": (None, features),
        "ahead_x": (None, columns),
        "input_moments": (None, moments),
        "body": (params,),
        "body_moments": (None, params),
        "head": (head,),
        "head_moments": (None, learned_head),
        "inverse": (np.append(features, width),) * 2 if settings.readout == "rls" else (),
    }


class _Arrays(NamedTuple):
    params: Any
    state: Any
    tape: Any


def _body(old: Assembly, new: Assembly, columns: NDArray[np.int64]) -> _Arrays:
    """Return where the numbers of the body's arrays go."""
    before, after = old.network.body, new.network.body
    if len(columns) == new.model.inputs.columns:
        return _Arrays(None, None, None)
    lowest, taller = places(before)[0], places(after)[0]
    rows, more = input_rows(lowest.layer), input_rows(taller.layer)
    return _Arrays(
        *(
            _rows(
                getattr(before.sizes, name),
                _shifted(getattr(rows, name), getattr(lowest, name)),
                _shifted(getattr(more, name), getattr(taller, name)),
                columns,
                new.model.inputs.columns,
            )
            for name in _Arrays._fields
        )
    )


def _shifted(blocks: Iterable[tuple[int, int]], by: int) -> list[tuple[int, int]]:
    return [(first + by, width) for first, width in blocks]


def _rows(
    size: int,
    blocks: list[tuple[int, int]],
    larger: list[tuple[int, int]],
    columns: NDArray[np.int64],
    count: int,
) -> NDArray[np.int64]:
    """Return where an array's numbers (size,) go when its blocks of rows become blocks of `count` rows."""
    there = np.empty(size, np.int64)
    at, to = 0, 0
    for (first, width), (begin, _) in zip(blocks, larger, strict=True):
        there[at:first] = np.arange(to, begin)
        stop = first + len(columns) * width
        there[first:stop] = (begin + columns[:, np.newaxis] * width + np.arange(width)).ravel()
        at, to = stop, begin + count * width
    there[at:] = np.arange(to, to + size - at)
    return there


def _put(array: NDArray[Any], taking: NDArray[Any], axes: tuple[Any, ...]) -> None:
    """Write the old numbers to their places; along an axis that is not said, to the first."""
    said = (None, *axes, *[None] * (array.ndim - 1 - len(axes)))
    index = [np.arange(length) if places is None else places for length, places in zip(array.shape, said, strict=True)]
    taking[np.ix_(*index)] = array


def _dampen(head: NDArray[Any], old: Assembly, new: Assembly) -> None:
    """Let classes that are new be as unlikely as the least likely one, in c of `head` (rows, R)."""
    first, known = new.network.outputs * new.network.features, old.network.outputs
    c = head[:, first:]
    c[:, known:] = c[:, :known].min(axis=1, keepdims=True)
