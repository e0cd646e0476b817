"""Lines on standard error, of this package and of the Kafka client."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from stream_rnn.cli.console.logs import KNOWN_MESSAGES, LONGEST, Once, to_stderr

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = logging.getLogger("stream_rnn")
KAFKA = logging.getLogger("kafka.net.manager")


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    logs = [OURS, logging.getLogger("kafka")]
    before = [(log, log.level, list(log.handlers)) for log in logs]
    yield
    for log, level, handlers in before:
        log.setLevel(level)
        log.handlers[:] = handlers


def said(capfd: pytest.CaptureFixture[str]) -> list[str]:
    return capfd.readouterr().err.splitlines()


def boom() -> None:
    raise ConnectionResetError(104, "reset by peer")


def test_plain_is_the_message_only(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr()
    OURS.warning("compiling %s", "gru")
    OURS.info("not shown")
    assert said(capfd) == ["compiling gru"]


def test_text_has_time_and_level(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(logging.INFO, "text")
    OURS.info("events 7")
    (line,) = said(capfd)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO events 7", line)


def test_json_is_one_object_with_the_fields_merged_in(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(logging.INFO, "json")
    OURS.info("two\nlines", extra={"fields": {"events": 7, "lag": float("nan"), "level": "mine"}})
    (line,) = said(capfd)
    told = msgspec.json.decode(line)
    assert told.pop("time").endswith("Z")
    assert told == {"level": "INFO", "logger": "stream_rnn", "message": "two\nlines", "events": 7, "lag": None}


def test_json_has_an_exception_as_one_string(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(style="json")
    try:
        boom()
    except OSError:
        OURS.exception("failed")
    (line,) = said(capfd)
    exception = msgspec.json.decode(line)["exception"]
    assert exception.startswith("Traceback")
    assert exception.endswith("ConnectionResetError: [Errno 104] reset by peer")


def test_json_writes_what_is_no_text_or_number_all_the_same(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(OURS, "propagate", False)  # a test's report goes from process to process, as text
    to_stderr(style="json")
    OURS.warning("file \udcff", extra={"fields": {"odd": 1j}})
    (line,) = said(capfd)
    told = msgspec.json.decode(line)
    assert (told["message"], told["odd"]) == (r"file \udcff", "1j")


def test_the_last_call_decides(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(logging.INFO, "json")
    to_stderr()
    OURS.warning("once")
    KAFKA.warning("once")
    assert said(capfd) == ["once", "once"]


def test_a_message_that_does_not_fit_its_arguments_is_shown_as_it_is(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("kafka"), "propagate", False)  # pytest listens, and does not bear it
    to_stderr()
    KAFKA.warning("%d records", "many")
    assert said(capfd) == ["%d records ('many',)"]


def test_work_goes_on_when_nobody_reads_the_log() -> None:
    code = (
        "import logging, os, sys\n"
        "from stream_rnn.cli.console.logs import to_stderr\n"
        "to_stderr()\n"
        "sys.stdin.readline()\n"
        "logging.getLogger('stream_rnn').warning('unheard')\n"
        "print('done', flush=True)\n"
        "os._exit(0)\n"  # without the flush of standard error at the end, which is python's
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


def test_the_kafka_client_is_heard_from_warnings_on_at_any_level(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(logging.DEBUG)
    KAFKA.debug("sasl_plain_password: secret")
    KAFKA.info("Attempting bootstrap")
    KAFKA.warning("Bootstrap not ready")
    to_stderr(logging.ERROR)
    KAFKA.warning("not shown")
    assert said(capfd) == ["Bootstrap not ready"]


def test_a_traceback_of_the_kafka_client_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(style="text")
    try:
        boom()
    except OSError:
        KAFKA.exception("Error receiving network data")
    (line,) = said(capfd)
    assert line.endswith(" ERROR Error receiving network data: ConnectionResetError: [Errno 104] reset by peer")


def test_a_traceback_of_the_kafka_client_is_whole_when_debugging(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr(logging.DEBUG, "text")
    try:
        boom()
    except OSError:
        KAFKA.exception("Error receiving network data")
    assert "Traceback (most recent call last):" in said(capfd)


def test_a_message_of_the_kafka_client_has_one_line_and_a_bearable_length(capfd: pytest.CaptureFixture[str]) -> None:
    to_stderr()
    KAFKA.error("Unable to decode\n%s", "x" * 100_000)
    (line,) = said(capfd)
    assert len(line) == LONGEST


def passes(once: Once, message: str, level: int = logging.WARNING) -> int | None:
    """Return how many like it were held back before, or None when it is held back."""
    record = logging.makeLogRecord(
        {"name": "kafka", "levelno": level, "levelname": logging.getLevelName(level), "msg": message}
    )
    return record.__dict__["repeats"] if once.filter(record) else None


def test_a_message_passes_once_in_30_seconds_and_then_says_how_often_it_came() -> None:
    times = iter((0.0, 1.0, 29.9, 30.0, 59.0, 200.0))
    once = Once(lambda: next(times))
    assert [passes(once, "Connection failed") for _ in range(6)] == [0, None, None, 2, None, 1]


def test_messages_that_differ_in_numbers_only_are_the_same() -> None:
    once = Once(lambda: 0.0)
    assert passes(once, "not ready; waiting 0.38 secs <at 0x7fa0>") == 0
    assert passes(once, "not ready; waiting 21.01 secs <at 0xbcd1>") is None
    assert passes(once, "not ready; giving up") == 0


def test_an_error_is_not_held_back_by_a_warning() -> None:
    once = Once(lambda: 0.0)
    assert passes(once, "Connection failed") == 0
    assert passes(once, "Connection failed", logging.ERROR) == 0


def test_messages_without_end_do_not_fill_the_memory() -> None:
    once = Once(lambda: 0.0)
    for count in range(KNOWN_MESSAGES + 100):
        passes(once, "x" * count)
    assert len(once._said) == KNOWN_MESSAGES


def test_a_broker_that_is_down_is_told_of_in_a_few_lines() -> None:
    code = (
        "import sys, threading, time\n"
        "from kafka import KafkaConsumer\n"
        "from stream_rnn.cli.console.logs import to_stderr\n"
        "to_stderr(style='text')\n"
        "connect = lambda: KafkaConsumer('t', bootstrap_servers='127.0.0.1:1', reconnect_backoff_ms=10,\n"
        "                                reconnect_backoff_max_ms=10)\n"
        "threading.Thread(target=connect, daemon=True).start()\n"
        "time.sleep(2)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    lines = ran.stderr.splitlines()
    assert 1 <= len(lines) <= 6, ran.stderr
    assert "ECONNREFUSED" in ran.stderr
