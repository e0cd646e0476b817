"""Replay of recorded files."""
