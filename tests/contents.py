"""What a checkpoint holds, to be compared: the library writes it in no fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream_rnn.checkpoints import file as checkpoint

if TYPE_CHECKING:
    from pathlib import Path


def contents(path: Path) -> dict[str, Any]:
    """Return everything in a file, arrays as bytes: equal only if all is, bit for bit."""
    saved = checkpoint.read(path)
    arrays = {name: (array.dtype, array.shape, array.tobytes()) for name, array in saved.arrays.items()}
    return saved._asdict() | {"arrays": arrays}
