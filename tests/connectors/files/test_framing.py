from __future__ import annotations

import itertools

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.files.framing import (
    MAX_QUOTED_BYTES,
    OPEN_QUOTE,
    RecordSplitter,
    count_records,
    split_records,
)

CSV_TEXT = st.text(alphabet='ab",\r\n', max_size=60).map(str.encode)
TEXT = st.text(alphabet="ab {}\r\n", max_size=60).map(str.encode)


def records_of(data: bytes, cuts: list[int], delimiter: str | None) -> list[tuple[bytes, str]]:
    """Return the records, with their errors, of bytes that come in pieces."""
    splitter = RecordSplitter("file", delimiter)
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


@given(CSV_TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_csv_records_do_not_depend_on_how_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    assert records_of(data, cuts, ",") == records_of(data, [], ",")


@given(TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_how_the_bytes_are_cut(data: bytes, cuts: list[int]) -> None:
    assert records_of(data, cuts, None) == records_of(data, [], None)


@given(CSV_TEXT)
def test_all_blocks_together_are_the_bytes(data: bytes) -> None:
    assert b"".join(block.data for block in RecordSplitter("file", ",").feed(data, final=True)) == data


@given(CSV_TEXT)
def test_arrow_finds_the_same_number_of_records(data: bytes) -> None:
    for block in RecordSplitter("file", ",").feed(data, final=True):
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
def test_an_open_quote_is_given_up_after_a_megabyte(piece: int) -> None:
    line = b"3," + b"c" * 97 + b"\n"
    data = b'1,a\n2,"b\n' + line * (2 * MAX_QUOTED_BYTES // len(line)) + b'4,"d"\n'
    splitter = RecordSplitter("file", ",")
    blocks = [block for i in range(0, len(data), piece) for block in splitter.feed(data[i : i + piece])]
    assert [block.data for block in blocks if block.error] == [b'2,"b\n']
    assert sum(len(block.data) for block in blocks) == len(data)
