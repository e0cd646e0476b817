"""A regression in river: a scaler and a linear model, without and with a scaled target."""

from river import datasets, evaluate, linear_model, metrics, preprocessing

model = preprocessing.StandardScaler() | linear_model.LinearRegression()
scaled = preprocessing.StandardScaler() | preprocessing.TargetStandardScaler(linear_model.LinearRegression())
for candidate in (model, scaled):
    print(evaluate.progressive_val_score(datasets.TrumpApproval(), candidate.clone(), metrics.MAE()))
    late = evaluate.progressive_val_score(datasets.TrumpApproval(), candidate, metrics.MAE(), delay=5)
    print("labels five events late:", late)
