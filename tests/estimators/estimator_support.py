"""Helpers of the estimators' tests."""

from __future__ import annotations

import pickle
from typing import Any


def state_of(model: Any) -> bytes:
    """Return everything an estimator has learned as bytes; they are equal only if the estimators are, bit for bit."""
    # Pickling twice makes the bytes independent of which equal objects happen to be identical.
    return pickle.dumps(pickle.loads(pickle.dumps(model)))  # noqa: S301
