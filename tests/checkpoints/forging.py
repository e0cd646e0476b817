"""Forged checkpoints: valid files whose contents are changed at random, with a checksum that matches.

``python forging.py FOLDER SEED COUNT`` loads so many in one process, whose memory is limited, and lets each engine that
was loaded run. It prints how many were loaded and refused; everything else ends it with a traceback, or a crash.
"""

from __future__ import annotations

import json
import resource
import sys
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from safetensors.numpy import save_file

from stream_rnn import CheckpointError, Engine, Race, Settings
from stream_rnn.checkpoints import file as checkpoint_file
from stream_rnn.engine.build import plan_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stream_rnn.compiled.state import Rows

SMALL: dict[str, Any] = {"inputs": ("x",), "hidden": 3, "window": 4}
TOKENS: dict[str, Any] = {"inputs": ("token",), "hidden": (2, 3), "window": 4, "vocabulary": 5, "classes": 5}
LABELS: dict[str, Any] = {"task": "classification", "targets": ("y",), "lookahead": 2}
ENGINES: dict[str, dict[str, Any]] = {
    "shared": SMALL | {"update_every": 3, "horizon": 2},
    "per stream": SMALL | {"weights": "per_stream", "max_streams": 2},
    "uncertainty": SMALL | {"interval": 0.9, "anomaly": True},
    "drift": SMALL | {"drift": "boost"},
    "overall drift": SMALL | {"drift": "report", "drift_scope": "all"},
    "tokens": TOKENS | {"layer": ("embedding", "gru"), "loss": "softmax"},
    "lookahead": SMALL | LABELS | {"layer": ("bigru",)},
    "tokens with lookahead": TOKENS | LABELS | {"layer": ("embedding", "bigru")},
}
MEMBERS: dict[str, dict[str, Any]] = {"slow": SMALL | {"learning_rate": 1e-4}, "fast": SMALL}
STEPS = 50
MEMORY = 256 * 2**20
"""Bytes that loading and running may add to the process."""

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 7, 100_000, 2**31, 2**62, 2**63 - 1, 10**30, -(2**63), 0.5, -1.5, 1e300),
    *("", "x", "\ud800", "slow", [], {}, [1], [[]], ["x"], ["x", "x"], {"x": 1}, [None], ["gru"] * 30),
)
FLOATS = (np.nan, np.inf, -np.inf, 1e300, -1e300, 1e9, 2**40, -1.0, 0.5, 4.0, 5.0)
INTEGERS = (-1, 2**31, 2**62, 2**63 - 1, -(2**63), 7, 100)
OWN_KERNELS = ("loss", "task", "activation")
"""Settings that are not changed, because other values that fit the arrays need other kernels, which take seconds."""


class Contents(NamedTuple):
    """A checkpoint before it is written."""

    arrays: dict[str, NDArray[Any]]
    document: dict[str, Any]


def step(model: Engine | Race, key: Any, t: int) -> None:
    """Let a model process an event that fits its settings."""
    settings, size = model.settings, len(model.settings.inputs)
    x = [float(t % settings.vocabulary)] * size if settings.tokens else [np.sin(t) if t % 7 else np.nan] * size
    y = None
    if settings.task != "forecast" or not set(settings.target_names) <= set(settings.inputs):
        y = [float(t % 2)] * len(settings.target_names)
    model.step(key, x, y, float(60 * t), end=t % 11 == 0)


def base_contents(folder: Path) -> list[Contents]:
    """Return the checkpoints of models that have learned."""
    models: list[Engine | Race] = [Engine(Settings(**values)) for values in ENGINES.values()]
    models.append(Race({name: Settings(**values) for name, values in MEMBERS.items()}))
    found = []
    for model in models:
        for t in range(STEPS):
            step(model, "abc"[t % 3], t)
        path = folder / "base.safetensors"
        model.save(path)
        found.append(contents_of(path))
    return found


def contents_of(path: Path) -> Contents:
    """Return the contents of a file."""
    with checkpoint_file._open(path) as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        return Contents(arrays, json.loads(file.metadata()["about"]))


def write(path: Path, contents: Contents) -> None:
    """Write contents with a checksum that matches."""
    about = json.dumps(contents.document)
    arrays = {name: np.ascontiguousarray(array) for name, array in contents.arrays.items()}
    save_file(arrays, path, {"about": about, "checksum": str(checkpoint_file._checksum(arrays, about))})


def model_class(contents: Contents) -> type[Engine | Race]:
    """Return the class whose contents these are."""
    return Race if isinstance(contents.document.get("race"), dict) else Engine


def rows_of(settings: Settings) -> tuple[Rows, Rows]:
    """Return the rows of the stream arrays, and of the weights, of an engine that is not built."""
    plan = plan_engine(settings)
    return plan.rows, plan.shared


