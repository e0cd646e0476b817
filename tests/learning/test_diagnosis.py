"""What a diagnosis measures, against plain numpy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import reference
from probe import INPUTS, TARGETS, body_of, finite_differences

from stream_rnn.kernels.jit import entry
from stream_rnn.layers import network as networks
from stream_rnn.layers.layer import parameter_slices
from stream_rnn.layers.stack import stacked_layers
from stream_rnn.learning.diagnosis import Diagnosis, changes, diagnose, relative
from stream_rnn.learning.tbptt import RecentEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

infer = entry(networks.infer)

HIDDEN, LENGTH = 3, 6
CELLS: dict[type, Callable[..., Any]] = {type(body_of(name)): cell for name, cell in reference.CELLS.items()}


def recent(tape: NDArray[np.float64]) -> RecentEvents:
    return RecentEvents(tape, *[np.zeros(0)] * 3)


class Run:
    """A network with random weights that has seen a sequence."""

    def __init__(self, body: str, length: int = LENGTH, scale: float = 0.6) -> None:
        rng = np.random.default_rng(0)
        self.network = networks.network(body_of(body, HIDDEN), TARGETS, skip=True)
        self.parameters = self.network.parameters()
        self.params = rng.normal(0, scale, sum(math.prod(p.shape) for p in self.parameters))
        self.X = rng.normal(size=(length, INPUTS))

    def block(self, name: str) -> NDArray[np.float64]:
        """Return a view of the weights of one name."""
        parameter, part = next((p, part) for p, part in parameter_slices(self.parameters) if p.name == name)
        return self.params[part].reshape(parameter.shape)

    def tape(self, rows: int = LENGTH) -> NDArray[np.float64]:
        sizes = self.network.body.sizes
        state, tape = np.zeros(sizes.state), np.zeros((rows, sizes.tape))
        features, outputs = np.zeros(self.network.features), np.zeros(TARGETS)
        for t, x in enumerate(self.X):
            infer(self.network, self.network.split(self.params), x, state, tape[t % rows], features, outputs)
        return tape

    def diagnose(self, window: int = LENGTH, rows: int = LENGTH) -> Diagnosis:
        return diagnose(self.network, self.params, recent(self.tape(rows)), len(self.X), window)

    def error(self, layer: int, event: int, state: Any = None) -> Any:
        """Return e^T o at the last event, or, without a state, the layer's state after an event.

        A state stands for the layer's own after that event, for what is above and for what comes.
        """
        found = stacked_layers(self.network.body)
        states = [np.zeros(place.layer.sizes.state) for place in found]
        for t, x in enumerate(self.X):
            below = x
            for place, (layer_at, name) in enumerate((p.layer, p.name) for p in found):
                own = {p.name: self.block(f"{name}{p.name}") for p in layer_at.parameters()}
                states[place] = CELLS[type(layer_at)](own, below, states[place])
                if (place, t) == (layer, event):
                    if state is None:
                        return states[place]
                    states[place] = state
                below = states[place][: layer_at.sizes.outputs]
            features = np.concatenate([below, x])
        return np.full(TARGETS, TARGETS**-0.5) @ (self.block("V") @ features)


def test_lags_of_a_plain_network_are_the_products_of_its_jacobians() -> None:
    run = Run("rnn")
    U, V, tape = run.block("U"), run.block("V"), run.tape()
    g = np.full(TARGETS, TARGETS**-0.5) @ V[:, :HIDDEN]
    expected = [np.linalg.norm(g)]
    for h in tape[:0:-1, INPUTS + HIDDEN :]:
        g = U @ np.diag(1 - h**2) @ g
        expected.append(np.linalg.norm(g))
    np.testing.assert_allclose(run.diagnose().gradients["RNN"], expected, rtol=1e-12)


@pytest.mark.parametrize("body", ["lstm", "gru>lstm>dense"])
def test_lags_of_each_layer_are_slopes_in_its_state(body: str) -> None:
    run = Run(body)
    found = run.diagnose().gradients
    remember = [(n, p) for n, p in enumerate(stacked_layers(run.network.body)) if p.layer.carries != "never"]
    assert [name.rpartition(".")[2] for name in found] == [type(place.layer).__name__ for _, place in remember]
    for (layer, _), norms in zip(remember, found.values(), strict=True):
        for lag in range(LENGTH):
            event = LENGTH - 1 - lag
            at = run.error(layer, event).copy()
            slope = finite_differences(lambda n=layer, t=event, s=at: run.error(n, t, s), at)
            assert norms[lag] == pytest.approx(np.linalg.norm(slope), rel=1e-6, abs=1e-9)


def test_a_layer_without_memory_has_no_lags() -> None:
    found = Run("dense").diagnose()
    assert found.gradients == {}
    assert found.fading.shape == (0,)


def test_what_is_left_is_that_of_all_layers_together() -> None:
    found = Diagnosis({"a": np.array([3.0, 6.0]), "b": np.array([4.0, 8.0])}, {}, {}, {}, clipped=False)
    np.testing.assert_allclose(found.fading, [1, 2])


def test_a_newest_gradient_of_nothing_leaves_nothing_to_compare_with() -> None:
    assert np.isnan(relative(np.zeros(3))).all()
    run = Run("rnn")
    run.block("V")[:] = 0
    assert np.isnan(run.diagnose().fading).all()


def test_a_gradient_beyond_all_numbers_is_infinite() -> None:
    run = Run("rnn", scale=0.1)
    run.block("U")[:] = 1e150 * np.eye(HIDDEN)
    found = diagnose(run.network, run.params, recent(run.tape() * 0), LENGTH, LENGTH)
    assert found.fading[1] == pytest.approx(1e150)
    assert found.fading[3] == math.inf


def test_before_the_sequence_there_is_no_lag() -> None:
    run = Run("rnn")
    whole = run.diagnose().gradients["RNN"]
    long = run.diagnose(window=LENGTH + 3).gradients["RNN"]
    np.testing.assert_array_equal(long[:LENGTH], whole)
    assert np.isnan(long[LENGTH:]).all()


def test_the_window_is_where_it_lies_in_the_ring() -> None:
    run = Run("rnn")
    np.testing.assert_array_equal(
        run.diagnose(window=3, rows=4).gradients["RNN"], run.diagnose(window=3).gradients["RNN"]
    )


def test_spectral_radius_is_the_largest_size_of_an_eigenvalue() -> None:
    run = Run("gru")
    U = run.block("U")
    turn = np.zeros((HIDDEN, HIDDEN))
    turn[:2, :2] = [[0, -0.5], [0.5, 0]]  # eigenvalues of i/2 and -i/2
    U[:] = np.hstack([turn, np.triu(np.ones((HIDDEN, HIDDEN))), np.diag([0.3, -1.7, 0.1])])
    assert run.diagnose().radii == pytest.approx({"U_r": 0.5, "U_z": 1.0, "U_q": 1.7})


def test_weights_that_are_not_finite_have_no_bound() -> None:
    run = Run("rnn")
    run.block("U")[0, 0] = math.inf
    assert diagnose(run.network, run.params, recent(run.tape() * 0), 0, 2).radii == {"U_h": math.inf}


@pytest.mark.parametrize(
    ("layer", "gate"),
    [*(("gru", g) for g in "nrz"), *(("lstm", g) for g in "ifog"), ("rnn", "h"), ("dense", "y")],
)
def test_a_gate_that_is_driven_to_its_end_is_saturated_and_no_other(layer: str, gate: str) -> None:
    run = Run(layer, scale=0.1)
    letters = next(p for p in run.parameters if p.name == "b").gates
    place = letters.index(gate) * HIDDEN
    run.block("b")[place : place + HIDDEN] = -20.0
    found = run.diagnose().saturated
    assert found.pop(gate) == 1
    assert set(found.values()) <= {0.0}


def test_a_cell_that_grows_is_saturated() -> None:
    run = Run("lstm", scale=0.1)
    i, f, _, g = np.split(run.block("b"), 4)
    for gate in (i, f, g):
        gate[:] = 20.0
    assert run.diagnose().saturated["t"] == 5 / 6  # tanh(1) is .76, tanh(2) .96


def test_shares_are_counted_over_units_and_events_of_the_window() -> None:
    run = Run("gru>dense")
    sizes = run.network.body.split
    tape = np.zeros((4, run.network.body.sizes.tape))
    z = slice(INPUTS + 3 * HIDDEN, INPUTS + 4 * HIDDEN)
    tape[:, z] = 0.5
    tape[1, z] = [0.04, 0.06, 0.96]
    tape[3, z] = [0.94, 0.5, 1.0]  # older than the window
    tape[1, sizes.tape + HIDDEN :] = [-0.96, 0.94, 0.96]
    found = diagnose(run.network, run.params, recent(tape), 3, 2).saturated
    assert found["0.z"] == 2 / 6
    assert found["1.y"] == 2 / 6


def test_without_an_event_no_share_is_known() -> None:
    run = Run("rnn")
    assert math.isnan(diagnose(run.network, run.params, recent(run.tape()), 0, 2).saturated["h"])


def test_changes_are_relative_to_what_was_and_leave_biases_out() -> None:
    run = Run("rnn")
    run.block("V")[:] = 0
    before = run.params.copy()
    run.block("W")[:] *= 1.25
    run.block("U")[0, 0] += 3.0
    run.block("V")[:] += 1.0
    found = changes(run.network, before, run.params)
    before_U = before[INPUTS * HIDDEN : (INPUTS + HIDDEN) * HIDDEN]
    assert list(found) == ["W", "U", "V"]
    assert found["W"] == pytest.approx(0.25)
    assert found["U"] == pytest.approx(3 / np.linalg.norm(before_U))
    assert math.isnan(found["V"])
