"""A vocabulary assigns ids to tokens as they appear, until all ids are assigned, and never changes them."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn import DataError, Vocabulary
from stream_rnn.engine.vocabulary import UNKNOWN


def trained(size: int = 5) -> Vocabulary:
    vocabulary = Vocabulary(size)
    vocabulary.encode(["the", "sat"])
    return vocabulary


def test_tokens_are_numbered_from_one_in_order_of_appearance() -> None:
    vocabulary = Vocabulary(10)
    ids = vocabulary.encode(["the", "cat", "the", "sat"])
    assert ids.tolist() == [1, 2, 1, 3]
    assert ids.dtype == np.int64
    assert vocabulary.tokens == ["the", "cat", "sat"]
    assert len(vocabulary) == 3


def test_the_tokens_of_a_string_are_its_characters() -> None:
    assert Vocabulary(10).encode("abba").tolist() == [1, 2, 2, 1]


def test_a_full_vocabulary_assigns_no_ids() -> None:
    vocabulary = Vocabulary(3)
    assert vocabulary.encode("abcacd").tolist() == [1, 2, 0, 1, 0, 0]
    assert vocabulary.tokens == ["a", "b"]


def test_without_learning_a_new_token_is_zero_and_gets_no_id() -> None:
    vocabulary = trained()
    assert vocabulary.encode(["sat", "on"], learn=False).tolist() == [2, 0]
    assert vocabulary.tokens == ["the", "sat"]


@pytest.mark.parametrize(
    "tokens", [["b", "a"], ("b", "a"), "ba", np.array(["b", "a"]), np.array(["b", "a"], object), iter("ba")]
)
def test_tokens_may_be_any_sequence_of_strings(tokens: Any) -> None:
    vocabulary = Vocabulary(5)
    assert vocabulary.encode(tokens).tolist() == [1, 2]
    assert vocabulary.tokens == ["b", "a"]
    assert {type(token) for token in vocabulary.tokens} == {str}


@given(tokens=st.lists(st.sampled_from("abcdefgh")), cuts=st.sets(st.integers(0, 30)), size=st.integers(2, 10))
def test_ids_do_not_depend_on_batches(tokens: list[str], cuts: set[int], size: int) -> None:
    whole, pieces = Vocabulary(size), Vocabulary(size)
    ids = whole.encode(tokens)
    edges = [0, *sorted(cut for cut in cuts if cut < len(tokens)), len(tokens)]
    parts = [pieces.encode(tokens[a:b]) for a, b in pairwise(edges)]
    assert np.concatenate(parts).tolist() == ids.tolist()
    assert pieces.tokens == whole.tokens
    assert ids.max(initial=0) < size


@given(tokens=st.lists(st.text()))
def test_ids_decode_to_their_tokens(tokens: list[str]) -> None:
    vocabulary = Vocabulary(1000)
    assert vocabulary.decode(vocabulary.encode(tokens)) == tokens


def test_an_id_without_a_token_decodes_to_the_unknown_token() -> None:
    assert trained().decode([0, 1, 3, 4]) == [UNKNOWN, "the", UNKNOWN, UNKNOWN]


MISTAKES: dict[str, tuple[Any, str]] = {
    "id too large": (lambda v: v.decode([1, 5]), "an id must be from 0 to 4, got 5"),
    "negative id": (lambda v: v.decode(np.array([-1])), "an id must be from 0 to 4, got -1"),
    "fraction": (lambda v: v.decode([1.5]), "ids must be integers, got float64"),
    "token for an id": (lambda v: v.decode(["the"]), "ids must be integers, got <U3"),
    "number among tokens": (lambda v: v.encode(["on", 5]), "a token must be a string, got int 5"),
    "list among tokens": (lambda v: v.encode([["on"]]), r"a token must be a string, got list \['on'\]"),
    "None among tokens": (lambda v: v.encode(["on", None], learn=False), "a token must be a string, got NoneType"),
    "single number": (lambda v: v.encode(5), "tokens must be strings, got int 5"),
    "surrogate": (lambda v: v.encode(["on", "\ud800"]), r"a token must be valid Unicode text, got '\\ud800'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_refused_in_one_line_and_no_token_gets_an_id(mistake: str) -> None:
    call, message = MISTAKES[mistake]
    vocabulary = trained()
    with pytest.raises(DataError, match=message) as caught:
        call(vocabulary)
    assert "\n" not in str(caught.value)
    assert vocabulary.tokens == ["the", "sat"]
