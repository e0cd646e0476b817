"""A race weights its members by their past errors, and by nothing else."""

from __future__ import annotations

import copy
import math
from itertools import pairwise
from threading import Barrier
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from support import engine_of, series, settings

from stream_rnn import CheckpointError, DataError, Engine, Race, RaceSettings, SettingError
from stream_rnn.errors import StreamRNNError
from stream_rnn.race.snapshot import check_race

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from stream_rnn.engine.intake import Events
    from stream_rnn.engine.result import BatchResult

SMALL: dict[str, Any] = {"hidden": 4, "horizon": 2, "scale_inputs": True, "max_streams": None}
STUCK, QUICK = {"learning_rate": 1e-9}, {"learning_rate": 0.01}
"""One learns nothing, the other learns quickly."""
EVENTS = st.lists(
    st.tuples(st.sampled_from("xyz"), st.sampled_from([0.0, 1.0, -2.0, math.nan, 1e30]), st.booleans()),
    min_size=1,
    max_size=60,
)
"""Key, x, end of the sequence."""


def race_of(*members: dict[str, Any], race: RaceSettings | None = None, **common: Any) -> Race:
    """Return a race of members named a, b, ..."""
    return Race({name: settings(**SMALL | common | own) for name, own in zip("abc", members, strict=False)}, race)


def streams(length: int, seed: int = 0) -> tuple[list[str], NDArray[np.float64]]:
    """Return the keys and values of three streams in random order."""
    keys = np.random.default_rng(seed).choice(list("xyz"), length).tolist()
    return keys, series(length, seed)


def process_in_parts(race: Race, keys: list[str], values: NDArray[np.float64], edges: list[int]) -> NDArray[np.float64]:
    parts = [race.process(keys[a:b], values[a:b]) for a, b in pairwise([0, *edges, len(keys)])]
    return np.concatenate(parts)


@pytest.mark.parametrize(
    "changes",
    [{}, {"max_streams": 2}, {"task": "regression", "horizon": 1, "targets": ("y",)}, {"reset_after": 3.0}],
    ids=["forecasts", "two of three kept", "labels", "gaps"],
)
def test_a_race_of_one_member_is_bitwise_that_engine(changes: dict[str, Any]) -> None:
    keys, x = streams(200)
    times, ends = np.cumsum(np.arange(200) % 7).astype(float), np.arange(200) % 50 == 49
    y = None if "targets" not in changes else np.roll(x, 1)
    race, engine = race_of({}, **changes), engine_of(**SMALL | changes)
    result, expected = race.process_detailed(keys, x, y, times, ends), engine.process_detailed(keys, x, y, times, ends)
    assert result.forecasts.tobytes() == expected.forecasts.tobytes()
    np.testing.assert_array_equal(result.slots, expected.slots)
    np.testing.assert_array_equal(result.begins, expected.begins)
    assert race.counts == engine.counts
    np.testing.assert_array_equal(race.predict(keys[-1], [0.3]), engine.predict(keys[-1], [0.3]))


@pytest.mark.parametrize("edges", [[1, 2, 3], [57], [100, 200], [99, 101, 299]])
def test_any_cut_of_the_events_gives_the_same_bits(edges: list[int]) -> None:
    keys, x = streams(300)
    checks = RaceSettings(retire_below=0.45, check_every=100)
    whole, cut = race_of(STUCK, QUICK, race=checks), race_of(STUCK, QUICK, race=checks)
    assert process_in_parts(cut, keys, x, edges).tobytes() == whole.process(keys, x).tobytes()
    assert cut.standings() == whole.standings()


def test_steps_give_the_bits_of_process() -> None:
    keys, x = streams(120)
    whole, steps = race_of(STUCK, QUICK), race_of(STUCK, QUICK)
    forecasts = [steps.step(key, row) for key, row in zip(keys, x, strict=True)]
    assert np.stack(forecasts).tobytes() == whole.process(keys, x).tobytes()
    assert steps.standings() == whole.standings()


