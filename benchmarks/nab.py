"""Anomaly scores on the Numenta Anomaly Benchmark, or a folder of the same layout, by its protocol (`nab_protocol`).

    python -m benchmarks.nab --json
    python -m benchmarks.nab --folder ../shared/data/nab --categories realKnownCause realTraffic --seeds 5
    python -m benchmarks.nab --vary
    python -m benchmarks.nab --cross-validate

Every file is one stream of an engine of its own; all engines have the same settings. Other detectors for comparison:
the size of the engine's residuals, and the same anomaly score computed from residuals of simpler forecasts. ``--vary``
changes each constant of the score by 30 %, one at a time. ``--cross-validate`` scores each category with the threshold,
and with the threshold and constants, that are best for the other categories.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks import baselines, nab_protocol, options, report
from benchmarks.paths import DATA
from stream_rnn import Engine, Settings
from stream_rnn.kernels.jit import entry
from stream_rnn.learning import anomaly

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from benchmarks.nab_protocol import File, Outcome

    Array = NDArray[np.float64]

FORGETTING: Final = ("short", "lasting", "long", "hour", "fade", "difference", "recovery", "days")
"""Constants that are forgetting factors; their half-lives are varied."""
VARIED: Final = (*FORGETTING, "margin", "prior", "limit", "floor", "settled", "outside", "share", "habituation")

CHOSEN: Final = ("short", "difference", "recovery", "days", "floor", "outside", "share", "habituation")
"""Constants that were chosen on these files."""
PROFILE: Final = nab_protocol.PROFILES["standard"]
CHOICES: Final = 200
"""Combinations of constants to choose from."""
THRESHOLDS: Final = np.linspace(0.02, 1.0, 50)


def run_engine(file: File, seed: int) -> tuple[Array, Array]:
    """Return the engine's score of every row (N,), and its residuals (N,), the first of which is NaN."""
    engine = Engine(Settings.preset("anomaly", inputs=("value",), seed=seed))
    result = engine.process_detailed(0, file.values, times=file.times)
    residuals = file.values - np.append(np.nan, result.forecasts[:-1, 0, 0])
    if result.anomalies is None:
        raise RuntimeError("the preset must compute anomaly scores")
    return np.nan_to_num(result.anomalies), residuals


def persistence_residuals(file: File) -> Array:
    """Return the change to each value (N,); the first is NaN."""
    return np.diff(file.values, prepend=np.nan)


def ar_residuals(file: File) -> Array:
    """Return the residuals (N,) of an online autoregression that was selected on the probationary rows."""
    known = file.values[: file.probation]
    z = (file.values - known.mean()) / (known.std() or 1.0)
    forecasts = baselines.online_ar(z[:, np.newaxis], file.probation).forecasts[:, 0, 0]
    return z - np.append(np.nan, forecasts[:-1])


@entry
def _score_residuals(
    constants: anomaly.Anomaly, state: Array, residuals: Array, values: Array, times: Array, scores: Array
) -> None:
    """Write the anomaly scores of a stream's values (N, 1) with these residuals (N, 1) to `scores` (N,)."""
    evidence = np.zeros(1)
    for i in range(scores.shape[0]):
        scores[i] = anomaly.anomaly_score(constants, state, residuals[i], values[i], times[i], evidence)


def anomaly_scores(file: File, residuals: Array, constants: anomaly.Anomaly = anomaly.DEFAULT) -> Array:
    """Return the anomaly score of every row (N,)."""
    scores = np.zeros(len(residuals))
    columns = (np.ascontiguousarray(column[:, np.newaxis]) for column in (residuals, file.values))
    _score_residuals(constants, np.zeros(anomaly.state_size(1)), *columns, file.times, scores)
    return scores


def z_scores(residuals: Array) -> Array:
    """Return the sizes of the residuals in units of the root mean square of all earlier ones."""
    known = np.nan_to_num(residuals)
    earlier = np.cumsum(known**2) - known**2
    counts = np.maximum(np.cumsum(np.isfinite(residuals)) - 1, 1)
    return np.divide(np.abs(known), np.sqrt(earlier / counts), out=np.zeros(len(known)), where=earlier > 0)


