"""Open a worker where the group's committed offsets say.

A worker continues from the newest checkpoint that is not ahead of what is committed. The engine then processes the
records between the checkpoint and the committed offsets again, without writing forecasts: the same records give the
same bits, so afterwards it is where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.connectors.ordering.ordering import OrderingPolicy
from stream_rnn.engine.engine import Engine
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs.live.positions import check_positions, verify_worker
from stream_rnn.jobs.live.worker import PartitionWorker, WorkerOffsets, checkpoint_positions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from kafka import TopicPartition

    from stream_rnn.checkpoints.file import CheckpointData
    from stream_rnn.connectors.kafka.source import KafkaSource
    from stream_rnn.jobs.live.worker import WorkerConfig

    Committed = Mapping[TopicPartition, int | None]
    """Committed offset of each partition, None for none."""


def open_worker(name: str, config: WorkerConfig, committed: Committed, source: KafkaSource) -> PartitionWorker:
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

    Raises
    ------
    CheckpointError
        If the folder has no checkpoint that matches the committed offsets, or its settings differ.
    ConnectorError
        If partitions without a committed offset may not be read.
    """
    folder = CheckpointFolder(config.folder / name)
    found = folder.newest(
        config.engine,
        accept=lambda positions: _is_usable(positions, config.group, committed),
        verify=verify_worker,
    )
    if found is not None:
        return _resume(name, config, folder, found, _resumed_offsets(found, config.rule, committed, source))
    _check_no_history(folder, config.group, committed)
    return _start(name, config, folder, {partition: source.start_offset(partition) for partition in committed})


def _start(
    name: str, config: WorkerConfig, folder: CheckpointFolder, start: dict[TopicPartition, int]
) -> PartitionWorker:
    """Start from scratch, and save that: before the first commit, only the checkpoint knows the start offsets."""
    path = config.initial_checkpoint
    engine = Engine(config.engine) if path is None else Engine.load(path, settings=config.engine)
    offsets = WorkerOffsets(start=start, processed=dict(start), committed=dict(start))
    folder.write(engine.snapshot(positions=checkpoint_positions(config, offsets)).finish(), engine.counts.events)
    return PartitionWorker(name, config, engine, folder, offsets)


def _resume(
    name: str,
    config: WorkerConfig,
    folder: CheckpointFolder,
    found: tuple[Path, CheckpointData],
    offsets: WorkerOffsets,
) -> PartitionWorker:
    saved = found[1]
    worker = PartitionWorker(name, config, Engine.restore(saved), folder, offsets)
    worker.restore_orderings(saved)
    return worker


def _resumed_offsets(
    found: tuple[Path, CheckpointData], rule: OrderingPolicy, committed: Committed, source: KafkaSource
) -> WorkerOffsets:
    path, saved = found
    positions = saved.positions["kafka"]
    offsets = WorkerOffsets(start={}, processed={}, committed={})
    for partition, offset in committed.items():
        name = partition_name(partition)
        new = source.start_offset(partition) if name not in positions["start"] else 0
        offsets.start[partition] = positions["start"].get(name, new)
        offsets.processed[partition] = positions["offsets"].get(name, new)
        offsets.committed[partition] = offsets.processed[partition] if offset is None else offset
    # Checkpoints of 0.2.0 have no limit of how far times may be ahead: no sane time is refused by it.
    saved_rule = OrderingPolicy(**{"max_ahead": rule.max_ahead} | positions.get("rule", {}))
    _check_rule(path, saved_rule, rule, offsets)
    return offsets


def _is_usable(positions: Mapping[str, Any], group: str, committed: Committed) -> bool:
    """Return whether a checkpoint belongs to the group and is not ahead of what is committed.

    Without a committed offset, only the checkpoint at the start is usable: the process died before its first commit.
    """
    check_positions(positions)
    saved = positions.get("kafka")
    if saved is None or saved["group"] != group:
        return False
    for partition, offset in committed.items():
        name = partition_name(partition)
        processed = saved["offsets"].get(name)
        if processed is not None and processed > (saved["start"][name] if offset is None else offset):
            return False
    return True


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


def _check_no_history(folder: CheckpointFolder, group: str, committed: Committed) -> None:
    """Check that no state was lost: a model from scratch must not replace one that has learned."""
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