def test_forecasts_do_not_depend_on_later_events() -> None:
    keys, x = streams(200)
    changed = x.copy()
    changed[120:] = np.random.default_rng(9).normal(5, 3, (80, 1))
    one, other = race_of(STUCK, QUICK).process(keys, x), race_of(STUCK, QUICK).process(keys, changed)
    np.testing.assert_array_equal(one[:120], other[:120])
    assert (one[120:] != other[120:]).any()


def test_a_forecast_is_scored_when_its_target_arrives_and_not_before() -> None:
    race = race_of(STUCK, QUICK, horizon=2)
    race.process("s", series(50))
    scored = race.standings()["a"].scored
    assert scored == 49 + 48
    race.step("s", [math.nan])
    assert race.standings()["a"].scored == scored


def test_weights_sum_to_one_and_favour_the_better_member() -> None:
    keys, x = streams(3000)
    race = race_of(STUCK, QUICK)
    race.process(keys, x)
    for key in "xyz":
        weights = race.weights(key)
        np.testing.assert_allclose(weights["a"] + weights["b"], 1.0)
        assert (weights["b"] > 0.6).all()


def test_each_stream_and_horizon_has_its_own_weights() -> None:
    race = race_of(STUCK, QUICK)
    race.process("learned", series(2000))
    race.process("new", series(1))
    assert race.weights("new")["a"].tolist() == [[0.5], [0.5]]
    (first,), (second,) = race.weights("learned")["a"]
    assert first != second


def test_weights_shift_when_another_member_becomes_better() -> None:
    x = np.concatenate([np.full(400, 1.0), np.cumsum(np.random.default_rng(0).normal(size=400))])[:, None]
    x[:400] += np.random.default_rng(1).normal(0, 1, (400, 1))
    naive, mean = (
        {**STUCK, "residual": True},
        {**STUCK, "residual": False},
    )  # forecasts of about the last value, and of about the mean
    race = race_of(naive, mean, horizon=1)
    race.process("s", x[:400])
    assert race.weights("s")["b"] > 0.7
    race.process("s", x[400:])
    assert race.weights("s")["a"] > 0.7


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("horizon", [1, 4])
def test_the_mixture_is_at_most_slightly_worse_than_the_best_member(seed: int, horizon: int) -> None:
    """The margin is 4 percent, which is lost while weights are still equal; the largest loss of these cases is 2.1."""
    x = series(1000, seed)
    race = race_of(STUCK, QUICK, {"learning_rate": 0.001}, horizon=horizon, seed=seed)
    forecasts = race.process("s", x)[:, :, 0]
    errors = np.concatenate([forecasts[: -k - 1, k] - x[k + 1 :, 0] for k in range(horizon)])
    assert np.mean(errors**2) < 1.04 * min(standing.mse for standing in race.standings().values())


def test_an_outlier_does_not_decide_the_race() -> None:
    x = series(2000)
    x[1500] = 1e30
    race = race_of(STUCK, QUICK)
    race.process("s", x)
    assert (race.weights("s")["b"] > 0.5).all()
    assert np.isfinite(race.step("s", [0.0])).all()


def test_missing_values_do_not_change_the_weights() -> None:
    race = race_of(STUCK, QUICK)
    race.process("s", series(300))
    before = race.weights("s")
    race.process("s", np.full((20, 1), math.nan))
    np.testing.assert_array_equal(race.weights("s")["a"], before["a"])


def test_standings_have_the_errors_of_prequential_scores() -> None:
    from stream_rnn.evaluation.prequential import Scores  # noqa: PLC0415 - compiled, and only here

    keys, x = streams(400)
    x[::17] = math.nan
    ends = np.arange(400) % 90 == 89
    race, engine = race_of(QUICK), engine_of(**SMALL | QUICK)
    race.process(keys, x, ends=ends)
    result = engine.process_detailed(keys, x, ends=ends)
    scores = Scores(engine.settings, 0)
    scores.add(result.slots, result.begins, x, result.forecasts)
    model = scores.overall()["model"]
    assert model is not None
    standing = race.standings()["a"]
    assert standing.scored == model["count"]
    assert standing.mse == pytest.approx(model["mse"])
    assert standing.mae == pytest.approx(model["mae"])


