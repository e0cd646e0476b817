"""The same with a recurrent network: no scalers, and the past is in the hidden state."""

from river import datasets, evaluate, metrics

from stream_rnn.estimators import GRURegressor

model = GRURegressor(hidden=16, window=8, seed=1)
print(evaluate.progressive_val_score(datasets.TrumpApproval(), model.clone(), metrics.MAE()))
late = evaluate.progressive_val_score(datasets.TrumpApproval(), model, metrics.MAE(), delay=5)
print("labels five events late:", late)
