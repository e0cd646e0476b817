"""What a job did, as a table for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console

    from stream_rnn.jobs.replay.job import Summary

FEW_TARGETS = 4
FEW = 5
LABELS = {"model": "model", "persistence": "persistence", "seasonal_naive": "seasonal naive"}


def show(summary: Summary, paths: dict[str, str | None], console: Console) -> None:
    """Print the scores, then the counts, then the paths that were written."""
    if summary.scores:
        console.print(_table(summary))
    say(summary, paths, console)


def say(summary: Summary, paths: dict[str, str | None], console: Console) -> None:
    """Print the counts, then the paths that were written."""
    for line in (*_lines(summary), *(f"{name}: {path}" for name, path in paths.items() if path)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _table(summary: Summary) -> Table:
    accuracy = any("accuracy" in (row or {}) for row in summary.scores.values())
    per_target = summary.per_target if 1 < len(summary.per_target) <= FEW_TARGETS else {}
    table = Table(title=Text(title(summary)), title_justify="left", title_style="")
    if per_target:
        table.add_column("target", no_wrap=True)
    table.add_column("forecaster", no_wrap=True)
    for name in ("accuracy",) if accuracy else ("MAE", "RMSE"):
        table.add_column(name, justify="right")
    if not accuracy:
        table.add_column("skill", justify="right")
    for target, scores in per_target.items():
        _add(table, target, scores)
        table.add_section()
    _add(table, "all targets" if per_target else None, summary.scores)
    return table


def title(summary: Summary) -> str:
    """Say what is forecast how far ahead."""
    names = list(summary.per_target)
    what = ", ".join(names[:FEW]) + (f" and {len(names) - FEW:,} more" if len(names) > FEW else "")
    if summary.settings["task"] != "forecast":
        return what
    horizon = summary.settings["horizon"]
    return f"{what}, 1 event ahead" if horizon == 1 else f"{what}, 1 to {horizon} events ahead"


def _add(table: Table, target: str | None, scores: dict[str, Any]) -> None:
    """Add a row per forecaster; `skill` is by how much its MAE is below persistence's."""
    naive = scores.get("persistence")
    for place, (name, row) in enumerate(scores.items()):
        if row is None:
            continue
        cells: list[str | Text] = [] if target is None else [Text(target if place == 0 else "")]
        cells.append(LABELS[name])
        if "accuracy" in row:
            cells.append(f"{row['accuracy']:.2%}")
        else:
            skill = "" if not naive or name == "persistence" or not naive["mae"] else percent(row, naive)
            cells += [number(row["mae"]), number(row["rmse"]), skill]
        table.add_row(*cells, style="bold" if name == "model" else "")


def percent(row: dict[str, float], naive: dict[str, float]) -> str:
    """Return by how much a MAE is below that of persistence."""
    return f"{1 - row['mae'] / naive['mae']:+.1%}".replace("%", " %")


def number(value: float) -> str:
    """Return an error as it is shown."""
    return f"{value:,.3f}" if 0.01 <= value < 100_000 else f"{value:.4g}"


def _lines(summary: Summary) -> list[str]:
    streams = f"{summary.streams:,} stream{'s' * (summary.streams != 1)}"
    pace = f" (paced at {summary.speed:g} times the recorded pace)" if summary.speed is not None else ""
    rate = f"{summary.events_per_second:,.0f} events/s{pace}"
    lines = [f"{summary.events:,} events of {streams} in {summary.seconds:.2f} s: {rate}"]
    if not summary.finished:
        lines.insert(0, "stopped before the end")
    if summary.resumed_at:
        lines.insert(0, f"resumed after {summary.resumed_at:,} events")
    lines += _judged(summary)
    lines += _notices(summary)
    if summary.ignored:
        lines.append(f"ignored columns: {_listed([f'{name}: {why}' for name, why in summary.ignored.items()])}")
    if not summary.scores.get("model") and summary.events:
        lines.append("nothing to score: no target was known after a forecast of it")
    return lines


def _judged(summary: Summary) -> list[str]:
    """Say what intervals held, and which changes were found."""
    lines = []
    if summary.judged:
        share, asked = summary.covered / summary.judged, summary.settings["interval"]
        lines.append(
            f"intervals: {share:.1%} of {summary.judged:,} values inside, {asked:.3g} asked for".replace("%", " %")
        )
    if summary.drifts:
        lines.append(f"drifts: {summary.drifts:,}{''.join(map(_last, summary.newest_drifts[-1:]))}")
    return lines


def _notices(summary: Summary) -> list[str]:
    """Say what was not taken, or not learned from."""
    lines = []
    if summary.skipped:
        reasons = [f"{reason} ({count:,})" for reason, count in summary.skipped_reasons.items()]
        lines.append(f"skipped: {summary.skipped:,} records: {_listed(reasons)}")
    if summary.duplicates:
        lines.append(f"duplicates: {summary.duplicates:,} records dropped")
    if summary.held:
        lines.append(f"held back: {summary.held:,} events")
    if summary.skipped_updates:
        lines.append(f"skipped updates: {summary.skipped_updates:,}, their gradients were not finite")
    return lines


def _last(drift: dict[str, Any]) -> str:
    stream = f"of stream {drift['key']} " if drift["key"] else ""  # without a key column there is but one
    return f", the last {stream}at event {drift['event']:,}"


def _listed(words: list[str]) -> str:
    return ", ".join(words[:FEW]) + (f" and {len(words) - FEW:,} more" if len(words) > FEW else "")
