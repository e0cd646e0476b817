"""Diagnoses of a network: gradients measured during a run, advice, and the diagram of the unrolled network."""
