"""Hierarchical softmax (Goodman 2001, Classes for fast maximum entropy training) for many classes.

Class z in {0, 1, ...} is number i = z mod S of cluster g = z // S. With an output a_k for each cluster, and an output
b_j for each class, of which a cluster's loss needs those of its own classes only:

    p_g = e^a_g / sum_k e^a_k        q_i = e^b_i / sum_j e^b_j over the classes of g        p(z) = p_g q_i
    L = -log p_g - log q_i

    dL/da_k = p_k - [k = g]          dL/db_j = q_j - [j = i] in cluster g, 0 elsewhere

With S near the square root of the number of classes C, an event costs 2 sqrt(C) outputs instead of C. Clusters are
ranges of classes, so that where classes are numbered by their first appearance, as tokens are, a cluster has classes of
similar frequency.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from stream_rnn.kernels.elementary import exp
from stream_rnn.kernels.jit import inner
from stream_rnn.kernels.linalg import multiply
from stream_rnn.losses.loss import OutputShape, distance, loss_gradient, scale_gradient, to_forecast


class HierarchicalSoftmax(NamedTuple):
    """The softmax loss of classes in clusters. The outputs o are those of the clusters, then those of all classes."""

    classes: int
    """C"""
    clusters: int
    """G"""
    size: int
    """S, classes of each cluster; the last one may have fewer"""

    @property
    def shape(self) -> OutputShape:
        """Errors: dL/da (G,), dL/db of the target's cluster (S,), its number from 1 on. Blocks: V and c by cluster."""
        return OutputShape(self.clusters + self.classes, self.clusters + self.size + 1, 2 * (1 + self.clusters))


def hierarchical_softmax(classes: int) -> HierarchicalSoftmax:
    """Return the loss for so many classes.

    Examples
    --------
    >>> hierarchical_softmax(10)
    HierarchicalSoftmax(classes=10, clusters=3, size=4)
    """
    size = math.isqrt(classes - 1) + 1
    return HierarchicalSoftmax(classes, -(-classes // size), size)


@inner
def outputs_of_cluster(loss: HierarchicalSoftmax, g: int, o: Any) -> Any:
    """Return the part of the outputs o that belongs to the classes of cluster g."""
    first = loss.clusters + g * loss.size
    return o[first : first + min(loss.size, loss.classes - g * loss.size)]


@inner
def normalise(o: Any, p: Any) -> float:
    """Write e^o_m / sum_k e^o_k to p (m,); return log(sum_k e^o_k)."""
    highest = o[0]
    for m in range(1, o.shape[0]):
        highest = max(highest, o[m])
    for m in range(o.shape[0]):
        p[m] = exp(o[m] - highest)
    total = p.dtype.type(0)
    for m in range(o.shape[0]):
        total += p[m]
    for m in range(o.shape[0]):
        p[m] /= total
    return math.log(total) + highest


@loss_gradient.register
def _gradient(loss: HierarchicalSoftmax, o: Any, z: float, gradient: Any) -> float:
    G = loss.clusters
    g, i = int(z) // loss.size, int(z) % loss.size
    a, b = o[:G], outputs_of_cluster(loss, g, o)
    da, db = gradient[:G], gradient[G : G + b.shape[0]]
    missing = normalise(a, da) - a[g] + normalise(b, db) - b[i]
    da[g] -= 1
    db[i] -= 1
    gradient[G + b.shape[0] :] = 0
    gradient[G + loss.size] = g + 1
    return missing


@distance.register
def _distance(loss: HierarchicalSoftmax, o: Any, point: int, z: float, gradient: Any) -> float:  # noqa: ARG001
    G = loss.clusters
    g, i = int(z) // loss.size, int(z) % loss.size
    return 1.0 - (1.0 + gradient[g]) * (1.0 + gradient[G + i])


@scale_gradient.register
def _scale_gradient(loss: HierarchicalSoftmax, share: Any, gradient: Any) -> None:
    multiply(share, gradient[: loss.clusters + loss.size])


@to_forecast.register
def _to_forecast(loss: HierarchicalSoftmax, o: Any, centre: float, scale: float, out: Any) -> None:  # noqa: ARG001
    G, S = loss.clusters, loss.size
    highest, total = float(o[0]), 0.0
    for g in range(1, G):
        highest = max(highest, float(o[g]))
    for g in range(G):
        total += math.exp(o[g] - highest)
    for g in range(G):
        b = outputs_of_cluster(loss, g, o)
        p = out[g * S : g * S + b.shape[0]]
        normalise(b, p)
        multiply(math.exp(o[g] - highest) / total, p)
