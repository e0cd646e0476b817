"""`stream-rnn race`: members from options or a job file, and their scores next to the mixture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command import SMALL, error_line, waves

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.cli.arguments.config_file import gather_race
from stream_rnn.errors import SettingError
from stream_rnn.race.race import Race
from stream_rnn.settings.engine import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from command import Invoke

FILE = """\
[job]
season = 0

[engine]
layer = "rnn"
hidden = 4
window = 4

[race]
retire_below = 0.3
check_every = 100

[members.stuck]
learning_rate = 1e-9

[members.quick]
learning_rate = 0.02
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "race.toml"
    path.write_text(FILE)
    return path


def summary(invoke: Invoke, *args: object) -> dict[str, Any]:
    """Return the JSON output of the command."""
    result = invoke("race", *args, "--json")
    assert result.exit_code == 0, result.output
    output: dict[str, Any] = json.loads(result.stdout)
    return output


def test_members_in_a_job_file_share_the_engine_settings(invoke: Invoke, config: Path, recording: Path) -> None:
    members = summary(invoke, recording, "--config", config)["members"]
    assert [member["settings"]["hidden"] for member in members.values()] == [[4], [4]]
    assert [member["settings"]["learning_rate"] for member in members.values()] == [1e-9, 0.02]


def test_a_member_named_by_layer_can_have_a_readout(invoke: Invoke, recording: Path) -> None:
    members = summary(invoke, recording, "--members", "rnn,rnn+rls", *SMALL)["members"]
    assert [member["settings"]["readout"] for member in members.values()] == ["gradient", "rls"]


def test_shared_settings_override_the_preset_of_a_member() -> None:
    _, config = gather_race(None, {"hidden": (8,), "window": 4, "horizon": 2}, ("reservoir", "gru"))
    reservoir, gru = (Settings.parse({"inputs": ("a",)} | values) for values in config.members.values())
    assert (reservoir.layer, reservoir.hidden, reservoir.window, reservoir.horizon) == (("reservoir",), (8,), 4, 2)
    assert (gru.readout, gru.hidden) == ("gradient", (8,))


def test_members_can_share_a_preset() -> None:
    _, config = gather_race(None, {"preset": "forecast"}, ("gru", "lru+rls"))
    gru, _ = (Settings.parse({"inputs": ("a",)} | values) for values in config.members.values())
    assert (gru.layer, gru.readout, gru.calendar) == (("gru",), "rls", ("day",))


def test_a_member_named_twice_is_refused() -> None:
    with pytest.raises(SettingError, match="members must be different, got gru,gru"):
        gather_race(None, {}, ("gru", "gru"))


def test_a_race_of_one_member_has_the_scores_of_a_replay(invoke: Invoke, recording: Path) -> None:
    race = summary(invoke, recording, "--members", "gru", *SMALL)
    alone = json.loads(invoke("replay", recording, *SMALL, "--json").stdout)
    assert race["scores"] == alone["scores"]
    assert race["members"]["gru"]["mse"] == pytest.approx(alone["scores"]["model"]["mse"])


def test_the_table_has_members_mixture_and_naive_forecasts(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    result = invoke("race", waves(tmp_path / "long.csv", 2000), "--config", config)
    assert result.exit_code == 0
    for word in ("mixture", "stuck", "quick", "persistence", "weight", "retired at"):
        assert word in result.output


def test_a_race_of_one_member_writes_the_forecasts_of_a_replay(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    race, alone = tmp_path / "race.csv", tmp_path / "alone.csv"
    assert invoke("race", recording, "--members", "gru", *SMALL, "--output", race).exit_code == 0
    assert invoke("replay", recording, *SMALL, "--output", alone).exit_code == 0
    assert race.read_bytes() == alone.read_bytes()


def test_a_resumed_race_equals_an_uninterrupted_one(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    """The first run reads a part of the file, which is then completed."""
    lines = waves(tmp_path / "complete.csv", 1500).read_text().splitlines(keepends=True)
    path, state, once = tmp_path / "part.csv", tmp_path / "state", tmp_path / "once"
    path.write_text("".join(lines[:650]))
    assert invoke("race", path, "--config", config, "--checkpoint", state).exit_code == 0
    path.write_text("".join(lines))
    resumed = summary(invoke, path, "--config", config, "--checkpoint", state, "--resume")
    assert resumed["resumed_at"] == 649
    summary(invoke, tmp_path / "complete.csv", "--config", config, "--checkpoint", once)
    races = []
    for folder in (state, once):
        newest = CheckpointFolder(folder).newest()
        assert newest is not None
        races.append(Race.restore(newest[1]))
    assert races[0].counts == races[1].counts
    assert races[0].predict("").tobytes() == races[1].predict("").tobytes()


def test_a_race_with_other_settings_does_not_resume(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    path, state = waves(tmp_path / "waves.csv"), tmp_path / "state"
    assert invoke("race", path, "--config", config, "--checkpoint", state).exit_code == 0
    config.write_text(FILE.replace("0.02", "0.01"))
    result = invoke("race", path, "--config", config, "--checkpoint", state, "--resume")
    assert result.exit_code == 1
    assert "learning_rate = 0.02 for member 'quick', the settings have 0.01" in result.output


def test_inspect_shows_racing_and_retired_members(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    path, state = waves(tmp_path / "waves.csv", 2000), tmp_path / "state"
    assert invoke("race", path, "--config", config, "--checkpoint", state).exit_code == 0
    contents = json.loads(invoke("inspect", state, "--json").stdout)
    (racing,), (retired,) = contents["members"], contents["retired_at"]
    assert contents["members"][racing]["counts"]["events"] == 2000
    shown = invoke("inspect", state).output
    assert shown.startswith(f"member {racing}\n")
    assert f"member {retired}: retired at event {contents['retired_at'][retired]}\n" in shown
    assert contents["race"]["retire_below"] == 0.3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (
            [],
            "members are required: use --members lru+rls,gru, --preset auto, or tables [members.NAME] in a job file",
        ),
        (["--members", "gruu"], "member 'gruu': layer must be one of"),
        (["--members", "gru+ls"], "member 'gru+ls': readout must be one of gradient, rls, got 'ls'"),
        (
            ["--members", "gru,rnn", "--loss", "quantile"],
            "member 'gru': loss must be one of squared, absolute, huber in a race",
        ),
        (["--members", "gru,rnn", "--retire-below", "0.5"], "retire_below must be below 1 / 2"),
    ],
)
def test_a_mistake_is_reported_in_one_line(invoke: Invoke, recording: Path, args: list[str], words: str) -> None:
    result = invoke("race", recording, *args)
    assert result.exit_code == 2
    assert error_line(result).startswith(words)


def test_a_mistake_in_a_job_file_names_the_table(invoke: Invoke, config: Path, recording: Path) -> None:
    config.write_text(FILE + "hiden = 3\n")
    result = invoke("race", recording, "--config", config)
    assert result.exit_code == 2
    assert "unknown setting 'hiden' in [members.quick]; did you mean 'hidden'" in result.output
