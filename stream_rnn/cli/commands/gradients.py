"""`stream-rnn gradients`: replay, and measure how gradients vanish or explode on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from stream_rnn.cli.console.formatting import cell, counted, echo_json, print_line
from stream_rnn.cli.console.progress import ProgressBar
from stream_rnn.cli.console.signals import GracefulStop
from stream_rnn.cli.diagnose.advice import warnings
from stream_rnn.cli.diagnose.measurements import REACHED, NumericalIssues, gradient_reach
from stream_rnn.cli.diagnose.sampling import Sampler
from stream_rnn.errors import DataError, nearest
from stream_rnn.jobs.replay.open import open_replay
from stream_rnn.learning.diagnosis import relative_norms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn.cli.commands.running import Outputs
    from stream_rnn.cli.diagnose.sampling import Sample
    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.replay.job import Job
    from stream_rnn.learning.diagnosis import Diagnosis
    from stream_rnn.settings.replay import ReplaySettings

MAX_COLUMNS = 4
"""Samples in the table."""


class SamplingRequest(NamedTuple):
    """What to sample."""

    every: int | None
    """events between two samples; None for an interval that grows with the run"""
    stream: str | None
    """key of the stream to diagnose; None for that of the next event"""


class _Findings(NamedTuple):
    """What a run found."""

    job: Job[Engine]
    sampler: Sampler
    issues: NumericalIssues
    warnings: list[str]


def run(settings: ReplaySettings, engine_settings: dict[str, Any], outputs: Outputs, sampling: SamplingRequest) -> int:
    """Run the command, and return its exit status.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        If the user has to change something.
    """
    outputs.check(settings)
    job = open_replay(settings, engine_settings)
    job.warmup()
    sampler = Sampler(job.model, sampling.every, sampling.stream)
    before = job.model.counts
    with GracefulStop(job.stop) as stop, ProgressBar(job) as progress:
        job.run(lambda _: progress.update(), sampler.batch_limit)
    if sampling.stream is not None and not sampler.samples:
        _check_stream(sampling.stream, job)
    after = job.model.counts
    issues = NumericalIssues(after.skipped - before.skipped, after.overflows - before.overflows)
    findings = _Findings(job, sampler, issues, warnings(sampler.samples, job.model.settings, issues))
    plot = outputs.plot if sampler.samples else None
    if plot is not None:
        from stream_rnn.cli.plots.gradients import draw  # noqa: PLC0415 - matplotlib is needed only for a plot

        draw(plot, sampler.samples)
    if outputs.as_json:
        echo_json(_to_plain(findings))
    else:
        _print(findings, plot, Console(stderr=settings.output == "-"))
    return stop.exit_status


def _check_stream(stream: str, job: Job[Engine]) -> None:
    keys = [str(key) for key in job.model.keys]
    if stream not in keys:
        raise DataError(f"no event of a stream {stream!r}{nearest(stream, keys)}")


def _to_plain(findings: _Findings) -> dict[str, Any]:
    model = findings.job.model
    return {
        "events": findings.job.events,
        "streams": model.stream_count,
        "every": findings.sampler.every,
        "samples": [_plain_sample(sample) for sample in findings.sampler.samples],
        "skipped_updates": findings.issues.skipped_updates,
        "overflows": findings.issues.overflows,
        "warnings": findings.warnings,
        "settings": model.settings.describe(),
    }


def _plain_sample(sample: Sample) -> dict[str, Any]:
    diagnosis = sample.diagnosis
    return {
        "events": sample.events,
        "stream": sample.stream,
        "fading": diagnosis.fading.tolist(),
        "gradients": {name: norms.tolist() for name, norms in diagnosis.gradients.items()},
        "radii": diagnosis.radii,
        "saturated": diagnosis.saturated,
        "updates": diagnosis.updates,
        "clipped": diagnosis.clipped,
    }


def _print(findings: _Findings, plot: str | None, console: Console) -> None:
    job, samples = findings.job, findings.sampler.samples
    if samples:
        console.print(_table(samples))
    streams = counted(job.model.stream_count, "stream")
    print_line(console, f"{job.events:,} events of {streams}, {counted(len(samples), 'sample')}")
    for line in findings.warnings:
        print_line(console, f"warning: {line}")
    if not samples:
        print_line(console, f"no samples: the first one is taken after {findings.sampler.every} events")
    elif not findings.warnings:
        print_line(console, "no problems found")
    if plot is not None:
        print_line(console, f"plot: {plot}")


def _table(samples: list[Sample]) -> Table:
    """Return a table of a few samples, including the first and the last."""
    places = np.unique(np.linspace(0, len(samples) - 1, min(MAX_COLUMNS, len(samples))).round().astype(int))
    selected = [samples[place] for place in places]
    table = Table("events processed", box=None, pad_edge=False)
    for sample in selected:
        table.add_column(f"{sample.events:,}", justify="right")
    for label, cells in _rows([sample.diagnosis for sample in selected]):
        table.add_row(cell(label), *cells)
    return table


def _rows(diagnoses: list[Diagnosis]) -> Iterator[tuple[str, list[str]]]:
    """Yield the rows of the table: label, and one cell per diagnosis."""
    lag = max(int(np.flatnonzero(~np.isnan(diagnosis.fading)).max(initial=0)) for diagnosis in diagnoses)
    if lag > 0:
        yield f"gradient {lag} events back", [_number(diagnosis.fading[lag]) for diagnosis in diagnoses]
        label = f"events back with at least {REACHED:.0%} of the gradient"
        yield label, [f"{gradient_reach(diagnosis.fading)}" for diagnosis in diagnoses]
    layers = diagnoses[-1].gradients
    for name in layers if len(layers) > 1 else ():
        yield f"  in {name}", [_number(relative_norms(diagnosis.gradients[name])[lag]) for diagnosis in diagnoses]
    for name in diagnoses[-1].radii:
        yield f"spectral radius of {name}", [_number(diagnosis.radii[name]) for diagnosis in diagnoses]
    for name in diagnoses[-1].saturated:
        yield f"saturated units of {name}", [_percentage(diagnosis.saturated[name]) for diagnosis in diagnoses]
    for name in dict.fromkeys(name for diagnosis in diagnoses for name in diagnosis.updates):
        yield f"relative update of {name}", [_number(diagnosis.updates.get(name, np.nan)) for diagnosis in diagnoses]


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2g}"


def _percentage(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0%}"
