"""Forecast the flow in a water main for the next 24 hours, with a network that learns from scratch.

The recording, two months of hourly readings, comes with river. Run it with `make run`, or
`python examples/water_flow.py`.
"""

from importlib.resources import as_file, files
from pathlib import Path

from stream_rnn.cli.app import cli

OUT = Path("out")


def main() -> None:
    """Replay the recording, and exit with the command's exit code."""
    OUT.mkdir(exist_ok=True)
    with as_file(files("river") / "datasets" / "water-flow.csv") as recording:
        options = ["--targets", "Water flow [l/s]", "--preset", "forecast", "--horizon", "24", "--interval", "0.9"]
        # The recording has three periods without water, which should not dominate what is learned.
        options += ["--readout", "gradient", "--loss", "huber"]
        outputs = ["--output", str(OUT / "water_flow.csv"), "--plot", str(OUT / "water_flow.png")]
        cli(["replay", str(recording), *options, *outputs], prog_name="stream-rnn")


if __name__ == "__main__":
    main()