def run(path: Path, cls: type[Engine | Race]) -> None:
    """Load the file of a model of this class, and let the model run.

    Raises
    ------
    CheckpointError
        If the file is refused, in one line that names it.
    """
    try:
        model = cls.load(path)
    except CheckpointError as error:
        message = str(error)
        assert "\n" not in message, message
        assert str(path) in message or "use Race.load" in message or "use Engine.load" in message, message
        raise
    keys = [*model.keys, "new"]
    for t in range(STEPS):
        step(model, keys[t % len(keys)], t)
    for key in keys:
        if not model.settings.lookahead and not model.settings.tokens:
            model.predict(key, [1.0] * len(model.settings.inputs))
        if isinstance(model, Engine) and model.settings.tokens and not model.settings.lookahead:
            model.generate(key, [1.0], steps=5)
        model.reset(key)
    model.snapshot().finish()


# Changes.


def pick(rng: np.random.Generator, values: Any) -> Any:
    return values[rng.integers(len(values))]


def change_array(rng: np.random.Generator, contents: Contents) -> str:
    name = pick(rng, sorted(contents.arrays))
    array = contents.arrays[name]
    kind = pick(rng, ("drop", "rename", "add", "dtype", "shape", "rows", "element", "element", "element", "fill"))
    if kind == "drop":
        del contents.arrays[name]
    elif kind == "rename":
        contents.arrays[pick(rng, ("streams.x", "weights.x", "x", f"streams.{name}"))] = contents.arrays.pop(name)
    elif kind == "add":
        contents.arrays[pick(rng, ("streams.x", "weights.x", "x", f"streams.{name}", "member9.counts"))] = array
    elif kind == "dtype":
        other = pick(rng, ("f2", "f4", "f8", "i4", "i8", "u1", "?"))
        with np.errstate(all="ignore"):
            contents.arrays[name] = array.astype(other)
    elif kind == "shape":
        contents.arrays[name] = pick(rng, (array.ravel(), array[np.newaxis], array[..., np.newaxis], array[..., :-1]))
    elif kind == "rows":
        rows = np.concatenate([array, array]) if array.ndim else array
        contents.arrays[name] = rows[: rng.integers(2 * len(array) + 1)] if array.ndim else rows
    elif array.size:
        changed = array.copy()
        place = slice(None) if kind == "fill" else rng.integers(array.size)
        value = pick(rng, INTEGERS if array.dtype.kind == "i" else FLOATS)
        with np.errstate(all="ignore"):
            changed.reshape(-1)[place] = value if array.dtype.kind in "if" else True
        contents.arrays[name] = changed
        return f"{name}[{place}] = {value}"
    return f"{kind} {name}"


def change_document(rng: np.random.Generator, contents: Contents) -> str:
    name = pick(rng, sorted(contents.document))
    if rng.random() < 0.3:
        del contents.document[name]
        return f"no {name}"
    value = contents.document[name]
    if isinstance(value, list) and rng.random() < 0.5:
        kind = pick(rng, ("repeat", "drop", "append", "reverse"))
        changed = {
            "repeat": value * 2,
            "drop": value[1:],
            "append": [*value, pick(rng, VALUES)],
            "reverse": value[::-1],
        }
        contents.document[name] = changed[kind]
        return f"{kind} {name}"
    contents.document[name] = value = pick(rng, VALUES)
    return f"{name} = {value!r}"


def change_settings(rng: np.random.Generator, contents: Contents) -> str:
    race = contents.document.get("race")
    tables = [contents.document["settings"]]
    if race is not None:
        tables += [race, race["settings"], race["members"], *race["members"].values()]
    table = pick(rng, tables)
    name = pick(rng, sorted(set(table) - set(OWN_KERNELS)))
    if rng.random() < 0.2:
        del table[name]
        return f"no setting {name}"
    value = pick(rng, VALUES)
    table[name] = value
    return f"setting {name} = {value!r}"


CHANGES: tuple[Callable[[np.random.Generator, Contents], str], ...] = (change_array, change_document, change_settings)


def forge(rng: np.random.Generator, base: Contents) -> tuple[Contents, list[str]]:
    """Return contents with one or two changes, and what these are."""
    contents, changes = deepcopy(base), list[str]()
    for _ in range(rng.integers(1, 3)):
        try:
            changes.append(pick(rng, CHANGES)(rng, contents))
        except (LookupError, TypeError, AttributeError, ValueError):  # what is to be changed is gone already
            continue
    return contents, changes


def main(folder: Path, seed: int, count: int) -> None:
    """Load so many forged files."""
    rng = np.random.default_rng(seed)
    bases, outcomes = base_contents(folder), Counter[str]()
    path = folder / "forged.safetensors"
    for base in bases:
        write(path, base)
        run(path, model_class(base))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    for number in range(count):
        contents, changes = forge(rng, pick(rng, bases))
        write(path, contents)
        sys.stderr.write(f"{number} {changes} ")
        sys.stderr.flush()
        try:
            run(path, model_class(contents))
        except CheckpointError:
            outcome = "refused"
        else:
            outcome = "loaded"
        sys.stderr.write(f"{outcome}\n")
        outcomes[outcome] += 1
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
