"""Plots. All modules but `paths` and `series` need matplotlib."""
