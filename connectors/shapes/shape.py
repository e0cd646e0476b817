"""Shape: how the records of a source become the events of streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stream_rnn.connectors.errors import ConnectorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stream_rnn.connectors.ordering.ordering import OrderingPolicy

VALUE = "value"
"""The only input of a wide source: each event is one cell."""


class Shape(NamedTuple):
    """How records become events; by default each record is one.

    Examples
    --------
    >>> Shape().active, Shape(every=60.0).active
    (False, True)
    """

    wide: bool = False
    """each input of a record is an event of its own, whose stream is the input"""
    pivot: tuple[str, str] | None = None
    """columns with the tag and the value of a reading; readings of one time form an event with an input per tag"""
    tolerance: float = 0.0
    """seconds by which readings of one event may be apart"""
    every: float | None = None
    """seconds of a cell of the grid of times; each cell becomes one event"""
    aggregate: Literal["last", "mean"] = "last"
    """how the values in a cell are aggregated"""
    max_gap: int = 1000
    """cells without events that become events with missing values; after more of them a new sequence begins"""

    @property
    def active(self) -> bool:
        """Whether events are anything else than records."""
        return self.wide or self.pivot is not None or self.every is not None

    @property
    def needs_order(self) -> bool:
        """Whether an event is closed by a later one, and so the times of a stream must not go back."""
        return self.pivot is not None or self.every is not None

    def columns(self, inputs: Sequence[str], tags: Sequence[str]) -> tuple[str, ...]:
        """Return the inputs of events, given those of the records, and the tags of the readings.

        Examples
        --------
        >>> Shape(pivot=("tag", "v")).columns(["tag", "v"], tags=["load", "flow"])
        ('load', 'flow')
        >>> Shape(wide=True).columns(["load", "flow"], tags=[])
        ('value',)
        """
        if self.wide:
            return (VALUE,)
        return tuple(inputs if self.pivot is None else tags)

    def ordered(self, policy: OrderingPolicy) -> OrderingPolicy:
        """Return the policy with the lateness that the shape needs: readings are in order, late ones wait.

        Examples
        --------
        >>> from stream_rnn.connectors.ordering.ordering import OrderingPolicy
        >>> Shape(pivot=("tag", "v"), tolerance=2.0).ordered(OrderingPolicy()).lateness
        2.0
        """
        if not self.needs_order:
            return policy
        return policy._replace(lateness=max(policy.lateness or 0.0, self.tolerance))

    def describe(self) -> dict[str, Any]:
        """Return the shape as JSON values; empty if each record is one event."""
        values = self._asdict() | {"pivot": None if self.pivot is None else list(self.pivot)}
        return values if self.active else {}


def check_same(saved: Mapping[str, Any], shape: Shape) -> None:
    """Check that a state was saved under the same shape.

    Parameters
    ----------
    saved
        The result of `Shape.describe` that was saved.
    shape
        The shape of this run.

    Raises
    ------
    ConnectorError
        With the first setting that differs.

    Examples
    --------
    >>> check_same(Shape(every=60.0).describe(), Shape(every=30.0))
    Traceback (most recent call last):
    ...
    stream_rnn.connectors.errors.ConnectorError: the checkpoint has every = 60.0, the settings have 30.0: use the ...
    """
    defaults = Shape()._asdict()
    before, now = defaults | dict(saved), defaults | shape.describe()
    for name, value in now.items():
        if before[name] != value:
            raise ConnectorError(
                f"the checkpoint has {name} = {before[name]!r}, the settings have {value!r}: use the checkpoint's "
                "setting, or another checkpoint folder to start from scratch"
            )
