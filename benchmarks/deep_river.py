"""deep-river's models, which run in an environment of their own."""

from __future__ import annotations

from typing import Any

from benchmarks import child

NOT_GIVEN = "no interpreter that has it was given by --deep-river-python"


def run(name: str, *arguments: str, python: str | None) -> dict[str, Any]:
    """Return what a program of `benchmarks.peers` found, or under ``skipped`` the reason why it did not run."""
    if python is None:
        return {"skipped": NOT_GIVEN}
    try:
        return child.module(f"benchmarks.peers.{name}", *arguments, python=python)
    except child.ChildError as error:
        return {"skipped": str(error)}
