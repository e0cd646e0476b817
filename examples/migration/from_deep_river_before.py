"""deep-river's rolling regressor and classifier, each with a GRU, in river's progressive validation."""

import time

import torch
from deep_river.classification import RollingClassifier
from deep_river.regression import RollingRegressor
from river import datasets, evaluate, metrics, preprocessing
from torch import nn


class GRU(nn.Module):
    """A GRU over the window, and a linear readout of its last hidden state."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.gru, self.readout = nn.GRU(inputs, 16), nn.Linear(16, outputs)

    def forward(self, window: torch.Tensor) -> torch.Tensor:
        """Return the outputs (1, O) for a window (8, 1, I)."""
        return self.readout(self.gru(window)[0][-1])


torch.set_num_threads(1)
torch.manual_seed(1)
regressor = RollingRegressor(GRU(6, 1), optimizer_fn="adam", lr=0.03, window_size=8)
classifier = RollingClassifier(
    GRU(9, 2), loss_fn="cross_entropy", optimizer_fn="adam", lr=0.003, window_size=8, is_class_incremental=True
)
for data, model, metric in (
    (datasets.TrumpApproval(), preprocessing.TargetStandardScaler(regressor), metrics.MAE()),
    (datasets.Phishing(), classifier, metrics.Accuracy()),
):
    events = list(data)
    start = time.process_time()
    print(evaluate.progressive_val_score(events, preprocessing.StandardScaler() | model, metric))
    print(f"{len(events) / (time.process_time() - start):,.0f} events/s")
