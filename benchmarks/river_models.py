"""What the estimators are beside river's and deep-river's: speed, forecasts, and scores on river's own data.

    python -m benchmarks.river_models
    python -m benchmarks.river_models --only forecasts --json
    python -m benchmarks.river_models --deep-river-python /tmp/deep-river/bin/python

Parts: ``speed`` (events per second of predict_one and learn_one, and of learn_many), ``forecasts`` (two series, several
steps ahead) and ``scores`` (a regression and a classification, each event predicted before it is learned). deep-river
needs torch, and another river than the estimators; it runs in an environment of its own, made by

    python -m venv /tmp/deep-river
    /tmp/deep-river/bin/pip install deep-river pytest

(it imports pytest). The estimators run with what they are made with; what differs from that is written beside them.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from benchmarks import report, river_forecasts, river_scores, river_speed

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = ("speed", "forecasts", "scores")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be said several times")
    parser.add_argument("--deep-river-python", metavar="PATH", help="an interpreter that has deep-river")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    found: dict[str, Any] = {}
    for part in options.only or PARTS:
        found[part] = _measure(part, options.deep_river_python)
        if not options.json:
            for title, rows in found[part].items():
                report.show(title, rows)
    if options.json:
        report.show_json(found)
    else:
        report.show_machine()


def _measure(part: str, deep_river_python: str | None) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of a part, by their titles."""
    match part:
        case "speed":
            return river_speed.measure(deep_river_python)
        case "forecasts":
            return river_forecasts.measure(deep_river_python)
        case _:
            return river_scores.measure()


if __name__ == "__main__":
    main()
