"""Session: one life of a live job's consumer and producer, from joining the group to leaving it or failing.

One turn: poll and decode what has come, while another thread learns from the batches before; write what that thread
made; commit. Lanes, batches in the air and what was written are touched by one thread at a time: the loop's, or in
`assigned`, `revoked` and `lost`, which come while the loop waits in `poll` or `close`, the client's.

Any error ends a session. What was not committed is then taken back, and the next session goes on from what was, as
a process that starts again would.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from kafka.errors import KafkaError, RebalanceInProgressError

from stream_rnn.connectors.decode.schema import Schema
from stream_rnn.connectors.errors import ConnectorError
from stream_rnn.connectors.kafka.client import BrokerError
from stream_rnn.connectors.kafka.partitions import partition_name
from stream_rnn.connectors.kafka.sink import KafkaSink
from stream_rnn.connectors.kafka.source import BACKLOG_RECORDS, KafkaSource
from stream_rnn.errors import CheckpointError
from stream_rnn.jobs.live.worker import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from kafka import TopicPartition

    from stream_rnn.connectors.deadletter import DeadLetterLog
    from stream_rnn.connectors.kafka.client import Cluster
    from stream_rnn.connectors.kafka.decoder import KafkaBatch
    from stream_rnn.connectors.kafka.partitions import Offsets
    from stream_rnn.connectors.kafka.subscription import Subscription
    from stream_rnn.jobs.live.metrics import Monitor
    from stream_rnn.jobs.live.worker import Made, Plan
    from stream_rnn.settings.live import LiveSettings

log = logging.getLogger("stream_rnn")

IDLE = 0.1
"""Seconds that an idle turn waits for records; so soon a stop is heard."""
WHOLE = "job"
"""Name of the one lane of all partitions."""


class Post(NamedTuple):
    """What a session needs of its job."""

    settings: LiveSettings
    cluster: Cluster
    plan: Plan
    subscription: Subscription
    """as this process"""
    lanes: dict[TopicPartition, Lane]
    """what is taken up, by partition; it outlives sessions"""
    letters: DeadLetterLog | None
    monitor: Monitor


class Session:
    """A member of the group at work.

    Parameters
    ----------
    post

    Raises
    ------
    ConnectorError
        When nobody answers, or the process is not let in.
    """

    def __init__(self, post: Post) -> None:
        settings = post.settings
        self._post = post
        self._lanes = post.lanes
        self._monitor = post.monitor
        self._new: set[TopicPartition] = set()
        self._flying: list[tuple[Lane, Future[Made]]] = []
        self._done: Offsets = {}
        self._committed_at = time.monotonic()
        self._failed: KafkaError | None = None
        self._over = False
        self._worker = ThreadPoolExecutor(1, "lane")
        self._exactly_once = settings.delivery == "exactly_once"
        self._sink = KafkaSink(
            post.cluster,
            settings.output,
            dead_letter_topic=settings.dead_letter_topic,
            transactional_id=post.subscription.instance if self._exactly_once else None,
        )
        try:
            self._source = KafkaSource(
                post.cluster,
                post.subscription,
                Schema(settings.key, settings.time or "", settings.end, _columns(post.plan), settings.time_format),
                self,
            )
        except BaseException:
            self._sink.close()
            raise
        self._monitor.broker(answers=True)

    def turn(self) -> None:
        """Go round once.

        Raises
        ------
        KafkaError
            When the session is over.
        ConnectorError, CheckpointError
            When a partition cannot be taken up.
        """
        batches = self._source.poll(0.0 if self._flying else IDLE)
        few = sum(map(len, batches)) < BACKLOG_RECORDS
        self._check()
        if self._new:
            self._settle()
            self._take_up()
        self._land()
        # With a backlog learning and writing go on side by side, and commits go by the clock; else at once.
        if few:
            self._learn(batches)
            self._commit()
        else:
            self._fly(batches)
            if time.monotonic() - self._committed_at >= self._post.settings.commit_seconds:
                self._commit()
        self._keep()
        self._monitor.turned()

    def end(self) -> None:
        """End in good order: what is under way is committed, checkpoints are made, the group is left.

        Raises
        ------
        KafkaError
            When that did not come about; then it is as if the process had been killed.
        """
        self._settle()
        for lane in self._all():
            self._try(lane, lane.finish)
        self._over = True
        self._lanes.clear()
        self._source.close()
        try:
            self._source.leave()
        except (KafkaError, BrokerError) as error:
            log.warning("the group waits until this session times out: %s", error)
        self._sink.close()
        self._worker.shutdown()

    def abandon(self) -> None:
        """Close after a failure. Lanes stay: one that is just where the group's offsets are need not be read again."""
        self._over = True
        self._worker.shutdown()
        self._sink.close()
        try:
            self._source.close()
        except KafkaError as error:
            log.info("while closing: %s", error)

    def on_assigned(self, partitions: set[TopicPartition]) -> None:
        """Note partitions; the loop takes them up after the poll in which they came."""
        self._new |= partitions
        self._monitor.rebalanced()

    def on_revoked(self, partitions: set[TopicPartition]) -> Offsets:
        """Commit what is under way, make the partitions' checkpoints, and let go."""
        if self._over:
            return {}
        left: Offsets = {}
        try:
            self._land()
            done = self._deliver()
            self._note(done)
            left = {} if self._exactly_once else done
            for lane in self._all(partitions):
                self._try(lane, lane.finish)
        except KafkaError as error:
            self._failed = error
        self._let_go(partitions)
        return left

    def on_lost(self, partitions: set[TopicPartition]) -> None:
        """Let go of partitions that the group has given to others: what was not committed is theirs to do."""
        if not self._over:
            self._failed = KafkaError("the group has given this process's partitions to others")
            self._let_go(partitions)

    def _check(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _all(self, partitions: Iterable[TopicPartition] | None = None) -> list[Lane]:
        """Return the lanes of these partitions, or all, each once."""
        chosen = self._lanes if partitions is None else [p for p in partitions if p in self._lanes]
        return list(dict.fromkeys(self._lanes[partition] for partition in chosen))

    def _take_up(self) -> None:
        """Make new partitions ready, and read on where they stand."""
        new, self._new = self._new, set()
        assigned = self._source.assignment()
        self._let_go(set(self._lanes) - assigned)  # a session before may have left some
        if self._post.settings.scope == "job":
            if assigned != self._source.partitions():
                raise ConnectorError(
                    f"scope is job, but another process of group {self._post.settings.group!r} has some of the "
                    "partitions: stop it, or set scope to partition"
                )
            self._ready(WHOLE, assigned)
            return
        for partition in sorted(new & assigned):
            self._ready(partition_name(partition), {partition})

    def _ready(self, name: str, partitions: set[TopicPartition]) -> None:
        committed = {partition: self._source.committed(partition) for partition in sorted(partitions)}
        known = self._all(partitions)
        if len(known) == 1 and known[0].is_at(committed):
            lane = known[0]
        else:
            self._let_go(partitions)
            lane = Lane.open(name, self._post.plan, committed, self._source)
        for partition, missing in lane.check_bounds(self._source).items():
            log.error(
                "%s: %d records were deleted before they were read; the state misses them", partition_name(partition), missing
            )
            self._monitor.lost(name, missing)
        self._lanes |= dict.fromkeys(partitions, lane)
        self._monitor.assigned(name)
        self._count_engine(lane)
        log.info("%s: taken up at %s", name, ", ".join(map(str, lane.position.values())))
        self._source.resume(lane.position)

    def _let_go(self, partitions: Iterable[TopicPartition]) -> None:
        for lane in self._all(partitions):
            self._monitor.released(lane.name)
        for partition in partitions:
            self._lanes.pop(partition, None)
            self._done.pop(partition, None)

    def _learn(self, batches: list[KafkaBatch]) -> None:
        """Take a few events in this thread: to hand them to the other would take longer."""
        lanes = [self._lanes[batch.partition] for batch in batches]
        self._write([(lane, lane.take(batch)) for lane, batch in zip(lanes, batches, strict=True)])

    def _fly(self, batches: Iterable[KafkaBatch]) -> None:
        """Hand batches to the other thread."""
        for batch in batches:
            lane = self._lanes[batch.partition]
            self._flying.append((lane, self._worker.submit(lane.take, batch)))

    def _land(self) -> None:
        """Write what the other thread made."""
        for lane, future in self._flying:
            self._write([(lane, future.result())])
        self._flying.clear()

    def _write(self, some: list[tuple[Lane, Made]]) -> None:
        """Write what lanes made, all at once: the cluster then hears of their partitions in one request."""
        carried = any(made.headers for _, made in some)
        self._sink.write(
            [payload for _, made in some for payload in made.payloads],
            [key for _, made in some for key in made.keys],
            [kept for _, made in some for kept in made.headers or [()] * len(made.keys)] if carried else None,
        )
        for lane, made in some:
            self._sink.write_dead_letters(made.dead)
            if self._post.letters is not None:
                self._post.letters.add_all(made.dead)
            self._done[made.partition] = made.next
            self._count(lane, made)

    def _deliver(self) -> Offsets:
        """Make all that has landed count, and give its offsets; without transactions they are still to be committed."""
        done = {p: offset for p, offset in self._done.items() if offset > self._lanes[p].committed[p]}
        if self._post.letters is not None:
            self._post.letters.flush()
        seconds = self._sink.commit(done, self._source.membership)
        if done:
            self._monitor.committed(seconds)
        self._done.clear()
        self._committed_at = time.monotonic()
        return done

    def _commit(self) -> None:
        """Commit what has landed; what is in the air goes on."""
        done = self._deliver()
        if not self._exactly_once:
            try:
                self._source.commit(done)
            except RebalanceInProgressError:
                self._monitor.failed("rebalance")
                self._done = done  # for the next commit
                return
        self._note(done)

    def _note(self, done: Offsets) -> None:
        """Note what is committed."""
        for partition, offset in done.items():
            self._lanes[partition].committed[partition] = offset

    def _settle(self) -> None:
        """Let nothing be in the air, and nothing uncommitted."""
        self._land()
        self._commit()

    def _keep(self) -> None:
        """Look after the checkpoints, and begin those that are due: at what is committed."""
        for lane in self._all():
            self._try(lane, lane.advance)
        due = [lane for lane in self._all() if lane.checkpoint_due()]
        if due:
            self._settle()
        for lane in due:
            if not lane.is_ahead:
                self._try(lane, lane.checkpoint)

    def _try(self, lane: Lane, step: Callable[[], bool | None]) -> None:
        """Take a step of a lane's checkpoint. One that fails is made later: a restart then learns more again."""
        try:
            safe = step()
        except CheckpointError as error:
            self._monitor.failed("checkpoint")
            log.error("%s: %s; the last good checkpoint stays", lane.name, error)  # noqa: TRY400 - a full disk needs no trace
            return
        times = lane.checkpointer.last
        if safe and times is not None:
            self._monitor.checkpointed(lane.name, pause=times.pause, seconds=times.written, size=times.bytes)

    def _count(self, lane: Lane, made: Made) -> None:
        monitor = self._monitor
        monitor.taken(lane.name, events=made.events, forecasts=len(made.payloads), replayed=made.replayed)
        monitor.ordered(lane.name, duplicates=made.duplicates, held=lane.held)
        if made.dead:
            monitor.refused(lane.name, Counter(letter.reason for letter in made.dead))
        self._count_engine(lane)
        errors = lane.scores.overall()
        model, naive = errors["model"], errors["persistence"]
        if model and naive and "mae" in model:
            monitor.errors(lane.name, model["mae"], naive["mae"])
        lags = [self._source.lag(partition, offset) for partition, offset in lane.position.items()]
        monitor.lag(lane.name, sum(lag for lag in lags if lag is not None))

    def _count_engine(self, lane: Lane) -> None:
        counts = lane.engine.counts
        self._monitor.engine(
            lane.name,
            streams=lane.engine.stream_count,
            skipped=counts.skipped,
            missing_inputs=counts.missing_inputs,
            resets=counts.resets,
            evictions=lane.engine.evictions,
            drifts=counts.drifts,
        )


def _columns(plan: Plan) -> tuple[str, ...]:
    """Return the fields that are read: inputs, then targets that are none."""
    return tuple(dict.fromkeys(plan.engine.inputs + plan.engine.target_names))
