"""Initial weights against vanishing gradients: remembering a cue for 40 events.

The recall task: a cue of +1 or -1, forty events of noise, then a query for the cue. The gradient has to be
backpropagated through all of them. Initially the recurrent weights determine whether it vanishes or explodes: an
orthogonal matrix preserves its norm (Saxe et al. 2014), as does the identity with relu (Le et al. 2015); Glorot's
uniform weights do not. Gates that are initially open remember (Jozefowicz et al. 2015). Plots initial_weights.png.

    python examples/initial_weights.py
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from stream_rnn import Engine, Settings

DELAY = 40
VARIANTS = {
    "rnn tanh, glorot": {"layer": "rnn", "init_recurrent": "glorot"},
    "rnn tanh, orthogonal": {"layer": "rnn", "init_recurrent": "orthogonal"},
    "rnn relu, glorot": {"layer": "rnn", "activation": "relu", "init_recurrent": "glorot"},
    "rnn relu, identity": {"layer": "rnn", "activation": "relu", "init_recurrent": "identity"},
    "lstm, forget bias 0": {"layer": "lstm", "forget_bias": 0.0},
    "lstm, forget bias 3": {"layer": "lstm", "forget_bias": 3.0},
    "gru, update bias 0": {"layer": "gru", "update_bias": 0.0},
    "gru, update bias 3": {"layer": "gru", "update_bias": 3.0},
}


def main() -> None:
    """Print each network's accuracy in the last quarter, and plot the accuracy over time."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--plot", type=Path, default=Path("initial_weights.png"))
    options = parser.parse_args()

    rng = np.random.default_rng(0)
    count, length = options.sequences, DELAY + 2
    x = rng.normal(0, 0.3, (count, length, 2))
    cue = rng.choice([-1.0, 1.0], count)
    x[:, :, 0] = 0.0
    x[:, 0, 0] = cue
    answer = np.full((count, length), np.nan)
    answer[:, -1] = cue > 0
    ends = np.tile(np.arange(length) == length - 1, count)

    figure = Figure(figsize=(10, 5), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, variant in VARIANTS.items():
        settings = Settings(
            inputs=("cue", "noise"),
            targets=("answer",),
            task="classification",
            hidden=24,
            window=length,
            scale_inputs=False,
            **variant,
        )
        answers = Engine(settings).process("s", x.reshape(-1, 2), answer.ravel(), ends=ends)[ends, 0]
        right = (answers > 0.5) == (cue > 0)
        print(f"{name:<22} {right[3 * count // 4 :].mean():4.0%} right")
        width = max(count // 20, 1)
        axes.plot(np.convolve(right, np.ones(width) / width, "valid"), label=name)
    axes.set(xlabel="sequences", ylabel=f"accuracy, running mean of {width}", ylim=(0.3, 1.02))
    axes.set_title(f"Remembering a cue over {DELAY} events", loc="left", fontweight="bold")
    axes.set_xscale("log")
    axes.grid(alpha=0.25)
    figure.legend(loc="outside right center")
    figure.savefig(options.plot)
    print(f"plot: {options.plot}")


if __name__ == "__main__":
    main()
