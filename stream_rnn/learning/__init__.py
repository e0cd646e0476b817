"""Online learning: losses, truncated backpropagation, clipping, penalties and optimizers, all compiled."""