class TestRetirement:
    RULES = RaceSettings(retire_below=0.3, check_every=500)

    def test_a_losing_member_is_retired_at_a_check_and_processes_no_more_events(self) -> None:
        race = race_of(STUCK, QUICK, race=self.RULES)
        loser = race.members["a"]
        race.process("s", series(3000))
        retired_at = race.standings()["a"].retired_at
        assert retired_at is not None
        assert retired_at % 500 == 0
        assert loser.counts.events == retired_at
        assert list(race.members) == ["b"]
        assert race.weights("s")["a"].tolist() == [[0.0], [0.0]]

    def test_the_last_member_forecasts_as_it_does_alone(self) -> None:
        race, alone = race_of(STUCK, QUICK, race=self.RULES), engine_of(**SMALL | QUICK)
        forecasts, expected = race.process("s", series(3000)), alone.process("s", series(3000))
        assert forecasts[-100:].tobytes() == expected[-100:].tobytes()

    def test_updates_of_retired_members_stay_counted(self) -> None:
        race = race_of(STUCK, QUICK, race=self.RULES)
        race.process("s", series(3000))
        retired_at = race.standings()["a"].retired_at
        assert retired_at is not None
        assert race.counts.updates == race.members["b"].counts.updates + retired_at - 1
        assert race.counts.events == 3000

    def test_by_default_no_member_is_retired(self) -> None:
        race = race_of(STUCK, QUICK)
        race.process("s", series(3000))
        assert list(race.members) == ["a", "b"]


@pytest.mark.parametrize("cut", [700, 1500])
def test_a_loaded_race_continues_bit_for_bit(tmp_path: Path, cut: int) -> None:
    keys, x = streams(2000)
    rules = RaceSettings(retire_below=0.3, check_every=500)
    race = race_of(STUCK, QUICK, {"learning_rate": 0.02}, race=rules, max_streams=2)
    race.process(keys[:cut], x[:cut])
    race.save(tmp_path / "race.safetensors")
    loaded = Race.load(tmp_path / "race.safetensors")
    assert loaded.process(keys[cut:], x[cut:]).tobytes() == race.process(keys[cut:], x[cut:]).tobytes()
    assert loaded.counts == race.counts
    assert loaded.evictions == race.evictions > 0
    for name, standing in race.standings().items():
        assert loaded.standings()[name].weight == standing.weight
        assert loaded.standings()[name].retired_at == standing.retired_at


def test_a_snapshot_is_the_state_at_one_moment_of_a_race_that_keeps_running() -> None:
    keys, x = streams(600)
    race, other = race_of(STUCK, QUICK), race_of(STUCK, QUICK)
    race.process(keys[:300], x[:300])
    other.process(keys[:300], x[:300])
    snapshot = race.snapshot()
    race.process(keys[300:], x[300:])
    assert not snapshot.done
    restored = Race.restore(snapshot.finish())
    assert restored.process(keys[300:], x[300:]).tobytes() == other.process(keys[300:], x[300:]).tobytes()


def test_the_checkpoint_of_an_engine_is_not_loaded_as_a_race_and_vice_versa(tmp_path: Path) -> None:
    race, engine = race_of(QUICK), engine_of(**SMALL)
    race.save(tmp_path / "race")
    engine.save(tmp_path / "engine")
    with pytest.raises(CheckpointError, match=r"is of a race of a, not of an engine: use Race\.load"):
        Engine.load(tmp_path / "race")
    with pytest.raises(CheckpointError, match=r"is of a single engine, not of a race: use Engine\.load"):
        Race.load(tmp_path / "engine")