def detectors(files: Sequence[File], seed: int) -> dict[str, list[Array]]:
    """Return each detector's scores of every file's rows."""
    engine = [run_engine(file, seed) for file in files]
    persistence = [persistence_residuals(file) for file in files]
    random = np.random.default_rng(seed)
    return {
        "stream_rnn": [scores for scores, _ in engine],
        "stream_rnn_residual": [z_scores(residuals) for _, residuals in engine],
        "persistence": [anomaly_scores(*pair) for pair in zip(files, persistence, strict=True)],
        "persistence_residual": [z_scores(residuals) for residuals in persistence],
        "ar_residual": [z_scores(ar_residuals(file)) for file in files],
        "random": [random.random(len(file.values)) for file in files],
        "null": [np.zeros(len(file.values)) for file in files],
    }


def evaluate(files: Sequence[File], scores: Sequence[Array]) -> dict[str, Any]:
    """Return a detector's outcome for each profile, overall and for each category at the same threshold."""
    outcomes: dict[str, Any] = {}
    for name, profile in nab_protocol.PROFILES.items():
        outcome = nab_protocol.evaluate(files, scores, profile)
        outcomes[name] = outcome._asdict() | {
            "categories": {
                category: _category(files, scores, category, profile, outcome)
                for category in sorted({file.category for file in files})
            }
        }
    return outcomes


def _category(
    files: Sequence[File], scores: Sequence[Array], category: str, profile: nab_protocol.Profile, outcome: Outcome
) -> dict[str, Any]:
    pairs = [(file, own) for file, own in zip(files, scores, strict=True) if file.category == category]
    members = [file for file, _ in pairs]
    at_threshold = nab_protocol.at(members, [own for _, own in pairs], profile, outcome.threshold)
    return {
        "score": at_threshold.score,
        "found": at_threshold.found,
        "windows": sum(len(file.windows) for file in members),
        "false_alarms": at_threshold.false_alarms,
    }


def mean(runs: Iterable[Any]) -> Any:
    """Return the mean of nested dictionaries with the same keys, number by number."""
    runs = list(runs)
    if isinstance(runs[0], dict):
        return {name: mean(run[name] for run in runs) for name in runs[0]}
    return float(np.mean(runs))


def measure(files: Sequence[File], seeds: int) -> dict[str, Any]:
    """Return every detector's outcomes, averaged over the seeds."""
    runs: dict[str, list[Any]] = {}
    for seed in range(seeds):
        for name, scores in detectors(files, seed).items():
            runs.setdefault(name, []).append(evaluate(files, scores))
    return {
        name: mean(outcomes) | {"seeds": [outcome["standard"]["score"] for outcome in outcomes]}
        for name, outcomes in runs.items()
    }


def vary(files: Sequence[File], seeds: int) -> list[dict[str, Any]]:
    """Return the scores with each constant, or the half-life of a forgetting factor, 30 % smaller and larger."""
    residuals = [[run_engine(file, seed)[1] for file in files] for seed in range(seeds)]

    def profile_scores(constants: anomaly.Anomaly) -> dict[str, float]:
        runs = [[anomaly_scores(*pair, constants) for pair in zip(files, run, strict=True)] for run in residuals]
        return {
            name: float(np.mean([nab_protocol.evaluate(files, run, profile).score for run in runs]))
            for name, profile in nab_protocol.PROFILES.items()
        }

    table: list[dict[str, Any]] = [{"constant": "as they are", **profile_scores(anomaly.DEFAULT)}]
    for name in VARIED:
        for factor in (0.7, 1.3):
            changed = anomaly.DEFAULT._replace(**{name: _scaled(name, getattr(anomaly.DEFAULT, name), factor)})
            table.append({"constant": f"{name} x {factor}", **profile_scores(changed)})
    return table


