"""Growth: what an engine knows, as one of other settings takes it over.

New inputs begin without effect: their weights are 0, and no stream has seen them; in what the network saw before, they
stand at 0. Where the readout has yet to learn from the layers, as where there was no input, weights are drawn as at the
start: there they have no effect either, and at 0 below a readout of 0 neither would ever be learned.

New targets begin as at the start; a new class as unlikely as the least likely one. Everything else stays as it is, to
the bit, but for what new targets change for all: errors that wait are shares of a mean over the targets, and the memory
of recursive least squares, which all share, begins anew, for it would not let the new ones learn.

An array of the old engine goes into one of the new, which is filled as if nothing had happened yet. Along an axis that
has grown, old places are the first ones, but where the inputs stand: those come in groups (values, flags, ...), each of
which takes in more, and a layer says itself where its arrays have a row for each of them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.checkpoints.file import STREAMS
from stream_rnn.engine.build import assemble
from stream_rnn.engine.state import SHARED
from stream_rnn.errors import SettingError
from stream_rnn.layers.input_rows import input_rows
from stream_rnn.layers.network import Halves
from stream_rnn.layers.stack import places
from stream_rnn.learning.losses import LossKind
from stream_rnn.learning.rls import begin

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from stream_rnn.checkpoints.file import Saved
    from stream_rnn.engine.build import Assembly
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

BODY = ("params", "state", "tape")
"""Arrays of a layer that may have a row for each of its inputs."""

Places = dict[str, tuple[Any, ...]]
"""Of arrays by name, the places that old numbers have along the axes behind the first; None where they stay."""


def grown(saved: Saved, settings: Settings) -> Saved:
    """Return what an engine of these settings goes on with, from what another saved.

    Raises
    ------
    SettingError
        For a setting that may not change so.
    """
    before = saved.settings
    _check(before, settings)
    if all(getattr(before, name) == getattr(settings, name) for name in GROWING):
        return saved._replace(settings=settings)
    old, new = assemble(before), assemble(settings)
    if settings.inputs != before.inputs:
        _check_layers(old, new, settings)
    moved, rows = _moved(old, new), new.rows | new.shared
    known, targets = old.model.task.targets, new.model.task.targets
    arrays = dict(saved.arrays)
    for name, array in saved.arrays.items():
        short = name.removeprefix(STREAMS).removeprefix(SHARED)
        if short not in rows:
            continue
        arrays[name] = taking = np.repeat(_blank(short, rows[short], new)[np.newaxis], len(array), axis=0)
        if short != "inverse" or known == targets:
            _put(array, taking, moved.get(short, ()))
        if short == "errors":
            taking *= known / targets
        if short == "head" and settings.classes > before.classes:
            _dampen(taking, old, new)
    _draw(arrays, moved["body"][0], new)
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
            if after < before or old.loss_name != "softmax" or old.task != "classification":
                raise SettingError(f"classes must stay {before}, or become more where loss was softmax, got {after}")
        elif after[: len(before)] != before:
            raise SettingError(f"{name} must begin with {', '.join(before)}, got {', '.join(after)}")
    if new.task == "forecast" and new.target_names != old.target_names:
        raise SettingError(
            f"targets of forecasts must stay {', '.join(old.target_names)}, got {', '.join(new.target_names)}"
        )


def _check_layers(old: Assembly, new: Assembly, settings: Settings) -> None:
    """Refuse inputs that a layer cannot take in."""
    layers = zip(places(old.network.body), places(new.network.body), settings.layer, strict=True)
    for place, taller, name in layers:
        if place.layer.sizes.inputs == taller.layer.sizes.inputs:
            continue
        try:
            input_rows(place.layer)
        except TypeError:
            raise SettingError(
                f"inputs must stay as they are under layer {name}, got {', '.join(settings.inputs)}"
            ) from None


def _blank(name: str, row: tuple[tuple[int, ...], DTypeLike], new: Assembly) -> NDArray[Any]:
    """Return a row of an array as if nothing had happened yet."""
    shape, kind = row
    blank = np.full(shape, math.nan if name in UNKNOWN else 0.0, kind)
    if name == "inverse":
        begin(new.learner.rls, blank)
    elif name == "forecast" and new.learner.loss.kind == LossKind.LOGISTIC:
        blank[:] = 0.5
    return blank


def _moved(old: Assembly, new: Assembly) -> Places:
    """Return where the old arrays' numbers are in the new ones."""
    columns = old.model.inputs.places(new.model.inputs)
    moments = old.model.inputs.moment_places(new.model.inputs)
    body = _body(old, new, columns)
    skipped = new.network.hidden + columns[: old.network.features - old.network.hidden]
    features = np.concatenate([body.outputs, skipped])
    outputs, width = np.arange(old.network.outputs), new.network.features
    V = (outputs[:, np.newaxis] * width + features).ravel()
    head = np.concatenate([V, new.network.outputs * width + outputs])
    second_order = new.learner.rls.forgetting > 0
    return {
        "state": (body.state,),
        "tape": (None, body.tape),
        "features": (None, features),
        "ahead_x": (None, columns),
        "input_moments": (None, moments),
        "body": (body.params,),
        "body_moments": (None, body.params),
        "head": (head,),
        "head_moments": (None, head[:0] if second_order else head),
        "inverse": (np.append(features, width),) * 2 if second_order else (),
    }


