"""Where the repository is, and the data sets that are not part of it."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent
DATA = ROOT.parent / "shared" / "data"
"""Default folder of the data sets: ``../shared/data``, relative to the repository."""
