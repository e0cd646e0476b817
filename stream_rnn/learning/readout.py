"""The outputs that the loss of a target depends on: all, or, with classes in clusters, few. Only these are learned."""

from __future__ import annotations

from typing import Any

from stream_rnn.kernels.dispatch import dispatched
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import copy
from stream_rnn.kernels.products import add_product_transposed
from stream_rnn.layers.network import Network, read_out, readout_backward
from stream_rnn.layers.touched import Touched, touch
from stream_rnn.losses.hierarchical_softmax import HierarchicalSoftmax, outputs_of_cluster


@dispatched
def read_target(loss: Any, network: Network, head: Any, features: Any, first: int, z: float, outputs: Any) -> None:
    """Write those of the outputs from number `first` on that the loss of target z depends on to `outputs` (m,)."""
    read_out(network, head, features, first, outputs)


@read_target.register
def _read_clusters(
    loss: HierarchicalSoftmax, network: Network, head: Any, features: Any, first: int, z: float, outputs: Any
) -> None:
    _read_block(network, head, features, first, outputs[: loss.clusters])
    read_cluster(loss, network, head, features, first, int(z) // loss.size, outputs)


@inner
def read_cluster(
    loss: HierarchicalSoftmax, network: Network, head: Any, features: Any, first: int, g: int, outputs: Any
) -> Any:
    """Write the outputs of a cluster's classes to their part of `outputs` (m,), and return this part."""
    part = outputs_of_cluster(loss, g, outputs)
    _read_block(network, head, features, first + loss.clusters + g * loss.size, part)
    return part


@inner
def _read_block(network: Network, head: Any, features: Any, first: int, outputs: Any) -> None:
    """Write the outputs from number `first` on to `outputs` (n,), as `read_out` does; faster if there are many."""
    F, O, n = network.features, network.outputs, outputs.shape[0]
    c = O * F + first
    copy(head[c : c + n], outputs)
    V = head[first * F : (first + n) * F].reshape(n, F)
    add_product_transposed(V, features, outputs)  # (n, F) @ (F,) -> (n,)


@dispatched
def learn_readout(
    loss: Any,
    network: Network,
    head: Any,
    features: Any,
    errors: Any,
    touched: Touched,
    gradient: Any,
    d_body: Any,
) -> None:
    """Add the gradient in the head to `gradient` (P,), and that in h to `d_body` (H,), for an event's `errors`."""
    readout_backward(network, head, features, 0, errors, gradient[network.head_start :], d_body)


@learn_readout.register
def _learn_clusters(
    loss: HierarchicalSoftmax,
    network: Network,
    head: Any,
    features: Any,
    errors: Any,
    touched: Touched,
    gradient: Any,
    d_body: Any,
) -> None:
    G, S = loss.clusters, loss.size
    length, width = G + S + 1, G + loss.classes
    for column in range(errors.shape[0] // length):
        e, first = errors[column * length : (column + 1) * length], column * width
        g = int(e[G + S]) - 1
        if g >= 0:
            block = column * (G + 1)
            _learn_block(network, head, features, first, e[:G], touched, block, gradient, d_body)
            first += G + g * S
            classes = e[G : G + min(S, loss.classes - g * S)]
            _learn_block(network, head, features, first, classes, touched, block + 1 + g, gradient, d_body)


@inner
def _learn_block(
    network: Network,
    head: Any,
    features: Any,
    first: int,
    errors: Any,
    touched: Touched,
    block: int,
    gradient: Any,
    d_body: Any,
) -> None:
    """Do as `learn_readout` for a block of outputs from number `first` on, whose rows of V and c are sparse."""
    V, F, n = network.head_start, network.features, errors.shape[0]
    c = V + network.outputs * F
    touch(touched, touched.head, 2 * block, V + first * F, V + (first + n) * F, gradient)
    touch(touched, touched.head, 2 * block + 1, c + first, c + first + n, gradient)
    readout_backward(network, head, features, first, errors, gradient[V:], d_body)
