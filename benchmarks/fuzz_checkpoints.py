"""Checkpoints with damaged bytes, and forged ones, whose contents are changed and whose checksum matches.

Each must be refused with a `CheckpointError`, or loaded by a model that then runs. A file with damaged bytes that is
loaded must have the contents that were saved.
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.fuzz_damage import damage_file
from benchmarks.fuzz_outcome import Outcome, UnaccountedError, examine, message_kind
from stream_rnn import CheckpointError
from tests.checkpoints import forging

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

    from stream_rnn import Engine, Race
    from tests.checkpoints.forging import Contents

FORGED = 0.5
"""Share of the files that are forged."""


@cache
def _bases(folder: Path) -> list[Contents]:
    """Return the checkpoints that are damaged; they are kept for the process."""
    folder.mkdir(exist_ok=True)
    return forging.base_contents(folder)


def fuzz(folder: Path, rng: random.Random, count: int) -> Outcome:
    """Return the outcome of `count` checkpoints."""
    bases, path, outcome = _bases(folder.parent / "bases"), folder / "damaged.safetensors", Outcome()
    numbers = np.random.default_rng(rng.getrandbits(64))
    for _ in range(count):
        base = rng.choice(bases)
        if rng.random() < FORGED:
            contents, changes = forging.forge(numbers, base)
            forging.write(path, contents)
            load = partial(_load, path, forging.model_class(contents), None)
            outcome += examine([path.read_bytes()], load, partial(_shown, str(changes)))
        else:
            forging.write(path, base)
            data = damage_file(rng, path.read_bytes())
            outcome += examine([data], partial(_load, path, forging.model_class(base), base), bytes)
    return outcome


def _load(path: Path, cls: type[Engine | Race], base: Contents | None, files: Sequence[bytes]) -> Outcome:
    """Load a file and let its model run; `base` is what it must contain, if its bytes are damaged."""
    path.write_bytes(files[0])
    outcome = Outcome(written=1)
    try:
        forging.run(path, cls)
    except CheckpointError as error:
        outcome.refused = 1
        outcome.reasons[message_kind(error, path)] += 1
        return outcome
    if base is not None and not _equal(forging.contents_of(path), base):
        raise UnaccountedError("a damaged file is loaded, with other contents than were saved")
    outcome.processed = 1
    return outcome


def _equal(one: Contents, other: Contents) -> bool:
    return (
        one.document == other.document
        and one.arrays.keys() == other.arrays.keys()
        and all(array.tobytes() == other.arrays[name].tobytes() for name, array in one.arrays.items())
    )


def _shown(changes: str, _: bytes) -> bytes:
    return changes.encode(errors="backslashreplace")
