"""Settings of a live job that reads MQTT: each is validated, and named by the message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from stream_rnn.cli.arguments.config_file import gather_live
from stream_rnn.errors import SettingError
from stream_rnn.settings.mqtt import MqttSettings

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = {"topic": "plant/{key}/{field}"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "topic must be a template such as plant/{key}/{field}, got ''"),
        (TOPIC | {"port": 0}, "port must be from 1 to 65535, got 0"),
        (TOPIC | {"protocol": "4"}, "protocol must be one of 5, 3.1.1, got '4'"),
        (TOPIC | {"client_id": "a/b"}, "client_id must be a name without slashes, got 'a/b'"),
        (TOPIC | {"key": "sensor"}, "key and {key} in topic exclude each other, got 'sensor'"),
        (TOPIC | {"user": "me"}, "user and password go together: set both"),
        (TOPIC | {"output_file": ""}, "output_file must be the name of a file or folder, got ''"),
        (TOPIC | {"idle_flush": "30s"}, "idle_flush needs lateness"),
        (TOPIC | {"hots": "a"}, "unknown setting 'hots'; did you mean 'host'"),
    ],
)
def test_a_wrong_setting_is_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        MqttSettings.parse(values)
    assert message in str(caught.value)


def test_a_job_file_has_one_source(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_text('[mqtt]\ntopic = "plant/{key}"\n[engine]\ninputs = ["x"]\n')
    settings, model = gather_live(str(path), {"log_seconds": 5.0})
    assert isinstance(settings, MqttSettings)
    assert (settings.topic, settings.log_seconds, model) == ("plant/{key}", 5.0, {"inputs": ["x"]})
    path.write_text('[mqtt]\ntopic = "plant/{key}"\n[kafka]\n')
    with pytest.raises(SettingError, match=r"\[kafka\] and \[mqtt\] exclude each other"):
        gather_live(str(path), {})
