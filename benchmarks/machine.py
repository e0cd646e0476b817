"""What a measurement ran on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "numba", "llvmlite", "pyarrow", "river", "pandas", "jax", "jaxlib")


def describe() -> dict[str, str | int | float]:
    """Return the processor, its cores and memory, how busy it was, and the versions of what was measured."""
    found: dict[str, str | int | float] = {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _cpu() -> str:
    """Return the processor's name, and its family and model, which tell apart processors of one name."""
    fields = {}
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if not value:
            break
        fields[name.strip()] = value.strip()
    model = fields.get("model name", platform.processor())
    return f"{model} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"
