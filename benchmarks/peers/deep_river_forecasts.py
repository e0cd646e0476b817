"""What deep-river's GRUForecaster says after each value of one of river's series.

Needs deep-river; any interpreter that has it can run this. Prints a list of forecasts for each number of values that
were learned, from none on, so that another program can score them.
"""

from __future__ import annotations

import argparse
import json
import math
from importlib.metadata import version
from typing import Any

import torch  # type: ignore[import-not-found, unused-ignore]
from deep_river.forecasting import GRUForecaster  # type: ignore[import-not-found, unused-ignore]
from river import datasets, stats


def main() -> None:
    """Forecast the series, and print all forecasts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", help="name of a dataset of river")
    parser.add_argument("horizon", type=int)
    parser.add_argument("--settings", type=json.loads, default={}, help="JSON: what is not left at its default")
    parser.add_argument("--scaled", action="store_true", help="learn values in running deviations from the mean")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model = GRUForecaster(seed=options.seed, **options.settings)
    made = _forecasts(model, options.series, options.horizon, scaled=options.scaled)
    print(json.dumps({"forecasts": made, "version": version("deep-river"), "torch": version("torch")}))


def _forecasts(model: GRUForecaster, series: str, horizon: int, *, scaled: bool) -> list[list[float]]:
    mean, variance = stats.Mean(), stats.Var()
    shift, scale = 0.0, 1.0
    made: list[list[float]] = [[0.0] * horizon]
    dataset: Any = getattr(datasets, series)()
    for _, y in dataset:
        if scaled:
            mean.update(y)
            variance.update(y)
            shift, scale = mean.get(), math.sqrt(variance.get()) or 1.0
        model.learn_one((y - shift) / scale)
        made.append([shift + scale * said for said in model.forecast(horizon)])
    return made


if __name__ == "__main__":
    main()
