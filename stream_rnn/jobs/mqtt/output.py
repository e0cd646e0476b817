"""MqttOutput: forecasts to topics of the broker, to a file, or both."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stream_rnn.connectors.closeable import Closeable
from stream_rnn.connectors.durability import sync_file
from stream_rnn.connectors.errors import ConnectorError, writing
from stream_rnn.connectors.mqtt.template import TopicTemplate

if TYPE_CHECKING:
    from collections.abc import Callable

    from stream_rnn.connectors.mqtt.client import MqttClient
    from stream_rnn.jobs.live.worker import WorkerOutput
    from stream_rnn.settings.mqtt import MqttSettings

WAIT_SECONDS = 0.5


class MqttOutput(Closeable):
    """Writes forecasts. Those in the file are there once; those in topics may be there twice after a crash.

    Parameters
    ----------
    settings
        Where they go.
    client
        Publishes them.
    file_bytes
        Length of the file when the job was last committed; later bytes were not, and are written again. None to
        append to the existing file.

    Raises
    ------
    UsageError, ConnectorError
        If the topic is wrong, or the file cannot be written or has become shorter.
    """

    def __init__(self, settings: MqttSettings, client: MqttClient, file_bytes: int | None) -> None:
        self._client = client
        self._topic = None if settings.output is None else TopicTemplate(settings.output)
        self._path = settings.output_file
        self._file: IO[bytes] | None = None
        if self._path is not None:
            with writing(self._path):
                self._file = Path(self._path).open("ab")  # noqa: SIM115 - closed by `close`
                length = os.fstat(self._file.fileno()).st_size
                if file_bytes is None:
                    file_bytes = length
                if length < file_bytes:
                    raise ConnectorError(
                        f"{self._path} has {length:,} bytes, but {file_bytes:,} were written: restore it, or set "
                        "another output_file and checkpoint folder"
                    )
                self._file.truncate(file_bytes)

    def write(self, output: WorkerOutput) -> None:
        """Publish and write the forecasts of a batch."""
        if self._file is not None and output.payloads:
            with writing(str(self._path)):
                self._file.write(b"\n".join(output.payloads) + b"\n")
        if (template := self._topic) is not None:
            topics = {key: template.format(key.decode()) for key in set(output.keys)}
            pairs = zip(output.keys, output.payloads, strict=True)
            self._client.publish([(topics[key], payload) for key, payload in pairs])

    @property
    def file_bytes(self) -> int | None:
        """Length of the file, None without one."""
        return None if self._file is None else self._file.tell()

    def commit(self, keep_waiting: Callable[[], bool]) -> bool:
        """Wait until everything is delivered and on disk; return False if it was not.

        Parameters
        ----------
        keep_waiting
            Called while the broker does not answer; returns whether to go on.
        """
        while not self._client.wait_until_delivered(WAIT_SECONDS):
            if not keep_waiting():
                return False
        if self._file is not None:
            with writing(str(self._path)):
                sync_file(self._file)
        return True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with writing(str(self._path)):
                self._file.close()
