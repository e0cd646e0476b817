"""What a replay did, as one record."""

from __future__ import annotations

from typing import Any

import msgspec

MAX_FAILING_LISTED = 100
"""Failing streams that are listed one by one, the worst."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay did. Its fields are the keys of the command line's JSON output."""

    events: int
    """events processed in this run"""
    forecasts: int
    """numbers forecast"""
    streams: int
    skipped: int
    """records that could not be used"""
    skipped_reasons: dict[str, int]
    bad_values: dict[str, dict[str, int]]
    """values that count as missing because they are not numbers, by column and word"""
    late: int
    """skipped records that arrived later than the lateness allows"""
    duplicates: int
    """records that were dropped because they had been read before"""
    held: int
    """events still held back for ordering; if the run was stopped, they are in the checkpoint"""
    reshaped: dict[str, int]
    """values replaced by a later one of their tag and time, events filled into gaps, gaps that ended a sequence"""
    skipped_updates: int
    """updates skipped because the gradient was not finite"""
    resets: int
    drifts: int
    """drifts detected"""
    newest_drifts: list[dict[str, Any]]
    """event and key of the newest drifts"""
    alarms: int
    """times that a stream began to fail, in a race those of all members"""
    failing: int
    """streams that fail at the end: their forecasts have been worse than persistence for long"""
    worst_failing: dict[str, float]
    """the relative errors of the worst of them, by key"""
    anomaly_alarms: int
    """alarms of anomalies"""
    unusual_events: dict[str, int]
    """events at which a stream was in another state than normal, by state"""
    missing_inputs: int
    missing_targets: int
    judged: int
    """values for which a prediction interval had been given"""
    covered: int
    """values inside their prediction interval"""
    seconds: float
    """from the first read until the output was closed"""
    events_per_second: float
    """including reading, scoring and writing; limited by `speed` if that is set"""
    speed: float | None
    resumed_at: int
    """events that the model had processed before this run"""
    season: int
    """events per season of the seasonal naive forecast; 0 for none"""
    scores: dict[str, Any]
    """errors of each forecaster"""
    per_target: dict[str, Any]
    per_horizon: list[Any]
    settings: dict[str, Any]
    """settings of the engine"""
    ignored: dict[str, str]
    """columns that were not read, each with the reason"""
    words: dict[str, list[str]]
    """labels by class, and states in the order of their inputs, by column"""
    other_states: dict[str, int]
    """values of states beyond `max_categories`, by column"""
    output: str | None
    checkpoint: str | None
    """the newest checkpoint on disk"""
    checkpoint_errors: int
    """checkpoints that could not be written while the job kept running"""
    finished: bool
    """False if the job was stopped before the end"""

    @property
    def nothing_usable(self) -> str:
        """Why nothing that was read can be used; empty if something can, or nothing was read."""
        if self.resumed_at or self.held:
            return ""
        if not self.events and self.skipped:
            return f"no record can be used, of {self.skipped:,}"
        values = self.events * len(self.settings["inputs"])
        if values and self.missing_inputs == values:
            return f"no input has a value, in {self.events:,} events"
        return ""
