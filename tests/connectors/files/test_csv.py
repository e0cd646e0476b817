from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import AllDeadLetters, read, rows

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.dialect import Dialect
from stream_rnn.connectors.files.open import open_files
from stream_rnn.connectors.files.quoting import FIELD_SIZE_LIMIT
from stream_rnn.settings.replay import ReplaySettings

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[[str, bytes | str], str]

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_a_plain_file_is_read_as_numbers(put: Put) -> None:
    events, dead = read(put("a.csv", "a,b\n1,2\n3,\n"))
    assert events == [("", None, (1.0, 2.0), False, 0, 0), ("", None, (3.0, None), False, 0, 1)]
    assert dead == []


def test_key_time_and_end_are_read_by_name(put: Put) -> None:
    path = put("a.csv", "sensor,when,x,last\ns1,2024-01-31T12:00:00Z,1,no\ns2,2024-01-31T12:00:01Z,2,yes\n")
    events, _ = read(path, Schema(key="sensor", time="when", end="last"))
    assert events == [
        ("s1", 1706702400.0, (1.0,), False, 0, 0),
        ("s2", 1706702401.0, (2.0,), True, 0, 1),
    ]


@pytest.mark.parametrize("name", ["time", "Timestamp", "DATE", "datetime", "ts"])
def test_a_time_column_is_detected_by_its_name(put: Put, name: str) -> None:
    with open_files(put("a.csv", f"{name},x\n2024-01-31,1\n")) as source:
        assert (source.time, source.columns) == (name, ("x",))


def test_a_column_without_times_is_not_the_time_column(put: Put) -> None:
    with open_files(put("a.csv", "date,x\nmonday,1\n")) as source:
        assert source.time is None
        assert source.ignored == {"date": "text ('monday')"}


def test_an_empty_time_setting_reads_no_time(put: Put) -> None:
    with open_files(put("a.csv", "time,x\n5,1\n"), Schema(time="")) as source:
        assert (source.time, source.columns) == (None, ("time", "x"))


def test_ragged_rows_are_refused_with_their_position(put: Put) -> None:
    events, dead = read(put("a.csv", "a,b\n1,2\n3\n\n4,5,6\n7,8\n"))
    assert [(row[2], row[5]) for row in events] == [((1.0, 2.0), 0), ((7.0, 8.0), 3)]
    assert dead == [(1, "expected 2 fields, got 1"), (2, "expected 2 fields, got 3")]


def test_a_word_in_a_numeric_column_is_a_missing_value_that_is_counted(put: Put) -> None:
    path = put("a.csv", "a,b\n1,2\nunavailable,4\n#N/A,Bad\n unavailable ,8\n12.5 kW,10\n3,inf\nBad,inf\n")
    with open_files(path, Schema(columns=("a", "b"))) as source:
        assert [row[2] for row in rows(source)] == [(1.0, 2.0), (None, 4.0), (None, None), (None, 8.0), (None, 10.0)]
        assert source.dead_letters.reasons == {"column 'b': not a finite number": 2}
        assert source.bad_values.counts == {"a": {"unavailable": 2, "#N/A": 1, "12.5 kW": 1}, "b": {"Bad": 1}}


def test_a_column_that_is_mostly_numbers_is_an_input(put: Put) -> None:
    with open_files(put("a.csv", "a\nunavailable\n1\nunknown\n2\n3\n")) as source:
        assert source.columns == ("a",)
        assert [row[2] for row in rows(source)] == [(None,), (1.0,), (None,), (2.0,), (3.0,)]
        assert len(source.bad_values) == 2


def test_only_values_after_the_start_are_counted(put: Put) -> None:
    path = put("a.csv", "a\n1\nbad\n2\nworse\n3\n")
    with open_files(path, start={path: 2}) as source:
        list(source)
        assert source.bad_values.counts == {"a": {"worse": 1}}


def test_a_bad_value_is_counted_with_the_event_that_has_it(put: Put) -> None:
    with open_files(put("a.csv", "a\n1\nbad\n2\nworse\n3\n"), batch_size=2) as source:
        counted = [len(source.bad_values) for _ in source]
    assert counted == [1, 2, 2]


def test_a_text_column_with_a_few_numbers_is_ignored(put: Put) -> None:
    with open_files(put("a.csv", "note,a\nopen,1\n12,2\nshut,3\n")) as source:
        assert source.ignored == {"note": "text ('open')"}
        list(source)
        assert len(source.bad_values) == 0


