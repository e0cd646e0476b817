"""The settings of a live job that reads MQTT: which broker and topics, and where forecasts go."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from stream_rnn.errors import SettingError
from stream_rnn.settings.base import check_paths
from stream_rnn.settings.live_job import LiveJobSettings


class MqttSettings(LiveJobSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which topics of an MQTT broker a live job reads, and where forecasts go.

    Delivery is at least once: after a crash, messages may be read twice, and forecasts published twice.

    Raises
    ------
    SettingError
        Naming the setting, its value and what is allowed.

    Examples
    --------
    >>> MqttSettings(topic="plant/{key}/{field}", output="forecasts/{key}").port
    1883
    """

    host: Annotated[str, Meta(description="Name or address of the broker.")] = "localhost"
    port: Annotated[Annotated[int, Meta(ge=1, le=65535)], Meta(description="Port of the broker.")] = 1883
    protocol: Annotated[Literal["5", "3.1.1"], Meta(description="Version of MQTT.")] = "5"
    client_id: Annotated[
        str, Meta(description="Names the persistent session: the broker keeps what arrives while the job is away.")
    ] = "stream-rnn"
    user: Annotated[str | None, Meta(description="User name. Default: none.")] = None
    password: Annotated[dict[str, Any], Meta(description='Password: { env = "NAME" } or { file = "path" }.')] = (
        msgspec.field(default_factory=dict)
    )
    tls: Annotated[bool, Meta(description="Encrypt the connection, and check the broker's certificate.")] = False
    cafile: Annotated[str | None, Meta(description="File with the certificates to trust. Default: the system's.")] = (
        None
    )
    topic: Annotated[
        str,
        Meta(
            description="Template of the topics to read, such as plant/{key}/{field}: {key} names the stream, {field} "
            "the field whose value the payload is; other names are fields. Without {field}, the payload has them."
        ),
    ] = ""
    subscribe: Annotated[
        str | None,
        Meta(description="Topics to subscribe to, with + and #. Default: topic, with + for each level with a name."),
    ] = None
    key: Annotated[
        str | None, Meta(description="Field that names each event's stream. Default: the level {key} of the topic.")
    ] = None
    time: Annotated[str | None, Meta(description="Field with the time. Default: when the message arrived.")] = None
    output: Annotated[
        str | None, Meta(description="Topic for the forecasts, such as forecasts/{key}. Default: none are published.")
    ] = None
    output_file: Annotated[
        str | None, Meta(description="File for the forecasts, as JSON lines, each once. Default: none is written.")
    ] = None

    def __post_init__(self) -> None:
        """Validate every value, and that they go together."""
        super().__post_init__()
        check_paths(self, ("cafile", "output_file", "dead_letters", "checkpoint"))
        if not self.client_id or "/" in self.client_id:
            raise SettingError(f"client_id must be a name without slashes, got {self.client_id!r}")
        if not self.topic:
            raise SettingError("topic must be a template such as plant/{key}/{field}, got ''")
        if self.key is not None and "{key}" in self.topic:
            raise SettingError(f"key and {{key}} in topic exclude each other, got {self.key!r}")
        if (self.user is None) != (not self.password):
            raise SettingError("user and password go together: set both")
