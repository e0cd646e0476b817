"""Open a worker where the group's committed offsets say.

A worker continues from the newest checkpoint that is not ahead of the committed offsets. The model then processes the
records between the checkpoint and the committed offsets again, without writing forecasts: the same records give the
same bits, so afterwards it is where it was.

A checkpoint is started only when its state is committed. So if the group has no offset of a partition, but a checkpoint
has progress there, the group's offset was lost, and the checkpoint's takes its place.
"""

from __future__ import annotations

import logging
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from stream_rnn.checkpoints.file import ORDERING, read_positions
from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.kafka.batch_producer import partition_of
from stream_rnn.connectors.kafka.partitions import TopicIdentity, partition_name
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.connectors.shapes.shape import check_same
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs.live.positions import check_positions, verify_worker
from stream_rnn.jobs.live.worker import PartitionWorker, WorkerOffsets, checkpoint_positions
from stream_rnn.jobs.words import Words
from stream_rnn.race.snapshot import without_streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from kafka import TopicPartition

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.engine.engine import Engine
    from stream_rnn.jobs.live.flushes import Flush
    from stream_rnn.jobs.live.worker import Topics, WorkerConfig, WorkerSource
    from stream_rnn.race.race import Race

    Committed = Mapping[TopicPartition, int | None]
    """Committed offset of each partition, None for none."""
    Found = tuple[Path, CheckpointData]
    """A checkpoint and its file."""

log = logging.getLogger("stream_rnn")

MAX_KEYS_SHOWN = 10
"""Keys that a message names."""


class _Request(NamedTuple):
    """What is asked of `open_worker`."""

    name: str
    config: WorkerConfig
    folder: CheckpointFolder
    committed: Committed
    source: WorkerSource
    others: Sequence[PartitionWorker]
    flushes: Mapping[TopicPartition, Sequence[Flush]]


def open_worker(
    name: str,
    config: WorkerConfig,
    committed: Committed,
    source: WorkerSource,
    others: Sequence[PartitionWorker] = (),
    flushes: Mapping[TopicPartition, Sequence[Flush]] | None = None,
) -> PartitionWorker:
    """Return a worker for partitions, in the state that belongs to their committed offsets.

    Parameters
    ----------
    name
        Name of the worker and of its checkpoint folder.
    config
        Settings of the job's workers.
    committed
        The group's committed offset of each partition, None if there is none.
    source
        Knows where to start in partitions without a committed offset.
    others
        The open workers of this process, whose keys may have moved to a partition that was added.
    flushes
        The last flushes of each partition that are committed with its offset.

    Raises
    ------
    CheckpointError
        If the folder has no checkpoint that matches the committed offsets, its settings differ, or offsets were lost
        and the job is not to resume without them.
    ConnectorError
        If partitions without a committed offset may not be read, or the checkpoint is of events of another shape.
    """
    request = _Request(name, config, CheckpointFolder(config.folder / name), committed, source, others, flushes or {})
    found = request.folder.newest(accept=lambda positions: _is_usable(positions, request), verify=verify_worker)
    if found is not None:
        config.model.check(*found)
        return _resume(request, found)
    _check_no_history(request)
    if (neighbour := _find_neighbour(request)) is not None:
        return _start_added(request, neighbour)
    path = config.initial_checkpoint
    model = config.model.create() if path is None else config.model.load(path)
    words = _words(config, model, {} if path is None else read_positions(path))
    return _start(request, model, words, {partition: source.start_offset(partition) for partition in committed})


def _start(request: _Request, model: Engine | Race, words: Words, start: dict[TopicPartition, int]) -> PartitionWorker:
    """Start at offsets, and save that: before the first commit, only the checkpoint knows them."""
    name, config, folder, _, source, *_ = request
    offsets = WorkerOffsets(start=start, processed=dict(start), committed=dict(start))
    topics = _identities(start, source)
    snapshot = model.snapshot(positions=checkpoint_positions(config, offsets, topics, words))
    folder.write(snapshot.finish(), model.counts.events)
    return PartitionWorker(name, config, model, folder, offsets, topics, words)


def _words(config: WorkerConfig, model: Engine | Race, positions: Mapping[str, Any]) -> Words:
    """Return the words of a worker that continues from a checkpoint's positions, if it has any."""
    words = Words(config.model.settings, config.words, vocabulary=model.vocabulary)
    words.restore(positions)
    return words


# --- resuming ------------------------------------------------------------------------------------------------------


