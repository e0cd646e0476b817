"""Results of a batch of events: memory for the kernels to write to, and what callers receive."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stream_rnn.compiled.step import OutputBuffers
from stream_rnn.learning.target_states import STATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from stream_rnn.engine.alarms import Alarm
    from stream_rnn.engine.drift import Drift
    from stream_rnn.settings.engine import Settings


class EventResult(NamedTuple):
    """Results of one event."""

    forecast: NDArray[np.float64]
    """of shape `Settings.forecast_shape`"""
    begins: bool
    """whether the event began a sequence"""
    interval: NDArray[np.float64] | None = None
    """(*forecast_shape, 2) low and high of each forecast, NaN before any error is known; None if not set"""
    anomaly: float | None = None
    """anomaly score from 0 to 1, NaN if there was no forecast of the event; None if not set"""
    anomaly_alarm: bool | None = None
    """whether the event raised an alarm of an anomaly; None without anomaly scores"""
    state: str | None = None
    """state of the stream: normal, abnormal, stuck or missing; None without anomaly scores"""
    states: tuple[str, ...] | None = None
    """state of each target; None without anomaly scores"""
    drifts: Sequence[Drift] = ()
    """the drift that the event revealed, if any"""
    alarms: Sequence[Alarm] = ()
    """the alarm that the event raised or cleared, if any"""

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON values: nested lists, with None for what is NaN or not set."""
        return _to_json(self._asdict())


class BatchResult(NamedTuple):
    """Results of a batch of N events."""

    forecasts: NDArray[np.float64]
    """(N, *forecast_shape)"""
    slots: NDArray[np.int64]
    """(N,) row of each event's stream in the stream arrays"""
    begins: NDArray[np.bool_]
    """(N,) whether the event began a sequence"""
    intervals: NDArray[np.float64] | None = None
    """(N, *forecast_shape, 2) low and high of each forecast, NaN before any error is known; None if not set"""
    anomalies: NDArray[np.float64] | None = None
    """(N,) anomaly scores from 0 to 1, NaN where there was no forecast of the event; None if not set"""
    anomaly_alarms: NDArray[np.bool_] | None = None
    """(N,) whether each event raised an alarm of an anomaly; None without anomaly scores"""
    stream_states: NDArray[np.str_] | None = None
    """(N,) state of each event's stream: normal, abnormal, stuck or missing; None without anomaly scores"""
    states: NDArray[np.str_] | None = None
    """(N, D) state of each target; None without anomaly scores"""
    drifts: Sequence[Drift] = ()
    """drifts that were detected, in the order of events"""
    alarms: Sequence[Alarm] = ()
    """alarms that were raised or cleared, in the order of events"""

    def __repr__(self) -> str:
        parts = {"intervals": self.intervals, "anomalies": self.anomalies, "drifts": self.drifts, "alarms": self.alarms}
        shown = [name for name, part in parts.items() if part is not None and len(part)]
        more = "".join(f", {name}" for name in shown)
        return f"<BatchResult of {len(self.slots):,} events: forecasts {self.forecasts.shape}{more}>"

    def rows(self, index: slice) -> BatchResult:
        """Return the results of some of the events, without drifts and alarms."""
        columns = (getattr(self, name) for name in BY_EVENT)
        return BatchResult(*(None if column is None else column[index] for column in columns))  # type: ignore[arg-type]

    @staticmethod
    def concat(parts: Sequence[BatchResult]) -> BatchResult:
        """Join results of consecutive batches; there must be at least one."""
        columns = ([getattr(part, name) for part in parts] for name in BY_EVENT)
        joined = [None if column[0] is None else np.concatenate(column) for column in columns]
        drifts = [drift for part in parts for drift in part.drifts]
        return BatchResult._make([*joined, drifts, [alarm for part in parts for alarm in part.alarms]])

    def event(self, index: int) -> EventResult:
        """Return a copy of the results of one event, and all drifts and alarms."""
        return EventResult(
            forecast=self.forecasts[index].copy(),
            begins=bool(self.begins[index]),
            interval=None if self.intervals is None else self.intervals[index].copy(),
            anomaly=None if self.anomalies is None else float(self.anomalies[index]),
            anomaly_alarm=None if self.anomaly_alarms is None else bool(self.anomaly_alarms[index]),
            state=None if self.stream_states is None else str(self.stream_states[index]),
            states=None if self.states is None else tuple(self.states[index].tolist()),
            drifts=self.drifts,
            alarms=self.alarms,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the results as JSON values: nested lists, with None for what is NaN or not set.

        Examples
        --------
        >>> from stream_rnn import Engine, Settings
        >>> engine = Engine(Settings(inputs="x", hidden=4, anomaly=True))
        >>> engine.process_detailed("sensor", [[20.0]]).to_dict()["anomalies"]
        [None]
        """
        return _to_json(self._asdict())


BY_EVENT = tuple(name for name in BatchResult._fields if name not in {"drifts", "alarms"})
"""Results that have a row for each event."""
STATE_NAMES = np.array(STATES)


def _to_json(results: dict[str, Any]) -> dict[str, Any]:
    records = {name: [record._asdict() for record in results[name]] for name in ("drifts", "alarms")}
    return {name: _plain(value) for name, value in results.items() if name not in records} | records


def _plain(value: Any) -> Any:
    """Return numbers as nested lists of Python's numbers, with None for those that JSON does not have."""
    array = np.asarray(value)
    if array.dtype != np.float64:
        return array.tolist()
    plain = array.astype(object)
    plain[~np.isfinite(array)] = None
    return plain.tolist()


MAX_SHOWN = 5


def shortened(names: Sequence[str]) -> str:
    """Return the names in one line; if there are many, only the first ones.

    Examples
    --------
    >>> shortened("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    more = f" and {len(names) - MAX_SHOWN:,} more" if len(names) > MAX_SHOWN else ""
    return ", ".join(names[:MAX_SHOWN]) + more


def allocate_outputs(settings: Settings, count: int) -> OutputBuffers:
    """Return uninitialised memory for the results of so many events."""
    width = math.prod(settings.forecast_shape)
    return OutputBuffers(
        forecasts=np.empty((count, width)),
        intervals=np.empty((count, 0 if settings.interval is None else width, 2)),
        scores=np.empty(count if settings.anomaly else 0),
        anomaly_alarms=np.empty(count if settings.anomaly else 0, np.bool_),
        states=np.empty((count, len(settings.target_names) if settings.anomaly else 0), np.int8),
        alarms=np.zeros(count if settings.task == "forecast" else 0, np.int8),
        begins=np.empty(count, np.bool_),
    )


def wrap_outputs(
    settings: Settings,
    slots: NDArray[np.int64],
    outputs: OutputBuffers,
    drifts: Sequence[Drift],
    alarms: Sequence[Alarm],
) -> BatchResult:
    """Return what the kernels wrote for events with these slots (N,), each array in its public shape."""
    shape = (len(slots), *settings.forecast_shape)
    return BatchResult(
        forecasts=outputs.forecasts.reshape(shape),
        slots=slots,
        begins=outputs.begins,
        intervals=outputs.intervals.reshape(*shape, 2) if settings.interval is not None else None,
        anomalies=outputs.scores if settings.anomaly else None,
        anomaly_alarms=outputs.anomaly_alarms if settings.anomaly else None,
        stream_states=STATE_NAMES[outputs.states.max(axis=1)] if settings.anomaly else None,
        states=STATE_NAMES[outputs.states] if settings.anomaly else None,
        drifts=drifts,
        alarms=alarms,
    )
