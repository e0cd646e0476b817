"""The contents of checkpoint files, in a form that can be compared: safetensors writes arrays in no fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints import file as checkpoint_file

if TYPE_CHECKING:
    from pathlib import Path


def contents(path: Path) -> dict[str, Any]:
    """Return everything in a file, arrays as bytes: equal only if the files are, bit for bit."""
    data = checkpoint_file.read(path)
    arrays = {name: (array.dtype, array.shape, array.tobytes()) for name, array in data.arrays.items()}
    return data._replace(path=None)._asdict() | {"arrays": arrays}
