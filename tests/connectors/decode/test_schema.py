from __future__ import annotations

import msgspec
import pytest

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import UsageError, suggest


def test_settings_come_from_plain_data_and_unknown_names_are_refused() -> None:
    schema = msgspec.convert({"key": "sensor", "columns": ["a", "b"]}, Schema)
    assert schema == Schema(key="sensor", columns=("a", "b"))
    with pytest.raises(msgspec.ValidationError, match="unknown field `kye`"):
        msgspec.convert({"kye": "sensor"}, Schema)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"key": "a", "time": "a"}, "column 'a' cannot be key and time at once"),
        ({"time": "a", "columns": ("a",)}, "column 'a' cannot be time and input at once"),
        ({"columns": ("a", "a")}, "column 'a' cannot be input and input at once"),
        ({"time_format": "us"}, "time_format must be one of auto, iso, s, ms, got 'us'"),
    ],
)
def test_contradictions_are_refused_when_made(settings: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Schema(**settings)  # type: ignore[arg-type]


def test_without_a_near_name_all_are_listed() -> None:
    assert suggest("zzz", ["a", "b"]) == "; there are 'a', 'b'"
