"""`stream-rnn init`: write a job file in which every setting is explained."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import msgspec

from stream_rnn.cli.arguments.config_file import TABLES
from stream_rnn.cli.arguments.fields import Field, fields_of
from stream_rnn.cli.console.formatting import echo_line
from stream_rnn.cli.console.untrusted import printable
from stream_rnn.errors import SettingError
from stream_rnn.settings.presets import PRESET_HELP

HEADER = """\
# A job file of stream-rnn: where events come from, what is learned from them, and where forecasts go.
#
#   stream-rnn replay --config {file}                           recorded events: tables [job] and [engine]
#   stream-rnn replay --config {file} other.csv --horizon 12    options override the file
#   stream-rnn run {file}                                       live events from Kafka: tables [kafka] and [engine]
#
# A setting that is commented out has the value shown here, or no value where it says "not set". Paths are relative to
# the working directory.
"""

WIDTH = 110
REQUIRED = {"files": 'files = ["events.csv"]', "topics": 'topics = ["events"]'}
"""Settings that a job needs; they are not commented out."""

CLIENT = """\
# [kafka.client]
# security_protocol = "SASL_SSL"
# sasl_mechanism = "SCRAM-SHA-512"
# sasl_plain_username = "stream-rnn"
# sasl_plain_password = { env = "KAFKA_PASSWORD" }
"""

REGISTRY = """\
# [kafka.registry]
# url = "http://localhost:8081"
# user = "stream-rnn"
# password = { env = "REGISTRY_PASSWORD" }
"""

SUBTABLES = {"client": CLIENT, "registry": REGISTRY}
"""Settings that are tables of their own."""

EXAMPLES: dict[str, dict[str, Any]] = {
    "job": {
        "format": "csv",
        "delimiter": ";",
        "decimal": ",",
        "thousands": ".",
        "comment": "#",
        "skip_lines": 0,
        "encoding": "cp1252",
        "key": "sensor",
        "time": "time",
        "timezone": "Europe/Berlin",
        "end": "last",
        "missing_values": [-999, "n/a"],
        "categories": ["valve"],
        "unwrap": "payload",
        "records": "values",
        "lateness": 60.0,
        "pivot": "tag=value",
        "every": "1min",
        "speed": 60.0,
        "output": "forecasts.csv",
        "output_format": "csv",
        "dead_letters": "refused.jsonl",
        "checkpoint": "checkpoints",
        "checkpoint_seconds": 60.0,
        "season": 24,
    },
    "kafka": {
        "start_timeout": 300.0,
        "pattern": "^sensors-.*",
        "key": "sensor",
        "time": "time",
        "timezone": "Europe/Berlin",
        "end": "last",
        "missing_values": [-999, "n/a"],
        "categories": ["valve"],
        "unwrap": "payload",
        "records": "values",
        "lateness": 60.0,
        "idle_flush": "30s",
        "pivot": "tag=value",
        "every": "1min",
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
        "top": 10,
        "max_streams": 10_000,
        "reset_after": 3600.0,
        "half_life": 600.0,
        "lags": [1, 24],
        "readout_lags": [1, 24],
        "calendar": ["day", "week"],
        "timezone": "Europe/Berlin",
        "lower": 0.0,
        "upper": 100.0,
        "interval": 0.9,
    },
}
"""Example values of settings without a default, by table."""


def run(path: str) -> None:
    """Write a job file.

    Raises
    ------
    SettingError
        If the file exists, or cannot be written.
    """
    try:
        with Path(path).open("x", encoding="utf-8") as file:
            file.write(job_file(path))
    except FileExistsError:
        raise SettingError(f"{path} exists: name another file") from None
    except OSError as error:
        raise SettingError(f"{path}: cannot be written: {error.strerror}") from None
    echo_line(
        f"wrote {path}; set files in it and call stream-rnn replay --config {path}, or set topics and inputs and call "
        f"stream-rnn run {path}"
    )


def job_file(path: str) -> str:
    """Return the text of a job file that is called `path`."""
    tables = (
        f"\n[{table}]\n{_preset(table)}{''.join(_entry(table, field) for field in fields_of(struct))}"
        for table, struct in TABLES.items()
    )
    return HEADER.format(file=printable(path)) + "".join(tables)


def _preset(table: str) -> str:
    """Return the entry of the preset, which is not a field of the engine's settings."""
    return _explained(PRESET_HELP, '# preset = "forecast"  # not set') if table == "engine" else ""


def _entry(table: str, field: Field) -> str:
    help_text = field.help
    if field.name == "inputs":
        help_text += " Default: every numeric column; a live job has to name them."
    if field.name in SUBTABLES:
        return _explained(help_text, SUBTABLES[field.name])
    if field.name in REQUIRED:
        return _explained(help_text, REQUIRED[field.name])
    value = EXAMPLES[table][field.name] if field.is_unset else field.default
    return _explained(help_text, f"# {field.name} = {_toml(value)}{'  # not set' if field.is_unset else ''}")


def _explained(help_text: str, setting: str) -> str:
    comment = "".join(f"# {line}\n" for line in textwrap.wrap(help_text, WIDTH, break_on_hyphens=False))
    return f"\n{comment}{setting.rstrip()}\n"


def _toml(value: Any) -> str:
    """Return a value in TOML, which for these types is the same as JSON."""
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return msgspec.json.encode(value).decode()
