"""Speed of deep-river's RollingRegressor: a GRU over the window with a linear readout, events predicted, then learned.

Runs in any interpreter that has deep-river.
"""

from __future__ import annotations

import argparse
import json
import random
from importlib.metadata import version

import torch  # type: ignore[import-not-found, unused-ignore]
from deep_river.regression import RollingRegressor  # type: ignore[import-not-found, unused-ignore]

from benchmarks.clock import now, since

INPUTS, HIDDEN, WINDOW = 8, 32, 16
WARM_UP = 50


class GRU(torch.nn.Module):  # type: ignore[name-defined, misc, unused-ignore]
    """A linear readout of the state after the last event of the window."""

    def __init__(self, n_features: int = INPUTS) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(n_features, HIDDEN)
        self.readout = torch.nn.Linear(HIDDEN, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (1, 1) for a window (events, 1, inputs)."""
        return self.readout(self.gru(x)[0][-1])


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=400, help="events of a round")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = RollingRegressor(GRU(), optimizer_fn="adam", lr=1e-3, window_size=WINDOW, gradient_clip_value=1.0)
    _seconds(model, WARM_UP)
    rates = [options.events / _seconds(model, options.events) for _ in range(options.rounds)]
    print(json.dumps({"rates": rates, "version": version("deep-river"), "torch": version("torch")}))


def _seconds(model: RollingRegressor, count: int) -> float:
    rng = random.Random(0)  # noqa: S311 - noise, not a secret
    events = [({f"x{i}": rng.gauss(0, 1) for i in range(INPUTS)}, rng.gauss(0, 1)) for _ in range(count)]
    start = now()
    for x, y in events:
        model.predict_one(x)
        model.learn_one(x, y)
    return since(start)


if __name__ == "__main__":
    main()
