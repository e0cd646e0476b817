"""Write readings of synthetic sensors as JSON lines, with missing values and a few broken records."""

from __future__ import annotations

import argparse
import json
import math
import random
from pathlib import Path

MINUTE = 60
START = 1_767_225_600  # 2026-01-01 00:00 UTC


def main() -> None:
    """Write the readings to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="file to write")
    parser.add_argument("--sensors", type=int, default=20, help="number of sensors")
    parser.add_argument("--readings", type=int, default=2000, help="readings of each sensor, one per minute")
    parser.add_argument("--seed", type=int, default=0, help="seed of the readings")
    options = parser.parse_args()

    rng = random.Random(options.seed)  # noqa: S311 - not a secret
    load = [rng.random() for _ in range(options.sensors)]
    temperature = [20.0] * options.sensors
    with options.file.open("w") as file:
        for minute in range(options.readings):
            for sensor in range(options.sensors):
                demand = 0.5 + 0.5 * math.sin(2 * math.pi * minute / (200 + 10 * sensor))
                load[sensor] += 0.1 * (demand - load[sensor]) + rng.gauss(0, 0.02)
                temperature[sensor] += 0.05 * (20 + 60 * load[sensor] - temperature[sensor]) + rng.gauss(0, 0.1)
                reading = {
                    "time": START + MINUTE * minute,
                    "sensor": f"pump-{sensor:02d}",
                    "load": round(load[sensor], 4),
                    "temperature": round(temperature[sensor], 3) if rng.random() > 0.001 else None,
                }
                line = json.dumps(reading)
                file.write((line if rng.random() > 0.0005 else line[:20]) + "\n")
    print(f"{options.file}: {options.readings} readings of {options.sensors} sensors")


if __name__ == "__main__":
    main()
