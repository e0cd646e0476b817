"""Exact online learning instead of truncation: remember a cue for a hundred events.

A cue of +1 or -1 is followed by a hundred events of noise and a query for the cue. A GRU with a window of sixteen
events cannot learn it. With a window that contains the cue it can, and each stream has to keep that many events. The
linear recurrent unit and the eLSTM keep sensitivities instead (real-time recurrent learning): their gradient is exact
over the whole past, at a cost that does not depend on the delay.

    python examples/recall.py
"""

import argparse
import time

import numpy as np

from stream_rnn import Engine, Settings

DELAY = 100
LEARNERS = {
    "gru, window 16": {"layer": "gru", "window": 16},
    "gru, window 102": {"layer": "gru", "window": DELAY + 2, "update_bias": 3.0},
    "lru, exact": {"layer": "lru"},
    "elstm, exact": {"layer": "elstm", "forget_bias": 3.0},
}


def main() -> None:
    """Print each learner's accuracy in the last quarter, and its time per event."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=2000)
    count = parser.parse_args().sequences

    rng = np.random.default_rng(0)
    length = DELAY + 2
    x = np.zeros((count, length, 3))
    cue = rng.choice([-1.0, 1.0], count)
    x[:, 0, 0] = cue
    x[:, 1:-1, 1] = rng.standard_normal((count, DELAY))
    x[:, -1, 2] = 1.0
    answer = np.full((count, length), np.nan)
    answer[:, -1] = cue > 0
    ends = np.tile(np.arange(length) == length - 1, count)
    for name, learner in LEARNERS.items():
        settings = Settings(
            inputs=("cue", "noise", "query"),
            targets=("answer",),
            task="classification",
            scale_inputs=False,
            missing_flags=False,
            learning_rate=3e-3,
            **learner,
        )
        engine = Engine(settings)
        engine.warmup()
        start = time.perf_counter()
        answers = engine.process("s", x.reshape(-1, 3), answer.ravel(), ends=ends)[ends, 0]
        microseconds = 1e6 * (time.perf_counter() - start) / len(ends)
        right = (answers > 0.5) == (cue > 0)
        print(f"{name:<16} {right[3 * count // 4 :].mean():4.0%} right {microseconds:5.1f} us per event")


if __name__ == "__main__":
    main()
