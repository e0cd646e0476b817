"""The summary of a replay for a person: a table of scores, and lines of counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table

from stream_rnn.cli.console.formatting import MAX_LISTED, cell, counted, listed, percent, print_line
from stream_rnn.connectors.decode.values import NOT_A_TIME

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from stream_rnn.connectors.deadletter import DeadLetterCounter
    from stream_rnn.jobs.replay.summary import Summary

    Written = dict[str, str | None]
    """Paths that were written, by what they hold; None for those that were not."""

MAX_TARGETS = 4
"""Most targets that have rows of their own; with more, only the scores over all targets are shown."""
FORECASTER_NAMES = {"model": "model", "persistence": "persistence", "seasonal_naive": "seasonal naive"}


def print_summary(summary: Summary, written: Written, console: Console) -> None:
    """Print the scores, the counts, and the paths that were written."""
    if summary.scores:
        console.print(_score_table(summary))
    print_counts(summary, written, console)


def print_counts(summary: Summary, written: Written, console: Console) -> None:
    """Print the counts and the paths that were written."""
    for line in (*_count_lines(summary), *(f"{name}: {path}" for name, path in written.items() if path)):
        print_line(console, line)


def failure_lines(summary: Summary, letters: DeadLetterCounter) -> list[str]:
    """Return why nothing can be used, and the most frequent reasons; no lines if something can be used."""
    if not summary.nothing_usable:
        return []
    reasons = [
        f"  {counted(count, 'record')}: {reason}; the first is record {letters.examples[reason].record:,} of "
        f"{letters.examples[reason].source}"
        for reason, count in letters.reasons.most_common(MAX_LISTED)
    ]
    if any(reason.endswith(NOT_A_TIME) for reason in letters.reasons):
        reasons.append("  set --time-format to how times are written, such as iso, ms, day-first or '%d.%m.%Y %H:%M'")
    return [f"error: {summary.nothing_usable}", *reasons, *(f"  {line}" for line in _bad_value_lines(summary))]


def new_table(summary: Summary) -> Table:
    """Return an empty table: its title says what is forecast, and how far ahead, its caption which streams fail."""
    caption = cell(_failing_text(summary)) if summary.failing else None
    return Table(
        title=cell(_title(summary)),
        title_justify="left",
        title_style="",
        caption=caption,
        caption_justify="left",
        caption_style="bold",
    )


def format_error(value: float) -> str:
    """Return an error with as many digits as its size makes useful.

    Examples
    --------
    >>> format_error(0.19123), format_error(20893.4), format_error(0.0001234)
    ('0.191', '20,893.400', '0.0001234')
    """
    return f"{value:,.3f}" if 0.01 <= value < 100_000 else f"{value:.4g}"


def format_skill(row: dict[str, float], naive: dict[str, float] | None) -> str:
    """Return by how much a MAE is below that of persistence; empty if this is not defined.

    Examples
    --------
    >>> format_skill({"mae": 0.25}, {"mae": 1.0})
    '+75.0 %'
    """
    if not naive or not naive["mae"] or row is naive:
        return ""
    return percent(1 - row["mae"] / naive["mae"], sign=True)


def _title(summary: Summary) -> str:
    targets = listed(list(summary.per_target))
    if summary.settings["task"] != "forecast":
        return targets
    horizon = summary.settings["horizon"]
    return f"{targets}, 1 event ahead" if horizon == 1 else f"{targets}, 1 to {horizon} events ahead"


def _score_table(summary: Summary) -> Table:
    by_accuracy = any("accuracy" in (row or {}) for row in summary.scores.values())
    per_target = summary.per_target if 1 < len(summary.per_target) <= MAX_TARGETS else {}
    table = new_table(summary)
    if per_target:
        table.add_column("target", no_wrap=True)
    table.add_column("forecaster", no_wrap=True)
    for name in ("accuracy",) if by_accuracy else ("MAE", "RMSE", "skill"):
        table.add_column(name, justify="right")
    for target, scores in per_target.items():
        _add_scores(table, target, scores)
        table.add_section()
    _add_scores(table, "all targets" if per_target else None, summary.scores)
    return table


def _add_scores(table: Table, target: str | None, scores: dict[str, Any]) -> None:
    """Add a row for each forecaster, the first one with the target's name if the table has a column for it."""
    for place, (name, row) in enumerate(scores.items()):
        if row is None:
            continue
        cells: list[str | Text] = [] if target is None else [cell(target if place == 0 else "")]
        cells.append(FORECASTER_NAMES[name])
        if "accuracy" in row:
            cells.append(f"{row['accuracy']:.2%}")
        else:
            skill = format_skill(row, scores["persistence"])
            cells += [format_error(row["mae"]), format_error(row["rmse"]), skill]
        table.add_row(*cells, style="bold" if name == "model" else "")


