"""Hourly flow in a water main, forecast a day ahead by river's Holt-Winters and SNARIMAX."""

from statistics import mean

from river import compose, datasets, evaluate, linear_model, metrics, optim, preprocessing, time_series

scaled = preprocessing.StandardScaler() | linear_model.LinearRegression(optimizer=optim.SGD(0.001))
models = {
    "Holt-Winters": time_series.HoltWinters(alpha=0.01, beta=0.01, gamma=0.5, seasonality=24),
    "SNARIMAX": time_series.SNARIMAX(p=1, d=0, q=0, m=24, sp=1, sd=1, regressor=compose.Discard("Time") | scaled),
}

if __name__ == "__main__":
    for name, model in models.items():
        metric = evaluate.evaluate(datasets.WaterFlow(), model, metrics.MAE(), horizon=24, agg_func=mean)
        print(f"{name}: MAE {metric.get():.2f}")
