"""A character-level language model that reads a text once, then generates more.

It reads Python's documentation, which comes with the interpreter, character by character. Characters are numbered in
order of appearance and embedded; each is forecast before it is read. At the end the network generates text: each
character that it samples is its next input.

    python examples/characters.py
"""

import argparse
from pydoc_data.topics import topics

import numpy as np

from stream_rnn import Engine, Settings

VOCABULARY = 128


def main() -> None:
    """Print bits per character for each fifth of the text, with those of its character frequencies; then generate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--characters", type=int, default=200_000)
    count = parser.parse_args().characters

    settings = Settings(
        inputs=("character",),
        layer=("embedding", "gru"),
        hidden=(24, 128),
        loss="softmax",
        vocabulary=VOCABULARY,
        classes=VOCABULARY,
        update_every=8,
        learning_rate=3e-3,
    )
    engine = Engine(settings)
    text = "\n".join(topics.values())[:count]
    ids = engine.vocabulary.encode(text)
    for part in np.array_split(ids, 5):
        forecasts = engine.process("text", part[:, np.newaxis])[:-1, 0]
        probabilities = forecasts[np.arange(len(part) - 1), part[1:]]
        frequencies = np.bincount(part) / len(part)
        entropy = -np.sum(frequencies[frequencies > 0] * np.log2(frequencies[frequencies > 0]))
        print(f"{-np.mean(np.log2(probabilities)):.2f} bits per character, {entropy:.2f} by frequency")
    generated = engine.generate("text", "T", steps=160, temperature=0.5, seed=1)
    print("generated:", " ".join(("T" + "".join(engine.vocabulary.decode(generated))).split()))


if __name__ == "__main__":
    main()
