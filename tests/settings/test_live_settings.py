"""Settings of a live job: every value that cannot work is refused in one line, from Python, a file or options."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from stream_rnn.cli.arguments.config_file import gather, gather_live
from stream_rnn.errors import SettingError
from stream_rnn.settings.live import LiveSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], str]

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "servers": ({"servers": 7}, "servers.*: expected `str`, got `int`.*7"),
    "start_timeout": ({"start_timeout": 0.0}, "start_timeout must be above 0, got 0.0"),
    "lost_offsets": ({"lost_offsets": "resme"}, "lost_offsets must be one of .*, got .*; did you mean 'resume'"),
    "topics": ({"topics": ["a", 7]}, "topics.*: expected `str`, got `int`"),
    "pattern": ({"pattern": ["a"]}, "pattern: expected `str | null`, got `array`"),
    "group": ({"group": ""}, "group must not be empty, got ''"),
    "start": ({"start": 0}, "start: expected `str`, got `int`.*0"),
    "time_format": ({"time_format": "%Q"}, "time_format has the unknown directive %Q, got '%Q'"),
    "timezone": ({"timezone": "Berlin"}, "timezone must be an IANA name, got 'Berlin'"),
    "key": ({"key": 1}, "key: expected `str | null`, got `int`"),
    "lateness": ({"lateness": -1.0}, "lateness must be at least 0, got -1.0"),
    "lateness text": ({"lateness": "1 min"}, "lateness: expected `float | null`, got `str`.*'1 min'"),
    "idle_flush": ({"lateness": 1.0, "idle_flush": "soon"}, "idle_flush must be .*, got 'soon'"),
    "idle_flush zero": ({"lateness": 1.0, "idle_flush": 0}, "idle_flush must be at least 100ms, such as .*, got 0"),
    "idle_flush alone": ({"idle_flush": "30s"}, "idle_flush needs lateness, .*, got '30s'"),
    "idle_flush and every": (
        {"lateness": 1.0, "idle_flush": "30s", "every": "1min"},
        "idle_flush and every exclude each other",
    ),
    "registry": ({"registry": "http://localhost"}, "registry: expected `object`, got `str`"),
    "duplicates": ({"duplicates": "dorp"}, "duplicates must be one of keep, drop, got 'dorp'; did you mean 'drop'"),
    "scope": ({"scope": "partitions"}, "scope must be one of .*, got 'partitions'; did you mean 'partition'"),
    "delivery": ({"delivery": "exactly-once"}, "delivery must be one of .*, got .*; did you mean 'exactly_once'"),
    "no commits": ({"commit_seconds": 0.0}, "commit_seconds must be above 0 and at most 10, got 0.0"),
    "rare commits": ({"commit_seconds": 11.0}, "commit_seconds must be above 0 and at most 10, got 11.0"),
    "commits NaN": ({"commit_seconds": math.nan}, "commit_seconds must be a finite number, got nan"),
    "commits text": ({"commit_seconds": "often"}, "commit_seconds: expected `float`, got `str`.*'often'"),
    "checkpoint": ({"checkpoint": None}, "checkpoint: expected `str`, got `null`"),
    "checkpoint_every": ({"checkpoint_every": 0}, "checkpoint_every must be at least 1, got 0"),
    "checkpoint_every float": ({"checkpoint_every": 1.5}, "checkpoint_every: expected `int`, got `float`"),
    "checkpoint_seconds": ({"checkpoint_seconds": 0.0}, "checkpoint_seconds must be above 0, got 0.0"),
    "checkpoint_seconds inf": ({"checkpoint_seconds": math.inf}, "checkpoint_seconds must be a finite number"),
    "session_timeout": ({"session_timeout": 0.5}, "session_timeout must be at least 1, got 0.5"),
    "metrics_port": ({"metrics_port": 65536}, "metrics_port must be from 0 to 65535, got 65536"),
    "metrics_port below": ({"metrics_port": -1}, "metrics_port must be from 0 to 65535, got -1"),
    "metrics_port text": ({"metrics_port": "http"}, "metrics_port: expected `int | null`, got `str`"),
    "metrics_address": ({"metrics_address": None}, "metrics_address: expected `str`, got `null`"),
    "log_seconds": ({"log_seconds": -1.0}, "log_seconds must be at least 0, got -1.0"),
    "log_format": ({"log_format": "xml"}, "log_format must be one of text, json, got 'xml'"),
    "client": ({"client": "ssl"}, "client: expected `object`, got `str`"),
    "output": ({"topics": "a", "output": "a"}, "output must not be one of topics, got 'a'"),
    "dead_letter_topic": (
        {"topics": ["a", "b"], "dead_letter_topic": "b"},
        "dead_letter_topic must not be one of topics, got 'b'",
    ),
    "two destinations of dead letters": (
        {"dead_letters": "dead.jsonl", "dead_letter_topic": "dead"},
        "dead_letters and dead_letter_topic exclude each other",
    ),
    "unknown": ({"topc": "a"}, "unknown setting 'topc'; did you mean 'topics'"),
}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a job file and return its path."""

    def write_job(content: str) -> str:
        path = tmp_path / "job.toml"
        path.write_text(content)
        return str(path)

    return write_job


