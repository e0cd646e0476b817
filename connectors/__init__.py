"""Connectors: sources of events, sinks for forecasts. They know nothing of neural networks."""