@pytest.mark.parametrize(
    ("members", "race", "message"),
    [
        ({"a": QUICK}, {}, "has members a, b, the settings have a: use the checkpoint's members"),
        ({"b": STUCK, "a": QUICK}, {}, "has members a, b, the settings have b, a: use the checkpoint's members"),
        ({"a": QUICK, "b": {"seed": 7}}, {}, "has seed = 1 for member 'b', the settings have 7: use the checkpoint's"),
        (
            {"a": QUICK, "b": STUCK},
            {"rate": 0.5},
            "has rate = 0.05 for the race, the settings have 0.5: use the checkp",
        ),
    ],
    ids=["members", "order", "setting of a member", "setting of the race"],
)
def test_a_checkpoint_of_another_race_is_refused_with_the_first_difference(
    members: dict[str, Any], race: dict[str, Any], message: str
) -> None:
    data = Race({"a": settings(**QUICK), "b": settings(**STUCK)}).snapshot().finish()
    others = {name: settings(**(STUCK | changes)) for name, changes in members.items()}
    with pytest.raises(CheckpointError, match=message) as caught:
        check_race("saved", data, others, RaceSettings(**race))
    assert str(caught.value).startswith("checkpoint saved has ")
    check_race("saved", data, {"a": settings(**QUICK), "b": settings(**STUCK)}, RaceSettings())


def test_a_stream_that_returns_after_its_eviction_starts_with_equal_weights() -> None:
    race = race_of(STUCK, QUICK, max_streams=2)
    race.process("first", series(500))
    for key in ("second", "third", "first"):
        race.process(key, series(1))
    assert race.evictions == 2
    assert race.keys == race.members["a"].keys
    assert race.weights("first")["a"].tolist() == [[0.5], [0.5]]


def test_a_reset_ends_the_sequence_and_keeps_the_weights() -> None:
    race, alone = race_of(STUCK, QUICK), engine_of(**SMALL | QUICK)
    race.process("s", series(300))
    alone.process("s", series(300))
    before, scored = race.weights("s")["a"], race.standings()["a"].scored
    race.reset("s")
    race.step("s", [3.0])  # not a target of forecasts from the previous sequence
    assert race.standings()["a"].scored == scored
    np.testing.assert_array_equal(race.weights("s")["a"], before)


def test_predict_changes_nothing_and_returns_the_last_forecast() -> None:
    race, other = race_of(STUCK, QUICK), race_of(STUCK, QUICK)
    forecasts = race.process("s", series(100))
    other.process("s", series(100))
    np.testing.assert_array_equal(race.predict("s"), forecasts[-1])
    race.predict("s", [1.0])
    race.predict("unknown", [1.0])
    assert race.step("s", [0.2]).tobytes() == other.step("s", [0.2]).tobytes()


def test_weights_of_an_unknown_stream_are_refused() -> None:
    with pytest.raises(DataError, match="no weights for stream 'nobody'"):
        race_of(QUICK).weights("nobody")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizon": 3}, "member 'b': horizon must be 2, as of member 'a', got 3"),
        ({"inputs": ("z",)}, r"member 'b': inputs must be \('x',\), as of member 'a', got \('z',\)"),
        ({"max_streams": 5}, "member 'b': max_streams must be None, as of member 'a', got 5"),
        ({"loss": "quantile"}, "member 'b': loss must be one of squared, absolute, huber in a race, got 'quantile'"),
        ({"loss": "gaussian_nll"}, "got 'gaussian_nll'"),
        ({"interval": 0.9}, "member 'b': interval is for a single engine, not for a race, got 0.9"),
        ({"anomaly": True}, "anomaly is for a single engine, not for a race, got True"),
        ({"task": "classification", "targets": ("y",), "horizon": 1}, "got 'logistic'"),
    ],
)
def test_members_that_cannot_race_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        race_of({}, changes)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rate": 0.0}, "rate must be above 0, got 0.0"),
        ({"forgetting": 1.5}, "forgetting must be above 0 and at most 1, got 1.5"),
        ({"retire_below": 0.5}, "retire_below must be below 1 / 2, an equal share of the members, got 0.5"),
        ({"retire_below": 0.0}, "retire_below must be above 0 and below 1, got 0.0"),
        ({"check_every": 0}, "check_every must be at least 1, got 0"),
    ],
)
def test_settings_of_a_race_outside_their_bounds_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        race_of({}, {}, race=RaceSettings(**values))


