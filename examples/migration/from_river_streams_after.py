"""Twenty pumps with one network: each pump has its own hidden state and scales, and all train the same weights."""

from from_river_streams_before import readings
from river import evaluate, metrics

from stream_rnn import Engine
from stream_rnn.estimators import GRURegressor

model = GRURegressor(hidden=16, window=8, seed=1, key_field="pump")
print("key as a field:", evaluate.progressive_val_score(readings(), model, metrics.MAE()))

events = [({"load": x["load"]}, y, {"key": x["pump"]}) for x, y in readings()]
same = GRURegressor(hidden=16, window=8, seed=1)
print("key as a keyword:", evaluate.progressive_val_score(events, same, metrics.MAE()))
print("pumps 0, 10 and 19:", [round(same.predict_one({"load": 0.0}, key=f"pump-{pump}")) for pump in (0, 10, 19)])

same.learn_one({"load": 0.5}, 41.0, key="pump-0", time=1_764_000_000, end=True)  # ends the sequence
same.reset("pump-1")  # also ends a sequence, without an event
before = same.predict_one({"load": 0.5}, key="pump-2")
print("predict_one is pure:", before == same.predict_one({"load": 0.5}, key="pump-2"))

monitored = GRURegressor(hidden=16, window=8, seed=1, interval=0.9, anomaly=True)
for x, y, keywords in events:
    monitored.learn_one(x, y, **keywords)
print("interval:", monitored.engine.interval("pump-0").round(1).tolist())
monitored.learn_one({"load": 0.5}, 90.0, key="pump-0")
print("anomaly:", monitored.engine.anomaly("pump-0"))
monitored.engine.save("pumps.safetensors")
print("saved:", Engine.load("pumps.safetensors").stream_count, "streams")
