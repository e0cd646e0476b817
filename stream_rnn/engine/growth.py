"""Growth: carry what an engine has learned over to other settings.

New inputs start without effect: their weights are 0, and no stream has seen them; in past inputs of the network they
are 0. Fixed weights stay 0, so that above a reservoir the readout has to see new inputs as well. Where the readout has
not learned to use the layers yet, as when there was no input so far, weights are drawn as initially: they have no
effect either, and weights of 0 below a readout of 0 would never be learned.

New targets start as initially; a new class is as unlikely as the least likely one. Everything else is carried over
bitwise, except for what new targets change for all: pending errors are shares of a mean over the targets, and the
shared memory of recursive least squares is reset, because it would not let the new targets learn.

Each array of the old engine is copied into an array of the new one that is filled with blank values. Along an axis that
has grown, old elements come first, except along axes of inputs: these come in groups (values, flags, ...), each of
which grows, and a layer itself tells where its arrays have a row for each input.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.checkpoints.file import STREAMS
from stream_rnn.compiled.state import STREAM_ARRAYS
from stream_rnn.engine.build import build_parts
from stream_rnn.engine.contents import SHARED
from stream_rnn.errors import SettingError
from stream_rnn.kernels.dispatch import Off
from stream_rnn.layers.beside import Beside
from stream_rnn.layers.input_rows import input_rows
from stream_rnn.layers.network import BodyAndHead
from stream_rnn.layers.stack import stacked_layers
from stream_rnn.learning.rls import GAIN, RLS, reset_inverse

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.engine.build import EngineParts
    from stream_rnn.learning.compact import Compact
    from stream_rnn.settings.engine import Settings

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
        "alarm_rate",
        "lower",
        "upper",
        "reset_after",
        "drift_threshold",
        "drift_delta",
        "drift_boost",
        "drift_events",
    }
)
"""Settings that no array depends on."""

SHARES = frozenset({"errors", "group_d_outputs", "group_gradient"})
"""Arrays of gradients of a mean over the targets."""

GROWING = ("inputs", "targets", "classes")
"""Settings that may grow."""

INPUT_ARRAYS = ("params", "state", "tape")
"""Arrays of a layer that may have a row for each of its inputs."""

Indices = dict[str, tuple[Any, ...]]
"""By array: the new index of each old element along the axes after the first; None where they keep theirs."""


def grow(data: CheckpointData, settings: Settings) -> CheckpointData:
    """Return the data with which an engine of these settings continues, from the data of another.

    Raises
    ------
    SettingError
        For a setting that must not change in this way.
    """
    before = data.settings
    _check(before, settings)
    if all(getattr(before, name) == getattr(settings, name) for name in GROWING):
        return data._replace(settings=settings)
    old, new = build_parts(before), build_parts(settings)
    if settings.inputs != before.inputs:
        _check_layers(old, new, settings)
    indices, rows = _indices(old, new), new.rows | new.shared
    old_targets, new_targets = old.model.task.targets, new.model.task.targets
    arrays = dict(data.arrays)
    for name, array in data.arrays.items():
        short = name.removeprefix(STREAMS).removeprefix(SHARED)
        if short not in rows:
            continue
        grown = np.repeat(_blank(short, rows[short], new, settings)[np.newaxis], len(array), axis=0)
        arrays[name] = grown
        if short != "inverse" or old_targets == new_targets:
            _put(array, grown, indices.get(short, ()))
        if short in SHARES:
            grown *= old_targets / new_targets
        if short == "head" and settings.classes > before.classes:
            _make_new_classes_unlikely(grown, old, new)
    _draw_where_idle(arrays, indices["body"][0], new)
    return data._replace(settings=settings, arrays=arrays)


def _check(old: Settings, new: Settings) -> None:
    """Refuse changes that would give numbers another meaning."""
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after or name in FREE:
            continue
        if name not in GROWING:
            raise SettingError(f"{name} must stay {before!r} for learning to continue, got {after!r}")
        if name == "classes":
            if after < before or old.loss_name != "softmax" or old.task != "classification":
                raise SettingError(f"classes must stay {before}, or grow where loss was softmax, got {after}")
        elif after[: len(before)] != before:
            raise SettingError(f"{name} must begin with {', '.join(before)}, got {', '.join(after)}")
    if new.task == "forecast" and new.target_names != old.target_names:
        raise SettingError(
            f"targets of forecasts must stay {', '.join(old.target_names)}, got {', '.join(new.target_names)}"
        )


def _check_layers(old: EngineParts, new: EngineParts, settings: Settings) -> None:
    """Refuse inputs that a layer cannot add."""
    layers = zip(stacked_layers(old.network.body), stacked_layers(new.network.body), settings.layer, strict=True)
    for place, grown, name in layers:
        if place.layer.sizes.inputs == grown.layer.sizes.inputs:
            continue
        given = ", ".join(settings.inputs)
        try:
            input_rows(place.layer)
        except TypeError:
            raise SettingError(f"inputs must stay the same below layer {name}, got {given}") from None
        if name == "reservoir" and not settings.skip:
            raise SettingError(f"inputs must stay the same below layer reservoir without skip, got {given}")


def _blank(name: str, row: tuple[tuple[int, ...], DTypeLike], new: EngineParts, settings: Settings) -> NDArray[Any]:
    """Return a row of an array in which nothing has happened yet."""
    shape, kind = row
    blank = np.full(shape, STREAM_ARRAYS[name].blank if name in STREAM_ARRAYS else 0.0, kind)
    if name == "inverse":
        reset_inverse(new.learning.rls, blank)
    elif name == "forecast":
        blank[:] = settings.loss_spec.first_forecast
    return blank


def _indices(old: EngineParts, new: EngineParts) -> Indices:
    """Return where the elements of the old arrays are in the new ones."""
    columns = old.model.inputs.column_indices(new.model.inputs)
    moments = old.model.inputs.moment_indices(new.model.inputs)
    body = _body_indices(old, new, columns[: old.model.inputs.body_columns])
    skipped = new.network.hidden + columns[: old.network.features - old.network.hidden]
    features = np.concatenate([body.outputs, skipped])
    outputs, width = np.arange(old.network.outputs), new.network.features
    V = (outputs[:, np.newaxis] * width + features).ravel()
    head = np.concatenate([V, new.network.outputs * width + outputs])
    has_rls = isinstance(new.learning.rls, RLS)
    regressors = np.append(features, width)
    D = GAIN + 1 + (outputs[:, np.newaxis] * (width + 1) + regressors).ravel()
    return {
        "state": (body.state,),
        "tape": (None, body.tape),
        **_compact_indices(old.model.compact, new.model.compact, body.tape),
        "features": (None, features),
        "ahead_x": (None, columns),
        "input_moments": (None, moments),
        "body": (body.params,),
        "body_moments": (None, body.params),
        "head": (head,),
        "group_tapes": (None, None, body.tape),
        "group_gradient": (np.concatenate([body.params, new.network.head_start + head]),),
        "head_moments": (None, head[:0] if has_rls else head),
        "inverse": (regressors,) * 2 if has_rls else (),
        "challenger": (np.concatenate([np.arange(GAIN + 1), D]),) if has_rls else (),
    }


def _compact_indices(old: Compact | Off, new: Compact | Off, tape: NDArray[np.int64]) -> Indices:
    """Return the indices of the arrays of a compact tape, from those of the tape."""
    if isinstance(old, Off) or isinstance(new, Off):
        return {}
    return {
        "tape16": (None, np.searchsorted(new.floats, tape[old.floats])),
        "tape8": (None, np.searchsorted(new.bounded, tape[old.bounded])),
    }


class _BodyIndices(NamedTuple):
    """New indices of the elements of the body's arrays, and of its outputs."""

    params: NDArray[np.int64]
    state: NDArray[np.int64]
    tape: NDArray[np.int64]
    outputs: NDArray[np.int64]


