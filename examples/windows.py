"""Truncated backpropagation, TBPTT(h; h'): window and update interval compared on a delayed echo.

The label of each event is the input eight events before. Errors are backpropagated through h events, every h' events.
With h up to eight that input is outside the window, and the network cannot learn to use it. A longer window costs time.
An update every h' events is cheaper, and uses the errors of h' events; on this stationary stream the error is smaller,
too.

    python examples/windows.py
"""

import argparse
import time

import numpy as np

from stream_rnn import Engine, Settings

DELAY = 8
PAIRS = ((1, 1), (4, 1), (8, 1), (12, 1), (24, 1), (12, 4), (12, 12), (24, 24))


def main() -> None:
    """Print error and speed for each h and h'."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=60_000)
    count = parser.parse_args().events

    x = np.random.default_rng(0).uniform(-1, 1, count)
    echo = np.append(np.full(DELAY, np.nan), x[:-DELAY])
    late = slice(3 * count // 4, None)
    print("  h  h'   error  events/s")
    for window, update_every in PAIRS:
        settings = Settings(
            inputs=("x",),
            targets=("echo",),
            task="regression",
            layer="gru",
            window=window,
            update_every=update_every,
            learning_rate=3e-3,
        )
        engine = Engine(settings)
        engine.warmup()
        start = time.perf_counter()
        forecasts = engine.process("echo", x[:, np.newaxis], echo)[:, 0]
        seconds = time.perf_counter() - start
        error = np.sqrt(np.mean((forecasts[late] - echo[late]) ** 2)) / np.std(echo[late])
        print(f"{window:>3} {update_every:>3} {error:>7.1%} {count / seconds:>9,.0f}")


if __name__ == "__main__":
    main()
