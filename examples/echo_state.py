"""An echo state network: a fixed random reservoir with a readout by recursive least squares (Jaeger 2001).

It forecasts the Mackey-Glass series one step ahead from the present value. The reservoir is not learned; its spectral
radius determines how long an input echoes. For comparison: the same reservoir with a readout by gradient descent, and a
GRU, which learns its recurrence.

    python examples/echo_state.py
"""

import argparse

import numpy as np

from stream_rnn import Engine, Settings

RESERVOIR = {"layer": "reservoir", "hidden": 200, "input_scaling": 0.5, "density": 0.1}
NETWORKS = {
    "reservoir 0.9, least squares": RESERVOIR | {"readout": "rls", "rls_ridge": 1e-3},
    "reservoir 0.5, least squares": RESERVOIR | {"readout": "rls", "rls_ridge": 1e-3, "spectral_radius": 0.5},
    "leaky 0.3, least squares": RESERVOIR | {"readout": "rls", "rls_ridge": 1e-3, "leak": 0.3},
    "reservoir 0.9, gradient": RESERVOIR | {"readout": "gradient"},
    "gru 32, gradient": {"layer": "gru"},
}


def mackey_glass(count: int) -> np.ndarray:
    """Return x of dx/dt = .2 x(t-17) / (1 + x(t-17)^10) - .1 x, by Euler steps of 1."""
    x = [1.2] * 18
    while len(x) < count + 118:
        x.append(0.9 * x[-1] + 0.2 * x[-18] / (1 + x[-18] ** 10))
    return np.array(x[118:])


def main() -> None:
    """Print each network's error in the second half, relative to the standard deviation of the series."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    count = parser.parse_args().events

    x = mackey_glass(count)
    late = slice(count // 2, -1)
    print("                              error")
    for name, network in NETWORKS.items():
        engine = Engine(Settings(inputs=("x",), residual=False, **network))
        forecasts = engine.process("series", x[:, np.newaxis])[:, 0, 0]
        error = np.sqrt(np.mean((forecasts[:-1] - x[1:])[late] ** 2)) / x.std()
        print(f"{name:<28} {error:>6.2%}")


if __name__ == "__main__":
    main()
