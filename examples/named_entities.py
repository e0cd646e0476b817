"""Named entities: a tag for each word, using the words after it.

The sentences are synthetic. "Paris" is a person before "said" and a place after "in"; "May" may be a person, a place or
a month. A bidirectional network emits a word's tag when the next `lookahead` words have arrived, or at the end of the
sentence. For comparison: a network that reads forward only.

    python examples/named_entities.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

TAGS = ("other", "person", "place", "month")
AMBIGUOUS = ("Paris", "May", "April", "Jordan", "Florence", "Sydney")
TEMPLATES = (
    "{person} said that {place} was cold in {month}",
    "in {month} {person} went to {place}",
    "{place} is far from {place}",
    "{month} was warm in {place} wrote {person}",
    "yesterday {person} saw {person} in {place}",
    "{month} has come and {person} is here",
    "{place} lies in the north and {person} knows it",
)


def sentence(rng: np.random.Generator) -> tuple[list[str], list[int]]:
    """Return the words of a sentence and their tags."""
    words, tags = [], []
    for part in str(rng.choice(TEMPLATES)).split():
        named = part.startswith("{")
        words.append(str(rng.choice(AMBIGUOUS)) if named else part)
        tags.append(TAGS.index(part.strip("{}")) if named else 0)
    return words, tags


def main() -> None:
    """Print each network's accuracy on the names of the last quarter."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=3000)
    count = parser.parse_args().sentences

    rng = np.random.default_rng(0)
    sentences = [sentence(rng) for _ in range(count)]
    for layer, lookahead in (("gru", 0), ("bigru", 2), ("bigru", 10)):
        settings = Settings(
            inputs=("word",),
            targets=("tag",),
            task="classification",
            classes=len(TAGS),
            layer=("embedding", layer),
            hidden=(8, 24),
            vocabulary=64,
            lookahead=lookahead,
            learning_rate=3e-3,
        )
        engine = Engine(settings)
        right: list[bool] = []
        for words, tags in sentences:
            guesses = engine.label("s", engine.vocabulary.encode(words)[:, np.newaxis], tags).argmax(axis=1)
            right += [guess == tag for guess, tag in zip(guesses, tags, strict=True) if tag]
        print(f"{layer:<5} lookahead {lookahead:>2} {np.mean(right[3 * len(right) // 4 :]):4.0%} right")


if __name__ == "__main__":
    main()
