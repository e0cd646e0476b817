"""The penalty on vanishing and exploding gradients (Pascanu et al. 2013), against its definition in plain numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import reference
from probe import LENGTH, Probe, Sequence, body_of, finite_differences, relative_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTH = 0.3


class Backpropagated:
    """The gradient of the loss of a sequence at each event, newest first."""

    def __init__(self, probe: Probe, window: int) -> None:
        p, H = reference.split(probe.network, probe.params), probe.network.hidden
        states, h = [], probe.state
        for x in probe.events.X:
            h = reference.rnn(p, x, h)
            states.append(h)
        errors = 2 * (probe.run()["out"] - probe.events.Z)
        self.U = p["U"].copy()
        self.d: list[NDArray[np.float64]] = []
        """dL/dh' (H,)"""
        self.da: list[NDArray[np.float64]] = []
        """d f'(a) (H,)"""
        u = np.zeros(H)
        for t in reversed(range(LENGTH - window, LENGTH)):
            self.d.append(u + p["V"][:, :H].T @ errors[t])
            self.da.append(self.d[-1] * (1 - states[t] ** 2))
            u = self.U @ self.da[-1]

    def omega(self) -> float:
        """Return the penalty as a function of U, with d and da held constant."""
        pairs = zip(self.d, self.da, strict=True)
        return sum((np.linalg.norm(self.U @ da) / np.linalg.norm(d) - 1) ** 2 for d, da in pairs)


def penalty_gradients(window: int = LENGTH, events: Sequence | None = None) -> tuple[Probe, dict[str, Any]]:
    """Return a probe without the penalty, and what the penalty adds to its gradients, by name."""
    probe, penalised = Probe(body_of("rnn")), Probe(body_of("rnn", vanishing=STRENGTH))
    added = penalised.gradient(window, events) - probe.gradient(window, events)
    return probe, reference.split(probe.network, added)


@pytest.mark.parametrize("window", [1, 4, LENGTH])
def test_gradient_of_the_penalty_in_recurrent_weights_equals_finite_differences(window: int) -> None:
    probe, added = penalty_gradients(window)
    backpropagated = Backpropagated(probe, window)
    expected = STRENGTH * finite_differences(backpropagated.omega, backpropagated.U)
    assert relative_error(added["U"], expected) <= 1e-6


def test_the_penalty_adds_to_the_gradient_in_recurrent_weights_only() -> None:
    _, added = penalty_gradients()
    assert added["U"].any()
    assert not any(gradient.any() for name, gradient in added.items() if name != "U")


def test_the_penalty_adds_nothing_without_errors() -> None:
    _, added = penalty_gradients(events=Probe(body_of("rnn")).events.with_errors_at())
    assert not any(gradient.any() for gradient in added.values())


def test_the_penalty_of_a_gradient_that_is_almost_zero_is_finite() -> None:
    probe = Probe(body_of("rnn", vanishing=STRENGTH))
    V = reference.split(probe.network, probe.params)["V"]
    V *= 1e-160
    assert np.isfinite(probe.gradient()).all()
