"""Which gradients a stack carries back in time: only those that one of its layers learns from."""

from __future__ import annotations

import pytest
from probe import body_of

CARRIES = {
    "gru>dense": "window",
    "conv>dense": "below",
    "dense>conv": "window",
    "conv>gru": "window",
    "reservoir>dense": "below",
    "dense>reservoir": "window",
    "dense>reservoir>dense": "window",
    "reservoir>conv": "below",
    "reservoir>reservoir": "below",
    "dense>dense": "never",
}


@pytest.mark.parametrize("body", CARRIES)
def test_a_stack_carries_only_gradients_that_a_layer_learns_from(body: str) -> None:
    assert body_of(body).carries == CARRIES[body]
