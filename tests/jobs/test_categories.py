from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.jobs.categories import Categories, slot_names, with_slots, without_slots

if TYPE_CHECKING:
    import pytest

STATES = st.lists(st.sampled_from(["on", "off", "Größe", "停止", "1", None]), max_size=20)


def encode(categories: Categories, *states: str | None) -> np.ndarray:
    inputs = categories.encode(np.array([*states, None], object))
    return np.column_stack([inputs[name] for name in categories.names])[:-1]


def test_each_state_has_an_input_in_order_of_appearance() -> None:
    categories = Categories("valve", 2)
    assert encode(categories, "off", "on", "off").tolist() == [[1, 0, 0], [0, 1, 0], [1, 0, 0]]
    assert categories.states == ["off", "on"]


def test_states_beyond_the_limit_share_an_input_and_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    categories = Categories("valve", 1)
    with caplog.at_level(logging.WARNING):
        assert encode(categories, "on", "off", "half").tolist() == [[1, 0], [0, 1], [0, 1]]
        encode(categories, "off")
    assert categories.others == 3
    assert [record.getMessage() for record in caplog.records] == [
        "column 'valve' has more than 1 states; further ones, such as 'off', share one input: raise max_categories"
    ]


def test_all_inputs_of_a_missing_state_are_missing() -> None:
    assert np.isnan(encode(Categories("valve", 2), None)).all()


@given(STATES, st.integers(0, 20))
def test_inputs_do_not_depend_on_how_states_are_cut_into_batches(states: list[str | None], cut: int) -> None:
    whole, first, second = (Categories("valve", 2) for _ in range(3))
    expected = encode(whole, *states)
    part = encode(first, *states[:cut])
    second.restore(first.states)
    np.testing.assert_array_equal(np.concatenate([part, encode(second, *states[cut:])]), expected)
    assert first.others + second.others == whole.others


def test_inputs_stand_where_their_column_is_named_or_last() -> None:
    inputs = with_slots(("a", "valve", "b"), ("valve", "mode"), 1)
    assert inputs == ("a", *slot_names("valve", 1), "b", *slot_names("mode", 1))
    assert with_slots(inputs, ("valve", "mode"), 1) == inputs
    assert without_slots(inputs, ("valve", "mode"), 1) == ("a", "valve", "b", "mode")
