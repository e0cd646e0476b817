from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.jobs.labels import BAD_VALUE, NOT_A_CLASS, Labels

WORDS = st.lists(st.sampled_from(["ok", "worn", "fault", "0", "1", "2", "7", "2.5", "true", None]), max_size=30)


def encode(labels: Labels, *words: str | None) -> list[float]:
    return labels.encode(np.array([*words, None], object))[:-1].tolist()


def test_words_are_numbered_as_they_appear() -> None:
    assert encode(Labels(3), "worn", "ok", "worn", "fault") == [0, 1, 0, 2]


def test_codes_stay_what_they_are() -> None:
    assert encode(Labels(3), "2", "0", "2", "1") == [2, 0, 2, 1]


def test_a_label_beyond_the_classes_is_none() -> None:
    labels = Labels(2)
    assert encode(labels, "a", "b", "c", "a", "d") == [0, 1, NOT_A_CLASS, 0, NOT_A_CLASS]
    assert labels.names == {0: "a", 1: "b"}


@pytest.mark.parametrize("code", ["3", "-1", "7"])
def test_numbers_beyond_the_codes_are_no_labels_once_0_is_a_code(code: str) -> None:
    assert encode(Labels(3), "0", code, "1", "2") == [0, NOT_A_CLASS, 1, 2]


@pytest.mark.parametrize("words", [["1", "2", "3"], ["-1", "1"], ["10", "20", "30"], ["0", "10", "20"], ["3", "1"]])
def test_numbers_that_are_no_codes_are_numbered_as_they_appear(words: list[str]) -> None:
    labels = Labels.beginning_with(words, 3)
    assert encode(labels, *words) == list(range(len(words)))
    assert labels.decode(np.arange(len(words), dtype=float)).tolist() == list(map(float, words))


def test_one_wrong_code_among_the_first_records_does_not_take_the_place_of_a_class() -> None:
    assert encode(Labels.beginning_with(["0", "7", "1"], 2), "0", "7", "1") == [0, NOT_A_CLASS, 1]


def test_numbers_from_1_fit_into_as_many_classes_though_nothing_is_known_of_them() -> None:
    assert sorted(encode(Labels(3), "1", "2", "3")) == [0, 1, 2]


def test_a_fraction_is_no_label() -> None:
    assert encode(Labels(3), "1", "2.5") == [1, NOT_A_CLASS]


def test_a_word_among_numbers_is_a_bad_value_and_a_number_among_words_is_a_word() -> None:
    assert encode(Labels(3), "0", "unavailable") == [0, BAD_VALUE]
    assert encode(Labels(3), "ok", "7") == [0, 1]


def test_true_and_false_are_the_codes_1_and_0() -> None:
    assert encode(Labels(2), "true", "false", "1", "0") == [1, 0, 1, 0]


def test_a_missing_label_is_missing() -> None:
    labels = Labels(2)
    np.testing.assert_array_equal(encode(labels, None, "ok", None), [np.nan, 0, np.nan])
    assert labels.decode(np.array([np.nan, 0.0, 1.0])).tolist() == [None, "ok", None]


@given(WORDS, st.integers(0, 30))
def test_classes_do_not_depend_on_how_labels_are_cut_into_batches(words: list[str | None], cut: int) -> None:
    whole, first, second = Labels(3), Labels(3), Labels(3)
    expected = encode(whole, *words)
    part = encode(first, *words[:cut])
    second.restore(first.state())
    np.testing.assert_array_equal(part + encode(second, *words[cut:]), expected)
    assert second.state() == whole.state()


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), min_size=1, max_size=12), st.integers(0, 12))
def test_the_label_of_a_forecast_is_known_from_the_event_after_its_first(targets: list[float], cut: int) -> None:
    codes = np.array(targets)
    forecasts = np.array([[float(t % 3)] for t in range(len(codes))])

    def labels_of(*parts: slice) -> list[object]:
        labels = Labels(3)
        labels.encode(np.array(["a", "b", "c"], object))
        return [label for part in parts for label in labels.decode_forecasts(forecasts[part], codes[part])[:, 0]]

    whole = labels_of(slice(None))
    assert whole == labels_of(slice(0, cut), slice(cut, None))
    assert whole == ["abc"[t % 3] if t % 3 in codes[:t] else None for t in range(len(codes))]