def test_a_member_whose_name_cannot_be_saved_is_refused() -> None:
    with pytest.raises(SettingError, match="members must be valid Unicode text, got "):
        Race({"\ud800": settings()})


def test_a_race_without_members_is_refused() -> None:
    with pytest.raises(SettingError, match="a race needs at least one member, got none"):
        Race({})


def test_a_stream_fails_in_a_race_where_it_fails_in_all_members() -> None:
    noise = np.random.default_rng(0).normal(size=(3000, 1))
    x = np.concatenate([np.sin(np.arange(2000) / 20)[:, np.newaxis], noise])
    means = [{"residual": False, "learning_rate": 1e-12, "scaling_forgetting": f} for f in (0.95, 0.999)]
    race, with_one_that_works = race_of(*means, horizon=1), race_of(means[0], QUICK, horizon=1)
    own = [engine_of(**SMALL | {"horizon": 1} | mean).process_detailed("s", x).alarms for mean in means]
    alarms = race.process_detailed("s", x[:1900]).alarms
    assert race.failing.keys() == {"s"}
    assert race.failing["s"] == min(engine.relative_error("s") for engine in race.members.values())
    alarms = [*alarms, *race.process_detailed("s", x[1900:]).alarms]
    raised, cleared = ([each[place].event for each in own] for place in range(2))
    assert [(alarm.event, alarm.raised) for alarm in alarms] == [(max(raised), True), (min(cleared), False)]
    assert race.failing == {}
    assert race.counts.alarms == 2
    assert with_one_that_works.process_detailed("s", x).alarms == []
    assert with_one_that_works.counts.alarms == 1
    with_naive = race_of(*means, race=RaceSettings(naive=("persistence",)), horizon=1)
    assert with_naive.process_detailed("s", x).alarms == []
    assert with_naive.counts.alarms == 0


