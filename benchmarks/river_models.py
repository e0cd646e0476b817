"""The estimators compared with river's and deep-river's models: speed, forecasts, and scores on river's data sets.

    python -m benchmarks.river_models
    python -m benchmarks.river_models --only forecasts --json
    python -m benchmarks.river_models --deep-river-python /tmp/deep-river/bin/python

Parts: ``speed`` (events per second of predict_one and learn_one, and of learn_many), ``forecasts`` (two series, several
steps ahead) and ``scores`` (regression and classification, each event predicted before it is learned). deep-river needs
torch and another version of river than the estimators, so it runs in an environment of its own, created by

    python -m venv /tmp/deep-river
    /tmp/deep-river/bin/pip install deep-river pytest

(deep-river imports pytest). The estimators run with default settings except for those shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks import options, report, river_forecasts, river_scores, river_speed

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("speed", "forecasts", "scores")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program."""
    parser = options.parser(__doc__)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be given several times")
    parser.add_argument("--deep-river-python", metavar="PATH", help="an interpreter that has deep-river")
    parsed = parser.parse_args(arguments)
    results: dict[str, Any] = {}
    for part in parsed.only or PARTS:
        results[part] = _measure(part, parsed.deep_river_python)
        if not parsed.json:
            for title, rows in results[part].items():
                report.show(title, rows)
    if parsed.json:
        report.show_json(results)
    else:
        report.show_machine()


def _measure(part: str, deep_river_python: str | None) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of a part, by title."""
    match part:
        case "speed":
            return river_speed.measure(deep_river_python)
        case "forecasts":
            return river_forecasts.measure(deep_river_python)
        case _:
            return river_scores.measure()


if __name__ == "__main__":
    main()
