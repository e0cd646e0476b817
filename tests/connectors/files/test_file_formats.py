"""The table of file formats: the settings know its names, and every format keeps its promises."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, get_args

import numpy as np
import pytest
from reading import read, rows

from stream_rnn.connectors.decode import values
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.files.formats import FORMATS, FileFormat, TextFormat, format_named, format_of, text_formats
from stream_rnn.connectors.files.open import open_files, open_sink
from stream_rnn.settings import replay

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Put = Callable[[str, bytes | str], str]

ROWS = {"time": np.array([0.5, 1.5]), "x": np.array([2.0, np.nan])}
EVENTS = [("", 0.5, (2.0,), False, 0, 0), ("", 1.5, (None,), False, 0, 1)]


def written(name: str) -> bytes:
    """Return the rows as text in a format."""
    out = io.BytesIO()
    with open_sink("-", name, stdout=out) as sink:
        sink.write(ROWS)
    return out.getvalue()


def test_the_settings_accept_exactly_the_formats_of_the_table() -> None:
    assert get_args(replay.Format) == tuple(FORMATS)


def test_every_format_is_of_text_or_of_files() -> None:
    assert {name for name, found in FORMATS.items() if isinstance(found, FileFormat)} == FORMATS.keys() - text_formats()


def test_no_two_formats_share_an_extension() -> None:
    extensions = [extension for found in FORMATS.values() for extension in found.extensions]
    assert len(extensions) == len(set(extensions))
    assert all(extension.startswith(".") and extension == extension.lower() for extension in extensions)


@pytest.mark.parametrize(
    ("name", "extension"), [(name, extension) for name, found in FORMATS.items() for extension in found.extensions]
)
def test_a_file_of_every_extension_is_read_back_as_written(tmp_path: Path, name: str, extension: str) -> None:
    path = tmp_path / f"out{extension.upper()}"
    assert format_of(str(path)) is FORMATS[name]
    with open_sink(path) as sink:
        sink.write(ROWS)
    assert read(path) == (EVENTS, [])


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_that_is_set_overrides_the_extension(tmp_path: Path, name: str) -> None:
    with open_sink(tmp_path / "out.dat", name) as sink:
        sink.write(ROWS)
    assert read(tmp_path / "out.dat", format=name) == (EVENTS, [])


@pytest.mark.parametrize("name", text_formats())
def test_text_is_read_compressed_and_from_a_pipe(put: Put, name: str) -> None:
    text = written(name)
    assert read(put(f"out{FORMATS[name].extensions[0]}.gz", text)) == (EVENTS, [])
    with open_files("-", format=name, stdin=io.BytesIO(text)) as source:
        assert rows(source) == EVENTS


@pytest.mark.parametrize("name", text_formats())
def test_text_is_followed(put: Put, name: str) -> None:
    with open_files(put("out.dat", written(name)), format=name, follow=True) as source:
        assert rows([next(iter(source))]) == EVENTS


@pytest.mark.parametrize("name", [name for name, found in FORMATS.items() if not isinstance(found, TextFormat)])
def test_other_files_are_neither_piped_nor_followed(name: str) -> None:
    for refused in (
        lambda: open_files("-", format=name, stdin=io.BytesIO(b"PAR1")),
        lambda: open_sink("-", name, stdout=io.BytesIO()),
        lambda: open_files("out.dat", format=name, follow=True),
    ):
        with pytest.raises(UsageError, match=name):
            refused()


def test_an_unknown_format_or_extension_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match="format must be one of csv, tsv, jsonl, parquet, got 'xml'"):
        format_named("xml")
    with pytest.raises(UsageError, match=r"a\.xml: unknown extension, known are \.csv, \.txt, .*; or set the format"):
        format_of("a.xml")


@pytest.mark.parametrize("name", FORMATS)
def test_a_record_that_raises_whatever_it_is_is_a_dead_letter(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = values.epoch_seconds

    def fail_at_13(numbers: NDArray[np.float64], time_format: str) -> NDArray[np.float64]:
        if (numbers == 13.0).any():
            raise KeyError("an error that nobody thought of")
        return seconds(numbers, time_format)

    times = np.arange(20.0)
    with open_sink(tmp_path / "out.dat", name, time=None) as sink:
        sink.write({"when": times, "k": np.full(20, "s", object), "x": times})
    monkeypatch.setattr(values, "epoch_seconds", fail_at_13)
    events, dead = read(tmp_path / "out.dat", Schema("k", "when", time_format="s"), format=name)
    assert dead == [(13, "cannot be decoded: KeyError")]
    assert [(row[1], row[5]) for row in events] == [(float(i), i) for i in range(20) if i != 13]
