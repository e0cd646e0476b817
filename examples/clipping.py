"""Gradient clipping: a network that diverges without it.

A simple recurrent network with unbounded units (identity activation, orthogonal recurrent weights) learns a noisy
oscillation by plain gradient descent. Once an update makes the recurrence amplify its state, the gradient grows with
each event that it is backpropagated through, and without a limit the next update moves the weights far away. With the
gradient clipped to norm 1 (Pascanu et al. 2013) the network learns.

    python examples/clipping.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

CLIPPING = {
    "off": {"clip": "off"},
    "norm 1": {"clip": "norm", "clip_limit": 1.0},
    "value 0.1": {"clip": "value", "clip_limit": 0.1},
}


def main() -> None:
    """Print error relative to persistence, largest weight, and number of overflows and skipped updates, by clipping."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    count = parser.parse_args().events

    t = np.arange(count)
    x = np.sin(t / 5) + 0.5 * np.sin(t / 17) + 0.1 * np.random.default_rng(0).standard_normal(count)
    late = slice(count // 2, -1)
    naive = np.mean((x[1:] - x[:-1])[late] ** 2)
    print("clip           error  largest weight  lost states")
    for name, clipping in CLIPPING.items():
        settings = Settings(
            inputs=("x",),
            layer="rnn",
            activation="identity",
            window=32,
            optimizer="sgd",
            momentum=0.0,
            learning_rate=3e-3,
            **clipping,
        )
        engine = Engine(settings)
        forecasts = engine.process("wave", x[:, np.newaxis])[:, 0, 0]
        error = np.sqrt(np.mean((forecasts[:-1] - x[1:])[late] ** 2) / naive)
        largest = max(np.abs(block).max() for block in engine.parameters.values())
        print(f"{name:<10} {error:>9.3g} {largest:>15.3g} {engine.counts.overflows + engine.counts.skipped:>12,}")


if __name__ == "__main__":
    main()
