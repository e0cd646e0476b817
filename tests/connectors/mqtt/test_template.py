"""TopicTemplate: topics and payloads become keys and values of records."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from stream_rnn.connectors.errors import UsageError
from stream_rnn.connectors.mqtt.template import TopicTemplate


@pytest.mark.parametrize(
    ("template", "topic", "payload", "key", "value"),
    [
        ("plant/{key}", "plant/a", b'{"x": 1}', b"a", {"x": 1}),
        ("plant/{key}/{line}", "plant/a/3", b'{"x": 1}', b"a", {"line": "3", "x": 1}),
        ("plant/{key}/{line}", "plant/a/3", b'{"line": 4}', b"a", {"line": 4}),
        ("plant/{line}/x", "plant/3/x", b'{"x": 1}', None, {"line": "3", "x": 1}),
        ("p/{key}/{field}", "p/a/x", b"21.5", b"a", {"field": "x", "value": 21.5, "x": 21.5}),
        ("p/{key}/{field}", "p/a/x", b"ON", b"a", {"field": "x", "value": "ON", "x": "ON"}),
        ("p/{key}/{field}", "p/a/x", b'{"v": [1]}', b"a", {"field": "x", "value": {"v": [1]}, "x": {"v": [1]}}),
        ("p/{key}/{field}", "p/a/x", b"", b"a", {"field": "x", "value": None, "x": None}),
        ("p/{key}/{field}", "p/a/x\xff", b"\xff", b"a", {"field": "x\xff", "value": "\ufffd", "x\xff": "\ufffd"}),
        ("p/{key}-sensor/{field}", "p/a-sensor/x", b"1", b"a", {"field": "x", "value": 1, "x": 1}),
    ],
)
def test_levels_are_the_key_the_field_and_other_fields(
    template: str, topic: str, payload: bytes, key: bytes | None, value: Any
) -> None:
    parsed = TopicTemplate(template).parse(topic, payload)
    assert parsed is not None
    assert parsed.key == key
    assert parsed.value is not None
    assert json.loads(parsed.value) == value


def test_a_payload_that_is_no_object_is_left_to_the_decoder() -> None:
    for payload in (b"\0\0\0\0\7avro", b"?", b"[1]"):
        assert getattr(TopicTemplate("plant/{key}").parse("plant/a", payload), "value", None) == payload
        assert getattr(TopicTemplate("{line}/{key}").parse("b/a", payload), "value", None) == payload


def test_an_empty_payload_is_a_record_without_value() -> None:
    parsed = TopicTemplate("plant/{key}").parse("plant/a", b"")
    assert parsed is not None
    assert (parsed.key, parsed.value) == (b"a", None)


@pytest.mark.parametrize("topic", ["plant/a", "plant/a-x/b", "plant/a-sensor", "xplant/a-sensor/b", "plant//b"])
def test_another_topic_does_not_match(topic: str) -> None:
    template = TopicTemplate("plant/{key}-sensor/{field}")
    assert template.filter == "plant/+/+"
    assert template.parse(topic, b"1") is None


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("", "must be a template"),
        ("plant/+/x", "must be a template"),
        ("plant/#", "must be a template"),
        ("plant/{key", "has a brace without its other"),
        ("plant/{}", "must name each level once"),
        ("{key}/{key}", "must name each level once"),
    ],
)
def test_a_template_that_is_none_is_rejected(template: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        TopicTemplate(template)
