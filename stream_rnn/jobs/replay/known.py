"""Known future inputs: the values that columns have in the next rows of a stream, such as a plan's, become inputs.

Lead k of column ``plan`` is the column ``plan+k``: its value k rows later in the same stream, missing where there is no
such row. Rows after the last one of a stream with a target only say what is planned: they are removed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from msgspec.structs import replace

from stream_rnn.connectors.events import EventBatch
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import DataError, SettingError, nearest, require
from stream_rnn.jobs.replay.open import Request, open_model
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray
else:
    pa = require("pyarrow", "files")

RESHAPED = ("wide", "pivot", "every", "lateness", "duplicates", "end")
"""Options under which the next event of a stream is not its next row."""

MAX_LEADS = 1000
"""Leads of all known columns; each is an input."""

log = logging.getLogger("stream_rnn")


class Known(NamedTuple):
    """Columns whose next values are known at each row."""

    names: tuple[str, ...]
    targets: tuple[str, ...]
    horizon: int

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of the leads of all columns.

        Examples
        --------
        >>> Known(("plan",), ("load",), 2).leads
        ('plan+1', 'plan+2')
        """
        return tuple(f"{name}+{k}" for name in self.names for k in range(1, self.horizon + 1))

    def check(self, settings: ReplaySettings) -> None:
        """Check that there are such columns, and that the next event of a stream is its next row.

        Raises
        ------
        SettingError
            If a column is a target, a category or named twice, there are too many leads, or an option is not allowed.
        """
        defaults = ReplaySettings()
        if option := next((name for name in RESHAPED if getattr(settings, name) != getattr(defaults, name)), None):
            raise SettingError(f"{option} is not allowed with known: leads are taken from the next rows of a stream")
        for place, name in enumerate(self.names):
            if name in self.targets:
                raise SettingError(f"known must not name a target, whose future is not known, got {name!r}")
            if name in self.names[:place]:
                raise SettingError(f"known must name each column once, got {name!r} twice")
            if name in (settings.categories or ()):
                raise SettingError(f"known must name columns of numbers, got {name!r}, which is in categories")
        if (count := len(self.names) * self.horizon) > MAX_LEADS:
            raise SettingError(f"horizon must be at most {MAX_LEADS // len(self.names)} with known: {count:,} leads")

    def add_to(self, table: pa.Table, settings: ReplaySettings) -> tuple[pa.Table, ReplaySettings]:
        """Return a table with leads, up to each stream's last row with a target, and the columns found in it.

        Raises
        ------
        DataError, ConnectorError
            If a column is missing, there is one with the name of a lead, or no row has a target.
        """
        for name in self.names + self.targets:
            if name not in table.column_names:
                raise DataError(f"df has no column {name!r}{nearest(name, table.column_names)}")
        if twice := next((name for name in self.leads if name in table.column_names), None):
            raise DataError(f"df must not have a column {twice!r}, which is a lead of known: rename it")
        columns = self.names + self.targets
        job = open_model(settings, Engine(Settings(inputs=columns, hidden=1)), Request(table))
        with job.source as source:
            events = EventBatch.concat([EventBatch.empty(source.columns), *source])
            found = replace(settings, key=source.key, time=source.time or "")
        rows, values, measured = (
            events.positions.record,
            events.table(self.names),
            ~np.isnan(events.table(self.targets)),
        )
        leads = np.full((table.num_rows, len(self.names), self.horizon), np.nan)
        kept, silent = np.ones(table.num_rows, np.bool_), 0
        for places in _streams(events):
            own = values[places]
            for k in range(1, min(self.horizon, len(places) - 1) + 1):
                leads[rows[places[:-k]], :, k - 1] = own[k:]
            with_target = np.flatnonzero(measured[places].any(axis=1))
            kept[rows[places[with_target[-1] + 1 if with_target.size else 0 :]]] = False
            silent += not with_target.size
        if not kept.any():
            raise DataError(f"df has no row with a target ({', '.join(self.targets)})")
        if silent:
            log.warning("%s streams have no row with a target, and are not used", f"{silent:,}")
        for name, column in zip(self.leads, leads.reshape(table.num_rows, -1).T, strict=True):
            table = table.append_column(name, pa.array(column, from_pandas=True))
        return table.filter(pa.array(kept)), found


def take_known(options: dict[str, Any], model: Settings | None = None) -> tuple[dict[str, Any], Known | None]:
    """Return options without ``known``, whose columns and leads join the inputs that are named, and what it says.

    Parameters
    ----------
    options
        Options by name.
    model
        Settings of a model to continue with; its inputs have to have the leads.

    Raises
    ------
    SettingError
        If known columns are not allowed with other options.

    Examples
    --------
    >>> take_known({"known": "plan", "inputs": "load", "targets": "load"})
    ({'inputs': ('load', 'plan', 'plan+1'), 'targets': 'load'}, Known(names=('plan',), targets=('load',), horizon=1))
    """
    rest = {name: value for name, value in options.items() if name != "known"}
    names = _names(options.get("known"), "known")
    if not names:
        return rest, None
    task = options.get("task", "forecast") if model is None else model.task
    if task != "forecast":
        raise SettingError(f"known is for forecasts only, got task {task}")
    targets = _names(options.get("targets"), "targets") if model is None else model.target_names
    if not targets:
        raise SettingError("known needs targets: name the columns to forecast")
    horizon = options.get("horizon", 1) if model is None else model.horizon
    if isinstance(horizon, str):
        raise SettingError(f"horizon must be a number of events with known, got {horizon!r}")
    known = Known(names, targets, Settings(inputs="x", horizon=horizon).horizon)
    if model is not None and (lacking := next((name for name in known.leads if name not in model.inputs), None)):
        raise SettingError(f"known needs a model with the input {lacking!r}: learn a new one with known")
    if inputs := _names(options.get("inputs"), "inputs"):
        rest["inputs"] = tuple(dict.fromkeys(inputs + known.names + known.leads))
    return rest, known


def _names(value: object, option: str) -> tuple[str, ...]:
    """Return names that are given as one or several."""
    found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, list | tuple) else None
    if value is None:
        return ()
    if found is None or any(not isinstance(name, str) for name in found):
        raise SettingError(f"{option} must be a name or a list of names, got {value!r}")
    return found


def _streams(events: EventBatch) -> list[NDArray[np.intp]]:
    """Return the places of each stream's events, in order."""
    if not len(events):
        return []
    _, streams = np.unique(np.asarray(events.keys).astype(str), return_inverse=True)
    order = np.argsort(streams, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(streams[order])) + 1)
