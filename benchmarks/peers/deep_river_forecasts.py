"""Forecasts of deep-river's GRUForecaster after each value of one of river's series.

Runs in any interpreter that has deep-river. Prints the forecasts made after 0, 1, 2, ... values, for another program to
score.
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
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", help="name of one of river's data sets")
    parser.add_argument("horizon", type=int, help="steps ahead")
    parser.add_argument(
        "--settings", type=json.loads, default={}, help="JSON object of settings that differ from the defaults"
    )
    parser.add_argument("--scaled", action="store_true", help="standardize values by their running mean and deviation")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    model = GRUForecaster(seed=options.seed, **options.settings)
    forecasts = _forecasts(model, options.series, options.horizon, scaled=options.scaled)
    print(json.dumps({"forecasts": forecasts, "version": version("deep-river"), "torch": version("torch")}))


def _forecasts(model: GRUForecaster, series: str, horizon: int, *, scaled: bool) -> list[list[float]]:
    mean, variance = stats.Mean(), stats.Var()
    shift, scale = 0.0, 1.0
    forecasts: list[list[float]] = [[0.0] * horizon]
    dataset: Any = getattr(datasets, series)()
    for _, y in dataset:
        if scaled:
            mean.update(y)
            variance.update(y)
            shift, scale = mean.get(), math.sqrt(variance.get()) or 1.0
        model.learn_one((y - shift) / scale)
        forecasts.append([shift + scale * value for value in model.forecast(horizon)])
    return forecasts


if __name__ == "__main__":
    main()
