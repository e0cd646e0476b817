"""Values with the id of a registered schema become events, and those that cannot are dead letters with the reason."""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from decimal import Decimal
from io import BytesIO
from typing import TYPE_CHECKING, Any

import fastavro
import pytest
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from kafka import TopicPartition
from kafka.consumer.fetcher import ConsumerRecord
from registry_server import Registry, serve

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError, UsageError
from stream_rnn.connectors.kafka.decoder import Decoder, RecordOptions
from stream_rnn.connectors.registry.registry import RegistryError, make_registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.connectors.registry.registry import SchemaRegistry

NOON = dt.datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=dt.UTC)
READING = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "sensor", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "power", "type": ["null", "double"], "default": None},
        {
            "name": "motor",
            "type": {
                "type": "record",
                "name": "Motor",
                "fields": [
                    {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["RUNNING", "STOPPED"]}},
                    {"name": "cost", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
                    {"name": "phases", "type": {"type": "array", "items": "float"}},
                ],
            },
        },
    ],
}
SCHEMA = Schema(
    key="sensor",
    time="at",
    columns=("power", "motor.cost", "motor.phases[1]", "motor.state"),
    words=("motor.state",),
)


def reading(**changes: Any) -> dict[str, Any]:
    motor = {"state": "STOPPED", "cost": Decimal("12.50"), "phases": [1.0, 2.0, 3.0]}
    return {"sensor": "a", "at": NOON, "power": 1.5, "motor": motor} | changes


def marked(number: int, body: bytes) -> bytes:
    return b"\0" + number.to_bytes(4, "big") + body


def avro(value: Any, schema: dict[str, Any] | None = None, number: int = 7) -> bytes:
    data = BytesIO()
    fastavro.schemaless_writer(data, fastavro.parse_schema(schema or READING), value)
    return marked(number, data.getvalue())


def without(name: str) -> dict[str, Any]:
    return READING | {"fields": [field for field in READING["fields"] if field["name"] != name]}


def changed(name: str, kind: str) -> dict[str, Any]:
    return READING | {
        "fields": [{"name": name, "type": kind} if field["name"] == name else field for field in READING["fields"]]
    }


def decode(values: Sequence[bytes | None], registry: SchemaRegistry | None, schema: Schema = SCHEMA) -> KafkaBatch:
    decoder = Decoder(schema, RecordOptions(registry=registry))
    return decoder.decode(TopicPartition("readings", 0), records(values))


def records(values: Sequence[bytes | None]) -> list[ConsumerRecord]:
    empty = dict.fromkeys(ConsumerRecord._fields) | {"topic": "readings", "partition": 0, "headers": []}
    return [
        ConsumerRecord(**empty | {"offset": i, "timestamp": 5_000, "key": b"k", "value": value})
        for i, value in enumerate(values)
    ]


def reasons(batch: KafkaBatch) -> list[tuple[int, str]]:
    return [(letter.record, letter.reason) for letter in batch.dead]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serve(Registry()) as served:
        served.add(7, json.dumps(READING))
        yield served


def at(registry: Registry, **options: Any) -> SchemaRegistry:
    made = make_registry({"url": registry.url} | options)
    assert made is not None
    return made


# --- Avro ----------------------------------------------------------------------------------------------------------


def test_avro_records_become_events_with_nested_fields_times_and_labels(registry: Registry) -> None:
    batch = decode([avro(reading()), avro(reading(sensor="b", power=None))], at(registry))
    assert not batch.dead
    assert batch.events.keys.tolist() == ["a", "b"]
    assert batch.events.times.tolist() == [NOON.timestamp()] * 2
    columns = {name: values.tolist() for name, values in batch.events.columns.items()}
    assert columns["power"][0] == 1.5
    assert math.isnan(columns["power"][1])
    assert columns["motor.cost"] == [12.5, 12.5]
    assert columns["motor.phases[1]"] == [2.0, 2.0]
    assert columns["motor.state"] == ["STOPPED", "STOPPED"]


def test_a_schema_is_requested_once(registry: Registry) -> None:
    known = at(registry)
    for _ in range(3):
        decode([avro(reading())] * 100, known)
    assert registry.asked == ["/schemas/ids/7"]


def test_an_infinite_number_is_refused_and_not_missing(registry: Registry) -> None:
    assert reasons(decode([avro(reading(power=math.inf))], at(registry))) == [
        (0, "column 'power': not a finite number")
    ]


