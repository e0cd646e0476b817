"""The `stream-rnn` command. Each subcommand imports what it needs only when it runs, so that help appears at once."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import Any

import click

from stream_rnn.cli.arguments import help_text
from stream_rnn.cli.arguments.config_file import gather, gather_kafka, gather_live, gather_race, gather_replay
from stream_rnn.cli.arguments.fields import fields_of
from stream_rnn.cli.arguments.options import (
    CommaSeparated,
    SectionedCommand,
    engine_options,
    job_options,
    live_options,
    race_options,
    sampled_job_options,
)
from stream_rnn.cli.console.errors import FriendlyErrors
from stream_rnn.settings.replay import ReplaySettings

FILE = click.Path(dir_okay=False)
REPLAY_HELP = {field.name: field.help for field in fields_of(ReplaySettings)}


def _version() -> str:
    try:
        return version("stream-rnn")
    except PackageNotFoundError:  # running from a source folder
        return "(not installed)"


@click.group(
    cls=FriendlyErrors,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    help=help_text.CLI,
)
@click.version_option(_version(), message="%(prog)s %(version)s")
def cli() -> None:
    """Run a subcommand."""


@cli.command(cls=SectionedCommand, help=help_text.REPLAY, short_help="Learn from recorded events, forecast and score.")
@click.argument("files", nargs=-1)
@click.option("--config", type=FILE, help="Read [job] and [engine] from this TOML file; options override it.")
@click.option("--plot", type=FILE, help="Draw forecasts and rolling errors to this PNG file.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@job_options
@engine_options
def replay(files: tuple[str, ...], config: str | None, plot: str | None, as_json: bool, **options: Any) -> None:
    """Run `stream-rnn replay`."""
    job, model = gather_replay(config, _with_files(files, options))
    from stream_rnn.cli.commands.replay import run  # noqa: PLC0415
    from stream_rnn.cli.commands.running import Outputs  # noqa: PLC0415

    click.get_current_context().exit(run(job, model, Outputs(plot, as_json)))


@cli.command(
    cls=SectionedCommand, help=help_text.RACE, short_help="Train several networks, and forecast with their mixture."
)
@click.argument("files", nargs=-1)
@click.option("--config", type=FILE, help="Read [job], [engine], [race] and [members.NAME] from this TOML file.")
@click.option(
    "--members",
    type=CommaSeparated(str),
    help="Presets, or layers with +rls for that readout, such as forecast,linear,lru+rls,gru.",
)
@click.option("--plot", type=FILE, help="Draw the mixture's forecasts and rolling errors to this PNG file.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@race_options
@job_options
@engine_options
def race(files: tuple[str, ...], config: str | None, members: tuple[str, ...] | None, **options: Any) -> None:
    """Run `stream-rnn race`."""
    plot, as_json = options.pop("plot"), options.pop("as_json")
    job, race_config = gather_race(config, _with_files(files, options), members)
    from stream_rnn.cli.commands.race import run  # noqa: PLC0415
    from stream_rnn.cli.commands.running import Outputs  # noqa: PLC0415

    click.get_current_context().exit(run(job, race_config, Outputs(plot, as_json)))


@cli.command(
    cls=SectionedCommand, help=help_text.GRADIENTS, short_help="Measure vanishing and exploding gradients in a run."
)
@click.argument("files", nargs=-1)
@click.option("--config", type=FILE, help="Read [job] and [engine] from this TOML file; options override it.")
@click.option("--plot", type=FILE, help="Draw the measurements to this PNG file.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every sample.")
@click.option("--every", type=click.IntRange(1), help="Events between two samples. Default: 20 to 40 samples per run.")
@click.option("--stream", help="Key of the stream to diagnose. Default: that of the next event.")
@sampled_job_options
@engine_options
def gradients(files: tuple[str, ...], config: str | None, **options: Any) -> None:
    """Run `stream-rnn gradients`."""
    plot, as_json, every, stream = (options.pop(name) for name in ("plot", "as_json", "every", "stream"))
    job, engine = gather(config, _with_files(files, options))
    from stream_rnn.cli.commands.gradients import SamplingRequest, run  # noqa: PLC0415
    from stream_rnn.cli.commands.running import Outputs  # noqa: PLC0415

    click.get_current_context().exit(run(job, engine, Outputs(plot, as_json), SamplingRequest(every, stream)))


@cli.command(cls=SectionedCommand, help=help_text.RUN, short_help="Learn from Kafka topics, and forecast to another.")
@click.argument("config", required=False, type=FILE)
@live_options
@engine_options
def run(config: str | None, **options: Any) -> None:
    """Run `stream-rnn run`."""
    live, model = gather_live(config, options)
    from stream_rnn.cli.commands.run import run  # noqa: PLC0415

    click.get_current_context().exit(run(live, model))


@cli.command(help=help_text.PRODUCE, short_help="Replay recorded events into a Kafka topic.")
@click.argument("files", nargs=-1)
@click.option("--topic", required=True, help="Topic to write to.")
@click.option("--partitions", type=click.IntRange(1), help="Create the topic with this many, if it does not exist.")
@click.option(
    "--servers", type=CommaSeparated(str), help="host:port of some of the brokers.  [default: localhost:9092]"
)
@click.option("--config", type=FILE, help="Read servers and client from [kafka] of this TOML file.")
@click.option("--key", help=REPLAY_HELP["key"])
@click.option("--time", help=REPLAY_HELP["time"])
@click.option("--time-format", default="auto", show_default=True, help=REPLAY_HELP["time_format"])
@click.option("--timezone", help="Time zone of times without an offset, such as Europe/Berlin. Default: UTC.")
@click.option("--end", help=REPLAY_HELP["end"])
@click.option("--format", help="Format of the files: csv, tsv, jsonl or parquet. Default: by extension.")
@click.option("--speed", type=float, help=REPLAY_HELP["speed"])
@click.option("--loop", is_flag=True, help="Repeat the recording with later times, until stopped.")
def produce(config: str | None, servers: tuple[str, ...] | None, **options: Any) -> None:
    """Run `stream-rnn produce`."""
    live, _ = gather_kafka(config, {"servers": servers})
    from stream_rnn.cli.commands.produce import ProduceRequest, run  # noqa: PLC0415

    click.get_current_context().exit(run(live, ProduceRequest(**options)))


@cli.command(help=help_text.INSPECT, short_help="Show the contents of a checkpoint.")
@click.argument("checkpoint")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every stream.")
def inspect(checkpoint: str, as_json: bool) -> None:
    """Run `stream-rnn inspect`."""
    from stream_rnn.cli.commands.inspect import run  # noqa: PLC0415

    run(checkpoint, as_json=as_json)


@cli.command(cls=SectionedCommand, help=help_text.UNFOLD, short_help="Draw a network unrolled over its window.")
@click.argument("checkpoint", required=False)
@click.option("--config", type=FILE, help="Read [engine] from this TOML file; options override it.")
@click.option("-o", "--output", type=FILE, default="unfold.svg", show_default=True, help="SVG or PNG file to draw to.")
@engine_options
def unfold(checkpoint: str | None, config: str | None, output: str, **options: Any) -> None:
    """Run `stream-rnn unfold`."""
    _, engine = gather(config, options)
    from stream_rnn.cli.commands.unfold import run  # noqa: PLC0415

    run(checkpoint, config, engine, output)


@cli.command(cls=SectionedCommand, help=help_text.WARMUP, short_help="Compile the kernels of a network in advance.")
@click.option("--config", type=FILE, help="Read [engine] from this TOML file; options override it.")
@engine_options
def warmup(config: str | None, **options: Any) -> None:
    """Run `stream-rnn warmup`."""
    _, model = gather_replay(config, options)
    from stream_rnn.cli.commands.warmup import run  # noqa: PLC0415

    run(model)


@cli.command(help=help_text.INIT, short_help="Write a job file with every setting explained.")
@click.argument("file", default="job.toml", type=FILE)
def init(file: str) -> None:
    """Run `stream-rnn init`."""
    from stream_rnn.cli.commands.init import run  # noqa: PLC0415

    run(file)


def _with_files(files: tuple[str, ...], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the files, unless none were given: then those of the job file apply."""
    return options | ({"files": files} if files else {})
