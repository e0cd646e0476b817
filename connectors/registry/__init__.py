"""Schema registries: values that begin with the id of their schema."""
