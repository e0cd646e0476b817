"""The measurements of a diagnosis against plain numpy. Kernels run uncompiled here, except in one test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import reference
from probe import INPUTS, LAYERS, TARGETS, body_of, finite_differences

from stream_rnn.layers.gates import gates_of
from stream_rnn.layers.layer import parameter_slices
from stream_rnn.layers.network import infer, make_network
from stream_rnn.layers.stack import stacked_layers
from stream_rnn.learning import diagnosis
from stream_rnn.learning.diagnosis import Diagnosis, diagnose, relative_changes, relative_norms
from stream_rnn.learning.tbptt import RecentEvents

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

HIDDEN, LENGTH = 3, 6
CELLS: dict[type, Callable[..., Any]] = {type(body_of(name)): cell for name, cell in reference.CELLS.items()}
COMPILED = diagnosis._backpropagate_error


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "_backpropagate_error", COMPILED.__wrapped__)


def recent(tape: NDArray[np.float64]) -> RecentEvents:
    return RecentEvents(tape, *[np.zeros(0)] * 4)


class Run:
    """A network with random weights that has processed a sequence."""

    def __init__(self, body: str, length: int = LENGTH, scale: float = 0.6) -> None:
        rng = np.random.default_rng(0)
        self.network = make_network(body_of(body, HIDDEN), TARGETS, skip=True)
        self.parameters = self.network.parameters()
        self.params = rng.normal(0, scale, sum(math.prod(p.shape) for p in self.parameters))
        self.X = rng.normal(size=(length, self.network.body.sizes.inputs))

    def block(self, name: str) -> NDArray[np.float64]:
        """Return a view of a parameter."""
        parameter, part = next((p, part) for p, part in parameter_slices(self.parameters) if p.name == name)
        return self.params[part].reshape(parameter.shape)

    def tape(self, rows: int = LENGTH) -> NDArray[np.float64]:
        sizes = self.network.body.sizes
        state, tape = np.zeros(sizes.state), np.zeros((rows, sizes.tape))
        features = np.zeros(self.network.features)
        for t, x in enumerate(self.X):
            infer(self.network, self.network.split(self.params), x, state, tape[t % rows], features)
        return tape

    def diagnose(self, window: int = LENGTH, rows: int = LENGTH) -> Diagnosis:
        return diagnose(self.network, self.params, recent(self.tape(rows)), len(self.X), window)

    def error(self, layer: int, event: int, state: Any = None) -> Any:
        """Return e^T o at the last event, or, without a state, the state of a layer after an event.

        A given state replaces that of the layer after the event.
        """
        parts = stacked_layers(self.network.body)
        states = [np.zeros(part.layer.sizes.state) for part in parts]
        for t, x in enumerate(self.X):
            below = x
            for n, part in enumerate(parts):
                p = {p.name: self.block(f"{part.prefix}{p.name}") for p in part.layer.parameters()}
                states[n] = CELLS[type(part.layer)](p, below, states[n])
                if (n, t) == (layer, event):
                    if state is None:
                        return states[n]
                    states[n] = state
                below = states[n][: part.layer.sizes.outputs]
            features = np.concatenate([below, x])
        return np.full(TARGETS, TARGETS**-0.5) @ (self.block("V") @ features)


def test_compiled_measurements_equal_uncompiled_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run("rnn")
    expected = run.diagnose().gradients["RNN"]
    monkeypatch.setattr(diagnosis, "_backpropagate_error", COMPILED)
    np.testing.assert_allclose(run.diagnose().gradients["RNN"], expected, rtol=1e-12)


def test_gradients_of_a_simple_recurrent_network_are_products_of_its_jacobians() -> None:
    run = Run("rnn")
    U, V, tape = run.block("U"), run.block("V"), run.tape()
    g = np.full(TARGETS, TARGETS**-0.5) @ V[:, :HIDDEN]
    expected = [np.linalg.norm(g)]
    for h in tape[:0:-1, INPUTS + HIDDEN :]:
        g = U @ np.diag(1 - h**2) @ g
        expected.append(np.linalg.norm(g))
    np.testing.assert_allclose(run.diagnose().gradients["RNN"], expected, rtol=1e-12)


@pytest.mark.parametrize("body", ["lstm", "gru>lstm>dense"])
def test_gradients_in_the_state_of_each_layer_equal_finite_differences(body: str) -> None:
    run = Run(body)
    gradients = run.diagnose().gradients
    layers = [(n, p) for n, p in enumerate(stacked_layers(run.network.body)) if p.layer.carries != "never"]
    assert [name.rpartition(".")[2] for name in gradients] == [type(part.layer).__name__ for _, part in layers]
    for (layer, _), norms in zip(layers, gradients.values(), strict=True):
        for lag in range(LENGTH):
            event = LENGTH - 1 - lag
            state = run.error(layer, event).copy()
            gradient = finite_differences(lambda n=layer, t=event, s=state: run.error(n, t, s), state)
            assert norms[lag] == pytest.approx(np.linalg.norm(gradient), rel=1e-6, abs=1e-9)


def test_a_layer_without_memory_has_no_gradients() -> None:
    result = Run("dense").diagnose()
    assert result.gradients == {}
    assert result.fading.shape == (0,)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_can_be_diagnosed(layer: str) -> None:
    run = Run("gru")
    run.network = make_network(body_of(layer, HIDDEN), TARGETS, skip=True)
    rng = np.random.default_rng(0)
    params = rng.normal(0, 0.6, sum(math.prod(p.shape) for p in run.network.parameters()))
    tape = rng.uniform(0.2, 0.8, (LENGTH, run.network.body.sizes.tape))
    result = diagnose(run.network, params, recent(tape), LENGTH, LENGTH)
    assert list(result.saturated) == [gate.name for gate in gates_of(run.network.body)]
    assert (result.gradients == {}) == (run.network.body.carries == "never")


def test_fading_is_the_norm_over_all_layers_relative_to_the_newest_event() -> None:
    result = Diagnosis({"a": np.array([3.0, 6.0]), "b": np.array([4.0, 8.0])}, {}, {}, {}, clipped=False)
    np.testing.assert_allclose(result.fading, [1, 2])


def test_relative_norms_are_nan_if_the_newest_gradient_is_zero() -> None:
    assert np.isnan(relative_norms(np.zeros(3))).all()
    run = Run("rnn")
    run.block("V")[:] = 0
    assert np.isnan(run.diagnose().fading).all()


def test_a_gradient_that_overflows_is_infinite() -> None:
    run = Run("rnn", scale=0.1)
    run.block("U")[:] = 1e150 * np.eye(HIDDEN)
    with np.errstate(over="ignore", invalid="ignore"):
        result = diagnose(run.network, run.params, recent(run.tape() * 0), LENGTH, LENGTH)
    assert result.fading[1] == pytest.approx(1e150)
    assert result.fading[3] == math.inf


def test_gradients_before_the_start_of_the_sequence_are_nan() -> None:
    run = Run("rnn")
    expected = run.diagnose().gradients["RNN"]
    gradients = run.diagnose(window=LENGTH + 3).gradients["RNN"]
    np.testing.assert_array_equal(gradients[:LENGTH], expected)
    assert np.isnan(gradients[LENGTH:]).all()


def test_the_window_is_read_from_the_ring_of_rows() -> None:
    run = Run("rnn")
    expected = run.diagnose(window=3).gradients["RNN"]
    np.testing.assert_array_equal(run.diagnose(window=3, rows=4).gradients["RNN"], expected)


def test_the_spectral_radius_is_the_largest_absolute_eigenvalue() -> None:
    run = Run("gru")
    rotation = np.zeros((HIDDEN, HIDDEN))
    rotation[:2, :2] = [[0, -0.5], [0.5, 0]]  # eigenvalues of i/2 and -i/2
    run.block("U")[:] = np.hstack([rotation, np.triu(np.ones((HIDDEN, HIDDEN))), np.diag([0.3, -1.7, 0.1])])
    assert run.diagnose().radii == pytest.approx({"U_r": 0.5, "U_z": 1.0, "U_q": 1.7})


def test_the_spectral_radius_of_weights_that_are_not_finite_is_infinite() -> None:
    run = Run("rnn")
    run.block("U")[0, 0] = math.inf
    with np.errstate(invalid="ignore"):
        tape = run.tape() * 0
    assert diagnose(run.network, run.params, recent(tape), 0, 2).radii == {"U_h": math.inf}


def bias_of(layer: str, gate: str) -> tuple[str, int] | None:
    """Return the bias that drives a gate, and the gate's position in it; None if no single bias does."""
    direction, _, letter = gate.rpartition(".")
    for parameter in body_of(layer).parameters():
        if parameter.name == f"{direction}.b".lstrip(".") and letter in parameter.gates:
            return parameter.name, parameter.gates.index(letter)
    return None


