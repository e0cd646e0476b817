"""The same events are read from CSV in every dialect; what was recognised is told, and what is uncertain is asked."""

from __future__ import annotations

import gzip
import io
import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import read, rows

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files import byte_stream
from stream_rnn.connectors.files.dialect import Dialect
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[[str, bytes | str], str]

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
COUNT = 12
TIMES = [f"2025-01-06T00:{i:02}:00" for i in range(COUNT)]
LOADS = [f"{1200 + 7.25 * i:.2f}" for i in range(COUNT)]
NAMES, RECORDS = ("time", "load"), list(zip(TIMES, LOADS, strict=True))
SCHEMA = Schema(time="time", columns=("load",))


def table(delimiter: str = ",", records: Any = RECORDS, names: Any = NAMES, end: str = "", line: str = "\n") -> str:
    return "".join(delimiter.join(record) + end + line for record in (names, *records))


def grouped(thousands: str, decimal: str) -> list[tuple[str, str]]:
    return [(time, f"{load[0]}{thousands}{load[1:4]}{decimal}{load[5:]}") for time, load in RECORDS]


TOA5 = '"TOA5","CR1000","CR1000","1","Std","CPU:p","1","T"\n"time","load"\n"TS","kW"\n"","Avg"\n'
LVM = "LabVIEW Measurement\t\nSeparator\tTab\n***End_of_Header***\t\n\t\nX0\t0\t\n***End_of_Header***\t\t\n"
QUOTED = [(f'"{time}"', f'"{load}"') for time, load in RECORDS]

CASES: dict[str, tuple[bytes | str, Dialect | None, tuple[str, ...]]] = {
    "plain": (table(), None, ()),
    "byte order mark": ("\ufeff" + table(line="\r\n"), None, ()),
    "semicolons": (table(";"), None, ("delimiter ';'",)),
    "tabs": (table("\t"), None, ("delimiter tab",)),
    "bars": (table("|"), None, ("delimiter '|'",)),
    "spaces": ("\n".join(f" {time:20}   {load:>10}" for time, load in [NAMES, *RECORDS]), None, ("delimiter spaces",)),
    "spaces, named": (table("  "), Dialect(delimiter="space"), ()),
    "a named delimiter": (table("~"), Dialect(delimiter="~"), ()),
    "decimal commas": (table(";", grouped("", ",")), None, ("delimiter ';'", "decimal ','")),
    "decimal commas, named": (table(";", grouped("", ",")), Dialect(decimal=","), ("delimiter ';'",)),
    "quoted decimal commas": (
        table(",", [(time, f'"{load}"') for time, load in grouped("", ",")]),
        Dialect(decimal=","),
        (),
    ),
    "German thousands": (table(";", grouped(".", ",")), None, ("delimiter ';'", "decimal ','", "thousands '.'")),
    "English thousands": (
        table(",", [(time, f'"{load}"') for time, load in grouped(",", ".")]),
        None,
        ("thousands ','",),
    ),
    "Swiss thousands": (table(";", grouped("'", ".")), None, ("delimiter ';'", 'thousands "\'"')),
    "French thousands": (
        table(";", grouped("\u202f", ",")),
        None,
        ("delimiter ';'", "decimal ','", "thousands ' '"),
    ),
    "French thousands in cp1252": (
        table(";", grouped("\u00a0", ",")).encode("cp1252"),
        Dialect(encoding="cp1252"),
        ("delimiter ';'", "decimal ','", "thousands ' '"),
    ),
    "UTF-16, little endian": (b"\xff\xfe" + table().encode("utf-16-le"), None, ("encoding utf-16",)),
    "UTF-16, big endian": (b"\xfe\xff" + table("\t").encode("utf-16-be"), None, ("delimiter tab", "encoding utf-16")),
    "UTF-16, named": (table().encode("utf-16-le"), Dialect(encoding="utf-16-le"), ()),
    "sep= of Excel": ("sep=;\r\n" + table(";", line="\r\n"), None, ("header in line 2", "delimiter ';'")),
    "comments": ("# Device: 7\n# it's 5\" wide\n\n" + table(), None, ("header in line 4",)),
    "comments, named": ("% a\n" + table(), Dialect(comment="%"), ("header in line 2",)),
    "a header in a comment": ("# Device: 7\n# " + table(" "), None, ("header in line 2", "delimiter spaces")),
    "annotated": (
        "#group,false\n#datatype,string,double,x\n#default,_result,,\n" + table(),
        None,
        ("header in line 4",),
    ),
    "a preamble": ("Device: 7\nSerial: 0000\n\n" + table(), None, ("header in line 4",)),
    "a padded preamble": (
        "Report;;\nof July;;\n" + table(";", names=("time", "load", "n"), records=[(*one, "1") for one in RECORDS]),
        None,
        ("header in line 3", "delimiter ';'"),
    ),
    "lines to skip": ("a,b\nc,d\n" + table(), Dialect(skip_lines=2), ()),
    "a row of units": (table(records=[("YYYY-MM-DD", "kW"), *RECORDS]), None, ("a row of units",)),
    "preamble and units": (
        "Device: 7\n" + table(records=[("-", "m3/h"), *RECORDS]),
        None,
        ("header in line 2", "a row of units"),
    ),
    "trailing delimiters": (table(end=","), None, ()),
    "trailing delimiters below the header": (
        "time,load\n" + table(end=",").split("\n", 1)[1],
        None,
        ("a last column without a name",),
    ),
    "a trailing delimiter in the header": ("time,load,\n" + table().split("\n", 1)[1], None, ()),
    "quotes around everything": (table(";", QUOTED, ('"time"', '"load"')), None, ("delimiter ';'",)),
    "other quotes": (table(records=[(f"'{time}'", load) for time, load in RECORDS]), Dialect(quote="'"), ()),
    "names of rows": (
        '"time","load"\n' + "".join(f'"{i}",{time},{load}\n' for i, (time, load) in enumerate(RECORDS)),
        None,
        ("a first column without a name",),
    ),
    "an index": (",time,load\n" + "".join(f"{i},{time},{load}\n" for i, (time, load) in enumerate(RECORDS)), None, ()),
    "a name twice": (
        "time,a,load,a\n" + "".join(f"{time},1,{load},2\n" for time, load in RECORDS),
        None,
        (),
    ),
    "TOA5": (TOA5 + "".join(f'"{time}",{load}\n' for time, load in RECORDS), None, ("format TOA5",)),
    "LabVIEW": (
        LVM + table("\t", names=("time", "load", "Comment")),
        None,
        ("header in line 7", "delimiter tab"),
    ),
}


