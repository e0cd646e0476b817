"""The kernels that only other kernels call, each as an entry of its own."""

from __future__ import annotations

from stream_rnn.kernels.jit import entry
from stream_rnn.learning import clipping, losses, optimizers, penalties, scaling

loss_gradient = entry(losses.loss_gradient.py_func)
step = entry(optimizers.step.py_func)
clip_factor = entry(clipping.clip_factor.py_func)
add_penalties = entry(penalties.add_penalties.py_func)
decay = entry(penalties.decay.py_func)
observe = entry(scaling.observe.py_func)
deviation = entry(scaling.deviation.py_func)
root_mean_square = entry(scaling.root_mean_square.py_func)
score = entry(scaling.score.py_func)
known = entry(scaling.known.py_func)
