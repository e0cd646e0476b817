"""Threads that share an engine wait for each other."""

from __future__ import annotations

import inspect
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Thread
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support import bits, engine_of, series

from stream_rnn import Engine, SharedEngine

if TYPE_CHECKING:
    from pathlib import Path

STREAMS, EVENTS = 8, 500


def test_it_has_what_an_engine_has() -> None:
    public = {name for name in vars(Engine) if not name.startswith("_")} - {"load", "restore"}
    assert {name for name in vars(SharedEngine) if not name.startswith("_")} == public | {"exclusive"}
    for name in public:
        of_engine, of_shared = getattr(Engine, name), getattr(SharedEngine, name)
        assert inspect.getdoc(of_shared) == inspect.getdoc(of_engine)
        if callable(of_engine):
            assert inspect.signature(of_shared) == inspect.signature(of_engine)


def test_streams_with_their_own_weights_get_the_same_bits_from_threads_as_one_after_the_other(tmp_path: Path) -> None:
    engine, serial = (engine_of(weights="per_stream", interval=0.9) for _ in range(2))
    shared, x = SharedEngine(engine), {key: series(EVENTS, key) for key in range(STREAMS)}

    def run(key: int) -> bytes:
        found = []
        for t, value in enumerate(x[key]):
            found.append(shared.step(key, value))
            if t % 100 == 50:
                shared.save(tmp_path / f"{key}")
        return np.array(found).tobytes()

    with ThreadPoolExecutor(STREAMS) as threads:
        found = list(threads.map(run, range(STREAMS)))
    assert found == [serial.process(key, x[key]).tobytes() for key in range(STREAMS)]
    assert shared.counts == serial.counts
    assert Engine.load(tmp_path / "0").events(0) > 50


def test_other_threads_wait_while_one_has_it_exclusively() -> None:
    shared, entered = SharedEngine(engine_of()), Event()
    lengths: list[int] = []

    def other() -> None:
        entered.set()
        lengths.append(shared.length("s"))

    with shared.exclusive() as engine:
        thread = Thread(target=other)
        thread.start()
        assert entered.wait(60)
        for value in series(10):
            engine.step("s", value)
        assert not lengths
    thread.join(60)
    assert lengths == [10]


def test_the_thread_that_has_it_exclusively_may_call_it_as_well() -> None:
    shared = SharedEngine(engine_of())
    with shared.exclusive():
        shared.step("s", [1.0])
    assert shared.events("s") == 1


def test_errors_pass_through_and_the_next_call_works() -> None:
    shared = SharedEngine(engine_of())
    with pytest.raises(ValueError, match="nonsense"):
        shared.step("s", {"nonsense": 1.0})
    shared.step("s", [1.0])
    with shared.exclusive() as engine:
        assert bits(engine)
