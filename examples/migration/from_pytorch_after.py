"""The same training in an engine; then an update at every event, a preset, and an estimator."""

import time

import numpy as np

from stream_rnn import Engine, Settings
from stream_rnn.estimators import ColumnarGRUForecaster

hours = np.arange(20_000)
load = 50 + 10 * np.sin(hours / 8) * np.sin(hours / 90) + np.random.default_rng(0).normal(size=20_000)


def report(name: str, settings: Settings) -> None:
    """Train an engine on the stream, and print its errors and its speed."""
    engine = Engine(settings)
    engine.warmup()
    start = time.process_time()
    forecasts = engine.process("pump-7", load[:, np.newaxis])[:, 0, 0]
    rate = len(load) / (time.process_time() - start)
    errors = np.abs(load[1:] - forecasts[:-1])
    first, last = errors[:5000].mean(), errors[-5000:].mean()
    print(f"{name}: MAE {first:.3f} at the start, {last:.3f} at the end, {rate:,.0f} events/s")


loop = {"inputs": ("load",), "hidden": 32, "window": 16, "learning_rate": 1e-3, "clip_limit": 1.0, "residual": False}
report("same loop", Settings(**loop, update_every=16))
report("update at every event", Settings(**loop))
report("preset forecast", Settings.preset("forecast", inputs=("load",)))

single, batch = Engine(Settings(**loop)), Engine(Settings(**loop))
forecasts = batch.process("pump-7", load[:1000, np.newaxis])
print("step equals process:", all((single.step("pump-7", [load[n]]) == forecasts[n]).all() for n in range(1000)))

model = ColumnarGRUForecaster(horizon=3, seed=1)
for value in load[:1000]:
    model.learn_one(value, key="pump-7")
print("three events ahead:", [round(value, 1) for value in model.forecast(3, key="pump-7")])
