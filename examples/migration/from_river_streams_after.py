"""Twenty pumps by one network: a state and scales for each pump, and weights that all of them teach."""

from from_river_streams_before import readings
from river import evaluate, metrics

from stream_rnn import Engine
from stream_rnn.estimators import GRURegressor

model = GRURegressor(hidden=16, window=8, seed=1, key_field="pump")
print("key as a field:", evaluate.progressive_val_score(readings(), model, metrics.MAE()))

events = [({"load": x["load"]}, y, {"key": x["pump"]}) for x, y in readings()]
same = GRURegressor(hidden=16, window=8, seed=1)
print("key as a keyword:", evaluate.progressive_val_score(events, same, metrics.MAE()))
print("scales of their own:", [round(same.predict_one({"load": 0.0}, key=f"pump-{pump}")) for pump in (0, 10, 19)])

same.learn_one({"load": 0.5}, 41.0, key="pump-0", time=1_764_000_000, end=True)  # the run ends with this event
same.reset("pump-1")  # or without one: the next event begins a new sequence
before = same.predict_one({"load": 0.5}, key="pump-2")
print("predict_one is pure:", before == same.predict_one({"load": 0.5}, key="pump-2"))

watched = GRURegressor(hidden=16, window=8, seed=1, interval=0.9, anomaly=True)
for x, y, keywords in events:
    watched.learn_one(x, y, **keywords)
print("interval:", watched.engine.interval("pump-0").round(1).tolist())
watched.learn_one({"load": 0.5}, 90.0, key="pump-0")
print("anomaly:", watched.engine.anomaly("pump-0"))
watched.engine.save("pumps.safetensors")
print("saved:", Engine.load("pumps.safetensors").stream_count, "streams")