@pytest.mark.parametrize("case", REFUSED)
def test_a_value_that_cannot_work_is_refused_in_one_line(case: str) -> None:
    values, message = REFUSED[case]
    with pytest.raises(SettingError, match=message) as error:
        LiveSettings.parse(values)
    assert "\n" not in str(error.value)


def test_every_setting_has_a_default() -> None:
    assert LiveSettings() == LiveSettings.parse({})


def test_a_single_topic_or_server_is_a_tuple_of_one() -> None:
    settings = LiveSettings(topics="a", servers="b:1")  # type: ignore[arg-type]
    assert (settings.topics, settings.servers) == (("a",), ("b:1",))


def test_seconds_may_be_an_integer() -> None:
    assert LiveSettings(session_timeout=10).session_timeout == 10.0


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        LiveSettings().log_seconds = -1.0  # type: ignore[misc]


# From a file.


def test_a_file_has_a_table_for_the_job_and_one_for_the_engine(write: Write) -> None:
    path = write('[kafka]\ntopics = ["a"]\ncommit_seconds = 1\n[engine]\ninputs = ["x"]\nhidden = 8\n')
    settings, engine = gather_live(path, {})
    assert settings == LiveSettings(topics=("a",), commit_seconds=1.0)
    assert engine == {"inputs": ["x"], "hidden": 8}


def test_settings_of_the_client_are_a_table_of_their_own(write: Write) -> None:
    path = write(
        '[kafka]\ntopics = ["a"]\n'
        '[kafka.client]\nsecurity_protocol = "SASL_SSL"\nlinger_ms = 5\n'
        'sasl_plain_password = { env = "KAFKA_PASSWORD" }\n'
    )
    assert gather_live(path, {})[0].client == {
        "security_protocol": "SASL_SSL",
        "sasl_plain_password": {"env": "KAFKA_PASSWORD"},
        "linger_ms": 5,
    }


def test_options_override_the_file(write: Write) -> None:
    path = write('[kafka]\ntopics = ["a"]\ngroup = "file"\n[engine]\nhidden = 8\n')
    settings, engine = gather_live(path, {"group": "option", "hidden": 16, "output": None, "window": 4})
    assert settings == LiveSettings(topics=("a",), group="option")
    assert engine == {"hidden": 16, "window": 4}


def test_without_a_file_only_the_options_count() -> None:
    settings, engine = gather_live(None, {"topics": ("a",), "inputs": ("x",)})
    assert (settings, engine) == (LiveSettings(topics=("a",)), {"inputs": ("x",)})


def test_one_file_serves_a_replay_and_a_live_job(write: Write) -> None:
    path = write('[job]\nfiles = ["a.csv"]\n[kafka]\ntopics = ["a"]\n[engine]\nhidden = 8\n')
    job, one = gather(path, {})
    live, other = gather_live(path, {})
    assert (live.topics, one, other) == (("a",), {"hidden": 8}, {"hidden": 8})
    assert not hasattr(job, "topics")


def test_an_option_of_both_jobs_goes_to_the_command_that_was_called(write: Write) -> None:
    path = write('[job]\nkey = "file"\n[kafka]\ntopics = ["a"]\nkey = "file"\n')
    assert gather_live(path, {"key": "option"})[0].key == "option"
    assert gather(path, {"key": "option"})[0].key == "option"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[kafka]\ntopcs = ["a"]\n', r"unknown setting 'topcs' in \[kafka\]; did you mean 'topics'"),
        ("[kafka]\nhidden = 8\n", r"unknown setting 'hidden' in \[kafka\]; it belongs to \[engine\]"),
        ('[engine]\ntopics = ["a"]\n', r"unknown setting 'topics' in \[engine\]; it belongs to \[kafka\]"),
        ("[kafak]\n", r"unknown table 'kafak'; there are \[job\], \[kafka\], \[engine\], \[race\] and \[mqtt\]"),
        ("kafka = 1\n", "unknown table 'kafka'"),
        ("[kafka]\nlog_seconds = -1\n", "log_seconds must be at least 0, got -1"),
        ("[kafka]\ntopics = 7\n", "topics.*expected `str`"),
        ("[kafka\n", "is not TOML"),
    ],
)
def test_a_mistake_in_a_file_is_reported_with_its_path(write: Write, content: str, message: str) -> None:
    path = write(content)
    with pytest.raises(SettingError, match=message) as error:
        gather_live(path, {})
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "none.toml")
    with pytest.raises(SettingError) as error:
        gather_live(path, {})
    assert str(error.value) == f"{path}: cannot be read: No such file or directory"


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "job.toml"
    path.write_bytes(b'[kafka]\ngroup = "\xff"\n')
    with pytest.raises(SettingError, match="is not TOML"):
        gather_live(str(path), {})
