"""The same by a recurrent network: no scalers, and the past stands in its state."""

from river import datasets, evaluate, metrics

from stream_rnn.estimators import GRURegressor

model = GRURegressor(hidden=16, window=8, seed=1)
print(evaluate.progressive_val_score(datasets.TrumpApproval(), model.clone(), metrics.MAE()))
print("told five later:", evaluate.progressive_val_score(datasets.TrumpApproval(), model, metrics.MAE(), delay=5))
