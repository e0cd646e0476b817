"""Sentiment of sentences: one label for a sequence of words, learned at its last word.

The sentences are synthetic: something is good or bad, "not" inverts it, and the clause after "but" decides. Words are
numbered in order of appearance. A network without memory sees only the last word.

    python examples/sentiment.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

GOOD = ("good", "lovely", "fresh", "quick", "friendly")
BAD = ("bad", "awful", "stale", "slow", "rude")
THINGS = ("food", "service", "room", "view", "staff", "price")


def clause(rng: np.random.Generator) -> tuple[list[str], bool]:
    """Return a clause and whether it is positive."""
    positive, negated = rng.random(2) < 0.5
    word = str(rng.choice(GOOD if positive != negated else BAD))
    return ["the", str(rng.choice(THINGS)), "was", *(["not"] if negated else []), word, "here"], bool(positive)


def sentence(rng: np.random.Generator) -> tuple[list[str], bool]:
    """Return a sentence and whether it is positive, which the last clause decides."""
    words, positive = clause(rng)
    if rng.random() < 0.5:
        second, positive = clause(rng)
        words = [*words, "but", *second]
    return words, positive


def main() -> None:
    """Print each network's accuracy in the last quarter, and the LSTM's forecasts for two new sentences."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=4000)
    count = parser.parse_args().sentences

    rng = np.random.default_rng(0)
    sentences = [sentence(rng) for _ in range(count)]
    words = [word for each, _ in sentences for word in each]
    last = np.cumsum([len(each) for each, _ in sentences]) - 1
    positive = np.array([label for _, label in sentences])
    labels = np.full(len(words), np.nan)
    labels[last] = positive
    ends = np.isin(np.arange(len(words)), last)
    for layer in ("dense", "gru", "lstm"):
        settings = Settings(
            inputs=("word",),
            targets=("positive",),
            task="classification",
            layer=("embedding", layer),
            hidden=(8, 24),
            vocabulary=64,
            learning_rate=3e-3,
        )
        engine = Engine(settings)
        answers = engine.process("s", engine.vocabulary.encode(words)[:, np.newaxis], labels, ends=ends)[last, 0]
        print(f"{layer:<6} {np.mean(((answers > 0.5) == positive)[3 * count // 4 :]):4.0%} right")
    for text in ("the view was not awful here", "the food was lovely here but the staff was rude here"):
        for word in text.split():
            probability = engine.step("new", {"word": word})[0]
        engine.reset("new")
        print(f"{text}: {probability:.0%} positive")


if __name__ == "__main__":
    main()
