"""A regression in river: a scaler and a linear model, without and with a scale for the target."""

from river import datasets, evaluate, linear_model, metrics, preprocessing

model = preprocessing.StandardScaler() | linear_model.LinearRegression()
scaled = preprocessing.StandardScaler() | preprocessing.TargetStandardScaler(linear_model.LinearRegression())
for one in (model, scaled):
    print(evaluate.progressive_val_score(datasets.TrumpApproval(), one.clone(), metrics.MAE()))
    print("told five later:", evaluate.progressive_val_score(datasets.TrumpApproval(), one, metrics.MAE(), delay=5))