def cross_validate(files: Sequence[File], residuals: Sequence[Sequence[Array]], choices: int) -> list[dict[str, Any]]:
    """Return the standard score of each category with what is best for the others, for as many random constants.

    Parameters
    ----------
    files
        Files of several categories.
    residuals
        Those of every file's rows, for each seed.
    choices
        Number of random combinations of constants, each as it is or 30 % smaller or larger; with 1, only the threshold
        is chosen.
    """
    random = np.random.default_rng(0)
    categories = sorted({file.category for file in files})
    values = np.zeros((choices, len(categories), len(THRESHOLDS)))
    for choice in range(choices):
        factors = random.choice((0.7, 1.0, 1.3), len(CHOSEN)) if choice else np.ones(len(CHOSEN))
        changed = {
            name: _scaled(name, getattr(anomaly.DEFAULT, name), factor)
            for name, factor in zip(CHOSEN, factors, strict=True)
        }
        constants = anomaly.DEFAULT._replace(**changed)
        for run in residuals:
            for file, own in zip(files, run, strict=True):
                tally = nab_protocol.tally(file, anomaly_scores(file, own, constants), THRESHOLDS)
                value = tally.gains + tally.found + PROFILE.false_alarm * tally.costs
                values[choice, categories.index(file.category)] += value / len(residuals)
    table, total = [], 0.0
    for place, category in enumerate(categories):
        best = np.unravel_index((values.sum(axis=1) - values[:, place]).argmax(), (choices, len(THRESHOLDS)))
        value, windows = values[best[0], place, best[1]], sum(len(f.windows) for f in files if f.category == category)
        total += value
        table.append({"category": category, "score": _percent(value, windows), "threshold": THRESHOLDS[best[1]]})
    return [*table, {"category": "all", "score": _percent(total, sum(len(file.windows) for file in files))}]


def _percent(value: float, windows: int) -> float:
    return 50.0 * value / max(windows, 1)  # a window is worth 1 when it is found, and costs 1 when it is not


def _scaled(name: str, value: float, factor: float) -> float:
    if name in FORGETTING:
        return float(value ** (1.0 / factor))
    return 1.0 + (value - 1.0) * factor if name == "margin" else value * factor


def main() -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument(
        "--folder", type=Path, default=DATA / "nab", help="folder with data/ and labels/ (default ../shared/data/nab)"
    )
    parser.add_argument("--categories", nargs="+", metavar="NAME", help="use the files of these categories only")
    parser.add_argument(
        "--seeds", type=int, choices=range(1, 21), metavar="1..20", default=3, help="number of engines for each file"
    )
    parser.add_argument("--vary", action="store_true", help="vary each constant of the score by 30 %%")
    parser.add_argument(
        "--cross-validate", action="store_true", help="choose threshold and constants on the other categories"
    )
    arguments = parser.parse_args()
    files = nab_protocol.read(arguments.folder, arguments.categories)
    if arguments.vary:
        table = vary(files, arguments.seeds)
        results: dict[str, Any] = {"varied": table}
    elif arguments.cross_validate:
        residuals = [[run_engine(file, seed)[1] for file in files] for seed in range(arguments.seeds)]
        table = [
            {"chosen": chosen, **row}
            for chosen, choices in (("threshold", 1), ("threshold and constants", CHOICES))
            for row in cross_validate(files, residuals, choices)
        ]
        results = {"cross_validated": table}
    else:
        outcomes = measure(files, arguments.seeds)
        table = [_row(name, outcome) for name, outcome in outcomes.items()]
        results = {"detectors": outcomes, "settings": Settings.preset("anomaly", inputs=("value",)).describe()}
    if arguments.json:
        report.show_json({"files": len(files), "windows": sum(len(file.windows) for file in files), **results})
        return
    report.show(f"{arguments.folder}: {len(files)} files, one threshold for all", table)
    report.show_machine()


def _row(name: str, outcomes: dict[str, Any]) -> dict[str, Any]:
    standard = outcomes["standard"]
    profiles = {profile: outcomes[profile]["score"] for profile in nab_protocol.PROFILES}
    categories = {name: category["score"] for name, category in standard["categories"].items()}
    counts = {key: standard[key] for key in ("threshold", "found", "false_alarms")}
    return {"detector": name, **profiles, **counts, **categories}


if __name__ == "__main__":
    main()
