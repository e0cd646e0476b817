"""Compiled building blocks: the decorators, the inner loops and the activations."""