def gate_names(layer: str) -> list[str]:
    """Return the gates of a layer; none if it has not registered them, which fails a test of the registry."""
    body = body_of(layer)
    is_registered = gates_of.dispatch(type(body)) is not gates_of.dispatch(object)
    return [gate.name for gate in gates_of(body)] if is_registered else []


DRIVEN = [(layer, gate) for layer in LAYERS for gate in gate_names(layer) if bias_of(layer, gate) is not None]
"""The gates of all layers that are driven by a bias: all but the cell of an LSTM, and those of two tests below."""


def test_gates_that_no_bias_drives_have_their_own_tests() -> None:
    others = {(layer, gate) for layer in LAYERS for gate in gate_names(layer)} - set(DRIVEN)
    cells = {("lstm", "t"), ("lstm_peephole", "t"), ("bilstm", "forward.t"), ("bilstm", "backward.t")}
    assert others == cells | {("lru", "y"), ("reservoir", "t"), ("slstm", "a")}


FOLLOWING = {("slstm", "f"): "a"}
"""Gates that are saturated whenever another one is: a cell keeps no more of its past than the forget gate does."""


@pytest.mark.parametrize(("layer", "gate"), DRIVEN)
def test_only_the_gate_that_a_bias_drives_to_its_bound_is_saturated(layer: str, gate: str) -> None:
    run = Run(layer, scale=0.1)
    name, position = bias_of(layer, gate) or ("", 0)
    run.block(name)[position * HIDDEN : (position + 1) * HIDDEN] = -20.0
    saturated = run.diagnose().saturated
    assert saturated.pop(gate) == 1
    if (layer, gate) in FOLLOWING:
        assert saturated.pop(FOLLOWING[layer, gate]) == 1
    assert set(saturated.values()) <= {0.0}