def test_a_schema_may_refer_to_others(registry: Registry) -> None:
    motor = READING["fields"][3]["type"]
    registry.add(20, json.dumps(motor), subject="Motor")
    registry.add(21, json.dumps(changed("motor", "Motor")), references=("Motor",))
    batch = decode([avro(reading(), number=21)], at(registry))
    assert batch.events.columns["motor.cost"].tolist() == [12.5]


def test_an_unknown_id_is_a_dead_letter_that_names_it(registry: Registry) -> None:
    batch = decode([avro(reading(), number=99), avro(reading())], at(registry))
    assert reasons(batch) == [(0, "schema 99: not in the registry")]
    assert batch.events.positions.record.tolist() == [1]


@pytest.mark.parametrize(
    ("schema", "value", "reason"),
    [
        (without("power"), {"power": None}, "schema 8: no field 'power'"),
        (without("sensor"), {}, "schema 8: no field 'sensor'"),
        (changed("power", "string"), {"power": "much"}, "schema 8: field 'power' is text, not a number"),
        (changed("sensor", "bytes"), {"sensor": b"a"}, "schema 8: field 'sensor' is bytes, not a word"),
    ],
)
def test_a_schema_without_a_needed_field_makes_dead_letters_by_reason(
    registry: Registry, schema: dict[str, Any], value: dict[str, Any], reason: str
) -> None:
    registry.add(8, json.dumps(schema))
    batch = decode(
        [avro(reading()), avro(reading(**value), schema, 8), avro(reading(**value), schema, 8)], at(registry)
    )
    assert reasons(batch) == [(1, reason), (2, reason)]
    assert len(batch.events) == 1


def test_a_schema_may_gain_fields_and_change_between_kinds_of_numbers(registry: Registry) -> None:
    schema = changed("power", "int")
    schema["fields"] = [*schema["fields"], {"name": "new", "type": "string"}]
    registry.add(8, json.dumps(schema))
    batch = decode([avro(reading()), avro(reading(power=2, new="x"), schema, 8)], at(registry))
    assert batch.events.columns["power"].tolist() == [1.5, 2.0]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the record is not of its schema: EOFError"),
        (b"\x02a\x02", "the record is not of its schema: "),
        (avro(reading())[5:] + b"\0", "the record is longer than its schema"),
    ],
)
def test_a_damaged_record_is_a_dead_letter(registry: Registry, body: bytes, reason: str) -> None:
    ((_, found),) = reasons(decode([marked(7, body)], at(registry)))
    assert found.startswith(f"schema 7: {reason}")


def test_a_schema_that_is_none_makes_dead_letters(registry: Registry) -> None:
    registry.add(9, '{"type": "record"}')
    registry.add(10, '{"type": "strange"}')
    found = [reason for _, reason in reasons(decode([marked(9, b"1"), marked(10, b"1")], at(registry)))]
    assert all(f"schema {number}: not valid Avro" in reason for number, reason in zip((9, 10), found, strict=True))


def test_tombstones_and_json_without_a_mark_are_read_as_ever(registry: Registry) -> None:
    plain = b'{"sensor": "c", "at": 5, "power": 2, "motor": {"cost": 1, "phases": [1, 2], "state": "RUNNING"}}'
    batch = decode([None, avro(reading()), plain], at(registry))
    assert batch.events.keys.tolist() == ["a", "c"]
    assert reasons(batch) == [(0, "record has no value")]  # the key is a field, so a record without value has none


# --- JSON Schema ---------------------------------------------------------------------------------------------------


def test_json_with_a_mark_needs_no_registry() -> None:
    values = [marked(3, b'{"x": 1}'), b'{"x": 2}', marked(3, b'[{"x": 3}]'), marked(3, b"[?"), marked(4, b"\x02")]
    batch = decode(values, None, Schema(columns=("x",)))
    assert batch.events.columns["x"].tolist() == [1.0, 2.0, 3.0]
    assert [record for record, _ in reasons(batch)] == [3, 4]
    assert all("set registry to read Avro and Protobuf" in reason for _, reason in reasons(batch))


def test_json_schema_is_read_with_a_registry(registry: Registry) -> None:
    registry.add(3, '{"type": "object"}', "JSON")
    batch = decode([marked(3, b'{"x": 1}'), marked(3, b'{"x": "1e')], at(registry), Schema(columns=("x",)))
    assert batch.events.columns["x"].tolist() == [1.0]
    assert reasons(batch) == [(1, "not JSON")]


