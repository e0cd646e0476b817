"""Tags of readings in every format, and the interval between events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reading import AllDeadLetters

from stream_rnn.connectors.decode.readings import interval_of, tags_of
from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.files.open import open_files

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = Schema(columns=("v",), tag="tag", tags=("7", "9"))


def numbers(path: Path, schema: Schema = SCHEMA) -> tuple[list[float], list[tuple[int, str]]]:
    """Return the numbers of the tags, and the readings that were refused."""
    letters = AllDeadLetters()
    with open_files(path, schema, dead_letters=letters) as source:
        found = [batch.columns["tag"] for batch in source]
    return np.concatenate(found).tolist(), [(letter.record, letter.reason) for letter in letters.all]


def test_tags_are_the_same_in_every_format(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("tag,v\n9,1\n 7,2\n8,3\n,4\n")
    (tmp_path / "a.jsonl").write_text('{"tag": 9, "v": 1}\n{"tag": " 7", "v": 2}\n{"tag": 8, "v": 3}\n{"v": 4}\n')
    pq.write_table(pa.table({"tag": [9, 7, 8, None], "v": [1.0, 2.0, 3.0, 4.0]}), tmp_path / "a.parquet")
    refused = [(2, "column 'tag': not a tag of this job"), (3, "column 'tag': not a tag of this job")]
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        assert numbers(tmp_path / name) == ([1.0, 0.0], refused), name


def test_tags_are_those_of_the_first_records_in_order_of_appearance(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("tag,v\nload,1\nflow,2\nload,3\n")
    with open_files(tmp_path / "a.csv", Schema(columns=("v",), tag="tag")) as source:
        assert (source.tags, source.columns) == (("load", "flow"), ("tag", "v"))


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["1", "2.5"], "has numbers such as 2.5, which are no tags: are tag and value exchanged?"),
        (["", " "], "has no tags: they must be texts or whole numbers"),
        ([], "has no tags"),
        ([str(i) for i in range(10_001)], "has more than 10,000 tags: name some as inputs"),
    ],
)
def test_what_cannot_be_tags_is_refused(texts: list[str], words: str) -> None:
    with pytest.raises(ConnectorError) as caught:
        tags_of(texts, "a.csv", "tag")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("times", "keys", "interval"),
    [
        ([0, 60, 120], (), 60.0),
        ([0, 0, 60, 60, 120], (), 60.0),
        ([0, 30, 60, 90, 120, 150], list("ababab"), 60.0),
        ([0, 60], (), None),  # one step is no rule
        ([0, 60, 180], (), None),
        ([120, 60, 0], (), None),
        ([0, 60, float("nan"), 180], (), None),
        ([], (), None),
    ],
)
def test_an_interval_is_known_only_if_all_steps_agree(
    times: list[float], keys: list[str], interval: float | None
) -> None:
    assert interval_of(np.array(times, np.float64), keys) == interval
