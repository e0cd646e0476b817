"""Bad values are counted by column and word, in bounded space, and the first of each is logged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.connectors.bad_values import MAX_WORDS, OTHER, BadValueCounter, printable
from stream_rnn.connectors.events import BadValue


def count(*pairs: tuple[str, str]) -> BadValueCounter:
    counter = BadValueCounter()
    for record, (column, word) in enumerate(pairs):
        counter.add(BadValue("a.csv", record, column, word))
    return counter


def test_values_are_counted_by_column_and_word() -> None:
    counter = count(("x", "off"), ("y", "off"), ("x", " off "), ("x", "Bad"))
    assert counter.counts == {"x": {"off": 2, "Bad": 1}, "y": {"off": 1}}
    assert len(counter) == 4


def test_the_first_of_each_column_and_word_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    count(("x", "off"), ("x", "off"), ("y", "off"))
    assert [record.getMessage() for record in caplog.records] == [
        "a.csv: record 0: column 'x': 'off' is not a number and counts as missing; more like it are counted",
        "a.csv: record 2: column 'y': 'off' is not a number and counts as missing; more like it are counted",
    ]


def test_words_beyond_the_limit_are_counted_together(caplog: pytest.LogCaptureFixture) -> None:
    counter = count(*(("x", f"word {i}") for i in range(100)), *(("y", f"word {i}") for i in range(5)))
    assert len(counter) == 105
    assert len(counter.counts["x"]) == MAX_WORDS + 1
    assert counter.counts["x"][OTHER] == 100 - MAX_WORDS
    assert counter.counts["y"] == {OTHER: 5}
    assert len(caplog.records) == MAX_WORDS + 2


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        (" off\t", "off"),
        ("é", "é"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb", "a\\nb"),
        ("\ud800", "\\ud800"),
        ("x" * 31, "x" * 30 + "..."),
    ],
)
def test_a_word_is_printable_and_short(word: str, shown: str) -> None:
    assert printable(word) == shown


@given(st.text(st.characters()))
def test_any_word_can_be_printed_and_encoded(word: str) -> None:
    assert printable(word).isprintable()
    assert printable(word).encode() or not word.strip()
