"""Forecasts of the next word: events per second, and the loss.

    python -m benchmarks.text --json

There are two texts. ``generated`` has 10,000 words. A Markov chain of 40 word classes draws the class of the next word;
the word is drawn from its class by Zipf's law, or, in three of ten cases, from four successors of the word before.
``manual`` is the documentation of the language in Python's own library: English, 4,000 words and signs. Words have ids
in order of their first appearance, as `Vocabulary` assigns them.

The network is an embedding, a GRU of as many units, and a readout with an output for each of 10,000 words. The loss is
the mean of -log p of the next word in bits, prequential, over all events and over the second half.
"""

from __future__ import annotations

import itertools
import re
from pydoc_data.topics import topics
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import options, report
from benchmarks.clock import now, since
from stream_rnn import Engine, Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

WORDS, CLASSES, SUCCESSORS = 10_000, 40, 4
VOCABULARY = WORDS + 1
FOLLOWS = 0.3
"""Probability that a word of the generated text is a successor of the word before."""
UNITS = 32
TOP = 10
CHUNK = 1000
MOST_TIMED = 50_000
"""Most words of the run that forecasts the most likely words, which learns the same."""


def generated(count: int, seed: int) -> NDArray[np.int64]:
    """Return the ids of a text that a Markov chain of word classes generates."""
    rng = np.random.default_rng(seed)
    words = np.array_split(rng.permutation(WORDS), np.sort(rng.choice(np.arange(1, WORDS), CLASSES - 1, replace=False)))
    shares = [np.cumsum(1.0 / np.arange(1, len(members) + 1)) for members in words]
    chain = np.cumsum(rng.dirichlet(np.full(CLASSES, 0.1), CLASSES), axis=1)
    successors = rng.integers(WORDS, size=(WORDS, SUCCESSORS))
    class_of = np.empty(WORDS, np.int64)
    for number, members in enumerate(words):
        class_of[members] = number
    text = np.empty(count, np.int64)
    word = 0
    for i, (draw, share, follows) in enumerate(rng.random((count, 3))):
        if follows < FOLLOWS:
            word = successors[word, int(draw * SUCCESSORS)]
        else:
            number = min(int(np.searchsorted(chain[class_of[word]], draw)), CLASSES - 1)
            word = words[number][np.searchsorted(shares[number], share * shares[number][-1])]
        text[i] = word
    return _ids(text)


def manual(count: int, seed: int) -> NDArray[np.int64]:  # noqa: ARG001 - there is one manual
    """Return the ids of the words and signs of Python's documentation."""
    tokens = re.findall(r"\w+|[^\w\s]", " ".join(topics.values()).lower())
    return _ids(np.unique(tokens, return_inverse=True)[1])[:count]


TEXTS: dict[str, Callable[[int, int], NDArray[np.int64]]] = {"generated": generated, "manual": manual}

LOSSES = ("softmax", "hierarchical_softmax")


def _ids(text: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return words as ids from 1 on, in order of first appearance."""
    _, first, inverse = np.unique(text, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(1, len(first) + 1)
    return rank[inverse]


def measure(text: NDArray[np.int64], seed: int, changes: dict[str, Any]) -> dict[str, float]:
    """Return the loss in bits per word, and events per second with all probabilities and with the most likely words."""
    losses, rate = _run(text, _settings(seed, changes))
    _, rate_of_top = _run(text[:MOST_TIMED], _settings(seed, changes | {"top": TOP}))
    return {
        "bits": float(losses.mean()),
        "bits, second half": float(losses[len(losses) // 2 :].mean()),
        "events/s": rate,
        f"events/s, top {TOP}": rate_of_top,
    }


def _settings(seed: int, changes: dict[str, Any]) -> Settings:
    sizes = {"vocabulary": VOCABULARY, "classes": VOCABULARY, "hidden": UNITS}
    return Settings(inputs="word", layer=("embedding", "gru"), seed=seed, **sizes, **changes)


def _run(text: NDArray[np.int64], settings: Settings) -> tuple[NDArray[np.float64], float]:
    """Return -log2 p of each word after the first, 0 where only the most likely words are known; and events per second.

    The clock stands still in the first chunk, in which the window fills.
    """
    engine, x = Engine(settings), text[:, np.newaxis].astype(float)
    engine.warmup()
    losses, seconds = np.zeros(len(x) - 1), 0.0
    for start in range(0, len(losses), CHUNK):
        following = text[start + 1 : start + CHUNK + 1]
        begin = now()
        forecasts = engine.process("text", x[start : start + len(following)])
        seconds += since(begin) if start else 0.0
        if settings.top is None:
            p = forecasts[np.arange(len(following)), 0, following]
            losses[start : start + len(following)] = -np.log2(np.maximum(p, 1e-30))
    return losses, (len(losses) - CHUNK) / seconds


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--events", type=options.positive, default=100_000, help="words per run (default 100000)")
    parser.add_argument("--seeds", type=options.positive, default=1, help="number of runs, with the seeds 0, 1, ...")
    parser.add_argument("--texts", nargs="+", choices=TEXTS, default=tuple(TEXTS), help="texts (default: all)")
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=LOSSES, help="losses (default: both)")
    parser.add_argument("--rates", nargs="+", type=float, default=(1e-3,), help="learning rates (default 0.001)")
    arguments = parser.parse_args()
    if arguments.events <= 2 * CHUNK:
        parser.error(f"--events must be above {2 * CHUNK}, got {arguments.events}")
    rows: list[dict[str, Any]] = []
    for text, loss, rate in itertools.product(arguments.texts, arguments.losses, arguments.rates):
        changes = {"loss": loss, "learning_rate": rate}
        runs = [measure(TEXTS[text](arguments.events, seed), seed, changes) for seed in range(arguments.seeds)]
        means = {key: float(np.mean([run[key] for run in runs])) for key in runs[0]}
        rows.append({"text": text, "loss": loss, "learning rate": rate} | means)
    if arguments.json:
        report.show_json({"text": rows, "seeds": arguments.seeds, "events": arguments.events})
        return
    report.show(f"Forecasts of the next of {WORDS:,} words, {arguments.events:,} events", rows)
    report.show_machine()


if __name__ == "__main__":
    main()
