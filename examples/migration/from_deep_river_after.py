"""The same by estimators: no module, no scalers, and a state that goes on instead of a window that is read again."""

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
    model.clone().learn_one(*events[0])  # kernels are compiled, or read from their cache
    began = time.process_time()
    print(evaluate.progressive_val_score(events, model, metric))
    print(f"{len(events) / (time.process_time() - began):,.0f} events/s")

    X, y = pd.DataFrame([x for x, _ in events]), pd.Series([y for _, y in events])
    again = model.clone()
    began = time.process_time()
    again.learn_many(X, y)
    print(f"{len(events) / (time.process_time() - began):,.0f} events/s by learn_many, learning only")
    same = again.predict_one(events[-1][0]) == model.predict_one(events[-1][0])
    print("and has learned the same:", same)
