"""The interface of a layer: sizes, a parameter table, and three compiled functions.

A layer is a `NamedTuple` of numbers. It owns no arrays; it is passed flat ones:

``params`` (sizes.params,)
    its weights, in the order of the parameter table.
``state`` (sizes.state,)
    what it remembers from one event to the next. It starts with the layer's output (sizes.outputs,).
``tape`` (sizes.tape,)
    what the gradient needs of one event. The window has one row per event.
``delta`` (sizes.delta,)
    the gradient of the loss in the layer's pre-activations at one event. The window has one row per event.

`forward` processes one event, and `backward` propagates the gradient over one event and writes its delta. `accumulate`
then sums the weight gradient of all events of the window in one blocked product. Each layer registers the three
functions in its own file; Python and Numba select the implementation by the type of the layer. A layer with sparse
parameters registers `touch_rows` as well; one whose windows can be backpropagated side by side, `backward_gates` and
`recurrent_weights`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from stream_rnn.kernels.dispatch import dispatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from stream_rnn.layers.touched import Touched

Carries = Literal["window", "below", "never"]
"""Which gradients a layer carries back from an event to the one before:

* ``window``: those of its own weights and of the layers below, through all events of the window.
* ``below``: those of the layers below only. The gradient in its own weights is complete at each event.
* ``never``: none, because the layer has no memory.
"""


class Parameter(NamedTuple):
    """A block of the parameters of a layer."""

    name: str
    shape: tuple[int, ...]
    role: str
    """How it is initialised and learned: 'input', 'recurrent', 'peephole' and 'readout' weights; 'bias', which is not
    penalised; 'fixed', which is not learned"""
    gates: str = ""
    """one letter for each gate; the blocks of the gates are side by side along the last axis"""
    initial: Callable[[np.random.Generator], NDArray[np.float64]] | None = None
    """draws the initial values, for weights that the settings do not initialise"""
    sparse: bool = False
    """whether its rows are blocks of sparse parameters, see `touched`"""


class Sizes(NamedTuple):
    """Lengths of the arrays of a layer."""

    inputs: int
    outputs: int
    params: int
    state: int
    tape: int
    delta: int


class Layer(Protocol):
    """A layer as Python sees it; its compiled functions are `forward`, `backward` and `accumulate`."""

    @property
    def sizes(self) -> Sizes:
        """The lengths of its arrays."""
        ...

    @property
    def carries(self) -> Carries:
        """Which gradients `backward` carries from an event to the one before."""
        ...

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the parameter table, in the order of ``params``."""
        ...


def parameter_count(parameters: tuple[Parameter, ...]) -> int:
    """Return the number of parameters in a table."""
    total = 0
    for parameter in parameters:
        size = 1
        for length in parameter.shape:
            size *= length
        total += size
    return total


def parameter_slices(parameters: tuple[Parameter, ...]) -> Iterator[tuple[Parameter, slice]]:
    """Yield each parameter of a table, and its slice of the flat array of all parameters (P,)."""
    stop = 0
    for parameter in parameters:
        start, stop = stop, stop + parameter_count((parameter,))
        yield parameter, slice(start, stop)


@dispatched
def forward(layer: Any, params: Any, x: Any, state: Any, tape: Any) -> None:
    """Process one event with the input x (inputs,): update `state` and write `tape`."""
    raise TypeError(f"{type(layer).__name__} is not a layer")


@dispatched
def backward(layer: Any, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    """Propagate the gradient of the loss back over one event, and write `delta`.

    `d_output` (outputs,) is the gradient in the output of this event, from the layer above. `d_state` (state,) contains
    the gradient in the state after the event, from later events, and receives the gradient in the state before it.
    `d_input` (inputs,) receives the gradient in the input, unless it is empty.
    """
    raise TypeError(f"{type(layer).__name__} is not a layer")


@dispatched
def accumulate(layer: Any, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    """Add the weight gradient of the events of the window to `gradient` (params,).

    The events are the given `rows` of `tapes` and `deltas`, in which the layer's tape and delta start at the columns
    `tape` and `delta`.
    """
    raise TypeError(f"{type(layer).__name__} is not a layer")


@dispatched
def touch_rows(layer: Any, tapes: Any, tape: int, rows: Any, touched: Touched, gradient: Any) -> None:
    """Touch the sparse parameters that the events of the window used, and clear their `gradient` (params,).

    The arguments are those of `accumulate`. Only the lowest layer of a stack may have sparse parameters.
    """


class RecurrentWeights(NamedTuple):
    """Where the recurrent weights U (H, n) of a layer are, and the gradient in their product with h."""

    params: int
    """first element of U"""
    delta: int
    """first element of the gradient in the delta"""
    columns: int
    """n"""


@dispatched
def backward_gates(layer: Any, tape: Any, d_output: Any, d_state: Any, delta: Any) -> None:
    """Do the element-wise part of `backward`: to the gradient in h, only that through U must be added."""
    raise TypeError(f"windows of {type(layer).__name__} cannot be backpropagated side by side")


@dispatched
def recurrent_weights(layer: Any) -> RecurrentWeights:
    """Return where the layer's recurrent weights are."""
    raise TypeError(f"windows of {type(layer).__name__} cannot be backpropagated side by side")