# --- Protobuf ------------------------------------------------------------------------------------------------------


def descriptor() -> FileDescriptorProto:
    """Return what protoc makes of a file with a message Other, and Reading with nested messages and an enum."""
    file = FileDescriptorProto(name="plant.proto", package="plant", syntax="proto3")
    file.dependency.extend(["google/protobuf/timestamp.proto", "motor.proto"])
    file.message_type.add(name="Other").field.add(name="note", number=1, type=9, label=1)
    message = file.message_type.add(name="Reading")
    types = FieldDescriptorProto
    message.field.add(name="sensor", number=1, type=types.TYPE_STRING, label=1)
    message.field.add(name="at", number=2, type=types.TYPE_MESSAGE, type_name=".google.protobuf.Timestamp", label=1)
    message.field.add(name="power", number=3, type=types.TYPE_DOUBLE, label=1, proto3_optional=True, oneof_index=0)
    message.oneof_decl.add(name="_power")
    message.field.add(name="motor", number=4, type=types.TYPE_MESSAGE, type_name=".plant.Motor", label=1)
    return file


def motor() -> FileDescriptorProto:
    file = FileDescriptorProto(name="motor.proto", package="plant", syntax="proto3")
    state = file.enum_type.add(name="State")
    for number, label in enumerate(("RUNNING", "STOPPED")):
        state.value.add(name=label, number=number)
    message, types = file.message_type.add(name="Motor"), FieldDescriptorProto
    message.field.add(name="state", number=1, type=types.TYPE_ENUM, type_name=".plant.State", label=1)
    message.field.add(name="cost", number=2, type=types.TYPE_INT64, label=1)
    message.field.add(name="phases", number=3, type=types.TYPE_FLOAT, label=3)
    return file


def message_class(name: str = "plant.Reading") -> Any:
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    for file in (motor(), descriptor()):
        pool.AddSerializedFile(file.SerializeToString())
    return GetMessageClass(pool.FindMessageTypeByName(name))


def proto(number: int = 30, indices: bytes = b"\x02\x02", **values: Any) -> bytes:
    """Return a marked message; its indices are one zigzag integer: message 1 of the file."""
    message = message_class()(**values)
    return marked(number, indices + message.SerializeToString())


@pytest.fixture
def with_protobuf(registry: Registry) -> Registry:
    registry.add(29, motor().SerializeToString(), "PROTOBUF", subject="motor.proto")
    registry.add(30, descriptor().SerializeToString(), "PROTOBUF", references=("motor.proto",))
    return registry


FULL = {
    "sensor": "a",
    "at": {"seconds": int(NOON.timestamp()), "nanos": 250_000_000},
    "power": 1.5,
    "motor": {"state": 1, "cost": 12, "phases": [1, 2, 3]},
}


def test_protobuf_messages_become_events_with_nested_fields_times_and_labels(with_protobuf: Registry) -> None:
    empty = FULL | {"power": None, "motor": {"phases": [1, 2]}}
    batch = decode([proto(**FULL), proto(**empty)], at(with_protobuf))
    assert not batch.dead
    assert batch.events.times.tolist() == [NOON.timestamp()] * 2
    columns = {name: values.tolist() for name, values in batch.events.columns.items()}
    assert columns["motor.state"] == ["STOPPED", "RUNNING"]
    assert columns["motor.cost"] == [12.0, 0.0]
    assert columns["motor.phases[1]"] == [2.0, 2.0]
    assert columns["power"][0] == 1.5
    assert math.isnan(columns["power"][1])


def test_an_infinite_number_in_a_message_is_refused(with_protobuf: Registry) -> None:
    batch = decode([proto(**FULL | {"power": math.inf})], at(with_protobuf))
    assert reasons(batch) == [(0, "column 'power': not a finite number")]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (proto(indices=b"\0", **FULL), "no field 'sensor'"),
        (proto(indices=b"\x02\x08", **FULL), "no message with the indices [4]"),
        (marked(30, b"\x02\x02\xff\xff"), "the record is not of its schema: DecodeError"),
        (marked(30, b""), "the record does not say which message of its schema it is"),
    ],
)
def test_a_message_that_cannot_be_read_is_a_dead_letter(with_protobuf: Registry, value: bytes, reason: str) -> None:
    batch = decode([proto(**FULL), value], at(with_protobuf))
    assert reasons(batch) == [(1, f"schema 30: {reason}")]


