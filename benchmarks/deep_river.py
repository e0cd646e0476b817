"""deep-river's models, which run in an environment of their own, since they need torch and another river."""

from __future__ import annotations

from typing import Any

from benchmarks import child

NOT_GIVEN = "--deep-river-python names no interpreter that has deep-river"


def run(name: str, *arguments: str, python: str | None) -> dict[str, Any]:
    """Return the result of a program of `benchmarks.peers`, or under ``skipped`` the reason why it did not run."""
    if python is None:
        return {"skipped": NOT_GIVEN}
    try:
        return child.module(f"benchmarks.peers.{name}", *arguments, python=python)
    except child.ChildError as error:
        return {"skipped": str(error)}