def records(path: str, **options: Any) -> list[tuple[Any, ...]]:
    """Return the events without their record numbers."""
    return [row[:5] for row in read(path, SCHEMA, **options)[0]]


@pytest.fixture
def expected(put: Put) -> list[tuple[Any, ...]]:
    return records(put("expected.csv", table()))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("block", [7, 1 << 20])
def test_every_dialect_has_the_same_events(
    put: Put, expected: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, name: str, block: int
) -> None:
    content, dialect, _ = CASES[name]
    monkeypatch.setattr(byte_stream, "BLOCK_BYTES", block)
    events, dead = read(put("a.csv", content), SCHEMA, dialect=dialect)
    assert [row[:5] for row in events] == expected
    assert dead == []


@pytest.mark.parametrize("name", CASES)
def test_what_was_recognised_is_told_and_nothing_else(put: Put, name: str) -> None:
    content, dialect, parts = CASES[name]
    path = put("a.csv", content)
    with open_files(path, SCHEMA, dialect=dialect) as source:
        assert source.recognised == ((f"{path}: {', '.join(parts)}",) if parts else ())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("batch_size", [1, 5])
def test_reading_from_any_position_yields_the_rest_of_every_dialect(put: Put, name: str, batch_size: int) -> None:
    content, dialect, _ = CASES[name]
    path = put("a.csv", content)
    everything, _ = read(path, SCHEMA, dialect=dialect)
    done = 0
    with open_files(path, SCHEMA, dialect=dialect, batch_size=batch_size) as source:
        for batch in source:
            done += len(batch)
            position = json.loads(json.dumps(source.position()))["files"]
            assert read(path, SCHEMA, dialect=dialect, start=position)[0] == everything[done:]


