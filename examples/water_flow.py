"""Forecast the flow in a water main of the next twelve hours, hour by hour, by a network that begins knowing nothing.

The sensor's two months of readings come with river. Run with `make run`, or `python examples/water_flow.py`.
"""

from importlib.resources import as_file, files
from pathlib import Path

from stream_rnn.cli.app import cli

OUT = Path("out")


def main() -> None:
    """Replay the recording, and leave with the command's exit code."""
    OUT.mkdir(exist_ok=True)
    with as_file(files("river") / "datasets" / "water-flow.csv") as recording:
        # Huber's loss: the recording has three spells without water, and they are not what is to be learned.
        options = ["--targets", "Water flow [l/s]", "--horizon", "12", "--loss", "huber"]
        written = ["--output", str(OUT / "water_flow.csv"), "--plot", str(OUT / "water_flow.png")]
        cli(["replay", str(recording), *options, *written], prog_name="stream-rnn")


if __name__ == "__main__":
    main()
