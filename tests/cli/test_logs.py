"""Log lines on standard error, from this package and from the Kafka client."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from stream_rnn.cli.console.logs import MAX_MESSAGE_LENGTH, MAX_MESSAGES_KEPT, RepetitionFilter, log_to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

OURS = logging.getLogger("stream_rnn")
KAFKA = logging.getLogger("kafka.net.manager")


@pytest.fixture(autouse=True)
def _restore_loggers() -> Iterator[None]:
    logs = [OURS, logging.getLogger("kafka")]
    before = [(log, log.level, list(log.handlers)) for log in logs]
    yield
    for log, level, handlers in before:
        log.setLevel(level)
        log.handlers[:] = handlers


def lines_of(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().err.splitlines()


def fail() -> None:
    raise ConnectionResetError(104, "reset by peer")


def test_plain_lines_have_only_the_message(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    OURS.warning("compiling %s", "gru")
    OURS.info("not shown")
    assert lines_of(capfd) == ["compiling gru"]


def test_text_lines_have_time_and_level(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.INFO, "text")
    OURS.info("events 7")
    (line,) = lines_of(capfd)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO events 7", line)


def test_json_lines_are_one_object_with_the_record_fields(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.INFO, "json")
    OURS.info("two\nlines", extra={"fields": {"events": 7, "lag": float("nan"), "level": "mine"}})
    (line,) = lines_of(capfd)
    entry = msgspec.json.decode(line)
    assert entry.pop("time").endswith("Z")
    assert entry == {"level": "INFO", "logger": "stream_rnn", "message": "two\nlines", "events": 7, "lag": None}


def test_json_lines_have_an_exception_as_one_string(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(line_format="json")
    try:
        fail()
    except OSError:
        OURS.exception("failed")
    (line,) = lines_of(capfd)
    exception = msgspec.json.decode(line)["exception"]
    assert exception.startswith("Traceback")
    assert exception.endswith("ConnectionResetError: [Errno 104] reset by peer")


def test_json_lines_accept_invalid_text_and_other_types(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OURS, "propagate", False)  # pytest cannot transfer this text between processes
    log_to_stderr(line_format="json")
    OURS.warning("file \udcff", extra={"fields": {"odd": 1j}})
    (line,) = lines_of(capfd)
    entry = msgspec.json.decode(line)
    assert (entry["message"], entry["odd"]) == (r"file \udcff", "1j")


def test_a_second_call_replaces_the_first(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.INFO, "json")
    log_to_stderr()
    OURS.warning("once")
    KAFKA.warning("once")
    assert lines_of(capfd) == ["once", "once"]


def test_a_message_that_does_not_match_its_arguments_is_shown_unformatted(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("kafka"), "propagate", False)  # pytest would format it, and fail
    log_to_stderr()
    KAFKA.warning("%d records", "many")
    assert lines_of(capfd) == ["%d records ('many',)"]


def test_a_closed_standard_error_does_not_stop_the_program() -> None:
    code = (
        "import logging, os, sys\n"
        "from stream_rnn.cli.console.logs import log_to_stderr\n"
        "log_to_stderr()\n"
        "sys.stdin.readline()\n"
        "logging.getLogger('stream_rnn').warning('lost')\n"
        "print('done', flush=True)\n"
        "os._exit(0)\n"  # without Python's flush of standard error at exit
    )
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], text=True, stdin=pipe, stdout=pipe, stderr=pipe) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        program.stderr.close()
        program.stdin.write("\n")
        program.stdin.flush()
        assert program.stdout.read() == "done\n"


def test_the_kafka_client_is_never_shown_below_warnings(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.DEBUG)
    KAFKA.debug("sasl_plain_password: secret")
    KAFKA.info("Attempting bootstrap")
    KAFKA.warning("Bootstrap not ready")
    log_to_stderr(logging.ERROR)
    KAFKA.warning("not shown")
    assert lines_of(capfd) == ["Bootstrap not ready"]


def test_tracebacks_of_the_kafka_client_are_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(line_format="text")
    try:
        fail()
    except OSError:
        KAFKA.exception("Error receiving network data")
    (line,) = lines_of(capfd)
    assert line.endswith(" ERROR Error receiving network data: ConnectionResetError: [Errno 104] reset by peer")


def test_tracebacks_of_the_kafka_client_are_complete_at_debug_level(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(logging.DEBUG, "text")
    try:
        fail()
    except OSError:
        KAFKA.exception("Error receiving network data")
    assert "Traceback (most recent call last):" in lines_of(capfd)


def test_messages_of_the_kafka_client_are_cut_to_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    KAFKA.error("Unable to decode\n%s", "x" * 100_000)
    (line,) = lines_of(capfd)
    assert len(line) == MAX_MESSAGE_LENGTH


def passes(repetitions: RepetitionFilter, message: str, level: int = logging.WARNING) -> int | None:
    """Return the number of suppressed repetitions before a message that passes, or None if it is suppressed."""
    record = logging.makeLogRecord(
        {"name": "kafka", "levelno": level, "levelname": logging.getLevelName(level), "msg": message}
    )
    return record.__dict__["repeats"] if repetitions.filter(record) else None


def test_a_message_passes_once_in_30_seconds_with_its_number_of_repetitions() -> None:
    times = iter((0.0, 1.0, 29.9, 30.0, 59.0, 200.0))
    repetitions = RepetitionFilter(lambda: next(times))
    assert [passes(repetitions, "Connection failed") for _ in range(6)] == [0, None, None, 2, None, 1]


def test_a_repeated_message_shows_how_often_it_was_suppressed(capfd: pytest.CaptureFixture[str]) -> None:
    log_to_stderr()
    record = KAFKA.makeRecord("kafka", logging.WARNING, "", 0, "Connection failed", (), None, extra={"repeats": 3})
    logging.getLogger("kafka").handlers[-1].emit(record)
    assert lines_of(capfd) == ["Connection failed (repeated 3 times)"]


def test_messages_that_differ_only_in_numbers_are_the_same() -> None:
    repetitions = RepetitionFilter(lambda: 0.0)
    assert passes(repetitions, "not ready; waiting 0.38 secs <at 0x7fa0>") == 0
    assert passes(repetitions, "not ready; waiting 21.01 secs <at 0xbcd1>") is None
    assert passes(repetitions, "not ready; giving up") == 0


def test_a_warning_does_not_suppress_an_error() -> None:
    repetitions = RepetitionFilter(lambda: 0.0)
    assert passes(repetitions, "Connection failed") == 0
    assert passes(repetitions, "Connection failed", logging.ERROR) == 0


def test_the_number_of_remembered_messages_is_limited() -> None:
    repetitions = RepetitionFilter(lambda: 0.0)
    for count in range(MAX_MESSAGES_KEPT + 100):
        passes(repetitions, "x" * count)
    assert len(repetitions) == MAX_MESSAGES_KEPT


MANY_ATTEMPTS = """
import logging, threading
from kafka import KafkaConsumer
from stream_rnn.cli.console.logs import log_to_stderr

class Counter(logging.Handler):
    records = 0
    def emit(self, record):
        Counter.records += 1
        if Counter.records == 100:
            enough.set()

enough = threading.Event()
log_to_stderr(line_format="text")
logging.getLogger("kafka").addHandler(Counter())
options = {"reconnect_backoff_ms": 10, "reconnect_backoff_max_ms": 10}
connect = lambda: KafkaConsumer("t", bootstrap_servers="127.0.0.1:1", **options)
threading.Thread(target=connect, daemon=True).start()
enough.wait()
"""


def test_a_broker_that_is_down_gives_a_few_lines() -> None:
    ran = subprocess.run([sys.executable, "-c", MANY_ATTEMPTS], capture_output=True, text=True, check=False)
    lines = ran.stderr.splitlines()
    assert 1 <= len(lines) <= 6, ran.stderr
    assert "ECONNREFUSED" in ran.stderr
