"""`stream-rnn gradients`: replay, and measure on the way what becomes of the gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from stream_rnn.cli.console import logs, signals
from stream_rnn.cli.console.progress import Bar
from stream_rnn.cli.diagnose.advice import Trouble, reach, warnings
from stream_rnn.cli.diagnose.sampling import Sampler
from stream_rnn.cli.plots.paths import check_picture
from stream_rnn.errors import DataError, SettingError, nearest
from stream_rnn.jobs.replay.open import replay
from stream_rnn.learning.diagnosis import relative_norms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream_rnn.cli.diagnose.sampling import Sample
    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.replay.job import Job
    from stream_rnn.learning.diagnosis import Diagnosis
    from stream_rnn.settings.replay import ReplaySettings

COLUMNS = 4


class Request(NamedTuple):
    """What is asked beside a replay."""

    plot: str | None
    as_json: bool
    every: int | None
    stream: str | None


def run(settings: ReplaySettings, engine_settings: dict[str, Any], request: Request) -> int:
    """Replay, show what was measured, and return the exit code: 0, or 128 and the number of the signal that ended it.

    Raises
    ------
    SettingError, ConnectorError, DataError, CheckpointError
        What the user can mend.
    """
    logs.to_stderr()
    if request.as_json and settings.output == "-":
        raise SettingError("output must not be - with --json: both would go to standard output")
    if request.plot is not None:
        check_picture("plot", request.plot, ".png")
    job = replay(settings, engine_settings)
    job.warmup()
    sampler = Sampler(job.engine, request.every, request.stream)
    before = job.engine.counts
    stopped = signals.Stopped(job.stop)
    with stopped, Bar(job) as bar:
        job.run(lambda _: bar.advance(), sampler.ahead)
    if request.stream is not None and not sampler.samples:
        _check_stream(request.stream, job)
    after = job.engine.counts
    trouble = Trouble(after.skipped - before.skipped, after.overflows - before.overflows)
    warned = warnings(sampler.samples, job.engine.settings, trouble)
    drawn = request.plot if request.plot is not None and sampler.samples else None
    if drawn is not None:
        from stream_rnn.cli.plots.gradients import draw  # noqa: PLC0415 - matplotlib only where a plot is wanted

        draw(drawn, sampler.samples)
    if request.as_json:
        click.echo(msgspec.json.encode(_plain(job, sampler, trouble, warned)))
    else:
        _show(job, sampler, warned, drawn, Console(stderr=settings.output == "-"))
    return 128 + stopped.number if stopped.number else 0


def _check_stream(stream: str, job: Job[Engine]) -> None:
    keys = [str(key) for key in job.engine.keys]
    if stream not in keys:
        raise DataError(f"no event of a stream {stream!r}{nearest(stream, keys)}")


def _plain(job: Job[Engine], sampler: Sampler, trouble: Trouble, warned: list[str]) -> dict[str, Any]:
    return {
        "events": job.events,
        "streams": job.engine.stream_count,
        "every": sampler.every,
        "samples": [_sample(sample) for sample in sampler.samples],
        "skipped_updates": trouble.skipped,
        "overflows": trouble.overflows,
        "warnings": warned,
        "settings": job.engine.settings.describe(),
    }


def _sample(sample: Sample) -> dict[str, Any]:
    found = sample.found
    plain = found._asdict() | {"gradients": {name: norms.tolist() for name, norms in found.gradients.items()}}
    return {"events": sample.events, "stream": sample.stream, "fading": found.fading.tolist()} | plain


def _show(job: Job[Engine], sampler: Sampler, warned: list[str], drawn: str | None, console: Console) -> None:
    def say(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    samples = sampler.samples
    if samples:
        console.print(_table(samples))
    streams = job.engine.stream_count
    say(f"{job.events:,} events of {streams:,} stream{'s' * (streams != 1)}, {len(samples)} samples")
    for line in warned:
        say(f"warning: {line}")
    if not warned:
        say(
            "nothing to warn of" if samples else f"nothing to measure: the first sample is after {sampler.every} events"
        )
    if drawn is not None:
        say(f"plot: {drawn}")


def _table(samples: list[Sample]) -> Table:
    """Show a few samples, from the first to the last."""
    places = np.unique(np.linspace(0, len(samples) - 1, min(COLUMNS, len(samples))).round().astype(int))
    shown = [samples[place] for place in places]
    table = Table("after so many events", box=None, pad_edge=False)
    for sample in shown:
        table.add_column(f"{sample.events:,}", justify="right")
    for label, cells in _rows([sample.found for sample in shown]):
        table.add_row(label, *cells)
    return table


def _rows(shown: list[Diagnosis]) -> Iterator[tuple[str, list[str]]]:
    """Yield the table's rows: what each is called, and what it says of each diagnosis."""
    lags = [int(np.flatnonzero(~np.isnan(found.fading)).max(initial=0)) for found in shown]
    if max(lags) > 0:
        yield f"gradient {max(lags)} events back", [_number(found.fading[max(lags)]) for found in shown]
        yield "events back with 1% of it left", [f"{reach(found.fading)}" for found in shown]
    layers = shown[-1].gradients
    for name in layers if len(layers) > 1 else ():
        yield f"  in {name}", [_number(relative_norms(found.gradients[name])[max(lags)]) for found in shown]
    for name in shown[-1].radii:
        yield f"spectral radius of {name}", [_number(found.radii[name]) for found in shown]
    for name in shown[-1].saturated:
        yield f"saturated units of {name}", [_share(found.saturated[name]) for found in shown]
    for name in dict.fromkeys(name for found in shown for name in found.updates):
        yield f"update of {name}", [_number(found.updates.get(name, np.nan)) for found in shown]


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2g}"


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.0%}"
