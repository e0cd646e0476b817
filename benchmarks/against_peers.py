"""The reference job run by the engine and by other libraries, in the same run."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from benchmarks import child, reference

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 40_000


def measure(torch_python: str) -> dict[str, Any]:
    """Return the rates of the engine and the peers, and the core's matrix-product rate.

    Everything runs on one core. Each peer is compared with the engine's rates just before and after it. For a peer
    that cannot be run, the result is the reason.
    """
    with child.one_core():
        return _measure(torch_python)


def _measure(torch_python: str) -> dict[str, Any]:
    events = reference.data(EVENTS)
    engine = reference.warm(reference.JOB)
    rates = [reference.rate(engine, events)]
    peers: list[dict[str, Any]] = []
    for name, run in _peers(torch_python).items():
        try:
            result = run()
        except child.ChildError as error:
            peers.append({"peer": name, "skipped": str(error)})
            continue
        rates.append(reference.rate(engine, events))
        engine_rate, peer_rate = statistics.mean(rates[-2:]), result["events_per_second"]
        peers.append(
            {
                "peer": f"{name} {result['version']}",
                "events_per_second": peer_rate,
                "engine": engine_rate,
                "engine_times": engine_rate / peer_rate,
            }
        )
    gflops = child.module("benchmarks.peers.sgemm")["gflops"]
    median = statistics.median(rates)
    product_gflops = median * reference.product_flops() / 1e9
    return {
        "events_per_second": median,
        "microseconds_per_event": 1e6 / median,
        "rates": rates,
        "peers": peers,
        "sgemm_gflops": gflops,
        "engine_product_gflops": product_gflops,
        "share_of_sgemm": product_gflops / gflops,
    }


def variants() -> list[dict[str, Any]]:
    """Return the rate of each network, and its ratio to the rate of the reference job just before it."""
    events = reference.data(EVENTS // 2)
    engine = reference.warm(reference.JOB)
    rows = []
    for name, settings in reference.VARIANTS.items():
        reference_rate = reference.rate(engine, events, rounds=3)
        rate = reference.rate(reference.warm(settings), events, rounds=3)
        rows.append({"network": name, "events_per_second": rate, "of_reference": rate / reference_rate})
    return rows


def _peers(torch_python: str) -> dict[str, Callable[[], dict[str, Any]]]:
    torch = "benchmarks.peers.torch_eager"
    return {
        "JAX whole stream in one scan": lambda: child.module("benchmarks.peers.jax_scan"),
        "JAX one jitted step per event": lambda: child.module("benchmarks.peers.jax_step"),
        "PyTorch eager, nn.GRU": lambda: child.module(torch, python=torch_python),
        "PyTorch eager, nn.GRUCell": lambda: child.module(torch, "--cell", python=torch_python),
    }