class _Body(NamedTuple):
    """Where the numbers of the body's arrays, and its outputs, go."""

    params: NDArray[np.int64]
    state: NDArray[np.int64]
    tape: NDArray[np.int64]
    outputs: NDArray[np.int64]


def _body(old: Assembly, new: Assembly, columns: NDArray[np.int64]) -> _Body:
    """Return where a body's numbers go: a layer that passes its inputs on changes the one above it, too."""
    before, after = old.network.body, new.network.body
    found = {name: np.empty(getattr(before.sizes, name), np.int64) for name in BODY}
    seen = columns
    for place, taller in zip(places(before), places(after), strict=True):
        for name, there in found.items():
            own, first = _rows(place.layer, taller.layer, name, seen), getattr(place, name)
            there[first : first + len(own)] = getattr(taller, name) + own
        if place.layer.sizes.outputs == taller.layer.sizes.outputs:
            seen = np.arange(place.layer.sizes.outputs)
    return _Body(**found, outputs=seen)


def _rows(layer: Any, taller: Any, name: str, seen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the numbers of one of a layer's arrays go where its inputs go to those that are `seen`."""
    size, inputs = getattr(layer.sizes, name), taller.sizes.inputs
    if layer.sizes.inputs == inputs:
        return np.arange(size)
    there = np.empty(size, np.int64)
    at, to = 0, 0
    blocks = zip(getattr(input_rows(layer), name), getattr(input_rows(taller), name), strict=True)
    for (first, width), (opens, _) in blocks:
        there[at:first] = np.arange(to, opens)
        at = first + len(seen) * width
        there[first:at] = (opens + seen[:, np.newaxis] * width + np.arange(width)).ravel()
        to = opens + inputs * width
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


def _draw(arrays: dict[str, NDArray[Any]], known: NDArray[np.int64], new: Assembly) -> None:
    """Draw the body's weights other than those `known` where V does not let the layers through."""
    body, head = (
        next(array for name, array in arrays.items() if name in {f"{STREAMS}{part}", f"{SHARED}{part}"})
        for part in Halves._fields
    )
    outputs, features, hidden = new.network.outputs, new.network.features, new.network.hidden
    V = head[:, : outputs * features].reshape(len(head), outputs, features)
    idle = ~V[:, :, :hidden].any(axis=(1, 2))
    if len(body) != len(head):  # one body under the heads of all streams
        idle = np.full(len(body), idle.all())
    fresh = np.ones(body.shape[1], np.bool_)
    fresh[known] = False
    body[np.ix_(idle, fresh)] = new.initial.body[fresh]
