"""Speaker classification: one label for each utterance, learned at its last frame.

Japanese Vowels (Kudo, Toyama & Shimbo 1999): 640 utterances by nine speakers, with 12 numbers per frame. The file is
not part of the project; give its path. `python -m benchmarks.vowels` uses more seeds, and shows how the settings were
chosen.

    python examples/speech.py japanese_vowels.csv
"""

import argparse
import csv
from itertools import groupby
from pathlib import Path

import numpy as np

from stream_rnn import Engine, Settings

SPEAKERS, MAX_FRAMES = 9, 29
COEFFICIENTS = tuple(f"c{i}" for i in range(1, 13))


def utterances(path: Path, part: str) -> list[tuple[np.ndarray, int]]:
    """Return the frames (T, 12) and the speaker (0 to 8) of each utterance of a part."""
    with path.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == part]
    return [
        (np.array([[float(row[name]) for name in COEFFICIENTS] for row in frames]), int(speaker) - 1)
        for (_, speaker), group in groupby(rows, lambda row: (row["seq_id"], row["speaker"]))
        for frames in [list(group)]
    ]


def main() -> None:
    """Learn from the training part in several passes, and print the accuracy on the test part after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--passes", type=int, default=3)
    options = parser.parse_args()

    settings = Settings(
        inputs=COEFFICIENTS,
        targets=("speaker",),
        task="classification",
        classes=SPEAKERS,
        hidden=64,
        window=MAX_FRAMES,
        learning_rate=5e-3,
        scaling_forgetting=1.0,
        missing_flags=False,
    )
    engine, rng = Engine(settings), np.random.default_rng(0)
    train, test = utterances(options.file, "train"), utterances(options.file, "test")
    for number in range(1, options.passes + 1):
        for index in rng.permutation(len(train)):
            frames, speaker = train[index]
            last = np.arange(len(frames)) == len(frames) - 1
            engine.process("speech", frames, np.where(last, speaker, np.nan), ends=last)
        correct = 0
        for frames, speaker in test:
            correct += engine.process("speech", frames)[-1].argmax() == speaker
            engine.reset("speech")
        print(f"after pass {number}: {correct / len(test):.1%} of {len(test)} test utterances")


if __name__ == "__main__":
    main()
