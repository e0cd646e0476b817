"""The vanishing-gradient penalty (Pascanu, Mikolov & Bengio 2013, arXiv:1211.5063).

A simple recurrent network starts with small recurrent weights, so the gradient vanishes before it reaches a cue forty
events back. The penalty moves the weights to where backpropagated gradients keep their norm, and the network learns to
remember the cue. Without the penalty it guesses.

    python examples/vanishing.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

DELAY = 40


def main() -> None:
    """Print the accuracy in the last quarter, with and without the penalty."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=3000)
    count = parser.parse_args().sequences

    rng = np.random.default_rng(0)
    length = DELAY + 2
    x = np.zeros((count, length, 2))
    cue = rng.choice([-1.0, 1.0], count)
    x[:, 0, 0] = cue
    x[:, 1:, 1] = rng.normal(0, 0.3, (count, length - 1))
    answer = np.full((count, length), np.nan)
    answer[:, -1] = cue > 0
    ends = np.tile(np.arange(length) == length - 1, count)
    for strength in (0.0, 0.1, 1.0):
        settings = Settings(
            inputs=("cue", "noise"),
            targets=("answer",),
            task="classification",
            layer="rnn",
            init_recurrent="glorot",
            hidden=24,
            window=length,
            scale_inputs=False,
            optimizer="adam",
            vanishing=strength,
        )
        answers = Engine(settings).process("s", x.reshape(-1, 2), answer.ravel(), ends=ends)[ends, 0]
        right = ((answers > 0.5) == (cue > 0))[3 * count // 4 :].mean()
        print(f"vanishing = {strength:<4} {right:4.0%} right")


if __name__ == "__main__":
    main()
