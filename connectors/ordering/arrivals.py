"""Arrivals: the events of a batch by stream, and which of them releases which event."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Arrivals(NamedTuple):
    """N events with times, sorted by stream, those of a stream in order of arrival."""

    event: NDArray[np.intp]
    """(N,) index in the batch"""
    stream: NDArray[np.int64]
    """(N,) number of the stream"""
    time: NDArray[np.float64]
    """(N,) seconds"""
    first: NDArray[np.bool_]
    """(N,) whether it is the first of its stream in this batch"""
    before: NDArray[np.float64]
    """(N,) newest time of the stream before the arrival"""
    newest: NDArray[np.float64]
    """(N,) newest time of the stream after the arrival"""

    @classmethod
    def of(
        cls,
        streams: NDArray[np.int64],
        times: NDArray[np.float64],
        selected: NDArray[np.intp],
        newest: NDArray[np.float64],
    ) -> Arrivals:
        """Return the selected events of a batch.

        Parameters
        ----------
        streams, times
            (M,) of all events of the batch.
        selected
            (N,) indices of the events with times.
        newest
            (streams,) newest time of each stream before the batch.

        Examples
        --------
        >>> times = np.array([3.0, 9.0, 2.0, 5.0])
        >>> arrivals = Arrivals.of(np.array([0, 1, 0, 0]), times, np.arange(4), np.array([1.0, 1.0]))
        >>> arrivals.event, arrivals.before, arrivals.newest
        (array([0, 2, 3, 1]), array([1., 3., 3., 1.]), array([3., 3., 5., 9.]))
        """
        event = selected[np.argsort(streams[selected], kind="stable")]
        stream, time = streams[event], times[event]
        first = np.diff(stream, prepend=-1) != 0
        # Ranks that rise from stream to stream make one running maximum restart with each stream.
        values, ranks = np.unique(np.maximum(time, newest[stream]), return_inverse=True)
        floor = stream * len(values)
        after = values[np.maximum.accumulate(floor + ranks) - floor]
        before = np.where(first, newest[stream], np.roll(after, 1))
        return cls(event, stream, time, first, before, after)

    def releasers(
        self,
        stream: NDArray[np.int64],
        time: NDArray[np.float64],
        own: NDArray[np.int64],
        reach: NDArray[np.float64],
    ) -> NDArray[np.int64]:
        """Return which arrival releases each of M events, -1 if none does.

        Parameters
        ----------
        stream, time
            (M,) of the events.
        own
            (M,) the arrival of each event itself, before which it cannot be released; 0 for events of earlier batches.
        reach
            (N,) time up to which each arrival releases events; never decreases within a stream.

        Examples
        --------
        >>> arrivals = Arrivals.of(np.zeros(2, int), np.array([3.0, 8.0]), np.arange(2), np.array([0.0]))
        >>> arrivals.releasers(np.zeros(2, int), np.array([3.0, 8.0]), own=np.arange(2), reach=np.array([-2.0, 3.0]))
        array([ 1, -1])
        """
        values, ranks = np.unique(np.concatenate([reach, time]), return_inverse=True)
        floor = self.stream * len(values) + ranks[: len(reach)]
        releaser = np.maximum(np.searchsorted(floor, stream * len(values) + ranks[len(reach) :]), own)
        in_stream = np.append(self.stream, -1)[releaser] == stream
        return np.where(in_stream, releaser, -1)
