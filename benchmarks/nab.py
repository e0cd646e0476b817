"""Anomaly scores on the Numenta Anomaly Benchmark, or any folder of its layout, by its protocol (`nab_protocol`).

    python -m benchmarks.nab --json
    python -m benchmarks.nab --folder ../shared/data/nab --seeds 5
    python -m benchmarks.nab --vary

Every file is one stream of an engine of its own, with the same settings for all. What the engine's residuals are worth
by themselves, and what the same score makes of simpler forecasts, is measured beside it. ``--vary`` changes each
constant of the score by 30 % in turn.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numba
import numpy as np

from benchmarks import baselines, nab_protocol, report
from stream_rnn import Engine, Settings
from stream_rnn.learning import anomaly

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from benchmarks.nab_protocol import File, OutputBuffers

    Array = NDArray[np.float64]

VARIED: Final = ("short", "lasting", "long", "hour", "fade", "margin", "prior", "limit")


def engine_run(file: File, seed: int) -> tuple[Array, Array]:
    """Return the engine's score of every row (N,), and what each value was off its forecast (N,), NaN for the first."""
    engine = Engine(Settings.preset("anomaly", inputs=("value",), seed=seed))
    taken = engine.process_detailed(0, file.values, times=file.times)
    residuals = file.values - np.append(np.nan, taken.forecasts[:-1, 0, 0])
    return np.nan_to_num(taken.anomalies), residuals


def persistence_residuals(file: File) -> Array:
    """Return each value's change (N,), NaN for the first."""
    return np.diff(file.values, prepend=np.nan)


def ar_residuals(file: File) -> Array:
    """Return the residuals (N,) of an online autoregression that was chosen on the rows that do not count."""
    known = file.values[: file.probation]
    z = (file.values - known.mean()) / (known.std() or 1.0)
    made = baselines.online_ar(z[:, np.newaxis], file.probation).forecasts[:, 0, 0]
    return z - np.append(np.nan, made[:-1])


@numba.njit(error_model="numpy")
def surprises(constants: anomaly.Anomaly, state: Array, residuals: Array, times: Array, scores: Array) -> None:
    """Write the score of each of a stream's residuals (N, 1), in their order, to `scores` (N,)."""
    for i in range(len(scores)):
        scores[i] = anomaly.anomaly_score(constants, state, residuals[i], times[i])


def anomaly_scores(file: File, residuals: Array, constants: anomaly.Anomaly = anomaly.DEFAULT) -> Array:
    """Return the anomaly score of every row (N,)."""
    scores = np.zeros(len(residuals))
    surprises(constants, np.zeros(anomaly.state_size(1)), residuals[:, np.newaxis].copy(), file.times, scores)
    return scores


def z_scores(residuals: Array) -> Array:
    """Return the residuals' sizes in units of the root mean square of all before them."""
    known = np.nan_to_num(residuals)
    before = np.cumsum(known**2) - known**2
    counts = np.maximum(np.cumsum(np.isfinite(residuals)) - 1, 1)
    return np.divide(np.abs(known), np.sqrt(before / counts), out=np.zeros(len(known)), where=before > 0)


def detectors(files: Sequence[File], seed: int) -> dict[str, list[Array]]:
    """Return the scores of every file's rows, by each of the detectors."""
    engine = [engine_run(file, seed) for file in files]
    persistence = [persistence_residuals(file) for file in files]
    random = np.random.default_rng(seed)
    return {
        "stream_rnn": [scores for scores, _ in engine],
        "stream_rnn_residual": [z_scores(residuals) for _, residuals in engine],
        "persistence": [anomaly_scores(*pair) for pair in zip(files, persistence, strict=True)],
        "persistence_residual": [z_scores(own) for own in persistence],
        "ar_residual": [z_scores(ar_residuals(file)) for file in files],
        "random": [random.random(len(file.values)) for file in files],
        "null": [np.zeros(len(file.values)) for file in files],
    }


