"""Checkpoints: the file, the folder of files, and writing one while the engine keeps running."""
