"""Jobs that are killed are compared with uninterrupted ones: any difference is counted, and is a failure."""

from __future__ import annotations

import pytest

from benchmarks.kills_outcome import Killed, missing

RIGHT = Killed("replay", 3, 2, 100, lost=0, duplicated=0, equal_output=True, equal_state=True)


def test_lost_and_repeated_forecasts_are_counted() -> None:
    expected = [b"a", b"b", b"b", b"c"]
    assert missing([b"a", b"b", b"c", b"c", b"d"], expected) == 1
    assert missing(expected, [b"a", b"b", b"c", b"c", b"d"]) == 2
    assert missing(reversed(expected), expected) == 0


@pytest.mark.parametrize("change", [{"lost": 1}, {"duplicated": 1}, {"equal_output": False}, {"equal_state": False}])
def test_any_difference_is_a_failure(change: dict[str, bool]) -> None:
    assert RIGHT.is_right
    assert not RIGHT._replace(**change).is_right
