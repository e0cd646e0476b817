"""Who says the vowel? Japanese Vowels: one label for each utterance, learned at its last frame.

    python -m benchmarks.vowels

640 utterances by nine speakers, 12 cepstral coefficients a frame, 7 to 29 frames (Kudo, Toyama & Shimbo 1999). The
engine takes the 270 training utterances frame by frame, each from a zero state, is told the speaker at the last frame
and carries the error back through all frames; then it is asked for the 370 test utterances, and told nothing. Beside it
stands the same with the state carried over from one utterance to the next, always or only when it is asked.

Settings were chosen by five-fold cross-validation within the training utterances (``--validate``).
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import report
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPEAKERS = 9
LONGEST = 29
COEFFICIENTS = tuple(f"c{i}" for i in range(1, 13))
FOLDS = 5
PASSES = 10

SETTINGS: dict[str, Any] = {
    "inputs": COEFFICIENTS,
    "targets": ("speaker",),
    "task": "classification",
    "classes": SPEAKERS,
    "layer": "gru",
    "hidden": 64,
    "window": LONGEST,
    "learning_rate": 5e-3,
    "scaling_forgetting": 1.0,
    "missing_flags": False,
}


class Utterance(NamedTuple):
    """The frames of one utterance."""

    frames: NDArray[np.float64]
    """(T, 12)"""
    speaker: int
    """0 to 8"""


def read(path: Path) -> dict[str, list[Utterance]]:
    """Return the utterances of each part, 'train' and 'test'."""
    frames: dict[tuple[str, str, str], list[list[float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            place = row["split"], row["seq_id"], row["speaker"]
            frames.setdefault(place, []).append([float(row[name]) for name in COEFFICIENTS])
    parts: dict[str, list[Utterance]] = {"train": [], "test": []}
    for (part, _, speaker), rows in frames.items():
        parts[part].append(Utterance(np.array(rows), int(speaker) - 1))
    return parts


def learn(engine: Engine, utterances: Sequence[Utterance], passes: int, seed: int, *, ends: bool) -> None:
    """Take the utterances so many times, each time in another order; with `ends` each from a zero state."""
    rng = np.random.default_rng(seed)
    for _ in range(passes):
        for place in rng.permutation(len(utterances)):
            take(engine, utterances[place], told=True, ends=ends)


def take(engine: Engine, utterance: Utterance, *, told: bool, ends: bool) -> int:
    """Take one utterance; return the speaker that is said at its last frame."""
    frames, speaker = utterance
    labels, last = np.full(len(frames), np.nan), np.zeros(len(frames), np.bool_)
    if told:
        labels[-1] = speaker
    last[-1] = ends
    return int(engine.process("vowels", frames, labels, ends=last)[-1].argmax())


def accuracy(engine: Engine, utterances: Sequence[Utterance], seed: int, *, ends: bool) -> float:
    """Return the share of utterances whose speaker is named right; nothing is learned.

    They are taken in random order: in the file, a speaker's stand together, which a carried state would give away.
    """
    mixed = [utterances[place] for place in np.random.default_rng(seed).permutation(len(utterances))]
    return float(np.mean([take(engine, each, told=False, ends=ends) == each.speaker for each in mixed]))


def validate(utterances: list[Utterance], settings: dict[str, Any], passes: int, seed: int) -> float:
    """Return the mean accuracy over five folds of the training utterances, every fifth left out in turn."""
    found = []
    for fold in range(FOLDS):
        kept = [each for place, each in enumerate(utterances) if place % FOLDS != fold]
        engine = Engine(Settings(**settings, seed=seed))
        learn(engine, kept, passes, seed, ends=True)
        found.append(accuracy(engine, utterances[fold::FOLDS], seed, ends=True))
    return float(np.mean(found))


def measure(parts: dict[str, list[Utterance]], passes: int, seeds: int) -> dict[str, list[float]]:
    """Return each seed's accuracy on the test part, by what becomes of the state between utterances."""
    found: dict[str, list[float]] = {"zeroed": [], "carried over": [], "carried over when asked": []}
    for seed in range(seeds):
        for ends in (True, False):
            engine = Engine(Settings(**SETTINGS, seed=seed))
            learn(engine, parts["train"], passes, seed, ends=ends)
            found["zeroed" if ends else "carried over"].append(accuracy(engine, parts["test"], seed, ends=ends))
            if ends:
                found["carried over when asked"].append(accuracy(engine, parts["test"], seed, ends=False))
    return found


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, nargs="+", default=(1, PASSES), help="over the training utterances")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--validate", action="store_true", help="cross-validate on the training part instead")
    folder = Path(__file__).parent.parent.parent / "shared" / "data" / "japanese_vowels"
    parser.add_argument("--data", type=Path, default=folder / "japanese_vowels.csv")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not options.data.exists():
        raise SystemExit(f"skipped: {options.data} is not here; name it with --data")
    parts = read(options.data)
    rows = []
    for passes in options.passes:
        if options.validate:
            found = {"zeroed": [validate(parts["train"], SETTINGS, passes, seed) for seed in range(options.seeds)]}
        else:
            found = measure(parts, passes, options.seeds)
        rows += [
            {"passes": passes, "state": state, "accuracy": float(np.mean(each)), "worst": min(each)}
            for state, each in found.items()
        ]
    title = "cross-validated on the training part" if options.validate else "370 test utterances"
    if options.json:
        report.show_json({"rows": rows, "title": title})
        return
    report.show(f"Japanese Vowels, {title}, {options.seeds} seeds", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
