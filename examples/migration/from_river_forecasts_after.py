"""The same with a recurrent network; then all three with each forecast compared with the hour that it is for."""

from statistics import mean

from from_river_forecasts_before import models
from river import datasets, evaluate, metrics

from stream_rnn import estimators

models["stream_rnn"] = estimators.ColumnarGRUForecaster(horizon=24, seed=1)
metric = evaluate.evaluate(datasets.WaterFlow(), models["stream_rnn"].clone(), metrics.MAE(), 24, mean)
print(f"stream_rnn: MAE {metric.get():.2f}")
for name, model in models.items():
    metric = estimators.evaluate(datasets.WaterFlow(), model.clone(), metrics.MAE(), 24, mean)
    print(f"aligned, {name}: MAE {metric.get():.2f}")
