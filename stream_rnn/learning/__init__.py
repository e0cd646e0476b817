"""Online learning: TBPTT, RLS, optimizers, clipping, penalties, scaling, prediction intervals, anomaly scores."""
