"""Compute the outputs of exported networks, in an interpreter with torch: python torch_outputs.py FOLDER."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from stream_rnn.torch_network import Network

for path in Path(sys.argv[1]).glob("*.npz"):
    with np.load(path) as file:
        arrays = dict(file)
    layer, activation = str(arrays.pop("layer")).split("+"), str(arrays.pop("activation"))
    x, skip = arrays.pop("x"), bool(arrays.pop("skip"))
    settings = SimpleNamespace(layer=layer, activation=activation, skip=skip, dtype=str(x.dtype))
    network = Network(settings, arrays)
    with torch.no_grad():
        first, states = network(torch.from_numpy(x[:30, np.newaxis]))
        second, _ = network(torch.from_numpy(x[30:, np.newaxis]), states)
    np.save(path.with_suffix(".npy"), torch.cat([first, second])[:, 0].numpy())