def judge(files: Sequence[File], scores: Sequence[Array]) -> dict[str, Any]:
    """Return a detector's outcome for each profile, and of each category at the same threshold."""
    judged: dict[str, Any] = {}
    for name, profile in nab_protocol.PROFILES.items():
        outcome = nab_protocol.evaluate(files, scores, profile)
        judged[name] = outcome._asdict() | {
            "categories": {
                category: _category(files, scores, category, profile, outcome)
                for category in sorted({file.category for file in files})
            }
        }
    return judged


def _category(
    files: Sequence[File], scores: Sequence[Array], category: str, profile: nab_protocol.Profile, outcome: OutputBuffers
) -> dict[str, Any]:
    chosen = [place for place, file in enumerate(files) if file.category == category]
    own = [files[place] for place in chosen]
    found = nab_protocol.at(own, [scores[place] for place in chosen], profile, outcome.threshold)
    windows = sum(len(file.windows) for file in own)
    return {"score": found.score, "found": found.found, "windows": windows, "false_alarms": found.false_alarms}


def mean(runs: Iterable[Any]) -> Any:
    """Return the mean of equal structures of numbers, number by number."""
    runs = list(runs)
    if isinstance(runs[0], dict):
        return {name: mean(run[name] for run in runs) for name in runs[0]}
    return float(np.mean(runs))


def measure(files: Sequence[File], seeds: int) -> dict[str, Any]:
    """Judge every detector with every seed."""
    runs: dict[str, list[Any]] = {}
    for seed in range(seeds):
        for name, scores in detectors(files, seed).items():
            runs.setdefault(name, []).append(judge(files, scores))
    return {
        name: mean(judged) | {"seeds": [run["standard"]["score"] for run in judged]} for name, judged in runs.items()
    }


def vary(files: Sequence[File], seeds: int) -> list[dict[str, Any]]:
    """Return the scores with each constant 30 % below and above what it is; of memories, the half-life."""
    residuals = [[engine_run(file, seed)[1] for file in files] for seed in range(seeds)]

    def standing(constants: anomaly.Anomaly) -> dict[str, float]:
        runs = [[anomaly_scores(*pair, constants) for pair in zip(files, own, strict=True)] for own in residuals]
        return {
            name: float(np.mean([nab_protocol.evaluate(files, run, profile).score for run in runs]))
            for name, profile in nab_protocol.PROFILES.items()
        }

    table: list[dict[str, Any]] = [{"constant": "as they are", **standing(anomaly.DEFAULT)}]
    for name in VARIED:
        for factor in (0.7, 1.3):
            changed = anomaly.DEFAULT._replace(**{name: _scaled(name, getattr(anomaly.DEFAULT, name), factor)})
            table.append({"constant": f"{name} x {factor}", **standing(changed)})
    return table


def _scaled(name: str, value: float, factor: float) -> float:
    if name in {"short", "lasting", "long", "hour", "fade"}:
        return float(value ** (1.0 / factor))
    return 1.0 + (value - 1.0) * factor if name == "margin" else value * factor


def main() -> None:
    """Measure, and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("../shared/data/nab"), help="with data/ and labels/")
    parser.add_argument(
        "--seeds", type=int, choices=range(1, 21), metavar="1..20", default=3, help="engines for each file"
    )
    parser.add_argument("--vary", action="store_true", help="each constant of the score by 30 %%")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    files = nab_protocol.read(options.folder)
    if options.vary:
        table = vary(files, options.seeds)
        found: dict[str, Any] = {"varied": table}
    else:
        judged = measure(files, options.seeds)
        table = [_row(name, outcome) for name, outcome in judged.items()]
        found = {"detectors": judged, "settings": Settings.preset("anomaly", inputs=("value",)).describe()}
    if options.json:
        report.show_json({"files": len(files), "windows": sum(len(file.windows) for file in files), **found})
        return
    report.show(f"{options.folder}: {len(files)} files, one threshold for all", table)
    report.show_machine()


def _row(name: str, judged: dict[str, Any]) -> dict[str, Any]:
    standard = judged["standard"]
    profiles = {profile: judged[profile]["score"] for profile in nab_protocol.PROFILES}
    categories = {category: own["score"] for category, own in standard["categories"].items()}
    counts = {key: standard[key] for key in ("threshold", "found", "false_alarms")}
    return {"detector": name, **profiles, **counts, **categories}


if __name__ == "__main__":
    main()
