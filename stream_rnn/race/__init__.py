"""Several engines on the same streams."""
