"""The same with stream_rnn: no module, no scalers, and a persistent hidden state instead of a rolling window."""

import time

import pandas as pd
from river import datasets, evaluate, metrics

from stream_rnn.estimators import GRUClassifier, GRURegressor

regressor = GRURegressor(hidden=16, window=8, seed=1)
classifier = GRUClassifier(hidden=16, window=8, seed=1)
for data, model, metric in (
    (datasets.TrumpApproval(), regressor, metrics.MAE()),
    (datasets.Phishing(), classifier, metrics.Accuracy()),
):
    events = list(data)
    model.clone().learn_one(*events[0])  # compiles the kernels, or reads them from the cache
    start = time.process_time()
    print(evaluate.progressive_val_score(events, model, metric))
    print(f"{len(events) / (time.process_time() - start):,.0f} events/s")

    X, y = pd.DataFrame([x for x, _ in events]), pd.Series([y for _, y in events])
    batch = model.clone()
    start = time.process_time()
    batch.learn_many(X, y)
    print(f"{len(events) / (time.process_time() - start):,.0f} events/s with learn_many, without predictions")
    same = batch.predict_one(events[-1][0]) == model.predict_one(events[-1][0])
    print("learn_many gives the same model:", same)
