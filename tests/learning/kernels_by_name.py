"""The kernels that only other kernels call, each as an entry of its own."""

from __future__ import annotations

from stream_rnn.kernels.jit import entry
from stream_rnn.learning import anomaly, clipping, conformal, optimizers, penalties, scaling

step = entry(optimizers.step)
clip_factor = entry(clipping.clip_factor)
clip_values = entry(clipping.clip_values)
add_penalties = entry(penalties.add_penalties)
decay = entry(penalties.decay)
observe = entry(scaling.observe)
deviation = entry(scaling.deviation)
root_mean_square = entry(scaling.root_mean_square)
score = entry(scaling.score)
known = entry(scaling.known)
interval = entry(conformal.interval)
calibrate = entry(conformal.calibrate)
surprise = entry(anomaly.surprise)
