"""A training loop written by hand: GRU cell, backpropagation over 16 events, Adam, clipping, running scales."""

import time

import numpy as np
import torch
from torch import nn

WINDOW = 16


def learn(cell: nn.GRUCell, readout: nn.Linear, load: np.ndarray) -> np.ndarray:
    """Forecast the next value at each event, and learn as the values arrive."""
    weights = [*cell.parameters(), *readout.parameters()]
    optimizer = torch.optim.Adam(weights, lr=1e-3)
    state, output = torch.zeros(1, cell.hidden_size), torch.zeros(1, 1)
    losses, forecasts = [], []
    count = mean = squares = 0.0  # of the running mean and deviation, with forgetting
    for value in load:
        count = 0.999 * count + 1
        before, mean = mean, mean + (value - mean) / count
        squares = 0.999 * squares + (value - before) * (value - mean)
        deviation = (squares / count) ** 0.5 or 1.0
        x = torch.tensor([[(value - mean) / deviation]], dtype=torch.float32)
        if forecasts:
            losses.append((output - x) ** 2)  # the output of the event before
        if len(losses) == WINDOW:
            optimizer.zero_grad()
            torch.stack(losses).mean().backward()
            nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            state, losses = state.detach(), []
        state = cell(x, state)
        output = readout(state)
        forecasts.append(mean + deviation * output.item())
    return np.array(forecasts)


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    hours = np.arange(20_000)
    load = 50 + 10 * np.sin(hours / 8) * np.sin(hours / 90) + np.random.default_rng(0).normal(size=20_000)
    start = time.process_time()
    forecasts = learn(nn.GRUCell(1, 32), nn.Linear(32, 1), load)
    rate = len(load) / (time.process_time() - start)
    errors = np.abs(load[1:] - forecasts[:-1])
    first, last = errors[:5000].mean(), errors[-5000:].mean()
    print(f"GRUCell: MAE {first:.3f} at the start, {last:.3f} at the end, {rate:,.0f} events/s")
