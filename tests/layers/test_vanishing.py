"""The penalty on gradients that fade or grow (Pascanu et al. 2013), against its definition in plain numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import reference
from probe import LENGTH, Probe, body_of, finite_differences, relative_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRENGTH = 0.3


class Carried:
    """What the gradient of a sequence's loss is at each event, newest first."""

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
        below = np.zeros(H)
        for t in reversed(range(LENGTH - window, LENGTH)):
            self.d.append(below + p["V"][:, :H].T @ errors[t])
            self.da.append(self.d[-1] * (1 - states[t] ** 2))
            below = self.U @ self.da[-1]

    def omega(self) -> float:
        """Return the penalty for U as it is now, with all else as it was."""
        pairs = zip(self.d, self.da, strict=True)
        return sum((np.linalg.norm(self.U @ da) / np.linalg.norm(d) - 1) ** 2 for d, da in pairs)


def gradients(window: int = LENGTH, **asked: Any) -> tuple[Probe, dict[str, Any]]:
    """Return a probe, and what the penalty adds to each of its gradients."""
    without, penalised = Probe(body_of("rnn")), Probe(body_of("rnn", vanishing=STRENGTH))
    both = [
        probe.run(window=window, events=probe.events._replace(**asked))["gradient"] for probe in (penalised, without)
    ]
    return without, reference.split(without.network, both[0] - both[1])


@pytest.mark.parametrize("window", [1, 4, LENGTH])
def test_its_gradient_is_its_slope_where_only_the_recurrent_weights_move(window: int) -> None:
    probe, added = gradients(window)
    carried = Carried(probe, window)
    expected = STRENGTH * finite_differences(carried.omega, carried.U)
    assert relative_error(added["U"], expected) <= 1e-6


def test_it_moves_nothing_but_the_recurrent_weights() -> None:
    _, added = gradients()
    assert added["U"].any()
    assert not any(gradient.any() for name, gradient in added.items() if name != "U")


def test_without_errors_nothing_is_penalised() -> None:
    _, added = gradients(asked=np.zeros(LENGTH, np.bool_))
    assert not any(gradient.any() for gradient in added.values())


def test_a_gradient_that_has_all_but_faded_is_not_blown_up() -> None:
    probe = Probe(body_of("rnn", vanishing=STRENGTH))
    V = reference.split(probe.network, probe.params)["V"]
    V *= 1e-160
    assert np.isfinite(probe.run(window=LENGTH)["gradient"]).all()
