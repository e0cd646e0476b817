"""Connectors: where events come from and where forecasts go. They know nothing of neural networks."""
