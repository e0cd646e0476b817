"""Records of a journal: messages as the records of a partition, and the journal as the source of a worker."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
from kafka import TopicPartition

from stream_rnn.connectors.kafka.decoder import Decoder
from stream_rnn.connectors.kafka.partitions import TopicIdentity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.connectors.mqtt.journal import Journal, Message
    from stream_rnn.connectors.mqtt.template import TopicTemplate
    from stream_rnn.jobs.live.reading import Reading

NOT_A_RECORD = b"?"
"""A value that no decoder reads."""


class JournalSource:
    """What a worker asks of its source, of a journal.

    Parameters
    ----------
    journal
        The messages.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def identity(self, topic: str) -> TopicIdentity:
        """Return the identity of the journal."""
        del topic
        return TopicIdentity(self._journal.id, 1)

    def bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """Return the numbers of the first message, and of the next one to arrive."""
        del partition
        return self._journal.first, self._journal.end

    def start_offset(self, partition: TopicPartition) -> int:
        """Return the number of the first message."""
        return self.bounds(partition)[0]

    def lag(self, partition: TopicPartition, offset: int) -> int:
        """Return the number of messages from this one on."""
        return self.bounds(partition)[1] - offset


class MessageDecoder:
    """Decodes messages.

    Parameters
    ----------
    name
        Name of the partition in messages and forecasts.
    template
        What the levels of topics are.
    reading
        How records are read.
    """

    def __init__(self, name: str, template: TopicTemplate, reading: Reading) -> None:
        self.partition = TopicPartition(name, 0)
        self._template = template
        self._decoder = Decoder(*reading)

    def decode(self, messages: Sequence[Message], first: int) -> KafkaBatch:
        """Decode messages; `first` is the number of the first one.

        Raises
        ------
        RegistryError
            If a schema is not known yet, and the registry does not answer.
        """
        unmatched: dict[int, str] = {}
        records: list[tuple[Any, ...]] = []
        for offset, message in enumerate(messages, first):
            parsed = self._template.parse(message.topic, message.payload)
            if parsed is None:
                unmatched[offset] = f"topic does not match {self._template}"
            key, value = (None, NOT_A_RECORD) if parsed is None else (parsed.key, parsed.value)
            records.append((*self.partition, None, offset, message.arrived, 0, key, value, ()))
        batch = self._decoder.decode(self.partition, records)
        if not unmatched:
            return batch
        dead = [
            msgspec.structs.replace(letter, reason=unmatched[letter.record], raw=messages[letter.record - first].topic)
            if letter.record in unmatched
            else letter
            for letter in batch.dead
        ]
        return replace(batch, dead=dead)
