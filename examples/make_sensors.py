"""Write readings of made-up sensors as JSON lines: what a gateway would send, with gaps and a few broken records."""

from __future__ import annotations

import argparse
import json
import math
import random
from pathlib import Path

MINUTE = 60
BEGIN = 1_767_225_600  # 2026-01-01 00:00 UTC


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--sensors", type=int, default=20)
    parser.add_argument("--readings", type=int, default=2000, help="of each sensor, one a minute")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    rng = random.Random(options.seed)  # noqa: S311 - no secrets
    load = [rng.random() for _ in range(options.sensors)]
    heat = [20.0] * options.sensors
    with options.file.open("w") as file:
        for minute in range(options.readings):
            for sensor in range(options.sensors):
                wanted = 0.5 + 0.5 * math.sin(2 * math.pi * minute / (200 + 10 * sensor))
                load[sensor] += 0.1 * (wanted - load[sensor]) + rng.gauss(0, 0.02)
                heat[sensor] += 0.05 * (20 + 60 * load[sensor] - heat[sensor]) + rng.gauss(0, 0.1)
                reading = {
                    "time": BEGIN + MINUTE * minute,
                    "sensor": f"pump-{sensor:02d}",
                    "load": round(load[sensor], 4),
                    "temperature": round(heat[sensor], 3) if rng.random() > 0.001 else None,
                }
                line = json.dumps(reading)
                file.write((line if rng.random() > 0.0005 else line[:20]) + "\n")
    print(f"{options.file}: {options.readings} readings of {options.sensors} sensors")


if __name__ == "__main__":
    main()
