"""Diagnosis of a network: the unfolded diagram, sampling, advice."""
