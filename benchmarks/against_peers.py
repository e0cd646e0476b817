"""The reference job through the engine, and through other libraries in the same run."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from benchmarks import child, reference

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 40_000


def measure(torch_python: str) -> dict[str, Any]:
    """Return the engine's rates, each peer's beside what the engine did just before and after, and the core's limit.

    All are kept to one core. A peer that cannot be run has the reason in place of its figures.
    """
    with child.one_core():
        return _measure(torch_python)


def _measure(torch_python: str) -> dict[str, Any]:
    events = reference.data(EVENTS)
    engine = reference.warm(reference.JOB)
    before = reference.rate(engine, events)
    rates = [before]
    peers: list[dict[str, Any]] = []
    for name, run in _peers(torch_python).items():
        try:
            found = run()
        except child.ChildError as error:
            peers.append({"peer": name, "skipped": str(error)})
            continue
        rates.append(reference.rate(engine, events))
        ours = statistics.mean(rates[-2:])
        theirs = found["events_per_second"]
        version = found["version"]
        peers.append(
            {"peer": f"{name} {version}", "events_per_second": theirs, "engine": ours, "engine_times": ours / theirs}
        )
    gflops = child.module("benchmarks.peers.sgemm")["gflops"]
    best = statistics.median(rates)
    used = best * reference.product_flops() / 1e9
    return {
        "events_per_second": best,
        "microseconds_per_event": 1e6 / best,
        "rates": rates,
        "peers": peers,
        "sgemm_gflops": gflops,
        "engine_product_gflops": used,
        "share_of_sgemm": used / gflops,
    }


def variants() -> list[dict[str, Any]]:
    """Return the rate of each neighbour of the reference job, beside the reference job just before it."""
    events = reference.data(EVENTS // 2)
    engine = reference.warm(reference.JOB)
    rows = []
    for name, settings in reference.VARIANTS.items():
        base = reference.rate(engine, events, rounds=3)
        rate = reference.rate(reference.warm(settings), events, rounds=3)
        rows.append({"network": name, "events_per_second": rate, "of_reference": rate / base})
    return rows


def _peers(torch_python: str) -> dict[str, Callable[[], dict[str, Any]]]:
    torch = "benchmarks.peers.torch_eager"
    return {
        "JAX whole stream in one scan": lambda: child.module("benchmarks.peers.jax_scan"),
        "JAX one jitted step per event": lambda: child.module("benchmarks.peers.jax_step"),
        "PyTorch eager, nn.GRU": lambda: child.module(torch, python=torch_python),
        "PyTorch eager, nn.GRUCell": lambda: child.module(torch, "--cell", python=torch_python),
    }
