"""The `stream-rnn` command. What a command needs is imported when it runs: help comes at once."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from stream_rnn.cli import help_text as words
from stream_rnn.cli.config_file import gather, gather_live, gather_race
from stream_rnn.cli.console.errors import Polite
from stream_rnn.cli.options import CommaSeparated, Sections, engine_options, job_options, live_options, race_options

WHERE = click.Path(dir_okay=False)


def _version() -> str:
    try:
        return version("stream-rnn")
    except PackageNotFoundError:  # run from its sources
        return "(not installed)"


@click.group(
    cls=Polite, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}, help=words.CLI
)
@click.version_option(_version(), message="%(prog)s %(version)s")
def cli() -> None:
    """Run a command."""


@cli.command(cls=Sections, help=words.REPLAY, short_help="Learn from recorded events, forecast and score.")
@click.argument("files", nargs=-1)
@click.option("--config", type=WHERE, help="Read [job] and [engine] from this TOML file; options override it.")
@click.option("--plot", type=WHERE, help="Draw forecasts and running errors to this PNG file.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@job_options
@engine_options
def replay(files: tuple[str, ...], config: str | None, plot: str | None, as_json: bool, **options: Any) -> None:
    """Replay files."""
    job, engine = gather(config, options | ({"files": files} if files else {}))
    from stream_rnn.cli.commands.replay import run  # noqa: PLC0415

    click.get_current_context().exit(run(job, engine, plot=plot, as_json=as_json))


@cli.command(cls=Sections, help=words.RACE, short_help="Let several networks race, and mix their forecasts.")
@click.argument("files", nargs=-1)
@click.option("--config", type=WHERE, help="Read [job], [engine], [race], [members.NAME] from this TOML file.")
@click.option(
    "--members", type=CommaSeparated(str), help="Presets or layers, +rls for that readout: forecast,linear,lru+rls,gru."
)
@click.option("--plot", type=WHERE, help="Draw the mixture's forecasts and running errors to this PNG file.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@race_options
@job_options
@engine_options
def race(files: tuple[str, ...], config: str | None, members: tuple[str, ...] | None, **options: Any) -> None:
    """Race on files."""
    request = {name: options.pop(name) for name in ("plot", "as_json")}
    job, entrants = gather_race(config, options | ({"files": files} if files else {}), members)
    from stream_rnn.cli.commands.race import run  # noqa: PLC0415

    click.get_current_context().exit(run(job, entrants, **request))


@cli.command(cls=Sections, help=words.GRADIENTS, short_help="Measure how gradients fade or grow while it learns.")
@click.argument("files", nargs=-1)
@click.option("--config", type=WHERE, help="Read [job] and [engine] from this TOML file; options override it.")
@click.option("--plot", type=WHERE, help="Draw what was measured to this PNG file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every sample.")
@click.option("--every", type=click.IntRange(1), help="Events between two samples; default: 20 to 40 samples a run.")
@click.option("--stream", help="Key of the stream to look at; default: that of the event at hand.")
@job_options
@engine_options
def gradients(files: tuple[str, ...], config: str | None, **options: Any) -> None:
    """Replay files, and look at the gradients."""
    request = {name: options.pop(name) for name in ("plot", "as_json", "every", "stream")}
    job, engine = gather(config, options | ({"files": files} if files else {}))
    from stream_rnn.cli.commands.gradients import Request, run  # noqa: PLC0415

    click.get_current_context().exit(run(job, engine, Request(**request)))


@cli.command(cls=Sections, help=words.RUN, short_help="Learn from Kafka topics and forecast to one, for weeks.")
@click.argument("config", required=False, type=WHERE)
@live_options
@engine_options
def run(config: str | None, **options: Any) -> None:
    """Run a live job."""
    live, engine = gather_live(config, options)
    from stream_rnn.cli.commands.run import run  # noqa: PLC0415

    click.get_current_context().exit(run(live, engine))


@cli.command(help=words.PRODUCE, short_help="Replay recorded events into a Kafka topic.")
@click.argument("files", nargs=-1)
@click.option("--topic", required=True, help="Topic to write to.")
@click.option("--partitions", type=click.IntRange(1), help="Make the topic with so many, if it is not there.")
@click.option("--servers", type=CommaSeparated(str), help="host:port of some brokers.  [default: localhost:9092]")
@click.option("--config", type=WHERE, help="Take servers and client from [kafka] of this TOML file.")
@click.option("--key", help="Column that names each event's stream; default: all are one stream.")
@click.option("--time", help="Column with the time; default: one called time, timestamp, date, datetime or ts.")
@click.option("--time-format", type=click.Choice(["auto", "iso", "s", "ms"]), default="auto", show_default=True)
@click.option("--end", help="Column that is true at the last event of a sequence.")
@click.option("--format", help="Format of the files: csv, tsv, jsonl, parquet; default: by extension.")
@click.option("--speed", type=float, help="Times the recorded pace, 1 is real time; default: as fast as it goes.")
@click.option("--loop", is_flag=True, help="Begin again at the end, with times that go on, until told to stop.")
def produce(config: str | None, servers: tuple[str, ...] | None, **options: Any) -> None:
    """Replay files into a topic."""
    live, _ = gather_live(config, {"servers": servers})
    from stream_rnn.cli.commands.produce import Request, run  # noqa: PLC0415

    click.get_current_context().exit(run(live, Request(**options)))


@cli.command(help=words.INSPECT, short_help="Show what a checkpoint holds.")
@click.argument("checkpoint")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every stream.")
def inspect(checkpoint: str, as_json: bool) -> None:
    """Show a checkpoint."""
    from stream_rnn.cli.commands.inspect import run  # noqa: PLC0415

    run(checkpoint, as_json=as_json)


@cli.command(cls=Sections, help=words.UNFOLD, short_help="Draw a network unrolled over its window.")
@click.argument("checkpoint", required=False)
@click.option("--config", type=WHERE, help="Read [engine] from this TOML file; options override it.")
@click.option("-o", "--output", type=WHERE, default="unfold.svg", show_default=True, help="SVG or PNG file to draw to.")
@engine_options
def unfold(checkpoint: str | None, config: str | None, output: str, **options: Any) -> None:
    """Draw a network."""
    _, engine = gather(config, options)
    from stream_rnn.cli.commands.unfold import run  # noqa: PLC0415

    run(checkpoint, config, engine, output)


@cli.command(cls=Sections, help=words.WARMUP, short_help="Compile the kernels ahead of their first use.")
@click.option("--config", type=WHERE, help="Read [engine] from this TOML file; options override it.")
@engine_options
def warmup(config: str | None, **options: Any) -> None:
    """Compile."""
    _, engine = gather(config, options)
    from stream_rnn.cli.commands.warmup import run  # noqa: PLC0415

    run(engine)


@cli.command(help=words.INIT, short_help="Write a job file with every setting explained.")
@click.argument("file", default="job.toml", type=WHERE)
def init(file: str) -> None:
    """Write a job file."""
    from stream_rnn.cli.commands.init import run  # noqa: PLC0415

    run(file)
