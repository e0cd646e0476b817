from __future__ import annotations

import itertools

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.files.framing import RecordBlock, RecordSplitter, count_records, split_records
from stream_rnn.connectors.files.quoting import FIELD_SIZE_LIMIT, OPEN_QUOTE, TEXT_AFTER_QUOTE, FieldRules

CSV_TEXT = st.text(alphabet='ab",\r\n', max_size=60).map(str.encode)
TEXT = st.text(alphabet="ab {}\r\n", max_size=60).map(str.encode)


RULES = [
    FieldRules(),
    FieldRules(size_limit=5),
    FieldRules(names=("a", "b"), one_line=frozenset({"a"})),
    FieldRules(size_limit=7, names=("a", "b", "c"), one_line=frozenset({"a", "b"})),
    FieldRules(names=("a", "b"), one_line=frozenset({"a", "b"})),
]


def records_of(
    data: bytes, cuts: list[int], delimiter: str | None, rules: FieldRules | None = None
) -> list[tuple[bytes, str]]:
    """Return the records, with their errors, of bytes that come in pieces."""
    splitter = RecordSplitter("file", delimiter, rules)
    records = []
    edges = [0, *sorted(min(i, len(data)) for i in cuts), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    for i, piece in enumerate([*pieces, b""]):
        for block in splitter.feed(piece, final=i == len(pieces)):
            if block.error:
                records.append((block.data.rstrip(b"\r\n"), block.error))
            else:
                records += [(record, "") for record in split_records(block.data, delimiter)]
    return records


@pytest.mark.parametrize("rules", RULES)
@given(CSV_TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_csv_records_do_not_depend_on_how_the_bytes_are_cut(rules: FieldRules, data: bytes, cuts: list[int]) -> None:
    assert records_of(data, cuts, ",", rules) == records_of(data, [], ",", rules)


@given(TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_how_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    assert records_of(data, cuts, None) == records_of(data, [], None)


@pytest.mark.parametrize("rules", RULES)
@given(CSV_TEXT)
def test_all_blocks_together_are_the_bytes(rules: FieldRules, data: bytes) -> None:
    assert b"".join(block.data for block in RecordSplitter("file", ",", rules).feed(data, final=True)) == data


@given(CSV_TEXT)
def test_each_block_knows_its_line(data: bytes) -> None:
    read = b""
    for block in RecordSplitter("file", ",", FieldRules(size_limit=5)).feed(data, final=True):
        assert block.line == len((read + b"x").splitlines())
        read += block.data


@given(CSV_TEXT)
def test_each_line_is_a_record_where_no_field_may_span_lines(data: bytes) -> None:
    rules = FieldRules(names=("a", "b"), one_line=frozenset({"a", "b"}))
    assert [record for record, _ in records_of(data, [], ",", rules)] == [line for line in data.splitlines() if line]


@pytest.mark.parametrize("rules", RULES)
@given(CSV_TEXT)
def test_arrow_finds_the_same_number_of_records(rules: FieldRules, data: bytes) -> None:
    for block in RecordSplitter("file", ",", rules).feed(data, final=True):
        if block.error:
            continue
        skipped: list[int] = []
        table = arrow_csv.read_csv(
            pa.BufferReader(block.data),
            read_options=arrow_csv.ReadOptions(column_names=["a", "b"], use_threads=False),
            parse_options=arrow_csv.ParseOptions(
                newlines_in_values=True,
                invalid_row_handler=lambda row, skipped=skipped: skipped.append(row.number) or "skip",
            ),
            convert_options=arrow_csv.ConvertOptions(column_types={"a": pa.binary(), "b": pa.binary()}),
        )
        records = table.num_rows + len(skipped)
        assert records == len(split_records(block.data, ","))
        assert count_records(block.data, ",") in (None, records)


@given(TEXT)
def test_blank_lines_are_not_counted(data: bytes) -> None:
    assert count_records(data, None) == len(split_records(data, None))


def test_a_newline_in_quotes_does_not_end_a_record() -> None:
    assert records_of(b'1,"a\nb"\n2,c\n', [], ",") == [(b'1,"a\nb"', ""), (b"2,c", "")]


def test_a_quote_inside_a_field_is_an_ordinary_character() -> None:
    assert records_of(b'5" pipe,1\n6" pipe,2\n', [], ",") == [(b'5" pipe,1', ""), (b'6" pipe,2', "")]


def test_an_open_quote_breaks_only_its_line() -> None:
    records = records_of(b'1,a\n2,"b\n3,c\n4,d\n', [], ",")
    assert records == [(b"1,a", ""), (b'2,"b', OPEN_QUOTE), (b"3,c", ""), (b"4,d", "")]


@pytest.mark.parametrize("piece", [1 << 16, 1 << 20, 1 << 22])
def test_an_open_quote_is_given_up_at_the_limit_of_a_field(piece: int) -> None:
    line = b"3," + b"c" * 97 + b"\n"
    data = b'1,a\n2,"b\n' + line * (2 * FIELD_SIZE_LIMIT // len(line)) + b'4,"d"\n'
    splitter = RecordSplitter("file", ",")
    blocks = [block for i in range(0, len(data), piece) for block in splitter.feed(data[i : i + piece])]
    assert [(block.data, block.line) for block in blocks if block.error] == [(b'2,"b\n', 2)]
    assert sum(len(block.data) for block in blocks) == len(data)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'"a\nb",1,note', "column 'k': line break in quotes"),
        (b'a,"1\n",note', "column 'x': line break in quotes"),
        (b'a,1,"5 inch\nb,2,"6 inch', TEXT_AFTER_QUOTE),
        (b'a,1,"5 inch\nb,2,6",7', "expected 3 fields, got 4"),
        (b'a,1,note,"more\n"', "line break in quotes"),
        (b'a,1,"' + b"n\n" * 50 + b'"', "column 'note': field is longer than 100 bytes"),
        (b"a,1," + b"n" * 101, "column 'note': field is longer than 100 bytes"),
        (b'a,1,"' + b'""' * 50 + b'"', "column 'note': field is longer than 100 bytes"),
    ],
)
@pytest.mark.parametrize("before", [b"", b'a,1,"n\nn"\n', b'5" pipe,1,n\n'])
def test_a_field_that_must_not_span_lines_or_is_too_long_breaks_its_first_line_only(
    before: bytes, record: bytes, reason: str
) -> None:
    rules = FieldRules(100, ("k", "x", "note"), frozenset({"k", "x"}))
    splitter = RecordSplitter("file", ",", rules)
    blocks = splitter.feed(before + record + b"\nz,9,last\n", final=True)
    broken = next(block for block in blocks if block.error)
    assert (broken.data, broken.error) == (record.splitlines(keepends=True)[0].rstrip() + b"\n", reason)
    assert broken.line == before.count(b"\n") + 1
    assert blocks[-1].data.endswith(b"z,9,last\n")


def test_a_field_that_is_just_within_the_limit_is_read() -> None:
    rules = FieldRules(100, ("k", "note"), frozenset({"k"}))
    data = b'a,"' + b"n\n" * 49 + b'"\nb,"' + b"n" * 98 + b'"\nc,' + b"n" * 100 + b"\n"
    assert [error for _, error in records_of(data, [], ",", rules)] == ["", "", ""]


def test_a_stray_quote_does_not_hold_back_what_follows() -> None:
    splitter = RecordSplitter("file", ",", FieldRules(names=("k", "x"), one_line=frozenset({"k", "x"})))
    assert [block.data for block in splitter.feed(b'"a,1\nb,2\n')] == [b'"a,1\n', b"b,2\n"]


def test_a_long_line_of_many_fields_is_scanned_once() -> None:
    line = b"," * (1 << 20) + b"\n"  # a scan of the rest of the line for each field would take an hour
    assert RecordSplitter("a.csv", ",").feed(line + b"1\n") == [RecordBlock(line + b"1\n")]