def test_a_word_in_a_numeric_column_is_refused_on_request_with_the_original_line(put: Put) -> None:
    letters = AllDeadLetters()
    path = put("a.csv", 'a,b\n1,2\n"x, y",4\n5,6\n')
    with open_files(path, Schema(bad_values="refuse"), dead_letters=letters) as source:
        assert [batch.columns["a"].tolist() for batch in source] == [[1.0, 5.0]]
    assert [(letter.record, letter.reason, letter.raw) for letter in letters.all] == [
        (1, "column 'a': not a number", '"x, y",4')
    ]


@pytest.mark.parametrize("text", ["inf", "-Infinity", "1e999", "9" * 400])
def test_an_infinite_value_is_refused(put: Put, text: str) -> None:
    assert read(put("a.csv", f"a\n1\n{text}\n"))[1] == [(1, "column 'a': not a finite number")]


def test_huge_integers_are_rounded(put: Put) -> None:
    events, _ = read(put("a.csv", "a\n123456789012345678901234567890\n"))
    assert events[0][2] == (123456789012345678901234567890.0,)


def test_bad_and_missing_times_are_refused(put: Put) -> None:
    _, dead = read(put("a.csv", "time,x\n2024-01-31,1\nnever,2\n,3\n1706702400,4\n"))
    assert dead == [(1, "column 'time': not a time"), (2, "time is missing")]


def test_an_event_without_a_key_is_refused(put: Put) -> None:
    _, dead = read(put("a.csv", b"k,x\na,1\n,2\n\xff,3\n"), Schema(key="k"))
    assert dead == [(i, "column 'k': key is missing or not UTF-8") for i in (1, 2)]


def test_na_is_a_key(put: Put) -> None:
    events, _ = read(put("a.csv", "k,x\nNA,1\n"), Schema(key="k"))
    assert events[0][0] == "NA"


def test_quoted_fields_may_hold_commas_and_quotes(put: Put) -> None:
    events, dead = read(put("a.csv", 'k,x\n"a,b",1\n"e""f",3\n'), Schema(key="k"))
    assert [(row[0], row[5]) for row in events] == [("a,b", 0), ('e"f', 1)]
    assert dead == []


NOTES = 'k,note,x\na,"two\nlines",1\nb,"a ""quoted""\r\n\r\nword, and more",2\nc,,3\n'


def test_a_column_of_text_that_is_not_read_may_hold_line_breaks(put: Put) -> None:
    events, dead = read(put("a.csv", NOTES), Schema(key="k"))
    assert [(row[0], row[2], row[5]) for row in events] == [("a", (1.0,), 0), ("b", (2.0,), 1), ("c", (3.0,), 2)]
    assert dead == []


@pytest.mark.parametrize("start", range(4))
def test_reading_starts_at_any_record_between_line_breaks(put: Put, start: int) -> None:
    path = put("a.csv", NOTES + 'd,"e\n')
    events, dead = read(path, Schema(key="k"), start={path: start})
    assert [row[5] for row in events] == list(range(start, 3))
    assert dead == [(3, "quote is not closed")]


def letters_of(path: str, schema: Schema, **options: int) -> tuple[int, list[tuple[int, int | None, str]]]:
    """Return the number of events, and (record, line, reason) of each dead letter."""
    letters = AllDeadLetters()
    with open_files(path, schema, dead_letters=letters, **options) as source:
        events = sum(map(len, source))
    return events, [(letter.record, letter.line, letter.reason) for letter in letters.all]


@pytest.mark.parametrize("gap", [3, 500, 5900])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_stray_quotes_cost_their_own_lines_only(put: Put, gap: int, column: int) -> None:
    lines = [[f"s{i % 5}", str(1_700_000_000 + i), f"{i}.5"] for i in range(10_000)]
    for i in (1000, 1000 + gap):
        lines[i][column] = '"' + lines[i][column]
    path = put("a.csv", "k,time,x\n" + "".join(",".join(line) + "\n" for line in lines))
    events, dead = letters_of(path, Schema(key="k", time="time"))
    reason = f"column {('k', 'time', 'x')[column]!r}: line break in quotes"
    assert (events, dead) == (9998, [(i, i + 2, reason) for i in (1000, 1000 + gap)])


