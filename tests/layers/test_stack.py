"""What a stack carries back: only what one of its layers has a use for."""

from __future__ import annotations

import pytest
from probe import body_of

CARRIED = {
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


@pytest.mark.parametrize("body", CARRIED)
def test_a_gradient_is_carried_back_where_something_learns_of_it(body: str) -> None:
    assert body_of(body).carries == CARRIED[body]