class TestNaiveForecasts:
    RULES = RaceSettings(naive=("persistence", "seasonal_naive", "holt_winters"), max_season=30)

    def race(self, **common: Any) -> Race:
        return race_of(STUCK, QUICK, race=self.RULES, **common)

    def test_they_are_members_with_weights_and_standings(self) -> None:
        race, x = self.race(), np.resize(series(12), (600, 1))
        forecasts = race.process("s", x)
        assert list(race.standings()) == ["a", "b", *self.RULES.naive]
        weights = race.weights("s")
        assert np.sum(list(weights.values()), axis=0) == pytest.approx(1.0)
        assert (weights["seasonal_naive"] > weights["persistence"]).all()
        assert race.standings()["seasonal_naive"].mse < 0.1 * race.standings()["persistence"].mse
        assert np.abs(forecasts[-20:-2, 1, 0] - x[-18:, 0]).max() < 0.2 * np.ptp(x)

    def test_any_cut_and_steps_give_the_same_bits(self) -> None:
        keys, x = streams(300)
        whole, cut, steps = self.race(), self.race(), self.race()
        expected = whole.process(keys, x)
        assert process_in_parts(cut, keys, x, [1, 2, 57, 200]).tobytes() == expected.tobytes()
        made = [steps.step(key, values) for key, values in zip(keys, x, strict=True)]
        assert np.array(made).tobytes() == expected.tobytes()

    def test_a_prediction_is_the_forecast_that_the_event_would_make(self) -> None:
        keys, x = streams(300)
        race, twin = self.race(), self.race()
        for each in (race, twin):
            each.process(keys, x)
        before = race.predict("x", [0.4])
        np.testing.assert_array_equal(race.predict("x", [0.4]), before)
        made = twin.step("x", [0.4])
        # the weights, too, would follow the event's value
        assert np.abs(before - made).max() < 0.1 * np.ptp(x)
        assert np.isfinite(race.predict("never seen", [0.4])).all()
        np.testing.assert_array_equal(twin.predict("x"), twin.predict("x"))

    def test_a_race_that_is_saved_and_loaded_continues_bitwise(self, tmp_path: Path) -> None:
        keys, x = streams(300)
        race = self.race(max_streams=2)
        race.process(keys[:200], x[:200])
        race.save(tmp_path / "race")
        loaded = Race.load(tmp_path / "race")
        assert loaded.process(keys[200:], x[200:]).tobytes() == race.process(keys[200:], x[200:]).tobytes()

    def test_a_reset_begins_them_anew(self) -> None:
        race, x = self.race(), np.resize(series(12), (300, 1))
        race.process("s", x)
        race.reset("s")
        race.process("s", [[5.0]])
        assert race._streams.arrays["counts"][0].tolist() == [[1, 0]]

    def test_they_stay_when_engines_retire(self) -> None:
        rules = RaceSettings(naive=("persistence", "seasonal_naive"), retire_below=0.1, check_every=500)
        race = race_of(STUCK, QUICK, race=rules)
        race.process("s", np.resize(series(12), (4000, 1)))
        assert len(race.members) == 1, "the best engine stays, though the season alone is better"
        assert all(race.standings()[name].retired_at is None for name in rules.naive)

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"naive": ("persistence", "persistence")}, "once"),
            ({"naive": ("yesterday",)}, "naive"),
            ({"max_season": 1}, "max_season"),
            ({"weigh_by": "median"}, "weigh_by"),
        ],
    )
    def test_wrong_settings_are_refused(self, values: dict[str, Any], message: str) -> None:
        with pytest.raises(SettingError, match=message):
            RaceSettings.parse(values)

    def test_labels_and_names_that_are_taken_are_refused(self) -> None:
        with pytest.raises(SettingError, match="naive forecasts need task forecast"):
            race_of({}, race=self.RULES, task="regression", horizon=1, targets=("y",))
        with pytest.raises(SettingError, match="has the name of a naive forecast"):
            Race({"persistence": settings(**SMALL)}, self.RULES)


def test_weights_follow_absolute_errors_if_these_are_the_loss() -> None:
    """One member forecasts the mean and the other the last value, of values of which few are far off."""
    x = np.random.default_rng(0).normal(size=(3000, 1)) * (1 + 30 * (np.random.default_rng(1).random((3000, 1)) < 0.02))
    mae = {}
    for loss in ("squared", "absolute"):
        race = race_of({"learning_rate": 0.003}, STUCK, race=RaceSettings(weigh_by=loss), horizon=1)
        forecasts = race.process("s", x)[:-1, 0, 0]
        mae[loss] = np.abs(forecasts - x[1:, 0])[500:].mean()
    assert mae["absolute"] <= 1.01 * mae["squared"]


def test_the_preset_auto_is_close_to_the_best_of_its_members() -> None:
    walk = np.random.default_rng(0).normal(size=(3000, 1)).cumsum(axis=0)
    race = Race.preset("auto", inputs="x", horizon=6)
    forecasts = race.process("s", walk)
    errors = [np.mean((forecasts[1000 : -k - 1, k] - walk[1000 + k + 1 :]) ** 2) for k in range(6)]
    naive = [np.mean((walk[1000 : -k - 1] - walk[1000 + k + 1 :]) ** 2) for k in range(6)]
    assert np.sum(errors) < 1.03 * np.sum(naive)
    with pytest.raises(SettingError, match="preset must be one of auto"):
        Race.preset("best", inputs="x")