def _count_lines(summary: Summary) -> list[str]:
    pace = f" (at {summary.speed:g} times the recorded pace)" if summary.speed is not None else ""
    events = f"{summary.events:,} events of {counted(summary.streams, 'stream')}"
    lines = [f"{events} in {summary.seconds:.2f} s: {summary.events_per_second:,.0f} events/s{pace}"]
    if not summary.finished:
        lines.insert(0, "stopped before the end")
    if summary.resumed_at:
        lines.insert(0, f"resumed after {summary.resumed_at:,} events")
    lines += _result_lines(summary)
    lines += _exception_lines(summary)
    for name, words in summary.words.items():
        others = summary.other_states.get(name, 0)
        lines.append(f"{name}: {listed(words)}" + (f"; {counted(others, 'value')} of others" if others else ""))
    if summary.ignored:
        lines.append(f"ignored columns: {listed([f'{name}: {reason}' for name, reason in summary.ignored.items()])}")
    if not summary.scores.get("model") and summary.events:
        lines.append("no scores: no target had a value after a forecast of it")
    return lines


def _result_lines(summary: Summary) -> list[str]:
    """Return the coverage of the intervals, the drifts, the alarms and the anomalies."""
    lines = []
    if summary.judged:
        inside = f"{percent(summary.covered / summary.judged)} of {summary.judged:,} values inside"
        lines.append(f"intervals: {inside}, nominal coverage {summary.settings['interval']:.3g}")
    if summary.drifts:
        newest = "".join(map(_drift_text, summary.newest_drifts[-1:]))
        lines.append(f"drifts: {summary.drifts:,}{newest}")
    if summary.alarms:
        lines.append(f"alarms: {summary.alarms:,}, {counted(summary.failing, 'stream')} failing at the end")
    if summary.anomaly_alarms or any(summary.unusual_events.values()):
        states = ", ".join(f"{state} {count:,}" for state, count in summary.unusual_events.items())
        lines.append(f"anomalies: {counted(summary.anomaly_alarms, 'alarm')}; events by state: {states}")
    return lines


def _exception_lines(summary: Summary) -> list[str]:
    """Return lines with the counts of records and events that were not processed, or not learned from."""
    lines = []
    if summary.skipped:
        reasons = [f"{reason} ({count:,})" for reason, count in summary.skipped_reasons.items()]
        lines.append(f"skipped: {counted(summary.skipped, 'record')}: {listed(reasons)}")
    lines += _bad_value_lines(summary)
    if summary.duplicates:
        lines.append(f"duplicates: {counted(summary.duplicates, 'record')} dropped")
    lines += _reshaped_lines(summary.reshaped)
    if summary.held:
        lines.append(f"held back for ordering: {counted(summary.held, 'event')}")
    if summary.skipped_updates:
        lines.append(f"skipped updates: {summary.skipped_updates:,}, because their gradients were not finite")
    return lines


def _reshaped_lines(counts: dict[str, int]) -> list[str]:
    """Return lines with the counts of a pivot's replaced values and of gaps when resampling."""
    lines = []
    if replaced := counts.get("replaced"):
        lines.append(f"replaced: {counted(replaced, 'value')} by a later one for the same tag and time")
    if filled := counts.get("filled"):
        lines.append(f"gaps: {counted(filled, 'event')} with missing values")
    if gaps := counts.get("gaps"):
        lines.append(f"gaps longer than max_gap: {gaps:,}, each ended a sequence")
    return lines


def _bad_value_lines(summary: Summary) -> list[str]:
    lines = []
    for column, words in summary.bad_values.items():
        counts = [f"{word} ({count:,})" for word, count in sorted(words.items(), key=lambda item: -item[1])]
        values = counted(sum(words.values()), "value")
        lines.append(f"not numbers, counted as missing: {values} of {column}: {listed(counts)}")
    return lines


def _failing_text(summary: Summary) -> str:
    """Return how many streams fail, and the worst of them."""
    worst = list(summary.worst_failing.items())[:MAX_LISTED]
    named = ", ".join(f"{key} {error:.2f}".strip() for key, error in worst)
    more = f" and {summary.failing - len(worst):,} more" if summary.failing > len(worst) else ""
    return (
        f"failing: {summary.failing:,} of {counted(summary.streams, 'stream')}, error over persistence: {named}{more}"
    )


def _drift_text(drift: dict[str, Any]) -> str:
    stream = f"in stream {drift['key']} " if drift["key"] else ""  # without a key column there is only one stream
    return f", the newest {stream}at event {drift['event']:,}"
