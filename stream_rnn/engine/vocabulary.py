"""Vocabulary: ids of tokens in order of appearance, up to a limit."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy as np

from stream_rnn.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""What id 0 and every id without a token decode to."""


class Vocabulary:
    """Assigns ids to tokens, from 1 on, as they appear; 0 stands for those that appear when all ids are assigned.

    Parameters
    ----------
    size
        Number of ids, 0 included.

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
        """The tokens with the ids 1, 2, ..."""
        return list(self._ids)

    def encode(self, tokens: Iterable[str], *, learn: bool = True) -> NDArray[np.int64]:
        """Return the ids of tokens (N,).

        Parameters
        ----------
        tokens
            N strings; of a single string, its characters.
        learn
            Whether new tokens get ids, as long as there are any; otherwise they are 0.

        Raises
        ------
        DataError
            If a token is not a string, or cannot be encoded as UTF-8.
        """
        token_list = _strings(tokens)
        ids = self._ids
        new = [token for token in dict.fromkeys(token_list) if token not in ids]
        _check_utf8(new)
        if learn:
            ids |= zip(map(str, new), range(len(ids) + 1, self.size), strict=False)  # there may be more tokens than ids
        return np.fromiter(map(ids.get, token_list, repeat(0)), np.int64, len(token_list))

    def decode(self, ids: ArrayLike) -> list[str]:
        """Return the tokens of ids (N,), U+FFFD where an id has none.

        Raises
        ------
        DataError
            If an id is not an integer from 0 to size - 1.
        """
        found = np.ravel(ids)
        if found.size and found.dtype.kind not in "iu":
            raise DataError(f"ids must be integers, got {found.dtype}")
        wrong = (found < 0) | (found >= self.size)
        if wrong.any():
            raise DataError(f"an id must be from 0 to {self.size - 1}, got {found[wrong][0]}")
        names = [UNKNOWN, *self._ids]
        return [names[i] if i < len(names) else UNKNOWN for i in found.tolist()]


def _strings(tokens: Any) -> list[str]:
    """Return the tokens if they are strings."""
    if not hasattr(tokens, "__iter__"):
        raise DataError(f"tokens must be strings, got {type(tokens).__name__} {tokens!r}")
    token_list = tokens.tolist() if isinstance(tokens, np.ndarray) else list(tokens)
    for kind in set(map(type, token_list)):
        if not issubclass(kind, str):
            token = next(token for token in token_list if type(token) is kind)
            raise DataError(f"a token must be a string, got {kind.__name__} {token!r}")
    return token_list


def _check_utf8(tokens: Iterable[str]) -> None:
    """Refuse tokens that no checkpoint could hold."""
    for token in tokens:
        try:
            token.encode()
        except UnicodeEncodeError:
            raise DataError(f"a token must be valid Unicode text, got {token!r}") from None
