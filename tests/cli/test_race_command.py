"""`stream-rnn race`: members by name or by file, told beside the mixture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command import SMALL, waves

from stream_rnn.checkpoints.folder import CheckpointFolder
from stream_rnn.cli.config_file import gather_race
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


def plain(invoke: Invoke, *args: object) -> dict[str, Any]:
    result = invoke("race", *args, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_members_of_a_file_share_the_engine_and_keep_their_own(invoke: Invoke, config: Path, recording: Path) -> None:
    members = plain(invoke, recording, "--config", config)["members"]
    assert [member["settings"]["hidden"] for member in members.values()] == [[4], [4]]
    assert [member["settings"]["learning_rate"] for member in members.values()] == [1e-9, 0.02]


def test_members_named_by_layer_take_the_readout_after_the_plus(invoke: Invoke, recording: Path) -> None:
    members = plain(invoke, recording, "--members", "rnn,rnn+rls", *SMALL)["members"]
    assert [member["settings"]["readout"] for member in members.values()] == ["gradient", "rls"]


def test_a_members_preset_gives_way_to_what_is_common() -> None:
    _, entrants = gather_race(None, {"hidden": (8,), "window": 4, "horizon": 2}, ("reservoir", "gru"))
    reservoir, gru = (Settings.parse({"inputs": ("a",)} | values) for values in entrants.members.values())
    assert (reservoir.layer, reservoir.hidden, reservoir.window, reservoir.horizon) == (("reservoir",), (8,), 4, 2)
    assert (gru.readout, gru.hidden) == ("gradient", (8,))


def test_a_preset_may_be_common() -> None:
    _, entrants = gather_race(None, {"preset": "forecast"}, ("gru", "lru+rls"))
    gru, _ = (Settings.parse({"inputs": ("a",)} | values) for values in entrants.members.values())
    assert (gru.layer, gru.readout, gru.calendar) == (("gru",), "rls", ("day",))


def test_a_member_named_twice_is_refused() -> None:
    with pytest.raises(SettingError, match="members must be different, got gru,gru"):
        gather_race(None, {}, ("gru", "gru"))


def test_a_race_of_one_scores_as_a_replay_does(invoke: Invoke, recording: Path) -> None:
    race = plain(invoke, recording, "--members", "gru", *SMALL)
    alone = json.loads(invoke("replay", recording, *SMALL, "--json").stdout)
    assert race["scores"] == alone["scores"]
    assert race["members"]["gru"]["mse"] == pytest.approx(alone["scores"]["model"]["mse"])


def test_it_tells_of_members_beside_the_mixture_and_the_naive(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    result = invoke("race", waves(tmp_path / "long.csv", 2000), "--config", config)
    assert result.exit_code == 0
    for word in ("mixture", "stuck", "quick", "persistence", "weight", "retired at"):
        assert word in result.output


def test_forecasts_are_written_as_a_replay_writes_them(invoke: Invoke, recording: Path, tmp_path: Path) -> None:
    race, alone = tmp_path / "race.csv", tmp_path / "alone.csv"
    assert invoke("race", recording, "--members", "gru", *SMALL, "--output", race).exit_code == 0
    assert invoke("replay", recording, *SMALL, "--output", alone).exit_code == 0
    assert race.read_bytes() == alone.read_bytes()


def test_stopped_and_resumed_is_as_never_stopped(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    """The first part reads what the file has by then; the file then grows."""
    whole = waves(tmp_path / "whole.csv", 1500).read_text().splitlines(keepends=True)
    path, state, once = tmp_path / "part.csv", tmp_path / "state", tmp_path / "once"
    path.write_text("".join(whole[:650]))
    assert invoke("race", path, "--config", config, "--checkpoint", state).exit_code == 0
    path.write_text("".join(whole))
    again = plain(invoke, path, "--config", config, "--checkpoint", state, "--resume")
    assert again["resumed_at"] == 649
    plain(invoke, tmp_path / "whole.csv", "--config", config, "--checkpoint", once)
    races = []
    for folder in (state, once):
        found = CheckpointFolder(folder).newest()
        assert found is not None
        races.append(Race.restore(found[1]))
    assert races[0].counts == races[1].counts
    assert races[0].predict("").tobytes() == races[1].predict("").tobytes()


def test_another_race_does_not_go_on_from_the_checkpoint(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    path, state = waves(tmp_path / "waves.csv"), tmp_path / "state"
    assert invoke("race", path, "--config", config, "--checkpoint", state).exit_code == 0
    config.write_text(FILE.replace("0.02", "0.01"))
    result = invoke("race", path, "--config", config, "--checkpoint", state, "--resume")
    assert result.exit_code == 1
    assert "learning_rate = 0.02 for member 'quick', the settings say 0.01" in result.output


def test_inspect_shows_who_races_and_who_was_retired(invoke: Invoke, config: Path, tmp_path: Path) -> None:
    path, state = waves(tmp_path / "waves.csv", 2000), tmp_path / "state"
    assert invoke("race", path, "--config", config, "--checkpoint", state).exit_code == 0
    found = json.loads(invoke("inspect", state, "--json").stdout)
    (racing,), (left,) = found["members"], found["retired_at"]
    assert found["members"][racing]["counts"]["events"] == 2000
    shown = invoke("inspect", state).output
    assert shown.startswith(f"member {racing}\n")
    assert f"member {left}: retired at event {found['retired_at'][left]}\n" in shown
    assert found["race"]["retire_below"] == 0.3


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "error: members are needed: --members lru+rls,gru, or tables [members.NAME] of the file"),
        (["--members", "gruu"], "error: member 'gruu': layer must be one of"),
        (["--members", "gru+ls"], "error: member 'gru+ls': readout must be one of gradient, rls, got 'ls'"),
        (
            ["--members", "gru,rnn", "--loss", "quantile"],
            "error: member 'gru': loss must be squared, absolute or huber",
        ),
        (["--members", "gru,rnn", "--retire-below", "0.5"], "error: retire_below must be below 1 / 2"),
    ],
)
def test_mistakes_are_told_in_one_line(invoke: Invoke, recording: Path, args: list[str], words: str) -> None:
    result = invoke("race", recording, *args)
    assert result.exit_code == 2
    assert result.output.startswith(words)
    assert result.output.count("\n") == 1


def test_mistakes_in_the_file_are_told_with_its_table(invoke: Invoke, config: Path, recording: Path) -> None:
    config.write_text(FILE + "hiden = 3\n")
    result = invoke("race", recording, "--config", config)
    assert result.exit_code == 2
    assert "unknown setting 'hiden' in [members.quick]; did you mean 'hidden'" in result.output
