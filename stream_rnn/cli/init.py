"""`stream-rnn init`: a job file that explains itself."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import click
import msgspec

from stream_rnn.cli.options import Field, fields_of
from stream_rnn.config import Settings
from stream_rnn.errors import SettingError
from stream_rnn.job_settings import JobSettings

HEAD = """\
# A job of stream-rnn: where events come from, what is learned from them, where forecasts go.
#
#   stream-rnn replay --config {file}
#   stream-rnn replay --config {file} other.csv --horizon 12    options override the file
#
# What is commented out has the value shown, or where it says "not set", none. Paths are relative to where the
# command runs.
"""

EXAMPLES: dict[str, Any] = {
    "format": "csv",
    "key": "sensor",
    "time": "time",
    "end": "last",
    "speed": 60.0,
    "output": "forecasts.csv",
    "output_format": "csv",
    "dead_letters": "refused.jsonl",
    "checkpoint": "checkpoints",
    "season": 24,
    "inputs": ["temperature", "humidity"],
    "targets": ["temperature"],
    "loss": "huber",
    "weight_decay": 0.01,
    "residual": False,
    "max_streams": 10_000,
    "reset_after": 3600.0,
}
"""What a setting without a default may look like."""


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
    click.echo(f"wrote {path}; name your files in it, then: stream-rnn replay --config {path}")


def text(file: str) -> str:
    """Return a job file in which every setting is explained."""
    job = "".join(_entry(field) for field in fields_of(JobSettings))
    engine = "".join(_entry(field) for field in fields_of(Settings))
    return f"{HEAD.format(file=file)}\n[job]\n{job}\n[engine]\n{engine}"


def _entry(field: Field) -> str:
    words = field.help
    if field.name == "inputs":
        words += " Default: every numeric column."
    lines = textwrap.wrap(words, 110)
    if field.name == "files":
        return _said(lines, 'files = ["events.csv"]')
    unset = field.default is msgspec.NODEFAULT or field.default in (None, ())
    value = EXAMPLES[field.name] if unset else field.default
    return _said(lines, f"# {field.name} = {_toml(value)}{'  # not set' if unset else ''}")


def _said(lines: list[str], setting: str) -> str:
    return "\n" + "".join(f"# {line}\n" for line in lines) + f"{setting}\n"


def _toml(value: Any) -> str:
    """Return a value as TOML has it, which for these is as JSON has it."""
    return msgspec.json.encode(value).decode().replace(",", ", ")
