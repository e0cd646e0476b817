"""What a layer is: sizes, a table of parameters, and three compiled functions.

A layer is a `NamedTuple` of numbers that says its sizes. All numbers it works on are handed in as flat arrays:

``params`` (sizes.params,)
    its weights, in the order of its parameter table.
``state`` (sizes.state,)
    what it remembers from one event to the next; the first ``outputs`` of it are the layer's output.
``tape`` (sizes.tape,)
    what its gradient needs to know of one event; the window keeps one row per event.
``delta`` (sizes.delta,)
    the loss's gradient in the layer's pre-activations at one event; scratch, one row per event of a window.

`forward` advances one event, `backward` carries the gradient one event back, and `accumulate` sums the weight gradient
of a whole window in one blocked product, which is why `backward` only leaves the deltas. Both Python and numba choose
the implementation by the layer's type: a new layer registers its three functions in its own file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from stream_rnn.kernels.dispatch import dispatched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

Carries = Literal["window", "below", "never"]
"""Which gradients a layer carries back from an event to the one before: those of its own weights and of what is below
it, over the window; only those of what is below it, since its own are known at each event; or none."""


class Parameter(NamedTuple):
    """A block of a layer's parameters."""

    name: str
    shape: tuple[int, ...]
    role: str
    """How it is initialised and learned: 'input', 'recurrent' and 'peephole' weights, a 'bias', which no penalty
    holds small, or 'fixed', which is not learned."""
    gates: str = ""
    """One letter per gate whose blocks stand side by side along the last axis."""
    initial: Callable[[np.random.Generator], NDArray[np.float64]] | None = None
    """What draws its first values, where the settings' initialisations are not for it."""


class Sizes(NamedTuple):
    """How many numbers a layer needs, each in units of one array element."""

    inputs: int
    outputs: int
    params: int
    state: int
    tape: int
    delta: int


class Layer(Protocol):
    """What Python asks of a layer; the compiled side is `forward`, `backward` and `accumulate`."""

    @property
    def sizes(self) -> Sizes:
        """The lengths of the layer's arrays."""
        ...

    @property
    def carries(self) -> Carries:
        """What its `backward` carries from an event to the one before."""
        ...

    def parameters(self) -> tuple[Parameter, ...]:
        """Return the parameter table, in the order of ``params``."""
        ...


def count(parameters: tuple[Parameter, ...]) -> int:
    """Return the number of weights in a parameter table."""
    total = 0
    for parameter in parameters:
        size = 1
        for length in parameter.shape:
            size *= length
        total += size
    return total


def parts(parameters: tuple[Parameter, ...]) -> Iterator[tuple[Parameter, slice]]:
    """Yield each parameter of a table with where its weights stand among all, (P,)."""
    stop = 0
    for parameter in parameters:
        start, stop = stop, stop + count((parameter,))
        yield parameter, slice(start, stop)


@dispatched
def forward(layer: Any, params: Any, x: Any, state: Any, tape: Any) -> None:
    """Advance `state` by one event with the input x (inputs,), and write the event's tape."""
    raise TypeError(f"{type(layer).__name__} is not a layer")


@dispatched
def backward(layer: Any, params: Any, tape: Any, d_output: Any, d_state: Any, delta: Any, d_input: Any) -> None:
    """Carry the gradient back over one event.

    `d_output` (outputs,) is the loss's gradient in this event's output from above; `d_state` (state,) holds that in the
    state after the event and is replaced by that in the state before it. Writes `delta`; where `d_input` is not empty,
    writes the gradient in the input there.
    """
    raise TypeError(f"{type(layer).__name__} is not a layer")


@dispatched
def accumulate(layer: Any, tapes: Any, tape: int, deltas: Any, delta: int, rows: Any, gradient: Any) -> None:
    """Add to `gradient` (params,) the weight gradient of the window's events.

    The layer's tape and delta begin at columns `tape` and `delta` of the given `rows` of `tapes` and `deltas`.
    """
    raise TypeError(f"{type(layer).__name__} is not a layer")
