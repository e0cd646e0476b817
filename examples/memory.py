"""Feed-forward and recurrent networks on a task that needs memory (Elman 1990, doi:10.1207/s15516709cog1402_1).

The input is a stream of random bits. The label of each bit is 1 if it differs from the bit before. A feed-forward
network sees one bit at a time and can only guess. Recurrent networks learn the task with any activation.

    python examples/memory.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

NETWORKS = {
    "dense": {"layer": "dense"},
    "rnn, tanh": {"layer": "rnn"},
    "rnn, relu": {"layer": "rnn", "activation": "relu", "init_recurrent": "identity"},
    "rnn, sigmoid": {"layer": "rnn", "activation": "sigmoid"},
    "gru": {"layer": "gru"},
    "lstm": {"layer": "lstm"},
}


def main() -> None:
    """Print each network's accuracy in the last quarter of the stream."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    count = parser.parse_args().events

    bits = np.random.default_rng(0).integers(0, 2, count)
    differs = np.append(0, bits[1:] != bits[:-1])
    for name, network in NETWORKS.items():
        settings = Settings(
            inputs=("bit",),
            targets=("differs",),
            task="classification",
            hidden=8,
            window=4,
            learning_rate=0.01,
            **network,
        )
        answers = Engine(settings).process("bits", bits[:, np.newaxis], differs)[:, 0] > 0.5
        late = slice(3 * count // 4, None)
        print(f"{name:<14} {np.mean(answers[late] == differs[late]):4.0%} right")


if __name__ == "__main__":
    main()
