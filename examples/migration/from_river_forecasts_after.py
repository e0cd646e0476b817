"""The same day by a recurrent network; then all with each forecast held against the hour that it speaks of."""

from statistics import mean

from from_river_forecasts_before import models
from river import datasets, evaluate, metrics

import stream_rnn.estimators as ours

models["stream_rnn"] = ours.ColumnarGRUForecaster(horizon=24, seed=1)
metric = evaluate.evaluate(datasets.WaterFlow(), models["stream_rnn"].clone(), metrics.MAE(), 24, mean)
print(f"stream_rnn: MAE {metric.get():.2f}")
for name, model in models.items():
    metric = ours.evaluate(datasets.WaterFlow(), model.clone(), metrics.MAE(), 24, mean)
    print(f"aligned, {name}: MAE {metric.get():.2f}")
