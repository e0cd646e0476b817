from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from reading import rows

from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Put = Callable[[str, bytes | str], str]


def append(path: str, text: str) -> None:
    with open(path, "a") as file:  # noqa: PTH123
        file.write(text)


@pytest.mark.parametrize(
    ("name", "head", "lines"),
    [
        ("a.csv", "x\n", ["1\n", "2", "3\n", "inf\n4\n"]),
        ("a.jsonl", "", ['{"x": 1}\n', '{"x": 2', "3}\n", '?\n{"x": 4}\n']),
    ],
)
def test_lines_of_a_growing_file_are_read_once_complete(put: Put, name: str, head: str, lines: list[str]) -> None:
    path = put(name, head + lines[0] + lines[1])
    with open_files(path, follow=True) as source:
        events = iter(source)
        assert next(events).columns["x"].tolist() == [1.0]
        append(path, lines[2])
        assert next(events).columns["x"].tolist() == [23.0]
        append(path, lines[3])
        assert rows([next(events)]) == [("", None, (4.0,), False, 0, 3)]
        assert len(source.dead_letters) == 1
        assert source.progress is None
        assert source.position() == {"files": {path: 4}}


def test_following_ends_when_the_event_is_set(put: Put) -> None:
    stop = threading.Event()
    with open_files(put("a.csv", "x\n1\n"), follow=True, stop=stop) as source:
        threading.Timer(0.2, stop.set).start()
        start = time.monotonic()
        assert [len(batch) for batch in source] == [1]
        assert time.monotonic() - start < 5


def test_following_ends_when_the_condition_returns_true(put: Put) -> None:
    answers = iter([False] * 5)
    with open_files(put("a.csv", "x\n1\n"), follow=True, stop=lambda: next(answers, True)) as source:
        assert [len(batch) for batch in source] == [1]


def test_following_starts_at_a_position(put: Put) -> None:
    path = put("a.csv", "x\n1\n2\n")
    with open_files(path, follow=True, start={path: 3}) as source:
        append(path, "3\n4\n")
        assert rows([next(iter(source))]) == [("", None, (4.0,), False, 0, 3)]


def test_several_growing_files_are_followed_together(put: Put) -> None:
    paths = [put("a.csv", "time,x\n1,1\n"), put("b.csv", "time,x\n2,2\n")]
    with open_files(paths, follow=True) as source:
        events = iter(source)
        assert [next(events).times[0], next(events).times[0]] == [1.0, 2.0]
        append(paths[1], "3,3\n")
        assert next(events).times.tolist() == [3.0]
        append(paths[0], "4,4\n")
        assert next(events).times.tolist() == [4.0]


def test_truncating_a_file_that_is_followed_is_an_error(put: Put, tmp_path: Path) -> None:
    path = put("a.csv", "x\n1\n2\n")
    with open_files(path, follow=True) as source:
        events = iter(source)
        next(events)
        (tmp_path / "a.csv").write_text("x\n")
        with pytest.raises(ConnectorError, match="was truncated to 2 bytes while being followed, after 6"):
            next(events)
