"""Replay: an engine or a race learns from recorded files."""