def _resume(request: _Request, found: Found) -> PartitionWorker:
    name, config, folder, committed, source, _, flushes = request
    path, saved = found
    positions = saved.positions["kafka"]
    recreated = [p for p, offset in committed.items() if _is_recreated(positions, p, offset, source)]
    check_same(positions.get("shape", {}), config.shape)
    kept = [partition for partition in committed if partition not in recreated]
    offsets = WorkerOffsets(start={}, processed={}, committed={})
    for partition in kept:
        known, offset = partition_name(partition), committed[partition]
        new = 0 if known in positions["start"] else _new_start(positions, partition, source)
        offsets.start[partition] = positions["start"].get(known, new)
        offsets.processed[partition] = positions["offsets"].get(known, new)
        offsets.committed[partition] = offsets.processed[partition] if offset is None else offset
        if offset is None and offsets.processed[partition] > offsets.start[partition]:
            _report_lost_offset(path, config, partition, offsets.processed[partition])
    _check_rule(
        path, OrderingPolicy(**{"max_ahead": config.rule.max_ahead} | positions.get("rule", {})), config.rule, offsets
    )
    for partition in recreated:
        first, _ = source.bounds(partition)
        for some in (offsets.start, offsets.processed, offsets.committed):
            some[partition] = first
    topics = _saved_identities(positions)
    topics |= _identities([p for p in committed if p in recreated or p.topic not in topics], source)
    model = config.model.restore(saved)
    words = _words(config, model, saved.positions)
    worker = PartitionWorker(name, config, model, folder, offsets, topics, words)
    worker.restore_orderings(saved, kept)
    worker.restore_flushes(positions.get("flushes", {}), {p: flushes.get(p, ()) for p in kept})
    if recreated:
        _restart_recreated(worker, path, saved, recreated)
    return worker


def _restart_recreated(
    worker: PartitionWorker, path: Path, saved: CheckpointData, recreated: Iterable[TopicPartition]
) -> None:
    """End all sequences, as the new topic need not continue the old one, and save that, as for a start.

    Raises
    ------
    CheckpointError
        If the checkpoint cannot be written.
    """
    for key in worker.model.keys:
        worker.model.reset(key)
    orderings = saved.positions.get(ORDERING, {})
    for partition in recreated:
        held = orderings.get(partition_name(partition), {}).get("held", 0)
        log.warning(
            "%s: the topic was deleted and created again; reading the new one from offset %d with the weights of %s, "
            "hidden states are reset%s",
            partition_name(partition),
            worker.offsets.start[partition],
            path,
            f", {held} events that were held back are discarded" if held else "",
        )
    worker.start_checkpoint()
    worker.wait_for_checkpoint()


def _new_start(saved: Mapping[str, Any], partition: TopicPartition, source: WorkerSource) -> int:
    """Return where to start in a partition that a checkpoint does not know: if it was added, all records are new."""
    before = _saved_identities(saved).get(partition.topic)
    is_added = before is not None and before.partitions <= partition.partition
    return source.bounds(partition)[0] if is_added else source.start_offset(partition)


def _report_lost_offset(path: Path, config: WorkerConfig, partition: TopicPartition, offset: int) -> None:
    """Log that the group has lost an offset.

    Raises
    ------
    CheckpointError
        If the job is not to resume without it.
    """
    lost = f"group {config.group!r} has lost its committed offset of {partition_name(partition)}"
    if config.lost_offsets == "refuse":
        raise CheckpointError(
            f"{lost}, and checkpoint {path} is of offset {offset}: set lost_offsets to resume to continue there, or "
            "use another group and checkpoint folder to start from scratch"
        )
    log.warning(
        "%s (expired or deleted); continuing from checkpoint %s at offset %d. If the job was killed after it, "
        "forecasts of the records in between are written twice",
        lost,
        path,
        offset,
    )


def _is_usable(positions: Mapping[str, Any], request: _Request) -> bool:
    """Return whether a checkpoint belongs to the group and is not ahead of the committed offsets."""
    check_positions(positions)
    saved = positions.get("kafka")
    if saved is None or saved["group"] != request.config.group:
        return False
    done = saved.get("flushes", {})
    if any(some and some[0].number > done.get(partition_name(p), 0) + 1 for p, some in request.flushes.items()):
        return False  # flushes after the checkpoint are not known any more
    return all(
        offset is None
        or saved["offsets"].get(partition_name(partition), 0) <= offset
        or _is_recreated(saved, partition, offset, request.source)
        for partition, offset in request.committed.items()
    )


def _is_recreated(
    saved: Mapping[str, Any], partition: TopicPartition, committed: int | None, source: WorkerSource
) -> bool:
    """Return whether a checkpoint is of another topic of the same name, which was deleted since."""
    before = _saved_identities(saved).get(partition.topic)
    now = source.identity(partition.topic)
    if before is not None and before.id is not None and now.id is not None:
        return before.id != now.id
    _, end = source.bounds(partition)
    return max(saved["offsets"].get(partition_name(partition), 0), committed or 0) > end