@pytest.mark.parametrize("name", CASES)
def test_a_growing_file_of_every_dialect_is_followed(put: Put, expected: list[tuple[Any, ...]], name: str) -> None:
    content, dialect, _ = CASES[name]
    data = content.encode() if isinstance(content, str) else content
    path = put("a.csv", data[: len(data) * 2 // 3])  # also in the middle of a character
    stop = threading.Event()
    events: list[tuple[Any, ...]] = []
    with open_files(path, SCHEMA, dialect=dialect, follow=True, stop=stop, batch_size=1) as source:
        for batch in source:
            events += [row[:5] for row in rows([batch])]
            if len(events) == 4:
                with Path(path).open("ab") as file:
                    file.write(data[len(data) * 2 // 3 :])
            is_cut = not data.rstrip(b" ").endswith((b"\n", b"\n\0"))
            if len(events) == COUNT - is_cut:
                stop.set()
    assert events == expected[: len(events)]
    assert len(events) >= COUNT - 1


def test_a_pipe_is_recognised_by_what_it_has(expected: list[tuple[Any, ...]]) -> None:
    stdin = io.BytesIO(table(";", grouped(".", ",")).encode())
    with open_files("-", SCHEMA, stdin=stdin) as source:
        assert [row[:5] for row in rows(source)] == expected
        assert source.recognised == ("-: delimiter ';', decimal ',', thousands '.'",)


def test_files_that_are_written_alike_share_a_line(put: Put) -> None:
    paths = [put("a.csv", table(";")), put("b.csv", table(";")), put("c.csv", table())]
    with open_files(paths, SCHEMA) as source:
        assert source.recognised[:-1] == (f"{paths[0]} and 1 more: delimiter ';'",)


@pytest.mark.parametrize(
    ("content", "dialect", "message"),
    [
        ("time;load\n1;1.234\n", None, "'1.234' is 1234 or 1.234: set decimal to . or ,"),
        ('time,load\n1,"20,1"\n', None, "'20,1' has a decimal comma: set decimal to . or ,"),
        ('time,load\n1,"1,234"\n', None, "'1,234' is 1234 or 1.234: set decimal to . or ,"),
        ("time;load;x\n1;20,1;20.1\n", None, "set decimal to . or ,"),
        ("time,load;x\n", None, "the delimiter may be ',' or ';': set delimiter"),
        ("load\n20,1\n20,2\n", None, "has 1 fields, the lines below it have 2: set delimiter"),
        ("time,load\n1,20,1\n2,20,2\n", None, "has 2 fields, the lines below it have 3: set delimiter"),
        ("2025-01-06T00:00:00,20.1,OK\n", None, "the first line has values (2025-01-06T00:00:00, 20.1, OK)"),
        ("1,2\n3,4\n", None, "the first line has only numbers (1, 2), a header with names is needed"),
        ("time,Temp °C\n1,2\n".encode("cp1252"), None, "is not UTF-8: set encoding"),
        (table(";", grouped("\u00a0", ",")).encode("cp1252"), None, "not UTF-8 ('1\ufffd200,00'): set encoding"),
        (table().encode("utf-16-be"), None, "set encoding to utf-16-be"),
        (table(), Dialect(encoding="utf-16"), "is not utf-16 text, its characters are single bytes"),
        (table().encode("utf-16"), Dialect(encoding="cp1252"), "byte order mark of utf-16, but encoding is cp1252"),
        (table(), Dialect(skip_lines=99), "has 13 lines, skip_lines is 99"),
        (table(), Dialect(delimiter=";"), "no column 'time'"),
        ("# only\n# comments\n", None, "no column 'time'"),
    ],
)
def test_what_is_uncertain_or_wrong_is_refused_with_the_option(
    put: Put, content: bytes | str, dialect: Dialect | None, message: str
) -> None:
    path = put("a.csv", content)
    with pytest.raises(ConnectorError) as caught:
        open_files(path, SCHEMA, dialect=dialect)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delimiter": ";;"}, "delimiter must be one character, such as , ; | or tab, got ';;'"),
        ({"delimiter": ""}, "delimiter must be one character"),
        ({"delimiter": "a"}, "delimiter must be one character"),
        ({"delimiter": "\n"}, "delimiter must be one character"),
        ({"delimiter": "."}, "delimiter must be one character"),
        ({"delimiter": '"'}, "delimiter must be one character"),
        ({"decimal": ";"}, "decimal must be one of '.', ',', got ';'"),
        ({"thousands": "x"}, "thousands must be one of"),
        ({"decimal": ",", "thousands": ","}, "decimal and thousands must differ, got ',' for both"),
        ({"quote": "`"}, "quote must be one of"),
        ({"comment": " "}, "comment must be how a line begins that is not a record"),
        ({"comment": ","}, "comment must be how a line begins"),
        ({"comment": ";", "delimiter": ";"}, "comment must be how a line begins"),
        ({"skip_lines": -1}, "skip_lines must be at least 0, got -1"),
        ({"encoding": "utf-99"}, "encoding must be one that Python knows, such as utf-8, cp1252"),
        ({"encoding": "base64"}, "encoding must be one that Python knows"),
        ({"encoding": "\0"}, "encoding must be one that Python knows"),
    ],
)
def test_a_wrong_option_is_a_usage_error(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Dialect(**options)
    assert message in str(caught.value)


def test_comments_between_records_are_counted(put: Put) -> None:
    lines = table().splitlines(keepends=True)
    path = put("a.csv", "# start\n" + "".join(lines[:3]) + '# load, "x\n# 2\n' + "".join(lines[3:]))
    events, dead = read(path, SCHEMA)
    assert [row[5] for row in events] == [0, 1, *range(4, COUNT + 2)]
    assert [record for record, _ in dead] == [2, 3]
    assert {reason for _, reason in dead} == {"comment line"}


def test_without_comments_above_it_a_number_sign_is_part_of_a_key(put: Put) -> None:
    events, dead = read(put("a.csv", "sensor,x\n#1,2\n#2,3\n"), Schema(key="sensor", columns=("x",)))
    assert ([row[0] for row in events], dead) == (["#1", "#2"], [])


def test_a_first_name_may_be_a_number_sign(put: Put) -> None:
    with open_files(put("a.csv", "#,name,x\n1,a,2\n2,b,3\n")) as source:
        assert (source.columns, source.recognised) == (("#", "x"), ())


def test_a_delimiter_that_changes_costs_the_records_after_it(put: Put) -> None:
    events, dead = read(put("a.csv", table() + table(";").split("\n", 1)[1]), SCHEMA)
    assert len(events) == COUNT
    assert [reason for _, reason in dead] == ["expected 2 fields, got 1"] * COUNT


def test_a_first_event_of_words_is_not_a_row_of_units(put: Put) -> None:
    content = "sensor,state,x\nkitchen,off,unavailable\nhall,on,2\nhall,off,3\nkitchen,on,4\n"
    with open_files(put("a.csv", content), Schema(key="sensor", columns=("x",))) as source:
        assert len(rows(source)) == 4


@pytest.mark.parametrize("role", ["key", "time", "columns"])
def test_a_name_of_two_columns_is_refused_where_it_is_read(put: Put, role: str) -> None:
    schema = Schema(**{role: ("a",) if role == "columns" else "a"})  # type: ignore[arg-type]
    with pytest.raises(ConnectorError, match="'a'"):
        open_files(put("a.csv", "b,a,a\n1,2,3\n"), schema)


def test_a_growing_file_without_decimals_asks_for_the_decimal_sign(put: Put) -> None:
    path = put("a.csv", "time;load\n")
    with pytest.raises(ConnectorError, match="no number with decimals has been read yet: set decimal"):
        open_files(path, SCHEMA, follow=True)
    open_files(path, SCHEMA, follow=True, dialect=Dialect(decimal=",")).close()


CELL = st.one_of(
    st.sampled_from(["1,5", "1.5", "1", "-2,5e3", " 7,5 ", "", "-", "NaN", "+3,5", ",5", "5,", "1.234", "x", "inf"]),
    st.text("0123456789.,", max_size=5),
)


@SETTINGS
@given(cells=st.lists(CELL, min_size=1, max_size=8), thousands=st.sampled_from(["'", "."]))
def test_a_value_does_not_depend_on_its_neighbours(put: Put, cells: list[str], thousands: str) -> None:
    dialect, schema = Dialect(delimiter=";", decimal=",", thousands=thousands), Schema(time="", columns=("x",))
    head = "x;n\n7,5;1\n1.5;1\n"  # thousands are not recognised: 1.5 has none
    whole = read(put("a.csv", head + "".join(f"{cell};1\n" for cell in cells)), schema, dialect=dialect)[0]
    values = {row[5]: row[2] for row in whole}
    for i, cell in enumerate(cells):
        alone = read(put("b.csv", f"{head}{cell};1\n"), schema, dialect=dialect)[0]
        assert values.get(i + 2) == (alone[2][2] if len(alone) > 2 else None)


def test_compression_and_dialect_go_together(put: Put, expected: list[tuple[Any, ...]]) -> None:
    path = put("a.csv", "")
    Path(f"{path}.gz").write_bytes(gzip.compress(table(";", grouped("", ",")).encode("utf-16")))
    assert records(f"{path}.gz") == expected
