"""Next-character modelling: a network that reads text once, and then writes some.

It reads Python's own documentation, which comes with the interpreter, character by character; characters are numbered
as they appear, embedded, and the next one is forecast before it is seen. At the end it writes on by itself, each of its
characters fed back as the next input.

    python examples/characters.py
"""

import argparse
from pydoc_data.topics import topics

import numpy as np

from stream_rnn import Engine, Settings

VOCABULARY = 128


def main() -> None:
    """Print the bits per character over each fifth of the text, beside those of its letter frequencies; then write."""
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
        chances = forecasts[np.arange(len(part) - 1), part[1:]]
        frequencies = np.bincount(part) / len(part)
        alone = -np.sum(frequencies[frequencies > 0] * np.log2(frequencies[frequencies > 0]))
        print(f"{-np.mean(np.log2(chances)):.2f} bits per character, {alone:.2f} by frequency")
    written = engine.generate("text", "T", steps=160, temperature=0.5, seed=1)
    print("it writes:", " ".join(("T" + "".join(engine.vocabulary.decode(written))).split()))


if __name__ == "__main__":
    main()
