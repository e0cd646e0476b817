"""Fields of all settings: their choices are implemented, their tuples accept single values, and they are described."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
import pytest

from stream_rnn.connectors.files.formats import FORMATS
from stream_rnn.errors import SettingError
from stream_rnn.kernels.activations import Activation
from stream_rnn.layers import REGISTRY, LayerName
from stream_rnn.learning.clipping import ClipKind
from stream_rnn.learning.inputs import PERIODS
from stream_rnn.learning.optimizers import MOMENTS_PER_WEIGHT
from stream_rnn.losses import LOSSES, LossName
from stream_rnn.settings import engine, fields, live, live_job, presets, race, records, replay
from stream_rnn.settings.base import Checked, choices_of
from stream_rnn.settings.live import LiveSettings
from stream_rnn.settings.race import RaceSettings
from stream_rnn.settings.replay import ReplaySettings

CHOICES: dict[str, tuple[Any, set[str]]] = {
    "layers": (LayerName, set(REGISTRY)),
    "losses": (LossName, set(LOSSES)),
    "presets": (presets.PresetName, set(presets.PRESETS)),
    "presets of races": (presets.RaceName, set(race.PRESETS)),
    "activations": (fields.ActivationName, {kind.name.lower() for kind in Activation}),
    "optimizers": (fields.OptimizerName, {kind.__name__.lower() for kind in MOMENTS_PER_WEIGHT} | {"adamw"}),
    "clipping": (fields.ClipName, {kind.name.lower() for kind in ClipKind}),
    "calendar cycles": (fields.CycleName, set(PERIODS)),
    "file formats": (replay.Format, set(FORMATS)),
}


@pytest.mark.parametrize("name", CHOICES)
def test_the_names_that_are_accepted_are_those_that_are_implemented(name: str) -> None:
    hint, implemented = CHOICES[name]
    accepted = choices_of(hint)
    assert len(accepted) == len(set(accepted))
    assert set(accepted) == implemented


TUPLES: dict[type[Checked], tuple[str, ...]] = {
    fields.EngineFields: engine.SEVERAL,
    ReplaySettings: ("files", "categories"),
    LiveSettings: ("servers", "topics", "categories"),
    RaceSettings: ("naive",),
}


def tuple_fields(settings: type[Checked]) -> list[str]:
    """Return the names of the settings whose type is a tuple."""
    hints = typing.get_type_hints(settings)
    return [name for name in settings.__struct_fields__ if typing.get_origin(hints[name]) is tuple]


@pytest.mark.parametrize("settings", TUPLES, ids=lambda settings: settings.__name__)
def test_every_setting_with_several_values_is_known(settings: type[Checked]) -> None:
    assert sorted(TUPLES[settings]) == sorted(tuple_fields(settings))


SINGLE: dict[str, Any] = {
    "naive": "persistence",
    "inputs": "x",
    "targets": "x",
    "layer": "lstm",
    "hidden": 8,
    "quantiles": 0.5,
    "lags": 2,
    "readout_lags": 2,
    "leak": 0.5,
    "calendar": "day",
    "files": "a.csv",
    "categories": "valve",
    "servers": "localhost:9092",
    "topics": "sensors",
}


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (engine.Settings if settings is fields.EngineFields else settings, name)
        for settings, names in TUPLES.items()
        for name in names
    ],
)
def test_a_single_value_or_a_list_is_accepted_for_every_tuple(settings: type[Checked], name: str) -> None:
    needed = {"inputs": ("x",), "skip": True} if settings is engine.Settings else {}
    for value in (SINGLE[name], [SINGLE[name]], (SINGLE[name],)):
        assert getattr(settings(**(needed | {name: value})), name) == (SINGLE[name],)


def test_an_integer_where_a_float_belongs_becomes_one() -> None:
    made = [
        RaceSettings(rate=10**30).rate,
        LiveSettings(commit_seconds=1).commit_seconds,
        ReplaySettings(lateness=3).lateness,
    ]
    assert [(type(value), value) for value in made] == [(float, 1e30), (float, 1.0), (float, 3.0)]


@pytest.mark.parametrize("name", ["learning_rate", "seed"])
def test_an_integer_that_is_too_large_for_a_float_is_refused_in_one_line(name: str) -> None:
    for value in (10**400, -(10**5000)):
        with pytest.raises(SettingError, match=rf"^{name} must be a finite number, got an integer of \d+ bits$"):
            engine.Settings(inputs=("x",), **{name: value})


@pytest.mark.parametrize("settings", TUPLES, ids=lambda settings: settings.__name__)
def test_every_setting_has_a_description(settings: type[Checked]) -> None:
    for field in msgspec.inspect.type_info(settings).fields:
        assert field.type.extra_json_schema["description"].endswith(".")


def test_the_settings_of_every_module_are_tested_here() -> None:
    modules = (engine, fields, live, live_job, presets, race, records, replay)
    structs = {value for module in modules for value in vars(module).values() if _is_settings(value)}
    bases = {Checked, records.RecordSettings, live_job.LiveJobSettings}
    assert structs - bases - {engine.Settings, live.Header} == set(TUPLES)


def _is_settings(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, msgspec.Struct)
