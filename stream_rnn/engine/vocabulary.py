"""Vocabulary: which token has which id, in order of appearance, up to a limit."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What id 0 reads as, and any other that no token has."""


class Vocabulary:
    """Numbers tokens from 1 on as they appear; 0 stands for those that appeared when it was full.

    Parameters
    ----------
    size
        How many ids there are, 0 among them.

    Examples
    --------
    >>> from stream_rnn import Vocabulary
    >>> vocabulary = Vocabulary(4)
    >>> vocabulary.encode("abacd").tolist()
    [1, 2, 1, 3, 0]
    >>> vocabulary.decode([3, 1, 2])
    ['c', 'a', 'b']
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._ids: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._ids)

    @property
    def tokens(self) -> list[str]:
        """The tokens that have ids, in the order of these: 1, 2, ..."""
        return list(self._ids)

    def encode(self, tokens: Iterable[str], *, learn: bool = True) -> NDArray[np.int64]:
        """Return the tokens' ids (N,).

        Parameters
        ----------
        tokens
            N strings; those of a string are its characters.
        learn
            Whether new tokens are numbered while there are ids; else they are 0.

        Raises
        ------
        DataError
            If one is no string, or cannot be written as UTF-8.
        """
        several = _strings(tokens)
        ids = self._ids
        new = [token for token in dict.fromkeys(several) if token not in ids]
        _check_written(new)
        if learn:
            ids |= zip(map(str, new), range(len(ids) + 1, self.size), strict=False)  # ids may end before the tokens
        return np.fromiter(map(ids.get, several, repeat(0)), np.int64, len(several))

    def decode(self, ids: ArrayLike) -> list[str]:
        """Return the tokens of ids (N,), U+FFFD where an id has none.

        Raises
        ------
        DataError
            If an id is not a whole number from 0 to size - 1.
        """
        found = np.ravel(ids)
        if found.size and found.dtype.kind not in "iu":
            raise DataError(f"ids must be whole numbers, got {found.dtype}")
        wrong = (found < 0) | (found >= self.size)
        if wrong.any():
            raise DataError(f"an id must be from 0 to {self.size - 1}, got {found[wrong][0]}")
        names = [UNKNOWN, *self._ids]
        return [names[i] if i < len(names) else UNKNOWN for i in found.tolist()]


def _strings(tokens: Any) -> list[str]:
    """Return the tokens if they are strings."""
    if not hasattr(tokens, "__iter__"):
        raise DataError(f"tokens must be strings, got {type(tokens).__name__} {tokens!r}")
    several = tokens.tolist() if isinstance(tokens, np.ndarray) else list(tokens)
    for kind in set(map(type, several)):
        if not issubclass(kind, str):
            token = next(token for token in several if type(token) is kind)
            raise DataError(f"a token must be a string, got {kind.__name__} {token!r}")
    return several


def _check_written(tokens: Iterable[str]) -> None:
    """Refuse tokens that no checkpoint could hold."""
    for token in tokens:
        try:
            token.encode()
        except UnicodeEncodeError:
            raise DataError(f"a token must be text that UTF-8 can hold, got {token!r}") from None
