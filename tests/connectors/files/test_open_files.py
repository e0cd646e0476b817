from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import AllDeadLetters, read, rows

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.files import byte_stream
from stream_rnn.connectors.files.dialect import Dialect
from stream_rnn.connectors.files.open import expand, open_files

if TYPE_CHECKING:
    from collections.abc import Callable

    Put = Callable[[str, bytes | str], str]

SETTINGS = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)

SCHEMA = Schema(time="time", columns=("x",))
SCHEMAS = dict.fromkeys(("csv", "jsonl", "parquet"), SCHEMA) | {
    "arrays": Schema(time="time", columns=("x",), records="e")
}
CSV_LINES = ["1,1", "2,2", "3,3", "2,4", "x,5", "6", "", '"7",7', '8,"8', "9,inf", "1,10"]
JSON_LINES = ['{"time": 1, "x": 1}', '{"time": 3, "x": null}', '{"time": 2, "x": "?"}', "{", "", "7"]


def write(folder: Path, kind: str, numbers: list[int], name: str) -> str:
    """Write some of the lines above; the first one is good, so that the columns are detected."""
    if kind == "parquet":
        path = folder / f"{name}.parquet"
        values = [float("inf") if number == 5 else float(number) for number in numbers]
        pq.write_table(pa.table({"time": [0.0, *values], "x": [0.0, *values]}), path, row_group_size=4)
        return str(path)
    if kind == "arrays":  # lines with several events each
        objects = [line for line in (JSON_LINES[number % len(JSON_LINES)] for number in numbers) if line]
        arrays = [f'{{"e": [{", ".join(objects[i : i + 3])}]}}' for i in range(0, len(objects), 3)]
        path = folder / f"{name}.jsonl"
        path.write_text("\n".join(['{"e": [{"time": 0, "x": 0}]}', *arrays]) + "\n")
        return str(path)
    lines = JSON_LINES if kind == "jsonl" else CSV_LINES
    head = ['{"time": 0, "x": 0}'] if kind == "jsonl" else ["time,x", "0,0"]
    path = folder / f"{name}.{kind}"
    path.write_text("\n".join([*head, *(lines[number % len(lines)] for number in numbers)]) + "\n")
    return str(path)


