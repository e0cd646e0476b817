from __future__ import annotations

import itertools

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.files.framing import OPEN_QUOTE, QUOTED_LIMIT, Cutter, count, spans

CSV_TEXT = st.text(alphabet='ab",\r\n', max_size=60).map(str.encode)
TEXT = st.text(alphabet="ab {}\r\n", max_size=60).map(str.encode)


def cut(data: bytes, at: list[int], delimiter: str | None) -> list[tuple[bytes, str]]:
    """Cut bytes fed in pieces, and list the records one by one."""
    cutter = Cutter("file", delimiter)
    found = []
    edges = [0, *sorted(min(i, len(data)) for i in at), len(data)]
    pieces = [data[a:b] for a, b in itertools.pairwise(edges)]
    for i, piece in enumerate([*pieces, b""]):
        for block in cutter.feed(piece, final=i == len(pieces)):
            if block.reason:
                found.append((block.data.rstrip(b"\r\n"), block.reason))
            else:
                found += [(record, "") for record in spans(block.data, delimiter)]
    return found


@given(CSV_TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_csv_records_do_not_depend_on_how_the_bytes_came(data: bytes, at: list[int]) -> None:
    assert cut(data, at, ",") == cut(data, [], ",")


@given(TEXT, st.lists(st.integers(0, 60), max_size=5))
def test_lines_do_not_depend_on_how_the_bytes_came(data: bytes, at: list[int]) -> None:
    assert cut(data, at, None) == cut(data, [], None)


@given(CSV_TEXT)
def test_blocks_together_are_the_bytes(data: bytes) -> None:
    assert b"".join(block.data for block in Cutter("file", ",").feed(data, final=True)) == data


@given(CSV_TEXT)
def test_the_parser_sees_the_same_number_of_records(data: bytes) -> None:
    for block in Cutter("file", ",").feed(data, final=True):
        if block.reason:
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
        assert records == len(spans(block.data, ","))
        assert count(block.data, ",") in (None, records)


@given(TEXT)
def test_lines_are_counted_without_blank_ones(data: bytes) -> None:
    assert count(data, None) == len(spans(data, None))


def test_a_newline_in_quotes_is_no_record_end() -> None:
    assert cut(b'1,"a\nb"\n2,c\n', [], ",") == [(b'1,"a\nb"', ""), (b"2,c", "")]


def test_a_quote_inside_a_field_is_a_character() -> None:
    assert cut(b'5" pipe,1\n6" pipe,2\n', [], ",") == [(b'5" pipe,1', ""), (b'6" pipe,2', "")]


def test_an_open_quote_costs_its_line_only() -> None:
    found = cut(b'1,a\n2,"b\n3,c\n4,d\n', [], ",")
    assert found == [(b"1,a", ""), (b'2,"b', OPEN_QUOTE), (b"3,c", ""), (b"4,d", "")]


@pytest.mark.parametrize("piece", [1 << 16, 1 << 20, 1 << 22])
def test_an_open_quote_is_given_up_after_a_megabyte(piece: int) -> None:
    line = b"3," + b"c" * 97 + b"\n"
    data = b'1,a\n2,"b\n' + line * (2 * QUOTED_LIMIT // len(line)) + b'4,"d"\n'
    cutter = Cutter("file", ",")
    blocks = [block for i in range(0, len(data), piece) for block in cutter.feed(data[i : i + piece])]
    assert [block.data for block in blocks if block.reason] == [b'2,"b\n']
    assert sum(len(block.data) for block in blocks) == len(data)
