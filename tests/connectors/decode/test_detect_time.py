from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from stream_rnn.connectors.decode.arrow_columns import sample_of
from stream_rnn.connectors.decode.detect import resolve_roles
from stream_rnn.connectors.decode.schema import ColumnRoles, Schema
from stream_rnn.connectors.errors import ConnectorError

MOMENTS = [dt.datetime(2025, 1, 10, tzinfo=dt.UTC) + dt.timedelta(hours=t) for t in range(96)]
"""Four days, of which the last two have a day of the month after the 12th."""
SECONDS = [int(moment.timestamp()) for moment in MOMENTS]


def roles(schema: Schema = Schema(), **columns: list[object]) -> ColumnRoles:  # noqa: B008 - schemas are frozen
    return roles_of(columns, schema)


def roles_of(columns: dict[str, list[object]], schema: Schema = Schema()) -> ColumnRoles:  # noqa: B008
    x = [float(i) for i in range(len(next(iter(columns.values()))))]
    samples = {name: sample_of(pa.array(column)) for name, column in (columns | {"x": x}).items()}
    return resolve_roles(schema, "a.csv", samples)


def texts(time_format: str, moments: list[dt.datetime] = MOMENTS) -> list[object]:
    return [moment.strftime(time_format) for moment in moments]


@pytest.mark.parametrize(
    ("time_format", "recognised", "note"),
    [
        ("%d.%m.%Y %H:%M", "auto", "%d.%m.%Y %H:%M"),
        ("%d/%m/%Y %H:%M", "day-first", "%d/%m/%Y %H:%M"),
        ("%m/%d/%Y %I:%M %p", "month-first", "%m/%d/%Y %I:%M %p"),
        ("%m-%d-%y", "month-first", "%m-%d-%y"),
        ("%Y%m%d", "%Y%m%d", "%Y%m%d"),
        ("%Y%m%d%H%M%S", "%Y%m%d%H%M%S", "%Y%m%d%H%M%S"),
        ("%d %b %Y", "auto", "%d %b %Y"),
    ],
)
def test_a_notation_is_recognised_where_the_values_leave_no_doubt(time_format: str, recognised: str, note: str) -> None:
    found = roles(Datum=texts(time_format))
    assert (found.time, found.time_format, found.columns) == ("Datum", recognised, ("x",))
    assert found.recognised == (f"time 'Datum' as {note}",)


@pytest.mark.parametrize("time_format", ["%d/%m/%Y", "%m-%d-%Y %H:%M", "%d/%m/%y"])
def test_a_date_that_may_be_day_first_or_month_first_is_an_error(time_format: str) -> None:
    with pytest.raises(ConnectorError, match=r"column 'Date' may be day-first or month-first .*set time_format"):
        roles(Date=texts(time_format, MOMENTS[:24]))


def test_one_garbled_date_does_not_decide() -> None:
    ambiguous = texts("%m/%d/%Y", [dt.datetime(2025, 1, 1 + i % 12, tzinfo=dt.UTC) for i in range(200)])
    with pytest.raises(ConnectorError, match="set time_format"):
        roles(Date=[*ambiguous, "13/01/2025"])


@pytest.mark.parametrize(
    ("factor", "unit"), [(1, "s"), (1_000, "ms"), (1_000_000, "us"), (1_000_000_000, "ns")], ids=["s", "ms", "us", "ns"]
)
@pytest.mark.parametrize(
    "name", ["ds", "timestamp", "unix_ts", "_time", "epoch", "Datum", "Zeit", "time_utc", "createdAt"]
)
def test_an_epoch_is_the_time_in_the_unit_of_its_magnitude(name: str, factor: int, unit: str) -> None:
    found = roles_of({name: [second * factor for second in SECONDS]})
    assert (found.time, found.time_format, found.columns) == (name, unit, ("x",))


def test_the_unit_is_that_of_the_column_not_of_a_value() -> None:
    numbers = [30_000_000_000, *(second * 1000 for second in SECONDS)]  # the first is in 1970
    assert roles(ts=numbers).time_format == "ms"


@pytest.mark.parametrize("name", ["a", "value1"])
def test_an_epoch_under_any_other_name_is_not_learned(name: str) -> None:
    found = roles_of({name: [second * 1000 for second in SECONDS]})
    assert (found.time, found.columns) == (None, ("x",))
    assert found.ignored == {name: "a time by its values (ms since 1970)"}


