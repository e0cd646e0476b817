"""A real Apache Kafka broker for tests and benchmarks: one node with its own ports and data.

It needs Java and, the first time, Maven and the network, but nothing of this project. `python tests/kafka/broker.py`
runs one until it is interrupted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

USER = "reader"
PASSWORD = "reader-secret"  # noqa: S105  # of a broker that runs only for tests

HOST = "127.0.0.1"
CLUSTER = "c3RyZWFtLXJubi10ZXN0cw"  # any UUID in base64
POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache"
MIN_JAVA_VERSION = 17
JVM_OPTIONS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # starts in two thirds of the default time
LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://{host}:{plain},SASL://{host}:{sasl},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{plain},SASL://{host}:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers={host}:{controller}
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.min.isr=1
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# records of tests are from any year; by default, those older than a week are deleted every five minutes
log.retention.ms=-1
# a killed broker can register again when its session has timed out; the default is 9 s
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class NoBrokerError(RuntimeError):
    """Something that a broker needs is not installed."""

    def __init__(self, reason: str) -> None:
        needed = f"install Java {MIN_JAVA_VERSION} or newer, Maven and setpriv (util-linux)"
        super().__init__(f"no Kafka broker: {reason}; {needed}, or set STREAM_RNN_KAFKA=host:port")


class Cluster:
    """A Kafka cluster at `bootstrap`."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def topic(self, partitions: int = 4, name: str | None = None, **configs: object) -> str:
        """Create a topic, wait until each partition has a leader, and return its name.

        Parameters
        ----------
        partitions
            Number of partitions.
        name
            Name of the topic; a unique one by default.
        **configs
            Settings of the topic, with `_` for `.`, such as `retention_ms=1000`.
        """
        name = name or f"test-{uuid.uuid4().hex[:12]}"
        settings = {key.replace("_", "."): str(value) for key, value in configs.items()}
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            admin.create_topics({name: {"num_partitions": partitions, "configs": settings}}, wait_for_metadata=True)
        return name

    def delete_topic(self, name: str) -> None:
        with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
            admin.delete_topics([name])


class Broker(Cluster):
    """A broker that ends with the thread that started it, even if that is killed with -9.

    It keeps its ports and data when it is killed or stopped and started again. A `with` statement starts it, and at its
    end kills it and removes its data.

    Raises
    ------
    NoBrokerError
        If Java is missing or too old, or the broker's jars cannot be downloaded.
    """

    def __init__(self) -> None:
        self._java = [_java(), *JVM_OPTIONS, LOG_LEVEL, "-cp", f"{_jars()}/*"]
        self._setpriv = _program("setpriv")
        self._process: subprocess.Popen[bytes] | None = None
        plain, sasl, controller = _free_ports(3)
        super().__init__(f"{HOST}:{plain}")
        self.sasl_bootstrap = f"{HOST}:{sasl}"
        self.folder = Path(tempfile.mkdtemp(prefix="stream-rnn-kafka-"))
        self.log = self.folder / "broker.log"
        self._properties = self.folder / "server.properties"
        self._properties.write_text(
            PROPERTIES.format(
                host=HOST,
                plain=plain,
                sasl=sasl,
                controller=controller,
                user=USER,
                password=PASSWORD,
                data=self.folder / "data",
            )
        )

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def start(self, seconds: float = 60) -> None:
        """Start the broker with its present data, and return when it answers.

        Raises
        ------
        RuntimeError
            If it exits or does not answer within `seconds`; the message has the end of its log.
        """
        if not (self.folder / "data").exists():
            self._format()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._setpriv, "--pdeathsig", "KILL", *self._java, "kafka.Kafka", self._properties],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + seconds
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the Kafka broker does not answer; the end of its log:\n{self._log_end()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill the broker, with kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shut the broker down in an orderly way."""
        self._end(signal.SIGTERM)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder)

    def _format(self) -> None:
        """Prepare the empty data folder, which KRaft requires before the first start."""
        tool: list[str | Path] = ["kafka.tools.StorageTool", "format", "--standalone", "-c", self._properties]
        with self.log.open("ab") as log:
            done = subprocess.run([*self._java, *tool, "-t", CLUSTER], stdout=log, stderr=log, check=False)
        if done.returncode:
            raise RuntimeError(f"cannot format the data folder of the Kafka broker:\n{self._log_end()}")

    def _answers(self) -> bool:
        """Return whether the broker answers. A plain connection comes first: kafka-python logs every refused one."""
        try:
            socket.create_connection((HOST, int(self.bootstrap.rpartition(":")[2])), timeout=1).close()
            with closing(KafkaAdminClient(bootstrap_servers=self.bootstrap)) as admin:
                return bool(admin.describe_cluster()["brokers"])
        except (OSError, KafkaError):
            return False

    def _end(self, sent: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, sent)
        self._process.wait(timeout=60)
        self._process = None

    def _log_end(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise NoBrokerError(f"{name} is not installed")
    return path


def _java() -> str:
    java = _program("java")
    output = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', output)
    if version is None or int(version[1]) < MIN_JAVA_VERSION:
        raise NoBrokerError(f"the version of Java is {version[1] if version else 'unknown'}")
    return java


def _jars() -> Path:
    """Return the folder with the broker's jars, which Maven downloads once per POM.

    A second process waits for the first. The folder gets its name when it is complete.
    """
    folder = CACHE / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    maven = _program("mvn")
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            _download(maven, partial)
            partial.rename(folder)
    return folder


def _download(maven: str, folder: Path) -> None:
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={folder}"]
    done = subprocess.run(
        [maven, "--quiet", "--batch-mode", "--update-snapshots", "--file", POM, *goal],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        errors = re.findall(r"\[ERROR\] (\S.*)", done.stdout)  # the first says what, the last where to get help
        raise NoBrokerError(f"Maven could not download it ({errors[0] if errors else done.stdout.strip()})")


def _free_ports(count: int) -> list[int]:
    """Return free ports below the ephemeral range, so that no client gets the port of a broker that is down."""
    ports: list[int] = []
    for port in random.sample(range(20_000, 32_768), 1000):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)):
                ports.append(port)
        if len(ports) == count:
            return ports
    raise NoBrokerError("no port is free")


if __name__ == "__main__":
    for interrupt in (signal.SIGINT, signal.SIGTERM):
        signal.signal(interrupt, signal.default_int_handler)
    with suppress(KeyboardInterrupt), Broker() as broker:
        sys.stdout.write(f"Kafka answers at {broker.bootstrap}; its data are in {broker.folder}\n")
        sys.stdout.flush()
        signal.pause()
