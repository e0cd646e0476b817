"""Sentiment of a sentence: one label for a sequence of words, learned at its last word.

Sentences are made up: something is good or bad, "not" turns it round, and what comes after "but" is what counts. Words
are numbered as they appear. A network without a memory sees the last word only.

    python examples/sentiment.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

GOOD = ("good", "lovely", "fresh", "quick", "friendly")
BAD = ("bad", "awful", "stale", "slow", "rude")
THINGS = ("food", "service", "room", "view", "staff", "price")


def clause(rng: np.random.Generator) -> tuple[list[str], bool]:
    """Return a clause and whether it praises."""
    praises, turned = rng.random(2) < 0.5
    word = str(rng.choice(GOOD if praises != turned else BAD))
    return ["the", str(rng.choice(THINGS)), "was", *(["not"] if turned else []), word, "here"], bool(praises)


def sentence(rng: np.random.Generator) -> tuple[list[str], bool]:
    """Return a sentence and whether it praises: by its last clause."""
    words, praises = clause(rng)
    if rng.random() < 0.5:
        more, praises = clause(rng)
        words = [*words, "but", *more]
    return words, praises


def main() -> None:
    """Print each network's share of right labels in the last quarter, and what it makes of two new sentences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=4000)
    count = parser.parse_args().sentences

    rng = np.random.default_rng(0)
    sentences = [sentence(rng) for _ in range(count)]
    words = [word for each, _ in sentences for word in each]
    last = np.cumsum([len(each) for each, _ in sentences]) - 1
    praises = np.array([label for _, label in sentences])
    labels = np.full(len(words), np.nan)
    labels[last] = praises
    ends = np.isin(np.arange(len(words)), last)
    for layer in ("dense", "gru", "lstm"):
        settings = Settings(
            inputs=("word",),
            targets=("praise",),
            task="classification",
            layer=("embedding", layer),
            hidden=(8, 24),
            vocabulary=64,
            learning_rate=3e-3,
        )
        engine = Engine(settings)
        said = engine.process("s", engine.vocabulary.encode(words)[:, np.newaxis], labels, ends=ends)[last, 0]
        print(f"{layer:<6} {np.mean(((said > 0.5) == praises)[3 * count // 4 :]):4.0%} right")
    for text in ("the view was not awful here", "the food was lovely here but the staff was rude here"):
        for word in text.split():
            chance = engine.step("new", {"word": word})[0]
        engine.reset("new")
        print(f"{text}: {chance:.0%} praise")


if __name__ == "__main__":
    main()