def _body_indices(old: EngineParts, new: EngineParts, columns: NDArray[np.int64]) -> _BodyIndices:
    """Return the indices of a body; a layer that passes its inputs on changes the layer above it as well."""
    before, after = old.network.body, new.network.body
    found = {name: np.empty(getattr(before.sizes, name), np.int64) for name in INPUT_ARRAYS}
    inputs, outputs = columns, np.zeros(0, np.int64)
    if isinstance(before, Beside):
        for name, indices in found.items():
            own = _layer_indices(before.reservoir, after.reservoir, name, columns[: before.split.inputs])
            indices[: len(own)] = own
        outputs = np.arange(before.split.outputs)
    for place, grown in zip(stacked_layers(before), stacked_layers(after), strict=True):
        for name, indices in found.items():
            own, first = _layer_indices(place.layer, grown.layer, name, inputs), getattr(place, name)
            indices[first : first + len(own)] = getattr(grown, name) + own
        if place.layer.sizes.outputs == grown.layer.sizes.outputs:
            inputs = np.arange(place.layer.sizes.outputs)
    return _BodyIndices(**found, outputs=np.concatenate([outputs, len(outputs) + inputs]))


def _layer_indices(layer: Any, grown: Any, name: str, inputs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the indices of one of a layer's arrays, where its inputs move to the indices `inputs`."""
    size, new_inputs = getattr(layer.sizes, name), grown.sizes.inputs
    if layer.sizes.inputs == new_inputs:
        return np.arange(size)
    indices = np.empty(size, np.int64)
    at, to = 0, 0
    blocks = zip(getattr(input_rows(layer), name), getattr(input_rows(grown), name), strict=True)
    for (first, width), (new_first, _) in blocks:
        indices[at:first] = np.arange(to, new_first)
        at = first + len(inputs) * width
        indices[first:at] = (new_first + inputs[:, np.newaxis] * width + np.arange(width)).ravel()
        to = new_first + new_inputs * width
    indices[at:] = np.arange(to, to + size - at)
    return indices


def _put(array: NDArray[Any], grown: NDArray[Any], axes: tuple[Any, ...]) -> None:
    """Copy the old elements to their new indices; along an axis that has none, these are the first ones."""
    indices = (None, *axes, *[None] * (array.ndim - 1 - len(axes)))
    index = [np.arange(length) if own is None else own for length, own in zip(array.shape, indices, strict=True)]
    grown[np.ix_(*index)] = array


def _make_new_classes_unlikely(head: NDArray[Any], old: EngineParts, new: EngineParts) -> None:
    """Make new classes as unlikely as the least likely one, in c of `head` (rows, R)."""
    first, known = new.network.outputs * new.network.features, old.network.outputs
    c = head[:, first:]
    c[:, known:] = c[:, :known].min(axis=1, keepdims=True)


def _draw_where_idle(arrays: dict[str, NDArray[Any]], known: NDArray[np.int64], new: EngineParts) -> None:
    """Draw the body's weights, other than those `known`, where V does not use the layers yet."""
    body, head = (
        next(array for name, array in arrays.items() if name in {f"{STREAMS}{part}", f"{SHARED}{part}"})
        for part in BodyAndHead._fields
    )
    outputs, features, hidden = new.network.outputs, new.network.features, new.network.hidden
    V = head[:, : outputs * features].reshape(len(head), outputs, features)
    idle = ~V[:, :, :hidden].any(axis=(1, 2))
    if len(body) != len(head):  # one body under the heads of all streams
        idle = np.full(len(body), idle.all())
    fresh = np.ones(body.shape[1], np.bool_)
    fresh[known] = False
    body[np.ix_(idle, fresh)] = new.initial.body[fresh]
