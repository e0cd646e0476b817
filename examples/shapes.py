"""The four shapes of a recurrent network: one-to-one, one-to-many, many-to-one, many-to-many.

python examples/shapes.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings


def main() -> None:
    """Teach each shape on a stream of a few thousand events, and print what it makes of new ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    count = parser.parse_args().events
    rng = np.random.default_rng(0)

    # One-to-one: each event's own target, from its own input.
    x = rng.uniform(-1, 1, count)
    engine = Engine(Settings(inputs=("x",), targets=("square",), task="regression", layer="dense", learning_rate=0.01))
    engine.process("s", x[:, np.newaxis], x**2)
    print("one-to-one    the square of 0.5:", np.round(engine.predict("s", [0.5]), 2))

    # One-to-many: one input, and a sequence rolled out by feeding each forecast back.
    engine = Engine(Settings(inputs=("wave",), window=32))
    engine.process("s", np.sin(np.arange(count) / 3)[:, np.newaxis])
    rolled = engine.generate("s", steps=6)[:, 0]
    print("one-to-many   six steps of a wave:", np.round(rolled, 2), "and as it is:", _wave(count))

    # Many-to-one: one label at the end of a sequence, carried back through all of it.
    length = 10
    bits = rng.integers(0, 2, (count // length, length))
    more = bits.sum(axis=1) > length / 2
    labels = np.full(bits.shape, np.nan)
    labels[:, -1] = more
    ends = np.tile(np.arange(length) == length - 1, len(bits))
    settings = Settings(inputs=("bit",), targets=("more",), task="classification", learning_rate=3e-3)
    engine = Engine(settings)
    said = engine.process("s", bits.reshape(-1, 1), labels.ravel(), ends=ends)[ends, 0] > 0.5
    print(f"many-to-one   more ones than zeros in ten bits: {np.mean((said == more)[-500:]):.0%} right")

    # Many-to-many: a label for each event, of all that came before it.
    odd = bits.cumsum(axis=1) % 2
    settings = Settings(inputs=("bit",), targets=("odd",), task="classification", learning_rate=3e-3)
    engine = Engine(settings)
    said = engine.process("s", bits.reshape(-1, 1), odd.ravel(), ends=ends)[:, 0] > 0.5
    print(f"many-to-many  an odd number of ones so far: {np.mean((said == odd.ravel())[-5000:]):.0%} right")


def _wave(count: int) -> np.ndarray:
    """Return the six values after the wave's first `count`."""
    return np.round(np.sin(np.arange(count, count + 6) / 3), 2)


if __name__ == "__main__":
    main()