def test_a_stray_quote_in_text_is_found_where_another_one_opens(put: Put) -> None:
    path = put("a.csv", 'k,note,x\na,"5 inch,1\na,ok,2\na,"6 inch,3\na,ok,4\n')
    events, dead = letters_of(path, Schema(key="k"))
    assert (events, dead) == (2, [(0, 2, "text after a closing quote"), (2, 4, "quote is not closed")])


def test_a_field_may_be_as_long_as_the_limit_says(put: Put) -> None:
    path = put("a.csv", 'k,note,x\na,"' + 40 * "more\n" + '",1\nb,,2\n')
    schema = Schema(key="k", columns=("x",))
    assert letters_of(path, schema) == (2, [])
    events, dead = letters_of(path, schema, field_size_limit=100)
    assert events == 1
    assert dead[0] == (0, 2, "column 'note': field is longer than 100 bytes")
    assert dead[1:-1] == [(i, None, "expected 3 fields, got 1") for i in range(1, 40)]
    with pytest.raises(ConnectorError, match="field_size_limit must be at least 1, got 0"):
        read(path, field_size_limit=0)


QUOTED_CELL = st.text(st.sampled_from(['"', '"', "1", "a", "\n", ","]), max_size=6)


@SETTINGS
@given(st.lists(st.tuples(QUOTED_CELL, QUOTED_CELL, QUOTED_CELL), max_size=12), st.integers(0, 20))
def test_every_line_is_read_or_refused_whatever_quotes_there_are(
    put: Put, cells: list[tuple[str, str, str]], start: int
) -> None:
    schema = Schema(key="k", columns=("x", "y"))
    path = put("a.csv", "k,x,y\nk,1,2\n" + "".join(",".join(row) + "\n" for row in cells))
    lines = [line for line in Path(path).read_text().split("\n")[1:] if line]
    events, dead = read(path, schema, dialect=Dialect(decimal="."))
    assert sorted([row[5] for row in events] + [record for record, _ in dead]) == list(range(len(lines)))
    start = min(start, len(lines))
    rest = read(path, schema, dialect=Dialect(decimal="."), start={path: start})
    assert rest == ([row for row in events if row[5] >= start], [letter for letter in dead if letter[0] >= start])


def test_a_byte_order_mark_inside_a_file_is_text_wherever_a_block_begins(put: Put) -> None:
    for broken in ("", '"b,2\n'):  # after a broken line a block begins
        path = put("a.csv", f"k,x\na,1\n{broken}\ufeff\n\ufeffc,3\nd,4\n")
        events, letters = read(path, Schema(key="k"))
        first = 1 + bool(broken)
        assert [(event[0], event[-1]) for event in events] == [("a", 0), ("\ufeffc", first + 1), ("d", first + 2)]
        assert letters[-1] == (first, "expected 2 fields, got 1")


def test_windows_files_read_the_same(put: Put) -> None:
    unix = "k,x\nä,1\n\nb,inf\n💧,3\n"
    plain = read(put("a.csv", unix), Schema(key="k"))
    windows = read(put("b.csv", b"\xef\xbb\xbf" + unix.replace("\n", "\r\n").encode()), Schema(key="k"))
    assert windows == plain
    assert [row[0] for row in plain[0]] == ["ä", "💧"]


def test_gzip_and_tabs_read_the_same(put: Put) -> None:
    plain = read(put("a.csv", "a,b\n1,2\nx,4\n"))
    assert read(put("a.csv.gz", "a,b\n1,2\nx,4\n")) == plain
    assert read(put("a.tsv", "a\tb\n1\t2\nx\t4\n")) == plain
    assert read(put("a.tsv.gz", "a\tb\n1\t2\nx\t4\n")) == plain
    assert read(put("a.dat", "a,b\n1,2\nx,4\n"), format="csv") == plain


def test_a_last_line_without_a_line_end_is_read(put: Put) -> None:
    assert len(read(put("a.csv", "a\n1\n2"))[0]) == 2