def test_an_epoch_that_is_named_as_an_input_is_learned() -> None:
    assert roles(Schema(columns=("a", "x")), a=list(SECONDS)).columns == ("a", "x")


@pytest.mark.parametrize("column", [[1.5e9, 1.4e9] * 48, [7] * 96, [1.2e6 + i for i in range(96)]])
def test_numbers_that_do_not_run_as_a_clock_are_inputs(column: list[object]) -> None:
    assert roles(a=column).columns == ("a", "x")


def test_two_columns_that_look_like_the_time_are_an_error() -> None:
    later = [moment + dt.timedelta(minutes=5) for moment in MOMENTS]
    with pytest.raises(ConnectorError, match=r"a\.csv: columns 'time', 'updated_at' look like the time: set time"):
        roles(time=texts("%Y-%m-%d %H:%M"), updated_at=texts("%Y-%m-%d %H:%M", later))


def test_the_same_time_in_two_columns_and_its_day_are_one_time() -> None:
    found = roles(date=texts("%Y-%m-%d"), timestamp=texts("%Y-%m-%d %H:%M"), epoch=list(SECONDS))
    assert (found.time, found.columns) == ("timestamp", ("x",))


def test_a_time_that_does_not_change_is_not_the_time_of_events() -> None:
    found = roles(_start=texts("%Y-%m-%d", MOMENTS[:1] * 96), _time=texts("%Y-%m-%dT%H:%M:%SZ"))
    assert found.time == "_time"


def test_a_text_column_of_times_is_the_time_under_any_name() -> None:
    assert roles(stamp=texts("%d.%m.%Y %H:%M")).time == "stamp"
    assert roles_of({"": texts("%Y-%m-%d %H:%M")}).time == ""


def test_the_index_of_a_data_frame_is_the_time_only_if_it_reads_as_times() -> None:
    found = roles_of({"__index_level_0__": list(MOMENTS)})
    assert (found.time, found.columns) == ("__index_level_0__", ("x",))
    assert roles_of({"": list(range(96))}).time is None


@pytest.mark.parametrize(("date", "clock"), [("Date", "Time"), ("Datum", "Uhrzeit")])
def test_a_date_and_a_time_of_day_are_one_time(date: str, clock: str) -> None:
    found = roles_of({date: texts("%d.%m.%Y"), clock: texts("%H:%M:%S")})
    assert (found.time, found.time_parts, found.columns) == (f"{date}+{clock}", (date, clock), ("x",))
    assert found.recognised == (f"time '{date}+{clock}' as %d.%m.%Y %H:%M:%S",)
    assert found.read == (date, clock, "x")


def test_dates_and_times_of_day_by_their_type_are_one_time() -> None:
    found = roles(Date=[moment.date() for moment in MOMENTS], Time=[moment.time() for moment in MOMENTS])
    assert found.time_parts == ("Date", "Time")


def test_a_time_of_day_without_a_date_is_no_time() -> None:
    found = roles(time=texts("%H:%M"))
    assert found.time is None
    assert found.recognised == ("no time: 'time' ('00:00') is in no known format, see time_format",)


def test_two_times_of_day_for_one_date_are_an_error() -> None:
    with pytest.raises(ConnectorError, match=r"'Time', 'UTC time' look like the time.*such as Date\+Time"):
        roles_of({"Date": texts("%Y-%m-%d"), "Time": texts("%H:%M"), "UTC time": texts("%H:%M")})


def test_what_is_named_and_plain_is_not_reported() -> None:
    assert roles(Schema(time="time"), time=texts("%Y-%m-%d %H:%M")).recognised == ()
    assert roles(time=list(SECONDS)).recognised == ()


def test_numbers_that_may_be_excels_days_are_an_error() -> None:
    with pytest.raises(ConnectorError, match=r"'Datum' may be Excel's days or seconds \(45292\): set time_format"):
        roles(Datum=[45_292 + i for i in range(96)])


def test_the_time_zone_is_reported() -> None:
    found = roles(Schema(timezone="Europe/Berlin"), Datum=texts("%d.%m.%Y %H:%M"))
    assert found.recognised == ("time 'Datum' as %d.%m.%Y %H:%M, time zone Europe/Berlin",)
