"""The four shapes of a recurrent network: one-to-one, one-to-many, many-to-one, many-to-many.

python examples/shapes.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings


def main() -> None:
    """Train a network of each shape, and print its forecasts of new events."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    count = parser.parse_args().events
    rng = np.random.default_rng(0)

    # One-to-one: a target for each event, from the input of that event.
    x = rng.uniform(-1, 1, count)
    engine = Engine(Settings(inputs=("x",), targets=("square",), task="regression", layer="dense", learning_rate=0.01))
    engine.process("s", x[:, np.newaxis], x**2)
    print("one-to-one    the square of 0.5:", np.round(engine.predict("s", [0.5]), 2))

    # One-to-many: a sequence rolled out from one input, by feeding each forecast back.
    engine = Engine(Settings(inputs=("wave",), window=32))
    engine.process("s", np.sin(np.arange(count) / 3)[:, np.newaxis])
    wave = engine.generate("s", steps=6)[:, 0]
    print("one-to-many   six steps of a wave:", np.round(wave, 2).tolist(), "true values:", _wave(count).tolist())

    # Many-to-one: one label at the end of a sequence; the error is backpropagated through all of it.
    length = 10
    bits = rng.integers(0, 2, (count // length, length))
    mostly_ones = bits.sum(axis=1) > length / 2
    labels = np.full(bits.shape, np.nan)
    labels[:, -1] = mostly_ones
    ends = np.tile(np.arange(length) == length - 1, len(bits))
    settings = Settings(inputs=("bit",), targets=("mostly ones",), task="classification", learning_rate=3e-3)
    engine = Engine(settings)
    answers = engine.process("s", bits.reshape(-1, 1), labels.ravel(), ends=ends)[ends, 0] > 0.5
    print(f"many-to-one   more ones than zeros in ten bits: {np.mean((answers == mostly_ones)[-500:]):.0%} right")

    # Many-to-many: a label for each event, which depends on all events before it.
    odd = bits.cumsum(axis=1) % 2
    settings = Settings(inputs=("bit",), targets=("odd",), task="classification", learning_rate=3e-3)
    engine = Engine(settings)
    answers = engine.process("s", bits.reshape(-1, 1), odd.ravel(), ends=ends)[:, 0] > 0.5
    print(f"many-to-many  an odd number of ones so far: {np.mean((answers == odd.ravel())[-5000:]):.0%} right")


def _wave(count: int) -> np.ndarray:
    """Return the six values after the wave's first `count`."""
    return np.round(np.sin(np.arange(count, count + 6) / 3), 2)


if __name__ == "__main__":
    main()
