"""Without pyarrow: JSON lines are read, text is written, and everything else says what to install."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from without import command_without, output_without

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[[str, bytes | str], str]

ROOT = Path(__file__).parents[2] / "connectors"
MODULES = [
    ".".join(("stream_rnn", "connectors", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    for path in sorted(ROOT.rglob("*.py"))
]
ARROW_MODULES = {
    f"stream_rnn.connectors.{name}"
    for name in (
        "decode.arrow_columns",
        "decode.arrow_text",
        "files.arrow_rows",
        "files.csv",
        "files.parquet",
        "files.parquet_sink",
        "files.table",
    )
}
"""Modules that work on Arrow arrays; importing one of them asks for the extra."""
MESSAGE = "pyarrow is not installed: pip install 'stream-rnn[files]'"
LINES = (
    '{"k": "a", "time": "2024-01-31T12:00:00.5Z", "x": 1.5, "end": false}\n'
    '{"k": "b", "time": "2024-01-31T12:00:01.0Z", "x": "NA", "end": true}\n'
    '{"k": 7.0, "time": 1706702402, "x": NaN, "y": "2e3"}\n'
    '{"k": "c", "time": "noon", "x": 1}\n'
    "?\n"
)

IMPORT_ALL = """
import importlib, json
from stream_rnn.errors import MissingExtraError
refused = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except MissingExtraError as error:
        refused[name] = str(error)
print(json.dumps(refused))
"""

READ = """
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.files.open import open_files
with open_files(sys.argv[1], Schema(key="k", end="end", columns=("x", "y"))) as source:
    for batch in source:
        arrays = (batch.times, batch.ends, *batch.columns.values(), batch.positions.record)
        print(batch.keys.tolist(), [array.tobytes().hex() for array in arrays])
print(source.dead_letters.reasons)
"""

WRITE = """
import numpy as np
from stream_rnn.connectors.files.open import open_sink
for path in sys.argv[1:]:
    with open_sink(path) as sink:
        rows = {"time": np.array([0.5, np.nan]), "key": np.array(["a,b", ""], object), "x": np.array([1.0, 1e-7])}
        sink.write(rows)
"""


def test_every_module_can_be_imported_or_asks_for_the_extra() -> None:
    refused = json.loads(output_without(["pyarrow"], IMPORT_ALL, *MODULES))
    assert refused == dict.fromkeys(ARROW_MODULES, MESSAGE)


def test_json_lines_are_read_to_the_last_bit_as_with_pyarrow(put: Put) -> None:
    path = put("a.jsonl", LINES)
    without = output_without(["pyarrow"], READ, path)
    assert without == output_without([], READ, path)
    assert "'not JSON': 1" in without


@pytest.mark.parametrize("name", ["out.csv", "out.tsv", "out.jsonl"])
def test_text_is_written_as_with_pyarrow(tmp_path: Path, name: str) -> None:
    output_without(["pyarrow"], WRITE, tmp_path / name)
    output_without([], WRITE, tmp_path / f"with-{name}")
    assert (tmp_path / name).read_bytes() == (tmp_path / f"with-{name}").read_bytes() != b""


REFUSED = """
from stream_rnn.connectors.files.open import open_files, open_sink
from stream_rnn.errors import MissingExtraError
for open_file in (open_files, open_sink)[: 1 + (sys.argv[1].endswith("parquet"))]:
    try:
        open_file(sys.argv[1])
    except MissingExtraError as error:
        print(error)
"""


@pytest.mark.parametrize(("name", "times"), [("a.csv", 1), ("a.tsv", 1), ("a.csv.gz", 1), ("a.parquet", 2)])
def test_other_formats_say_in_one_line_what_to_install(put: Put, name: str, times: int) -> None:
    assert output_without(["pyarrow"], REFUSED, put(name, "x\n1\n")) == f"{MESSAGE}\n" * times


def test_the_command_says_in_one_line_what_to_install(put: Put) -> None:
    ran = command_without(["pyarrow"], "replay", put("a.csv", "x\n1\n"))
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", f"error: {MESSAGE}\n")