def test_a_naive_forecast_that_a_target_cannot_have_has_no_weight() -> None:
    race = race_of(STUCK, race=RaceSettings(naive=("persistence", "holt_winters_multiplicative"), max_season=10))
    race.process("s", -1 - np.tile(np.arange(5.0), 40)[:, None])
    assert race.weights("s")["holt_winters_multiplicative"].tolist() == [[0.0], [0.0]]
    assert race.standings()["holt_winters_multiplicative"].weight == 0.0
    assert sum(standing.weight for standing in race.standings().values()) == pytest.approx(1.0)


class TestThreads:
    @pytest.fixture(autouse=True)
    def _share_short_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("stream_rnn.race.race.WORTHWHILE_SECONDS", 0.0)
        monkeypatch.setattr("stream_rnn.engine.batch_size.SECONDS", 1e6)  # batches of 1, 4, 16, ... events

    @pytest.mark.parametrize("rules", [{}, {"retire_below": 0.2, "check_every": 7}, {"naive": ("persistence",)}])
    def test_any_number_of_threads_gives_the_same_bits(self, rules: dict[str, Any]) -> None:
        @examples(max_examples=15)
        @given(events=EVENTS)
        def check(events: list[Any]) -> None:
            keys, x, ends = zip(*events, strict=True)
            found = []
            for threads in (1, 2, 4):
                race = race_of(STUCK, QUICK, {"learning_rate": 0.001}, race=RaceSettings(**rules))
                race.threads = threads
                result = race.process_detailed(list(keys), np.array(x)[:, None], ends=np.array(ends))
                state = {name: array.tobytes() for name, array in race.snapshot().finish().arrays.items()}
                found.append((result.forecasts.tobytes(), result.begins.tobytes(), state, race.standings().keys()))
            assert found[1] == found[0]
            assert found[2] == found[0]

        check()

    def test_members_run_at_the_same_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        together, process_events = Barrier(2, timeout=60), Engine.process_events

        def meeting(engine: Engine, events: Events, *, learn: bool) -> BatchResult:
            if len(events.keys) > 1:
                together.wait()
            return process_events(engine, events, learn=learn)

        monkeypatch.setattr(Engine, "process_events", meeting)
        race = race_of(STUCK, QUICK)
        race.threads = 2
        race.process("s", series(20))
        assert race.counts.events == 20

    def test_a_race_in_threads_is_copied_saved_and_loaded(self, tmp_path: Path) -> None:
        keys, x = streams(300)
        whole, race = race_of(STUCK, QUICK), race_of(STUCK, QUICK)
        whole.threads, race.threads = 1, 2
        expected = whole.process(keys, x)[200:]
        race.process(keys[:200], x[:200])
        race.save(tmp_path / "race")
        for other in (Race.load(tmp_path / "race"), copy.deepcopy(race), race):
            other.threads = 2
            assert other.process(keys[200:], x[200:]).tobytes() == expected.tobytes()

    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
    def test_an_error_in_one_member_is_raised_and_ends_the_race(
        self, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], threads: int
    ) -> None:
        race, process_events = race_of(STUCK, QUICK), Engine.process_events
        race.threads = threads
        second = race.members["b"]

        def failing(engine: Engine, events: Events, *, learn: bool) -> BatchResult:
            if engine is second and len(events.keys) > 1:
                raise error
            return process_events(engine, events, learn=learn)

        with monkeypatch.context() as patch:
            patch.setattr(Engine, "process_events", failing)
            with pytest.raises(error):
                race.process("s", series(20))
        with pytest.raises(StreamRNNError, match="interrupted"):
            race.process("s", series(3))

    def test_a_refused_event_does_not_end_the_race(self) -> None:
        race = race_of(STUCK, QUICK)
        with pytest.raises(DataError, match="nonsense"):
            race.step("s", {"nonsense": 1.0})
        with pytest.raises(DataError, match="a key must be"):
            race.process([1.5], series(1))
        race.process("s", series(3))