def test_a_garbled_record_among_the_first_does_not_cost_the_column(put: Put) -> None:
    with open_files(put("a.csv", "a,b\n?,1\n2,2\n3,3\n")) as source:
        assert source.columns == ("a", "b")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty, a header with column names is needed"),
        ("a,b\n", "no numeric column"),
        ("a,a\n1,2\n", "no numeric column; 'a' is the name of two columns"),
        ("1,2\n3,4\n", "the first line has only numbers (1, 2)"),
        ("a,b\nx,y\n", "no numeric column; 'a' is text ('x'), 'b' is text ('y')"),
        ('"a,b\n1,2\n', "header: quote is not closed"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(put: Put, content: bytes | str, message: str) -> None:
    path = put("a.csv", content)
    with pytest.raises(ConnectorError) as caught:
        open_files(path)
    assert message in str(caught.value)
    assert path in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_header_alone_is_enough_when_columns_are_named(put: Put) -> None:
    assert read(put("a.csv", "a,b\n"), Schema(columns=("b",))) == ([], [])


def test_a_truncated_gzip_file_is_named_in_the_error(put: Put, tmp_path: Path) -> None:
    complete = (tmp_path / put("a.csv.gz", "a\n" + "1\n" * 1000)).read_bytes()
    (tmp_path / "cut.csv.gz").write_bytes(complete[:-12])
    with pytest.raises(ConnectorError, match=r"cut\.csv\.gz: is not a complete gzip file"):
        read(str(tmp_path / "cut.csv.gz"))


@SETTINGS
@given(st.lists(st.binary(max_size=20), max_size=20))
def test_random_bytes_are_events_or_dead_letters(put: Put, lines: list[bytes]) -> None:
    path = put("a.csv", b"a,b\nk,1\n" + b"\n".join(lines) + b"\n")
    events, dead = read(path, Schema(key="a", columns=("b",)))
    records = sorted([row[5] for row in events] + [record for record, _ in dead])
    assert records == list(range(len(records)))


LINE = st.one_of(
    st.binary(max_size=20).filter(lambda line: not set(line) & set(b'\r\n"')),
    st.sampled_from([b"k,bad", b"k,inf", b",1", b"", b",", b"k", b"k,1,2", b"\xed\xa0\x80,1", b"k,\xed\xa0\x80"]),
)


@SETTINGS
@given(st.lists(LINE, max_size=20))
def test_every_line_that_is_not_blank_is_an_event_or_a_dead_letter(put: Put, lines: list[bytes]) -> None:
    path = put("a.csv", b"a,b\nk,1\n" + b"\n".join(lines) + b"\n")
    for bad_values in ("missing", "refuse"):
        events, dead = read(path, Schema(key="a", columns=("b",), bad_values=bad_values))  # type: ignore[arg-type]
        assert len(events) + len(dead) == 1 + sum(map(bool, lines))


@SETTINGS
@given(st.lists(LINE, max_size=20))
def test_words_are_either_counted_or_their_records_refused(put: Put, lines: list[bytes]) -> None:
    path = put("a.csv", b"a,b\nk,1\n" + b"\n".join(lines) + b"\n")
    strict, _ = read(path, Schema(key="a", columns=("b",), bad_values="refuse"))
    with open_files(path, Schema(key="a", columns=("b",))) as source:
        events = rows(source)
        words = len(source.bad_values)
    assert len(events) == len(strict) + words
    assert [row for row in events if row in strict] == strict


CELL = st.one_of(
    st.text("0123456789+-.eE \t", max_size=5),
    st.sampled_from(["NA", " NA", "nan", "NAN", "inf", "-", "null", "x", '"1"', '" 2"', '"NA"', "1e999", "\u00a03"]),
    st.floats(allow_nan=False).map(repr),
)


@SETTINGS
@given(st.lists(CELL, min_size=1, max_size=6))
def test_a_cell_does_not_depend_on_its_neighbours(put: Put, cells: list[str]) -> None:
    schema = Schema(key="k", columns=("x",))
    events, dead = read(put("all.csv", "k,x\n0,0\n" + "".join(f"k,{cell}\n" for cell in cells)), schema)
    together = {row[5] - 1: row[2] for row in events} | {record - 1: reason for record, reason in dead}
    for i, cell in enumerate(cells):
        events, dead = read(put("one.csv", f"k,x\n0,0\nk,{cell}\n"), schema)
        assert [*(row[2] for row in events[1:]), *(reason for _, reason in dead)] == [together[i]]


def test_the_setting_has_the_default_of_the_reader() -> None:
    assert ReplaySettings().field_size_limit == FIELD_SIZE_LIMIT
