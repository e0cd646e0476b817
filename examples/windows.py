"""How far back and how often: TBPTT(h; h') compared on an echo.

Each event's label is the input of eight events ago. Errors are carried back through h events, every h' events. With h
up to eight the cause lies outside the window, and nothing is learned of it; beyond, a longer window costs time. An
update every h' events is cheaper, and each rests on the errors of h' events: on a stream as steady as this one it even
learns more.

    python examples/windows.py
"""

import argparse
import time

import numpy as np

from stream_rnn import Engine, Settings

DELAY = 8
PAIRS = ((1, 1), (4, 1), (8, 1), (12, 1), (24, 1), (12, 4), (12, 12), (24, 24))


def main() -> None:
    """Print the error and the speed for each h and h'."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=60_000)
    count = parser.parse_args().events

    x = np.random.default_rng(0).uniform(-1, 1, count)
    echo = np.append(np.full(DELAY, np.nan), x[:-DELAY])
    late = slice(3 * count // 4, None)
    print("  h  h'   error  events/s")
    for window, every in PAIRS:
        settings = Settings(
            inputs=("x",),
            targets=("echo",),
            task="regression",
            layer="gru",
            window=window,
            update_every=every,
            learning_rate=3e-3,
        )
        engine = Engine(settings)
        engine.warmup()
        began = time.perf_counter()
        said = engine.process("echo", x[:, np.newaxis], echo)[:, 0]
        seconds = time.perf_counter() - began
        error = np.sqrt(np.mean((said[late] - echo[late]) ** 2)) / np.std(echo[late])
        print(f"{window:>3} {every:>3} {error:>7.1%} {count / seconds:>9,.0f}")


if __name__ == "__main__":
    main()