def test_a_registry_that_has_protobuf_only_as_text_is_told_apart(with_protobuf: Registry) -> None:
    with_protobuf.add(31, 'syntax = "proto3";', "PROTOBUF")
    ((_, reason),) = reasons(decode([proto(31, **FULL)], at(with_protobuf)))
    assert reason == "schema 31: the registry has it only as text: write it as 31.desc, and set folder"


# --- where schemas are ---------------------------------------------------------------------------------------------


def test_schemas_may_be_in_files(tmp_path: Path) -> None:
    (tmp_path / "7.avsc").write_text(json.dumps(READING))
    timestamp = FileDescriptorProto.FromString(timestamp_pb2.DESCRIPTOR.serialized_pb)
    files = FileDescriptorSet(file=[timestamp, motor(), descriptor()])
    (tmp_path / "30.desc").write_bytes(files.SerializeToString())
    (tmp_path / "31.desc").write_bytes(b"\xff")
    values = [avro(reading()), proto(**FULL), proto(31, **FULL), proto(32, **FULL)]
    batch = decode(values, make_registry({"folder": str(tmp_path)}))
    assert batch.events.columns["motor.phases[1]"].tolist() == [2.0, 2.0]
    assert reasons(batch) == [
        (2, "schema 31: not a descriptor set: write the file with protoc --descriptor_set_out"),
        (3, f"schema 32: not in {tmp_path}"),
    ]


@pytest.mark.parametrize(
    ("header", "options"),
    [
        ("Basic " + base64.b64encode(b"reader:s3cret").decode(), {"user": "reader", "password": {"env": "REGISTRY"}}),
        ("Bearer s3cret", {"token": {"env": "REGISTRY"}}),
    ],
)
def test_a_registry_may_want_authentication(
    registry: Registry, header: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.authorization = header
    with pytest.raises(ConnectorError, match=r"denies access \(401\): check user, password or token"):
        decode([avro(reading())], at(registry))
    monkeypatch.setenv("REGISTRY", "s3cret")
    assert len(decode([avro(reading())], at(registry, **options)).events) == 1


def test_a_registry_that_fails_or_is_down_raises_and_loses_no_schema_that_it_answered(registry: Registry) -> None:
    known = at(registry)
    decoder = Decoder(SCHEMA, RecordOptions(registry=known))
    partition = TopicPartition("readings", 0)
    registry.failing = 503
    with pytest.raises(RegistryError, match="answers 503"):
        decoder.decode(partition, records([avro(reading())]))
    assert known.problem == f"schema registry {registry.url} answers 503 Service Unavailable"
    registry.failing = None
    assert len(decoder.decode(partition, records([avro(reading())])).events) == 1
    assert known.problem is None
    registry.failing = 503
    assert len(decoder.decode(partition, records([avro(reading())])).events) == 1


def test_a_registry_that_nobody_runs_does_not_answer() -> None:
    with serve(Registry()) as gone:
        registry = at(gone)
    with pytest.raises(RegistryError, match=r"does not answer: .*refused"):
        registry.schema(7)


def test_a_server_that_is_no_registry_is_not_one_without_the_schema(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="answers 404"):
        at(registry, url=f"{registry.url}/elsewhere").schema(7)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ulr": "http://a"}, "unknown registry option 'ulr'; did you mean 'url'?"),
        ({"url": "a:8081"}, "registry option 'url' must be http://host:port, got 'a:8081'"),
        ({"url": "http://me:secret@a"}, "got a user in it: set user and password"),
        ({"url": "http://a", "password": "secret"}, "registry option 'password' must be {env ="),
        ({"url": "http://a", "user": "me"}, "'user' and 'password' go together"),
        ({"url": "http://a", "folder": "b"}, "either url or folder"),
        ({"folder": "no-such-folder"}, "no such folder"),
        ({"url": "http://a", "timeout": 0}, "'timeout' must be above 0"),
        ({"url": "https://a", "cafile": "no-such-file"}, "cannot load no-such-file"),
    ],
)
def test_a_wrong_option_is_rejected_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        make_registry(options)
    assert message in str(caught.value)
    assert "secret" not in str(caught.value).replace("it is a secret", "")
