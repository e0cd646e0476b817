"""Gradient clipping: one network that explodes without it.

A simple recurrent network without a bound on its units (identity activation, orthogonal recurrence) follows a noisy
oscillation by plain gradient descent. Once a step takes it to where it amplifies, the gradient grows with every event
that it is carried back over; without a limit the next step throws the weights far away, again and again. With the whole
gradient clipped to norm 1 (Pascanu et al. 2013) it only walks on.

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
    """Print, for each way to clip, the error as a multiple of persistence's, and what became of the network."""
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
        made = engine.process("wave", x[:, np.newaxis])[:, 0, 0]
        error = np.sqrt(np.mean((made[:-1] - x[1:])[late] ** 2) / naive)
        largest = max(np.abs(block).max() for block in engine.parameters.values())
        print(f"{name:<10} {error:>9.3g} {largest:>15.3g} {engine.counts.overflows + engine.counts.skipped:>12,}")


if __name__ == "__main__":
    main()
