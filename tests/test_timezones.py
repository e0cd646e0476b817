"""Time zones are those of zoneinfo, read for many times at once."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_rnn.errors import SettingError
from stream_rnn.time_formats import check_timezone
from stream_rnn.timezones import offsets_of

ZONES = st.sampled_from(
    [
        "Europe/Berlin",
        "Europe/Dublin",
        "America/New_York",
        "America/St_Johns",
        "Africa/Casablanca",
        "Asia/Kolkata",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Etc/GMT+12",
    ]
)
FROM_1900_TO_2100 = st.integers(-2_208_988_800, 4_102_444_799)


@given(ZONES, st.lists(FROM_1900_TO_2100, min_size=1, max_size=5))
def test_offsets_are_those_of_zoneinfo(name: str, times: list[int]) -> None:
    zone = zoneinfo.ZoneInfo(name)
    offsets = [dt.datetime.fromtimestamp(time, zone).utcoffset() for time in times]
    expected = [offset.total_seconds() for offset in offsets if offset is not None]
    np.testing.assert_array_equal(offsets_of(name).at(np.array(times, np.float64)), expected)


@given(ZONES, st.data())
def test_the_clock_is_changed_at_the_second_that_zoneinfo_says(name: str, data: st.DataObject) -> None:
    zone, changes = zoneinfo.ZoneInfo(name), offsets_of(name).starts[1:]
    if len(changes):
        change = int(data.draw(st.sampled_from(changes.tolist())))
        before, after = (dt.datetime.fromtimestamp(time, zone).utcoffset() for time in (change - 1, change))
        assert before != after


def test_no_time_zone_is_utc() -> None:
    assert offsets_of(None).at(np.array([0.0, 1.7e9])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["Europe/Berln", "", "../etc/passwd", "Europe", "/etc/localtime", "a\0b", "UTC+1"])
def test_an_unknown_time_zone_is_an_error(name: str) -> None:
    with pytest.raises(SettingError, match="timezone must be an IANA name, got "):
        check_timezone(name)


def test_an_unknown_time_zone_is_named_with_the_most_similar_one() -> None:
    with pytest.raises(SettingError, match=r"got 'Europe/Berln'; did you mean 'Europe/Berlin'\?"):
        check_timezone("Europe/Berln")
