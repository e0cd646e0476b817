"""A network without an engine, in float64: its loss over one sequence, and the gradient that TBPTT computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.kernels.jit import entry
from stream_rnn.kernels.linalg import multiply
from stream_rnn.layers import BIDIRECTIONAL, REGISTRY, make_layer
from stream_rnn.layers.beside import beside
from stream_rnn.layers.initialise import dense_ranges
from stream_rnn.layers.layer import parameter_slices
from stream_rnn.layers.network import infer, make_network, read_out
from stream_rnn.layers.stack import stack
from stream_rnn.layers.touched import touched_parameters
from stream_rnn.learning.tbptt import RecentEvents, Work, backpropagate
from stream_rnn.losses import LOSSES, LossName, make_loss
from stream_rnn.losses.loss import OutputShape, loss_gradient, output_shape

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

LAYERS = tuple(REGISTRY)
FORECASTING = tuple(name for name in LAYERS if name not in BIDIRECTIONAL)
"""Layers that need no lookahead."""
BODIES = (*LAYERS, "gru>dense", "embedding>gru", "embedding>bigru>gru", "dense>conv>reservoir", "reservoir|dense>gru")
"""Every registered layer, stacks, and a reservoir beside one. Each is compiled once for all tests that use `Probe`."""
NUMERIC = tuple(body for body in BODIES if not body.startswith("embedding"))
"""Bodies whose inputs are numbers."""
TOKENS = tuple(body for body in BODIES if body not in NUMERIC)
"""Bodies whose inputs are token ids."""

INPUTS, HIDDEN, TARGETS, LENGTH = 3, 9, 2, 10
"""Nine units and ten events: loops over blocks of eight run once, and so do the loops over the remainder."""
FEWER = 2
"""Inputs of a reservoir beside layers."""

LEVELS = (0.1, 0.5, 0.8)
CLASSES = 3
DELTA = 0.7

OPTIONS: dict[str, Any] = {
    "kernel": 3,
    "lookahead": 2,
    "vocabulary": 5,
    "spectral_radius": 0.9,
    "density": 0.5,
    "input_scaling": 1.0,
    "slowest": 0.3,
    "fastest": 0.9,
}


def body_of(name: str, hidden: int = HIDDEN, **options: Any) -> Any:
    """Return the body of layers whose names are joined by '>', lowest first; 'reservoir|' is one beside them."""
    layers: list[Any] = []
    side, _, above = name.rpartition("|")
    names, options = above.split(">"), OPTIONS | options
    reads = options["lookahead"] + 1 if set(names) & set(BIDIRECTIONAL) else 1
    for layer in names:
        below = layers[-1].sizes.outputs if layers else reads if layer == "embedding" else INPUTS
        if layer in BIDIRECTIONAL and layers:
            below //= reads
        layers.append(make_layer(layer, below, hidden, options))
    return beside(make_layer("reservoir", FEWER, hidden, options), stack(*layers)) if side else stack(*layers)


def loss_of(kind: LossName) -> Any:
    return make_loss(kind, {"delta": DELTA, "levels": np.array(LEVELS), "classes": CLASSES})


def shape_of(kind: LossName) -> OutputShape:
    """Return the numbers of outputs and errors of one target."""
    return output_shape(loss_of(kind), len(LOSSES[kind].suffixes(CLASSES, LEVELS)))


def targets_of(kind: LossName, rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if LOSSES[kind].categorical:
        return rng.integers(0, LOSSES[kind].classes or CLASSES, shape).astype(float)
    return rng.normal(size=shape)


class Sequence(NamedTuple):
    """One sequence, and which of its events have errors."""

    X: Any
    """(T, I)"""
    Z: Any
    """(T, D)"""
    has_error: Any
    """(T,) bool"""

    def part(self, events: slice) -> Sequence:
        """Return some consecutive events."""
        return Sequence(*(array[events] for array in self))

    def with_errors_at(self, *events: int) -> Sequence:
        """Return the sequence with errors at these events only."""
        return self._replace(has_error=np.isin(np.arange(len(self.X)), events))


@entry
def _run(
    network: Any, loss: Any, window: int, params: Any, state: Any, events: Any, recent: Any, work: Any, out: Any
) -> float:
    D = events.Z.shape[1]
    W, E = out.shape[1] // D, recent.errors.shape[1] // D
    total = 0.0
    recent.errors[:] = 0
    for t in range(events.X.shape[0]):
        if recent.faded.shape[0] > 0:
            multiply(recent.faded[t], state)
        infer(network, params, events.X[t], state, recent.tape[t], recent.features[t])
        read_out(network, params.head, recent.features[t], 0, out[t])
        for d in range(D):
            if events.has_error[t]:
                errors = recent.errors[t, d * E : (d + 1) * E]
                total += loss_gradient(loss, out[t, d * W : (d + 1) * W], events.Z[t, d], errors)
    if window > 0:
        backpropagate(network, loss, window, params, recent, events.X.shape[0], work)
    return total


def layers_of(body: Any) -> list[Any]:
    """Return the layers of a body, lowest first."""
    return [*layers_of(body.lower), *layers_of(body.upper)] if hasattr(body, "lower") else [body]


def has_sensitivities(body: Any) -> bool:
    """Return whether a layer keeps derivatives of its state, which are only valid from the start of a sequence."""
    return any(layer.carries == "below" for layer in layers_of(body))


def inputs_of(body: Any, rng: np.random.Generator, length: int) -> NDArray[np.float64]:
    """Return the inputs (T, I) of a sequence: numbers, or token ids for an embedding."""
    lowest = layers_of(body)[0]
    if hasattr(lowest, "vocabulary"):
        return rng.integers(0, lowest.vocabulary, (length, body.sizes.inputs)).astype(float)
    return rng.normal(size=(length, body.sizes.inputs))


class Probe:
    """A network with random weights and a random sequence."""

    def __init__(
        self, body: Any, kind: LossName = "squared", *, skip: bool = True, length: int = LENGTH, seed: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        self.loss = loss_of(kind)
        self.shape = shape_of(kind)
        self.outputs = TARGETS * self.shape.outputs
        self.network = make_network(body, self.outputs, skip=skip)
        self.params = rng.normal(0, 0.4, sum(int(np.prod(p.shape)) for p in self.network.parameters()))
        self.state = rng.normal(0, 0.5, body.sizes.state)
        self.faded = np.zeros(0)
        """(T,) factor by which the state fades before each event; (0,) if it does not fade"""
        if has_sensitivities(body):
            self.state[:] = 0
        self.events = Sequence(
            inputs_of(body, rng, length), targets_of(kind, rng, (length, TARGETS)), np.ones(length, np.bool_)
        )

    def run(self, *, window: int = 0, events: Sequence | None = None, state: Any = None) -> dict[str, Any]:
        """Return loss, outputs and last state, and with a window the gradients in the weights and the first input."""
        events = self.events if events is None else events
        sizes, length = self.network.body.sizes, len(events.X)
        dense = self.network if self.shape.blocks == 0 else self.network.body
        vectors = sum(p.shape[0] for p in self.network.body.parameters() if p.sparse)
        last_state = (self.state if state is None else state).copy()
        recent = RecentEvents(
            np.zeros((length, sizes.tape)),
            np.zeros((length, self.network.features)),
            np.zeros((length, TARGETS * self.shape.errors)),
            self.faded[:length],
            np.zeros((0, sizes.tape)),
        )
        work = Work(
            x=np.zeros(sizes.inputs),
            outputs=np.zeros(self.outputs),
            tape=np.zeros((0, sizes.tape)),
            deltas=np.zeros((length, sizes.delta)),
            rows=np.zeros(max(window, 1), np.int64),
            upcoming=np.zeros(1, np.int64),
            weight=np.ones(1),
            frozen=np.zeros(1, np.uint8),
            gradient=np.zeros_like(self.params),
            penalty_mask=np.zeros_like(self.params),
            decay_targets=np.zeros_like(self.params),
            touched=touched_parameters(dense_ranges(dense), vectors, TARGETS * self.shape.blocks),
            d_body=np.zeros(self.network.hidden),
            d_state=np.zeros(sizes.state),
            d_input=np.zeros(sizes.inputs),
            regressors=np.zeros(0),
            gain=np.zeros(0),
            residuals=np.zeros(0),
            evidence=np.zeros(0),
        )
        out = np.zeros((length, self.outputs))
        params = self.network.split(self.params)
        loss = _run(self.network, self.loss, window, params, last_state, events, recent, work, out)
        return {"loss": loss, "out": out, "state": last_state, "gradient": work.gradient, "d_input": work.d_input}

    def gradient(self, window: int = LENGTH, events: Sequence | None = None) -> NDArray[np.float64]:
        """Return the gradient of the loss in the weights (P,), as TBPTT computes it."""
        gradient: NDArray[np.float64] = self.run(window=window, events=events)["gradient"]
        return gradient

    def loss_of(self, events: Sequence | None = None, state: Any = None) -> float:
        """Return the loss."""
        return float(self.run(events=events, state=state)["loss"])

    def numeric_gradient(self, loss: Callable[[], float] | None = None) -> NDArray[np.float64]:
        """Return the gradient of a loss in the weights (P,) by central differences; 0 for fixed weights."""
        gradient = np.zeros_like(self.params)
        for parameter, part in parameter_slices(self.network.parameters()):
            if parameter.role != "fixed":
                gradient[part] = finite_differences(self.loss_of if loss is None else loss, self.params[part])
        return gradient


def finite_differences(function: Callable[[], float], at: NDArray[np.float64], step: float = 1e-5) -> Any:
    """Return the gradient of `function` in the array `at`, which it reads, by central differences."""
    gradient = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        value = at[index]
        at[index] = value + step
        above = function()
        at[index] = value - step
        gradient[index] = (above - function()) / (2 * step)
        at[index] = value
    return gradient


def relative_error(found: Any, expected: Any) -> float:
    """Return |found - expected| / |expected|."""
    return float(np.linalg.norm(np.subtract(found, expected)) / np.linalg.norm(expected))
