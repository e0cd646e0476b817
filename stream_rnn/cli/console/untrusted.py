"""Text that comes from data, such as keys, column names, words and file names, as a terminal or a log may show it."""

from __future__ import annotations

import unicodedata

SPACE = "Zs"
"""Category of the characters that are spaces, which are shown as they are."""


def printable(text: object) -> str:
    r"""Return a text on one line, with all characters escaped that a terminal obeys, or that nobody sees.

    These are control characters, such as ESC and line ends, invisible ones, such as those that reverse the direction of
    text, and lone surrogates, which cannot be encoded.

    Examples
    --------
    >>> print(printable("pump\n\x1b[31m 7"), printable("Größe 💧"))
    pump\n\x1b[31m 7 Größe 💧
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or unicodedata.category(character) == SPACE
        else character.encode("unicode_escape").decode()
        for character in text
    )


def printable_lines(text: str) -> str:
    r"""Return a text of several lines, each of them printable.

    Examples
    --------
    >>> printable_lines("Traceback:\n  KeyError: \x1b")
    'Traceback:\n  KeyError: \\x1b'
    """
    return "\n".join(map(printable, text.split("\n")))
