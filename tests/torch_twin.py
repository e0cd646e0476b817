"""Run the training loop of docs/from_pytorch.md with the initial weights of an engine, in an interpreter with torch.

python torch_twin.py WEIGHTS.npz SERIES.npy FORECASTS.npy, with examples/migration in PYTHONPATH
"""

import sys

import numpy as np
import torch
from from_pytorch_before import learn
from torch import nn

weights, series, forecasts = sys.argv[1:]
with np.load(weights) as file:
    W, U, V = (torch.from_numpy(file[name]) for name in "WUV")  # (1, 3H) of n r z, (H, 3H) of r z q, (1, H)
hidden = U.shape[0]
cell, readout = nn.GRUCell(1, hidden), nn.Linear(hidden, 1)
with torch.no_grad():
    cell.weight_ih.copy_(torch.cat([W[:, hidden:], W[:, :hidden]], 1).T)  # r, z, n
    cell.weight_hh.copy_(U.T)
    readout.weight.copy_(V)
    for bias in (cell.bias_ih, cell.bias_hh, readout.bias):
        bias.zero_()
# GRUCell has two biases per gate, the engine one: of the second, only that of the candidate's product is trained.
trained = torch.cat([torch.zeros(2 * hidden), torch.ones(hidden)])
cell.bias_hh.register_hook(lambda gradient: gradient * trained)
np.save(forecasts, learn(cell, readout, np.load(series)))
