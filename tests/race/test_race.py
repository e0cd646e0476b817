"""A race forecasts by what its members have shown so far, and by nothing else."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support import engine_of, series, settings

from stream_rnn import CheckpointError, DataError, Engine, Race, RaceSettings, SettingError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

SMALL: dict[str, Any] = {"layer": "rnn", "hidden": 4, "horizon": 2, "scale_inputs": True, "max_streams": None}
STUCK, QUICK = {"learning_rate": 1e-9}, {"learning_rate": 0.01}
"""One learns nothing, the other soon."""


def race_of(*members: dict[str, Any], race: RaceSettings | None = None, **common: Any) -> Race:
    """Return a race of members named a, b, ..."""
    return Race({name: settings(**SMALL | common | own) for name, own in zip("abc", members, strict=False)}, race)


def streams(length: int, seed: int = 0) -> tuple[list[str], NDArray[np.float64]]:
    """Return the keys and values of three streams, in turns at random."""
    keys = np.random.default_rng(seed).choice(list("xyz"), length).tolist()
    return keys, series(length, seed)


def take_in_parts(race: Race, keys: list[str], values: NDArray[np.float64], edges: list[int]) -> NDArray[np.float64]:
    parts = [race.process(keys[a:b], values[a:b]) for a, b in pairwise([0, *edges, len(keys)])]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    "changes",
    [{}, {"max_streams": 2}, {"task": "regression", "horizon": 1, "targets": ("y",)}, {"reset_after": 3.0}],
    ids=["forecasts", "two of three kept", "labels", "gaps"],
)
def test_a_race_of_one_is_that_engine_to_the_bit(changes: dict[str, Any]) -> None:
    keys, x = streams(200)
    times, ends = np.cumsum(np.arange(200) % 7).astype(float), np.arange(200) % 50 == 49
    y = None if "targets" not in changes else np.roll(x, 1)
    race, engine = race_of({}, **changes), engine_of(**SMALL | changes)
    taken, expected = race.process_detailed(keys, x, y, times, ends), engine.process_detailed(keys, x, y, times, ends)
    assert taken.forecasts.tobytes() == expected.forecasts.tobytes()
    np.testing.assert_array_equal(taken.slots, expected.slots)
    np.testing.assert_array_equal(taken.begins, expected.begins)
    assert race.counts == engine.counts
    np.testing.assert_array_equal(race.predict(keys[-1], [0.3]), engine.predict(keys[-1], [0.3]))


@pytest.mark.parametrize("edges", [[1, 2, 3], [57], [100, 200], [99, 101, 299]])
def test_any_cut_of_the_events_gives_the_same_bits(edges: list[int]) -> None:
    keys, x = streams(300)
    checks = RaceSettings(retire_below=0.45, check_every=100)
    whole, cut = race_of(STUCK, QUICK, race=checks), race_of(STUCK, QUICK, race=checks)
    assert take_in_parts(cut, keys, x, edges).tobytes() == whole.process(keys, x).tobytes()
    assert cut.standings() == whole.standings()


def test_steps_give_what_process_gives() -> None:
    keys, x = streams(120)
    whole, steps = race_of(STUCK, QUICK), race_of(STUCK, QUICK)
    made = [steps.step(key, row) for key, row in zip(keys, x, strict=True)]
    assert np.stack(made).tobytes() == whole.process(keys, x).tobytes()
    assert steps.standings() == whole.standings()


def test_the_future_changes_nothing_before_it() -> None:
    keys, x = streams(200)
    changed = x.copy()
    changed[120:] = np.random.default_rng(9).normal(5, 3, (80, 1))
    one, other = race_of(STUCK, QUICK).process(keys, x), race_of(STUCK, QUICK).process(keys, changed)
    np.testing.assert_array_equal(one[:120], other[:120])
    assert (one[120:] != other[120:]).any()


def test_a_forecast_is_judged_when_its_target_arrives_and_not_before() -> None:
    race = race_of(STUCK, QUICK, horizon=2)
    race.process("s", series(50))
    judged = race.standings()["a"].scored
    assert judged == 49 + 48
    race.step("s", [math.nan])
    assert race.standings()["a"].scored == judged


def test_weights_sum_to_one_and_go_to_the_better_member() -> None:
    keys, x = streams(3000)
    race = race_of(STUCK, QUICK)
    race.process(keys, x)
    for key in "xyz":
        weights = race.weights(key)
        np.testing.assert_allclose(weights["a"] + weights["b"], 1.0)
        assert (weights["b"] > 0.6).all()


def test_weights_are_of_the_stream_and_of_the_horizon() -> None:
    race = race_of(STUCK, QUICK)
    race.process("learned", series(2000))
    race.process("new", series(1))
    assert race.weights("new")["a"].tolist() == [0.5, 0.5]
    first, second = race.weights("learned")["a"]
    assert first != second


def test_weights_follow_when_another_member_becomes_better() -> None:
    x = np.concatenate([np.full(400, 1.0), np.cumsum(np.random.default_rng(0).normal(size=400))])[:, None]
    x[:400] += np.random.default_rng(1).normal(0, 1, (400, 1))
    naive, mean = {**STUCK, "residual": True}, {**STUCK, "residual": False}  # the last value, and about the mean
    race = race_of(naive, mean, horizon=1)
    race.process("s", x[:400])
    assert race.weights("s")["b"] > 0.7
    race.process("s", x[400:])
    assert race.weights("s")["a"] > 0.7


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("horizon", [1, 4])
def test_the_mixture_is_hardly_worse_than_the_best_member(seed: int, horizon: int) -> None:
    """Four per cent: what is lost over a thousand events while weights are still even; 2.1 was the most of these."""
    x = series(1000, seed)
    race = race_of(STUCK, QUICK, {"learning_rate": 0.001}, horizon=horizon, seed=seed)
    made = race.process("s", x)[:, :, 0]
    errors = np.concatenate([made[: -k - 1, k] - x[k + 1 :, 0] for k in range(horizon)])
    assert np.mean(errors**2) < 1.04 * min(standing.mse for standing in race.standings().values())


def test_a_glitch_does_not_decide_for_good() -> None:
    x = series(2000)
    x[1500] = 1e30
    race = race_of(STUCK, QUICK)
    race.process("s", x)
    assert (race.weights("s")["b"] > 0.5).all()
    assert np.isfinite(race.step("s", [0.0])).all()


def test_missing_values_leave_the_weights_as_they_are() -> None:
    race = race_of(STUCK, QUICK)
    race.process("s", series(300))
    before = race.weights("s")
    race.process("s", np.full((20, 1), math.nan))
    np.testing.assert_array_equal(race.weights("s")["a"], before["a"])


def test_errors_are_those_that_scores_counts() -> None:
    from stream_rnn.evaluation.prequential import Scores  # noqa: PLC0415 - compiled, and only here

    keys, x = streams(400)
    x[::17] = math.nan
    ends = np.arange(400) % 90 == 89
    race, engine = race_of(QUICK), engine_of(**SMALL | QUICK)
    race.process(keys, x, ends=ends)
    taken = engine.process_detailed(keys, x, ends=ends)
    scores = Scores(engine.settings, 0)
    scores.add(taken.slots, taken.begins, x, taken.forecasts)
    model = scores.overall()["model"]
    assert model is not None
    standing = race.standings()["a"]
    assert standing.scored == model["count"]
    assert standing.mse == pytest.approx(model["mse"])
    assert standing.mae == pytest.approx(model["mae"])


class TestRetirement:
    RULES = RaceSettings(retire_below=0.3, check_every=500)

    def test_a_member_that_loses_leaves_at_a_check_and_takes_no_more_events(self) -> None:
        race = race_of(STUCK, QUICK, race=self.RULES)
        loser = race.members["a"]
        race.process("s", series(3000))
        left = race.standings()["a"].retired_at
        assert left is not None
        assert left % 500 == 0
        assert loser.counts.events == left
        assert list(race.members) == ["b"]
        assert race.weights("s")["a"].tolist() == [0.0, 0.0]

    def test_the_one_that_is_left_forecasts_as_it_does_alone(self) -> None:
        race, alone = race_of(STUCK, QUICK, race=self.RULES), engine_of(**SMALL | QUICK)
        made, expected = race.process("s", series(3000)), alone.process("s", series(3000))
        assert made[-100:].tobytes() == expected[-100:].tobytes()

    def test_updates_of_those_that_left_stay_counted(self) -> None:
        race = race_of(STUCK, QUICK, race=self.RULES)
        race.process("s", series(3000))
        left = race.standings()["a"].retired_at
        assert left is not None
        assert race.counts.updates == race.members["b"].counts.updates + left - 1
        assert race.counts.events == 3000

    def test_nobody_leaves_unless_asked(self) -> None:
        race = race_of(STUCK, QUICK)
        race.process("s", series(3000))
        assert list(race.members) == ["a", "b"]


@pytest.mark.parametrize("cut", [700, 1500])
def test_a_saved_race_goes_on_bit_for_bit(tmp_path: Path, cut: int) -> None:
    keys, x = streams(2000)
    rules = RaceSettings(retire_below=0.3, check_every=500)
    race = race_of(STUCK, QUICK, {"learning_rate": 0.02}, race=rules, max_streams=2)
    race.process(keys[:cut], x[:cut])
    race.save(tmp_path / "race.safetensors")
    again = Race.load(tmp_path / "race.safetensors")
    assert again.process(keys[cut:], x[cut:]).tobytes() == race.process(keys[cut:], x[cut:]).tobytes()
    assert again.counts == race.counts
    assert again.evictions == race.evictions > 0
    for name, standing in race.standings().items():
        assert again.standings()[name].weight == standing.weight
        assert again.standings()[name].retired_at == standing.retired_at


def test_a_snapshot_is_of_its_moment_while_the_race_goes_on() -> None:
    keys, x = streams(600)
    race, other = race_of(STUCK, QUICK), race_of(STUCK, QUICK)
    race.process(keys[:300], x[:300])
    other.process(keys[:300], x[:300])
    snapshot = race.snapshot()
    race.process(keys[300:], x[300:])
    assert not snapshot.done
    again = Race.restore(snapshot.finish())
    assert again.process(keys[300:], x[300:]).tobytes() == other.process(keys[300:], x[300:]).tobytes()


def test_engines_and_races_do_not_load_each_other(tmp_path: Path) -> None:
    race, engine = race_of(QUICK), engine_of(**SMALL)
    race.save(tmp_path / "race")
    engine.save(tmp_path / "engine")
    with pytest.raises(CheckpointError, match="is of a race of a: no one engine"):
        Engine.load(tmp_path / "race")
    with pytest.raises(CheckpointError, match="is of a single engine, not of a race"):
        Race.load(tmp_path / "engine")


def test_a_stream_that_was_evicted_begins_with_even_weights() -> None:
    race = race_of(STUCK, QUICK, max_streams=2)
    race.process("first", series(500))
    for key in ("second", "third", "first"):
        race.process(key, series(1))
    assert race.evictions == 2
    assert race.keys == race.members["a"].keys
    assert race.weights("first")["a"].tolist() == [0.5, 0.5]


def test_a_reset_ends_the_sequence_and_keeps_the_weights() -> None:
    race, alone = race_of(STUCK, QUICK), engine_of(**SMALL | QUICK)
    race.process("s", series(300))
    alone.process("s", series(300))
    before, judged = race.weights("s")["a"], race.standings()["a"].scored
    race.reset("s")
    race.step("s", [3.0])  # answers no forecast of the sequence before
    assert race.standings()["a"].scored == judged
    np.testing.assert_array_equal(race.weights("s")["a"], before)


def test_predict_changes_nothing_and_says_what_the_last_event_was_answered() -> None:
    race, other = race_of(STUCK, QUICK), race_of(STUCK, QUICK)
    made = race.process("s", series(100))
    other.process("s", series(100))
    np.testing.assert_array_equal(race.predict("s"), made[-1])
    race.predict("s", [1.0])
    race.predict("unknown", [1.0])
    assert race.step("s", [0.2]).tobytes() == other.step("s", [0.2]).tobytes()


def test_weights_of_an_unknown_stream_are_refused() -> None:
    with pytest.raises(DataError, match="no weights for stream 'nobody'"):
        race_of(QUICK).weights("nobody")


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"horizon": 3}, "member 'b': horizon must be 2 as of member 'a', got 3"),
        ({"inputs": ("z",)}, r"member 'b': inputs must be \('x',\) as of member 'a', got \('z',\)"),
        ({"max_streams": 5}, "member 'b': max_streams must be None as of member 'a', got 5"),
        ({"loss": "quantile"}, "member 'b': loss must be squared, absolute or huber in a race, got 'quantile'"),
        ({"loss": "gaussian_nll"}, "got 'gaussian_nll'"),
        ({"interval": 0.9}, "member 'b': interval is of one engine and not of a race, got 0.9"),
        ({"anomaly": True}, "anomaly is of one engine"),
        ({"task": "classification", "targets": ("y",), "horizon": 1}, "got 'logistic'"),
    ],
)
def test_members_that_cannot_be_mixed_are_refused(own: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        race_of({}, own)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"rate": 0.0}, "rate must be above 0, got 0.0"),
        ({"forgetting": 1.5}, "forgetting must be above 0 and at most 1, got 1.5"),
        ({"retire_below": 0.5}, "retire_below must be below 1 / 2, an even share of the members, got 0.5"),
        ({"retire_below": 0.0}, "retire_below must be between 0 and 1, got 0.0"),
        ({"check_every": 0}, "check_every must be at least 1, got 0"),
    ],
)
def test_settings_that_are_not_allowed_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingError, match=words):
        race_of({}, {}, race=RaceSettings(**values))


def test_a_race_needs_members() -> None:
    with pytest.raises(SettingError, match="at least one member"):
        Race({})
