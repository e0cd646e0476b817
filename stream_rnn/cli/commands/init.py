"""`stream-rnn init`: a job file that explains itself."""

from __future__ import annotations

import textwrap
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from stream_rnn.cli.config_file import TABLES
from stream_rnn.cli.options import Field, fields_of
from stream_rnn.errors import SettingError
from stream_rnn.settings.presets import PRESET_HELP

HEAD = """\
# A job of stream-rnn: where events come from, what is learned from them, where forecasts go.
#
#   stream-rnn replay --config {file}                           recorded events: [job] and [engine]
#   stream-rnn replay --config {file} other.csv --horizon 12    options override the file
#   stream-rnn run {file}                                       events as they come: [kafka] and [engine]
#
# What is commented out has the value shown, or where it says "not set", none. Paths are relative to where the
# command runs.
"""

LIVE = {"files": 'files = ["events.csv"]', "topics": 'topics = ["events"]'}
"""What a job cannot do without: not commented out."""

CLIENT = """\
# [kafka.client]
# security_protocol = "SASL_SSL"
# sasl_mechanism = "SCRAM-SHA-512"
# sasl_plain_username = "stream-rnn"
# sasl_plain_password = { env = "KAFKA_PASSWORD" }
"""

EXAMPLES: dict[str, dict[str, Any]] = {
    "job": {
        "format": "csv",
        "key": "sensor",
        "time": "time",
        "end": "last",
        "lateness": 60.0,
        "speed": 60.0,
        "output": "forecasts.csv",
        "output_format": "csv",
        "dead_letters": "refused.jsonl",
        "checkpoint": "checkpoints",
        "checkpoint_seconds": 60.0,
        "season": 24,
    },
    "kafka": {
        "pattern": "^sensors-.*",
        "key": "sensor",
        "time": "time",
        "end": "last",
        "lateness": 60.0,
        "output": "forecasts",
        "dead_letter_topic": "refused",
        "dead_letters": "refused.jsonl",
        "begin_with": "month",
        "metrics_port": 9400,
    },
    "engine": {
        "inputs": ["temperature", "humidity"],
        "targets": ["temperature"],
        "loss": "huber",
        "weight_decay": 0.01,
        "residual": False,
        "max_streams": 10_000,
        "reset_after": 3600.0,
        "half_life": 600.0,
        "lags": [1, 24],
        "calendar": ["day", "week"],
        "interval": 0.9,
    },
}
"""What a setting without a default may look like, by table."""


def run(path: str) -> None:
    """Write a job file.

    Raises
    ------
    SettingError
        If there is a file of that name already.
    """
    file = Path(path)
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text(path))
    except FileExistsError:
        raise SettingError(f"{path} is there already; name another file") from None
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}") from None
    click.echo(
        f"wrote {path}; name your files in it, then: stream-rnn replay --config {path}; or your topics and inputs, "
        f"then: stream-rnn run {path}"
    )


def text(file: str) -> str:
    """Return a job file in which every setting is explained."""
    tables = (
        f"\n[{name}]\n{_beginning(name)}{''.join(map(partial(_entry, name), fields_of(TABLES[name])))}"
        for name in TABLES
    )
    return HEAD.format(file=file) + "".join(tables)


def _beginning(table: str) -> str:
    return _said(textwrap.wrap(PRESET_HELP, 110), '# preset = "forecast"  # not set') if table == "engine" else ""


def _entry(table: str, field: Field) -> str:
    words = field.help
    if field.name == "inputs":
        words += " Default: every numeric column; a live job has to name them."
    lines = textwrap.wrap(words, 110)
    if field.name == "client":
        return _said(lines, CLIENT)
    if field.name in LIVE:
        return _said(lines, LIVE[field.name])
    unset = field.default is msgspec.NODEFAULT or field.default in (None, ())
    value = EXAMPLES[table][field.name] if unset else field.default
    return _said(lines, f"# {field.name} = {_toml(value)}{'  # not set' if unset else ''}")


def _said(lines: list[str], setting: str) -> str:
    return "\n" + "".join(f"# {line}\n" for line in lines) + f"{setting.rstrip()}\n"


def _toml(value: Any) -> str:
    """Return a value as TOML has it, which for these is as JSON has it."""
    return msgspec.json.encode(value).decode().replace(",", ", ")
