"""A reservoir beside other layers: both are as they are alone, and the reservoir sees the first inputs only."""

from __future__ import annotations

import numpy as np
import pytest
from probe import FEWER, HIDDEN, INPUTS, OPTIONS, Probe, body_of
from support import engine_of, series, stream_row

from stream_rnn import SettingError
from stream_rnn.layers import make_layer
from stream_rnn.layers.beside import beside
from stream_rnn.layers.stack import stacked_layers

TWO = {"inputs": ("x", "y"), "reservoir": 7, "skip": True, "missing_flags": False}


def test_the_output_is_that_of_the_reservoir_then_that_of_the_layers() -> None:
    both, stacked = Probe(body_of("reservoir|dense>gru")), Probe(body_of("dense>gru"))
    split, network = both.network.body.split, stacked.network
    stacked.params[: network.head_start] = both.params[split.params : both.network.head_start]
    states = [probe.run(events=both.events, state=probe.state * 0)["state"] for probe in (both, stacked)]
    np.testing.assert_array_equal(states[0][split.state :], states[1])
    fewer = Probe(make_layer("reservoir", FEWER, HIDDEN, OPTIONS))
    fewer.params[: fewer.network.head_start] = both.params[: split.params]
    events = both.events._replace(X=np.ascontiguousarray(both.events.X[:, :FEWER]))
    np.testing.assert_array_equal(states[0][: split.state], fewer.run(events=events, state=fewer.state * 0)["state"])


def test_a_reservoir_must_not_see_more_than_the_layers() -> None:
    with pytest.raises(ValueError, match="does not fit beside"):
        beside(make_layer("reservoir", INPUTS + 1, HIDDEN, OPTIONS), body_of("gru"))


def test_the_parts_of_a_body_are_found_after_those_of_the_reservoir() -> None:
    body = body_of("reservoir|dense>gru")
    dense, gru = stacked_layers(body)
    assert (dense.params, dense.tape, dense.output) == (body.split.params, body.split.tape, HIDDEN)
    assert dense.layer.sizes.inputs == INPUTS
    assert body.split.inputs == FEWER
    assert gru.state == HIDDEN


def test_the_reservoir_of_an_engine_sees_neither_lags_nor_the_calendar() -> None:
    plain, derived = (
        engine_of(**TWO, **changes) for changes in ({}, {"lags": (1, 2), "calendar": ("day",), "elapsed": True})
    )
    X = np.hstack([series(200), series(200, seed=1)])
    for engine in (plain, derived):
        engine.process("s", X, times=60.0 * np.arange(200))
    np.testing.assert_array_equal(*(stream_row(engine, "state", "s")[:7] for engine in (plain, derived)))


def test_a_reservoir_beside_a_gru_does_not_change_what_the_gru_starts_with() -> None:
    names = list(engine_of(**TWO).parameters)
    assert names[:4] == ["reservoir.W_in", "reservoir.W", "reservoir.b", "W"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layer": "embedding", "inputs": ("x",)}, "reservoir must be 0 with an embedding, got 7"),
        (
            {"layer": "bigru", "lookahead": 2, "task": "regression", "targets": "y", "skip": False},
            "reservoir must be 0 with layer bigru, got 7",
        ),
        ({"batch_streams": 4}, "batch_streams must be 1 with reservoir 7, got 4"),
        ({"reservoir": -1}, "reservoir must be from 0 to 100000, got -1"),
    ],
)
def test_settings_that_a_reservoir_does_not_suit_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError) as caught:
        engine_of(**TWO | {"skip": False} | changes)
    assert str(caught.value) == message
