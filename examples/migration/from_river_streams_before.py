"""Twenty pumps in river: one model per pump, each of which learns from its own pump only."""

import math
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from river import linear_model, metrics, preprocessing


def readings(minutes: int = 500, pumps: int = 20) -> Iterator[tuple[dict[str, object], float]]:
    """Yield each pump's load and temperature, which depends on the load now and in the minute before."""
    rng, loads = np.random.default_rng(0), [0.0] * pumps
    for minute in range(minutes):
        for pump in range(pumps):
            before, loads[pump] = loads[pump], math.sin(minute / 9 + pump) + rng.normal(0, 0.5)
            temperature = 40 + pump + 5 * loads[pump] + 5 * before + rng.normal(0, 0.1)
            yield {"pump": f"pump-{pump}", "load": loads[pump]}, temperature


if __name__ == "__main__":
    model = preprocessing.StandardScaler() | preprocessing.TargetStandardScaler(linear_model.LinearRegression())
    models = defaultdict(model.clone)
    metric = metrics.MAE()
    for x, y in readings():
        model = models[x.pop("pump")]
        metric.update(y, model.predict_one(x))
        model.learn_one(x, y)
    print("one model per pump:", metric)
