"""Checkpoints: the file, the folder that keeps the newest few, and writing one while the engine keeps running."""
