from __future__ import annotations

import msgspec
import pytest

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import UsageError, suggest


def test_a_schema_is_made_of_plain_data_and_unknown_names_are_refused() -> None:
    schema = msgspec.convert({"key": "sensor", "columns": ["a", "b"]}, Schema)
    assert schema == Schema(key="sensor", columns=("a", "b"))
    with pytest.raises(msgspec.ValidationError, match="unknown field `kye`"):
        msgspec.convert({"kye": "sensor"}, Schema)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"key": "a", "time": "a"}, "column 'a' cannot be both key and time"),
        ({"time": "a", "columns": ("a",)}, "column 'a' cannot be both time and input"),
        ({"columns": ("a", "a")}, "column 'a' is listed twice"),
        ({"time_format": "hours"}, "time_format must be one of auto, iso, .* such as %d.%m.%Y %H:%M, got 'hours'"),
        ({"time_format": "%H:%M"}, "time_format must have a year and a month"),
        ({"timezone": "Europe/Berln"}, "got 'Europe/Berln'; did you mean 'Europe/Berlin'?"),
    ],
)
def test_contradictions_are_refused_at_creation(settings: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Schema(**settings)  # type: ignore[arg-type]


def test_without_a_similar_name_all_names_are_listed() -> None:
    assert suggest("zzz", ["a", "b"]) == "; there are 'a', 'b'"