@pytest.mark.parametrize(("layer", "direction"), [("lstm", ""), ("lstm_peephole", ""), ("bilstm", "forward.")])
def test_the_growing_cell_of_an_lstm_is_saturated(layer: str, direction: str) -> None:
    run = Run(layer, scale=0.1)
    i, f, _, g = np.split(run.block(f"{direction}b"), 4)
    for gate in (i, f, g):
        gate[:] = 20.0
    assert run.diagnose().saturated[f"{direction}t"] == 5 / 6  # tanh(1) is 0.76, tanh(2) 0.96


@pytest.mark.parametrize(("layer", "gate", "biases"), [("lru", "y", ("br", "bi")), ("reservoir", "t", ("b",))])
def test_large_states_saturate_the_output(layer: str, gate: str, biases: tuple[str, ...]) -> None:
    run = Run(layer, scale=0.1)
    assert run.diagnose().saturated == {gate: 0}
    for name in biases:
        run.block(name)[:] = 20.0
    assert run.diagnose().saturated[gate] >= 0.5


def test_saturated_fractions_are_over_units_and_events_of_the_window() -> None:
    run = Run("gru>dense")
    sizes = run.network.body.split
    tape = np.zeros((4, run.network.body.sizes.tape))
    z = slice(INPUTS + 3 * HIDDEN, INPUTS + 4 * HIDDEN)
    tape[:, z] = 0.5
    tape[1, z] = [0.04, 0.06, 0.96]
    tape[3, z] = [0.94, 0.5, 1.0]  # older than the window
    tape[1, sizes.tape + HIDDEN :] = [-0.96, 0.94, 0.96]
    saturated = diagnose(run.network, run.params, recent(tape), 3, 2).saturated
    assert saturated["0.z"] == 2 / 6
    assert saturated["1.y"] == 2 / 6


def test_saturated_fractions_are_nan_without_an_event() -> None:
    run = Run("rnn")
    assert math.isnan(diagnose(run.network, run.params, recent(run.tape()), 0, 2).saturated["h"])


def test_relative_changes_leave_out_biases_and_are_nan_where_the_value_was_zero() -> None:
    run = Run("rnn")
    run.block("V")[:] = 0
    before = run.params.copy()
    run.block("W")[:] *= 1.25
    run.block("U")[0, 0] += 3.0
    run.block("V")[:] += 1.0
    changes = relative_changes(run.network, before, run.params)
    before_U = before[INPUTS * HIDDEN : (INPUTS + HIDDEN) * HIDDEN]
    assert list(changes) == ["W", "U", "V"]
    assert changes["W"] == pytest.approx(0.25)
    assert changes["U"] == pytest.approx(3 / np.linalg.norm(before_U))
    assert math.isnan(changes["V"])
