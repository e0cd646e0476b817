"""Replay from Python: process files with a model, and return the results as frames."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Protocol

from stream_rnn.errors import DataError, SettingError, nearest, refuse_unknown, require
from stream_rnn.jobs.replay.open import Request, open_job
from stream_rnn.settings.engine import Settings
from stream_rnn.settings.race import chosen_model
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stream_rnn.jobs.frames import FrameKind
    from stream_rnn.jobs.replay.job import BatchReport, Job
    from stream_rnn.jobs.replay.result import ReplayResult
    from stream_rnn.jobs.replay.summary import Summary
    from stream_rnn.settings.race import RaceConfig

FRAMES = ("pyarrow", "pandas", "polars")
"""Libraries of the frames that a replay returns."""

log = logging.getLogger("stream_rnn")


class Callback(Protocol):
    """Follows a replay, such as `stream_rnn.callbacks.MLflowLog`."""

    def begin(self, settings: Settings) -> None:
        """Before the first event, with the settings of the model; of a race, those of its first member."""

    def add(self, report: BatchReport) -> None:
        """After each batch."""

    def end(self, summary: Summary) -> None:
        """After the last event."""


def replay(
    files: str | Path | Sequence[str | Path],
    *,
    frame: str = "pyarrow",
    callbacks: Sequence[Callback] = (),
    **options: Any,
) -> ReplayResult:
    """Learn from recorded files, forecast at every event, and score, as ``stream-rnn replay`` does.

    Parameters
    ----------
    files
        CSV, TSV, JSON or Parquet files, or patterns.
    frame
        Library of the frames that are returned: ``pyarrow``, ``pandas`` or ``polars``.
    callbacks
        Follow the replay, such as those of `stream_rnn.callbacks`.
    **options
        The options of the command line by name: those of a replay, such as ``key``, ``time`` and ``output``, and those
        of an engine, such as ``targets``, ``horizon`` and ``preset``. Default: preset ``auto``.

    Returns
    -------
    ReplayResult
        Scores and forecasts as frames, and the engine.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        If an option is not allowed, or the files cannot be used.

    Examples
    --------
    >>> from pathlib import Path
    >>> rows = [f"{60 * minute},{minute % 10}" for minute in range(600)]
    >>> written = Path("pump.csv").write_text(chr(10).join(["time,load", *rows]))
    >>> result = replay("pump.csv", horizon=2, preset="linear")
    >>> result.forecasts.num_rows, result.skill > 0
    (1200, True)
    """
    if frame not in FRAMES:
        raise SettingError(f"frame must be one of {', '.join(FRAMES)}, got {frame!r}{nearest(frame, FRAMES)}")
    frames = require("stream_rnn.jobs.frames", "files")
    paths = [str(path) for path in ([files] if isinstance(files, str) or not hasattr(files, "__iter__") else files)]
    settings, model = split_options({"files": tuple(paths)} | options)
    return collect(open_job(settings, model, Request(by_stream=True)), frames.FrameKind(frame), callbacks=callbacks)


def split_options(options: Mapping[str, Any]) -> tuple[ReplaySettings, dict[str, Any] | RaceConfig]:
    """Return the settings of a replay among options by name, and the model that the others describe.

    Raises
    ------
    SettingError
        If an option is unknown, or not allowed.

    Examples
    --------
    >>> settings, model = split_options({"key": "pump", "horizon": 3, "preset": "linear"})
    >>> settings.key, model
    ('pump', {'horizon': 3, 'preset': 'linear'})
    """
    job, engine = ReplaySettings.__struct_fields__, (*Settings.__struct_fields__, "preset")
    refuse_unknown(options, (*job, *engine))
    own = {name: value for name, value in options.items() if name in job}
    return ReplaySettings.parse(own), chosen_model({name: value for name, value in options.items() if name not in own})


def collect(job: Job[Any], kind: FrameKind, table: Any = None, callbacks: Sequence[Callback] = ()) -> ReplayResult:
    """Run a job, and return its results as frames of a library.

    Raises
    ------
    SettingError
        If its results are no forecasts of numbers, or streams are forgotten.
    ConnectorError, DataError, CheckpointError
        If events cannot be read, used or written.
    """
    from stream_rnn.jobs.replay.result import (  # noqa: PLC0415 - needs pyarrow
        Collected,
        Identity,
        ReplayResult,
        check_collectable,
    )

    try:
        check_collectable(job.model.settings)
    except SettingError:
        job.close()
        raise
    identity = Identity.of(job.source, table, job.settings.timezone, has_keys=job.has_keys)
    collected = Collected()

    def on_batch(report: BatchReport) -> None:
        collected.add(report)
        for callback in callbacks:
            callback.add(report)

    for callback in callbacks:
        callback.begin(job.model.settings)
    summary = job.run(on_batch)
    for callback in callbacks:
        callback.end(summary)
    warn_of_unused(summary, job.source.files[0])
    return ReplayResult(job, summary, collected, identity, kind)


def warn_of_unused(summary: Summary, name: str) -> None:
    """Log what of a source could not be used, in a line each.

    Raises
    ------
    DataError
        If nothing could be used.
    """
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in summary.skipped_reasons.items())
    if nothing := summary.nothing_usable:
        raise DataError(f"{name}: {nothing}{f': {reasons}' if reasons else ''}")
    if reasons:
        log.warning("%s: %d records are not used: %s", name, summary.skipped, reasons)
    for column, words in summary.bad_values.items():
        listed = ", ".join(f"{word!r} ({count:,})" for word, count in list(words.items())[:3])
        log.warning("%s: values of column %r are no numbers, and count as missing: %s", name, column, listed)
