"""Speaker classification on Japanese Vowels: one label for each utterance, learned at its last frame.

    python -m benchmarks.vowels

640 utterances by nine speakers, of 7 to 29 frames with 12 cepstral coefficients each (Kudo, Toyama & Shimbo 1999). The
engine processes the 270 training utterances frame by frame, each from a zero state. The speaker is the label of the
last frame, and the error is backpropagated through all frames. The 370 test utterances have no labels. The results are
compared with those of a hidden state that persists from one utterance to the next, always or only in the test.

Settings were chosen by five-fold cross-validation on the training utterances (``--validate``).
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks import options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPEAKERS = 9
MAX_FRAMES = 29
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
    "window": MAX_FRAMES,
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
    """Return the utterances of the parts 'train' and 'test'."""
    frames: dict[tuple[str, str, str], list[list[float]]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            utterance = row["split"], row["seq_id"], row["speaker"]
            frames.setdefault(utterance, []).append([float(row[name]) for name in COEFFICIENTS])
    parts: dict[str, list[Utterance]] = {"train": [], "test": []}
    for (part, _, speaker), rows in frames.items():
        parts[part].append(Utterance(np.array(rows), int(speaker) - 1))
    return parts


def learn(engine: Engine, utterances: Sequence[Utterance], passes: int, seed: int, *, ends: bool) -> None:
    """Learn from the utterances in several passes, each in another order; with `ends`, each from a zero state."""
    rng = np.random.default_rng(seed)
    for _ in range(passes):
        for index in rng.permutation(len(utterances)):
            process(engine, utterances[index], labelled=True, ends=ends)


def process(engine: Engine, utterance: Utterance, *, labelled: bool, ends: bool) -> int:
    """Process one utterance and return the speaker predicted at its last frame; with `ends`, reset the state then."""
    frames, speaker = utterance
    labels, last = np.full(len(frames), np.nan), np.zeros(len(frames), np.bool_)
    if labelled:
        labels[-1] = speaker
    last[-1] = ends
    return int(engine.process("vowels", frames, labels, ends=last)[-1].argmax())


def accuracy(engine: Engine, utterances: Sequence[Utterance], seed: int, *, ends: bool) -> float:
    """Return the share of utterances whose speaker is predicted correctly, without learning.

    The order is random: the file is sorted by speaker, which a persistent state would make use of.
    """
    shuffled = [utterances[index] for index in np.random.default_rng(seed).permutation(len(utterances))]
    return float(np.mean([process(engine, each, labelled=False, ends=ends) == each.speaker for each in shuffled]))


def validate(utterances: list[Utterance], settings: dict[str, Any], passes: int, seed: int) -> float:
    """Return the mean accuracy over five folds of the training utterances."""
    accuracies = []
    for fold in range(FOLDS):
        kept = [each for index, each in enumerate(utterances) if index % FOLDS != fold]
        engine = Engine(Settings(**settings, seed=seed))
        learn(engine, kept, passes, seed, ends=True)
        accuracies.append(accuracy(engine, utterances[fold::FOLDS], seed, ends=True))
    return float(np.mean(accuracies))


def measure(parts: dict[str, list[Utterance]], passes: int, seeds: int) -> dict[str, list[float]]:
    """Return each seed's accuracy on the test part, by how the state is treated between utterances."""
    accuracies: dict[str, list[float]] = {"zeroed": [], "carried over": [], "carried over when asked": []}
    for seed in range(seeds):
        for ends in (True, False):
            engine = Engine(Settings(**SETTINGS, seed=seed))
            learn(engine, parts["train"], passes, seed, ends=ends)
            accuracies["zeroed" if ends else "carried over"].append(accuracy(engine, parts["test"], seed, ends=ends))
            if ends:
                accuracies["carried over when asked"].append(accuracy(engine, parts["test"], seed, ends=False))
    return accuracies


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument(
        "--passes", type=options.positive, nargs="+", default=(1, PASSES), help="passes over the training utterances"
    )
    parser.add_argument("--seeds", type=options.positive, default=5, help="number of runs, with the seeds 0, 1, ...")
    parser.add_argument("--validate", action="store_true", help="cross-validate on the training part instead")
    parser.add_argument(
        "--data",
        type=Path,
        default=DATA / "japanese_vowels" / "japanese_vowels.csv",
        help="file (default in ../shared/data)",
    )
    arguments = parser.parse_args()
    if not arguments.data.exists():
        raise SystemExit(f"skipped: {arguments.data} does not exist; give the file with --data")
    parts = read(arguments.data)
    rows = []
    for passes in arguments.passes:
        if arguments.validate:
            seeds = range(arguments.seeds)
            accuracies = {"zeroed": [validate(parts["train"], SETTINGS, passes, seed) for seed in seeds]}
        else:
            accuracies = measure(parts, passes, arguments.seeds)
        rows += [
            {"passes": passes, "state": state, "accuracy": float(np.mean(by_seed)), "worst": min(by_seed)}
            for state, by_seed in accuracies.items()
        ]
    title = "cross-validated on the training part" if arguments.validate else "370 test utterances"
    if arguments.json:
        report.show_json({"rows": rows, "title": title})
        return
    report.show(f"Japanese Vowels, {title}, {arguments.seeds} seeds", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
