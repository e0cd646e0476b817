"""Stopping a job from a signal handler or another thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stream_rnn.connectors.files.byte_stream import STDIN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn.connectors.events import EventBatch
    from stream_rnn.connectors.files.source import Source


class StopFlag:
    """A request to stop, checked between batches.

    A plain attribute rather than an event: a signal handler that waits for a lock can deadlock.

    Examples
    --------
    >>> stop = StopFlag()
    >>> stop()
    False
    >>> stop.set()
    >>> stop()
    True
    """

    def __init__(self) -> None:
        self.is_set = False

    def __call__(self) -> bool:
        """Return whether to stop."""
        return self.is_set

    def set(self) -> None:
        """Request a stop."""
        self.is_set = True


class StoppableReader:
    """Iterates over the batches of a source until the source ends or `stop` is called.

    Parameters
    ----------
    source
        The source to read; it checks the same flag.
    flag
        Set by `stop`.
    """

    def __init__(self, source: Source, flag: StopFlag) -> None:
        self._source = source
        self._flag = flag
        self._waits_for_pipe = False

    def __iter__(self) -> Iterator[EventBatch]:
        batches, is_pipe = iter(self._source), STDIN in self._source.files
        while not self._flag():
            try:
                self._waits_for_pipe = is_pipe
                batch = next(batches, None)
            except KeyboardInterrupt:
                if not self._flag():
                    raise
                return
            finally:
                self._waits_for_pipe = False
            if batch is None:
                return
            yield batch

    def stop(self) -> None:
        """End the iteration after the current batch, from any thread or signal handler.

        Raises
        ------
        KeyboardInterrupt
            If the iteration is blocked on a pipe, because nothing else interrupts that; it ends the iteration, and no
            event is lost.
        """
        self._flag.set()
        if self._waits_for_pipe:
            raise KeyboardInterrupt