def _identities(partitions: Iterable[TopicPartition], source: WorkerSource) -> dict[str, TopicIdentity]:
    return {topic: source.identity(topic) for topic in sorted({partition.topic for partition in partitions})}


def _saved_identities(saved: Mapping[str, Any]) -> dict[str, TopicIdentity]:
    return {name: TopicIdentity(**identity) for name, identity in saved.get("topics", {}).items()}


def _check_rule(path: Path, saved: OrderingPolicy, rule: OrderingPolicy, offsets: WorkerOffsets) -> None:
    """Check that events are not processed again under a rule that would release them otherwise than before."""
    if saved == rule or all(offset >= offsets.committed[p] for p, offset in offsets.processed.items()):
        return
    name = next(name for name in OrderingPolicy._fields if getattr(saved, name) != getattr(rule, name))
    raise CheckpointError(
        f"checkpoint {path} has {name} = {getattr(saved, name)!r}, the settings have {getattr(rule, name)!r}, but "
        "records after it must be processed again as before: start with the checkpoint's setting, stop the job, then "
        "change it"
    )


def _check_no_history(request: _Request) -> None:
    """Check that no state was lost: a model from scratch must not replace one that has learned."""
    folder, group, committed = request.folder, request.config.group, request.committed
    offsets = {partition_name(partition): offset for partition, offset in committed.items() if offset is not None}
    if offsets:
        name, offset = next(iter(offsets.items()))
        history = f"group {group!r} has committed offset {offset} of {name}, but"
    elif folder.files:
        history = f"group {group!r} has committed nothing, and"
    else:
        return
    raise CheckpointError(
        f"{history} {folder.folder} has no checkpoint that matches: restore the folder, or use another group and "
        "checkpoint folder to start from scratch"
    )


# --- partitions that were added to a topic -------------------------------------------------------------------------


def _find_neighbour(request: _Request) -> tuple[str, CheckpointData] | None:
    """Return the lowest partition whose worker was started when the topic did not have this one, if there is any.

    Its state is that of its worker, if that is open here, or of its newest checkpoint.
    """
    name, config, _, committed, source, others, _ = request
    partition = next(iter(committed))
    if name != partition_name(partition):
        return None  # the one model of the job reads all partitions
    now = source.identity(partition.topic)

    def is_older(topics: Topics) -> bool:
        before = topics.get(partition.topic)
        return before is not None and before.id == now.id and before.partitions <= partition.partition

    def is_usable(positions: Mapping[str, Any]) -> bool:
        saved = positions.get("kafka")
        return saved is not None and saved["group"] == config.group and is_older(_saved_identities(saved))

    workers = {other.name: other for other in others}
    for number in range(partition.partition):
        name = partition_name(partition._replace(partition=number))
        if (worker := workers.get(name)) is not None:
            if is_older(worker.topics):
                copy = deepcopy(worker.model)  # a checkpoint of the model itself may be under way
                return name, copy.snapshot(positions=worker.words.positions()).finish()
        elif (found := CheckpointFolder(config.folder / name).newest(accept=is_usable)) is not None:
            config.model.check(*found)
            return name, found[1]
    return None


def _start_added(request: _Request, neighbour: tuple[str, CheckpointData]) -> PartitionWorker:
    """Start at the first record, since all are new, with the shared weights of a neighbour and without streams."""
    other, state = neighbour
    model = request.config.model
    shares = model.shares_weights
    started = model.restore(without_streams(state)) if shares else model.create()
    log.warning(
        "%s: the topic got this partition after the job had started; keys may have moved here from other partitions, "
        "and begin as new streams%s%s",
        request.name,
        f" with the weights of {other}" if shares else "",
        _moved_keys(request),
    )
    words = _words(request.config, started, state.positions if shares else {})
    return _start(request, started, words, {p: request.source.bounds(p)[0] for p in request.committed})


def _moved_keys(request: _Request) -> str:
    """Return, as the end of a message, the keys that move to an added partition by the rule of Kafka's own clients."""
    if not request.config.has_record_keys:
        return ""
    partition = next(iter(request.committed))
    count = request.source.identity(partition.topic).partitions
    known = {key for other in request.others if partition.topic in other.topics for key in other.model.keys}
    moved = sorted(key for key in map(str, known) if partition_of(key.encode(), count) == partition.partition)
    if not moved:
        return ""
    shown, rest = ", ".join(map(repr, moved[:MAX_KEYS_SHOWN])), len(moved) - MAX_KEYS_SHOWN
    return f"; by Kafka's own rule {shown}" + (f" and {rest} more" if rest > 0 else "")
