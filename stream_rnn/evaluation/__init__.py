"""Prequential evaluation."""