@SETTINGS
@given(
    kind=st.sampled_from(["csv", "jsonl", "arrays", "parquet"]),
    contents=st.lists(st.lists(st.integers(0, 10), max_size=12), min_size=1, max_size=3),
    batch_size=st.integers(1, 8),
    block=st.integers(8, 64),
    cut=st.integers(0, 40),
)
def test_reading_from_the_position_after_any_batch_yields_exactly_the_rest(
    tmp_path: Path, *, kind: str, contents: list[list[int]], batch_size: int, block: int, cut: int
) -> None:
    paths = [write(tmp_path, kind, numbers, f"f{i}") for i, numbers in enumerate(contents)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(byte_stream, "BLOCK_BYTES", block)
        everything, _ = read(paths, SCHEMAS[kind], batch_size=batch_size)
        with open_files(paths, SCHEMAS[kind], batch_size=batch_size) as source:
            position, done = source.position(), 0
            for batch in source:
                if done >= cut:
                    break
                position, done = source.position(), done + len(batch)
        rest, _ = read(paths, SCHEMAS[kind], start=json.loads(json.dumps(position))["files"], batch_size=batch_size)
    assert rest == everything[done:]


@SETTINGS
@given(
    kind=st.sampled_from(["csv", "jsonl", "arrays", "parquet"]),
    contents=st.lists(st.lists(st.integers(0, 10), max_size=12), min_size=1, max_size=3),
    batch_size=st.integers(1, 8),
    stop_after=st.integers(0, 5),
)
def test_a_restart_after_a_batch_neither_loses_nor_repeats_dead_letters(
    tmp_path: Path, kind: str, contents: list[list[int]], batch_size: int, stop_after: int
) -> None:
    paths = [write(tmp_path, kind, numbers, f"f{i}") for i, numbers in enumerate(contents)]
    first, second, unbroken = AllDeadLetters(), AllDeadLetters(), AllDeadLetters()
    with open_files(paths, SCHEMAS[kind], batch_size=batch_size, dead_letters=first) as source:
        if stop_after:
            for seen, _ in enumerate(source, 1):
                if seen == stop_after:
                    break
        position = source.position()["files"]
    with open_files(paths, SCHEMAS[kind], start=position, dead_letters=second) as source:
        list(source)
    with open_files(paths, SCHEMAS[kind], dead_letters=unbroken) as source:
        list(source)

    def listed(letters: list[Any]) -> list[tuple[str, int]]:
        return sorted((letter.source, letter.record) for letter in letters)

    assert listed(first.all + second.all) == listed(unbroken.all)


@pytest.mark.parametrize("kind", ["csv", "jsonl", "arrays", "parquet"])
def test_events_and_dead_letters_add_up_to_the_records(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind, list(range(11)), "a")
    events, dead = read(path, SCHEMAS[kind])
    assert sorted([row[5] for row in events] + [record for record, _ in dead]) == list(range(len(events) + len(dead)))
    assert dead


def test_columns_are_known_before_the_first_batch(put: Put) -> None:
    path = put("a.csv", "k,time,b,a,note\nx,1,2,3,hello\n")
    with open_files(path, Schema(key="k")) as source:
        assert (source.files, source.columns, source.key, source.time) == ((path,), ("b", "a"), "k", "time")
        assert source.position() == {"files": {path: 0}}
        assert source.ignored == {"note": "text ('hello')"}


def test_columns_are_in_the_order_of_the_schema(put: Put) -> None:
    assert read(put("a.csv", "a,b,c\n1,2,3\n"), Schema(columns=("c", "a")))[0][0][2] == (3.0, 1.0)


def test_an_unknown_column_is_refused_with_the_most_similar_one(put: Put) -> None:
    with pytest.raises(ConnectorError, match=r"no column 'temprature'; did you mean 'temperature'\?"):
        open_files(put("a.csv", "temperature,humidity\n1,2\n"), Schema(columns=("temprature",)))


def test_a_file_that_lacks_a_column_is_named_in_the_error(put: Put) -> None:
    with pytest.raises(ConnectorError, match=r"b\.csv: no column 'y'"):
        open_files([put("a.csv", "x,y\n1,2\n"), put("b.csv", "x,z\n1,2\n")])


def test_an_input_that_is_text_is_refused(put: Put) -> None:
    with pytest.raises(ConnectorError, match=r"column 'a' is text \('hello'\), an input must be numbers"):
        open_files(put("a.csv", "a,b\nhello,2\n"), Schema(columns=("a",)))


def test_files_with_time_are_merged_and_ties_keep_the_order_of_the_files(put: Put) -> None:
    one = put("one.csv", "time,x\n1,10\n3,11\n5,12\n")
    two = put("two.csv", "x,time\n20,2\n21,3\n22,4\n")
    assert [row[2][0] for row in read([one, two])[0]] == [10, 20, 11, 21, 22, 12]


def test_files_without_time_are_read_one_after_another(put: Put) -> None:
    paths = [put("one.csv", "x\n1\n2\n"), put("two.csv", "x\n3\n")]
    assert [(row[2][0], row[4], row[5]) for row in read(paths)[0]] == [(1, 0, 0), (2, 0, 1), (3, 1, 0)]


def test_a_pattern_stands_for_its_files_in_order(put: Put, tmp_path: Path) -> None:
    paths = [put(f"part-{i}.csv", f"x\n{i}\n") for i in (2, 1, 3)]
    assert expand(str(tmp_path / "part-*.csv")) == sorted(paths)
    assert [row[2][0] for row in read(tmp_path / "part-*.csv")[0]] == [1, 2, 3]


@pytest.mark.parametrize("size", [1, 3, 8192])
def test_batches_have_at_most_the_maximum_size(put: Put, size: int) -> None:
    with open_files(put("a.csv", "x\n" + "1\n" * 10), batch_size=size) as source:
        sizes = [len(batch) for batch in source]
    assert sum(sizes) == 10
    assert max(sizes) <= size


def test_progress_reaches_one(put: Put) -> None:
    with open_files(put("a.csv.gz", "x\n" + "1\n" * 10)) as source:
        assert source.bytes_total == os.path.getsize(source.files[0])  # noqa: PTH202
        list(source)
        assert source.progress == 1.0


def test_progress_of_a_pipe_is_unknown() -> None:
    with open_files("-", stdin=io.BytesIO(b"x\n1\n")) as source:
        assert source.progress is None


def test_a_stopped_source_ends_after_the_batch(put: Put) -> None:
    with open_files(put("a.csv", "x\n" + "1\n" * 10), batch_size=2) as source:
        for _ in source:
            source.stop()
        assert source.position()["files"][source.files[0]] == 2


@pytest.mark.parametrize(("content", "expected"), [(b"x\n1\n2\n", [1, 2]), (b'{"x": 1}\n{"x": 2}\n', [1, 2])])
def test_the_format_of_a_pipe_is_detected_from_its_first_bytes(content: bytes, expected: list[float]) -> None:
    with open_files("-", stdin=io.BytesIO(content)) as source:
        assert [row[2][0] for row in rows(source)] == expected


def test_events_of_a_pipe_are_read_before_it_ends() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stdin, os.fdopen(writing, "wb", buffering=0) as feed:
        feed.write(b"x\n1\n2\n3")
        with open_files("-", stdin=stdin) as source:
            assert next(iter(source)).columns["x"].tolist() == [1.0, 2.0]
            feed.write(b"0\n")
            feed.close()
            assert next(iter(source)).columns["x"].tolist() == [30.0]


def test_standard_input_of_the_process_is_read() -> None:
    program = (
        "from stream_rnn.connectors.files.open import open_files;"
        "print([b.columns['x'].tolist() for b in open_files('-')])"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program], input=b"x\n1\n2\n", capture_output=True, cwd=root, check=True
    )
    assert done.stdout == b"[[1.0, 2.0]]\n"


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        ("a.csv", {"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ("a.csv", {"format": "xml"}, "format must be one of csv, tsv, jsonl, parquet, got 'xml'"),
        ("a.xyz", {}, "a.xyz: unknown extension, known are .csv"),
        ("no-*.csv", {}, "no-*.csv: no file matches this pattern"),
        ([], {}, "no file named"),
        (["a.csv", "a.csv"], {}, "a.csv: is named twice"),
        ("a.csv", {"start": {"b.csv": 1}}, "start names 'b.csv', which is not one of the files"),
        ("a.csv.gz", {"follow": True}, "a.csv.gz: a compressed file cannot be followed"),
        ("a.parquet", {"follow": True}, "parquet files cannot be followed, only csv, tsv, jsonl"),
        ("-", {"format": "parquet"}, "parquet cannot be read from a pipe"),
        ("/", {"format": "csv"}, "/: is a directory"),
        ("/", {}, "/: is a directory"),
    ],
)
def test_a_wrong_request_is_a_usage_error(paths: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_files(paths, **options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused_with_the_most_similar_one(put: Put, tmp_path: Path) -> None:
    put("sensors.csv", "x\n1\n")
    with pytest.raises(ConnectorError, match=r"sensor\.csv: no such file; did you mean '.*sensors\.csv'\?"):
        open_files(tmp_path / "sensor.csv")


def test_a_file_shorter_than_its_position_is_refused(put: Put) -> None:
    path = put("a.csv", "x\n1\n")
    with pytest.raises(ConnectorError, match="has 1 records, but reading starts at record 5"):
        read(path, start={path: 5})


def test_formats_agree_on_keys_times_and_values(put: Put, tmp_path: Path) -> None:
    table = pa.table({"k": [1, 2], "time": [1.5, 2.5], "x": [0.1, None]})
    pq.write_table(table, tmp_path / "a.parquet")
    lines = "".join(json.dumps(row) + "\n" for row in table.to_pylist())
    expected = [("1", 1.5, (0.1,), False, 0, 0), ("2", 2.5, (None,), False, 0, 1)]
    for path in (
        put("a.csv", "k,time,x\n1,1.5,0.1\n2,2.5,\n"),
        put("a.jsonl", lines),
        tmp_path / "a.parquet",
    ):
        assert read(path, Schema(key="k")) == (expected, [])


def test_numbers_in_the_names_of_files_are_sorted_by_their_value(tmp_path: Path) -> None:
    for number in (1, 2, 10):
        (tmp_path / f"part-{number}.csv").write_text(f"x\n{number}\n")
    with open_files(str(tmp_path / "part-*.csv")) as source:
        assert [value for batch in source for value in batch.columns["x"]] == [1.0, 2.0, 10.0]
        assert source.recognised == (
            f"3 files, read one after another, since they have no time: {source.files[0]} to {source.files[-1]}",
        )


@pytest.mark.parametrize(
    ("second", "key", "warnings"),
    [([5, 6], None, 0), ([4, 5], None, 1), ([1, 2], None, 1), ([1, 2], "sensor", 0)],
)
def test_files_that_overlap_in_time_without_a_key_are_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, second: list[int], key: str | None, warnings: int
) -> None:
    for name, times in (("01.csv", [1, 2, 3, 4]), ("02.csv", second)):
        rows = "".join(f"{1_700_000_000 + time},s,1\n" for time in times)
        (tmp_path / name).write_text("time,sensor,x\n" + rows)
    with open_files(str(tmp_path / "*.csv"), Schema(key=key), batch_size=1) as source:
        times = [float(batch.times[0]) for batch in source]
        assert "2 files, merged by time" in source.recognised[-1]
    assert times == sorted(times)
    assert [record.getMessage().count("overlap in time, from 2023-11-14T22:13:2") for record in caplog.records] == (
        [1] * warnings
    )


@pytest.mark.parametrize(
    ("name", "data", "option", "message"),
    [
        ("a.jsonl", '{"x": 1}\n', {"delimiter": ";"}, "jsonl has no delimiter, got ';': leave it out"),
        ("a.json", '[{"x": 1}]', {"skip_lines": 2}, "jsonl has no skip_lines, got 2: leave it out"),
        ("a.parquet", "", {"encoding": "cp1252"}, "parquet has no encoding, got 'cp1252': leave it out"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(
    name: str, data: str, option: dict[str, Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(data)
    with pytest.raises(UsageError) as error:
        open_files(str(tmp_path / name), dialect=Dialect(**option))
    assert str(error.value) == f"{tmp_path / name}: {message}"
