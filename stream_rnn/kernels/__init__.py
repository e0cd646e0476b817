"""Building blocks of compiled code: decorators, linear algebra and activations."""
