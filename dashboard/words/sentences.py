"""Parts of sentences: lists, first letters, line breaks."""

from __future__ import annotations

from collections.abc import Sequence


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    >>> listed(["depth"]), listed(["depth", "width", "gain"])
    ('depth', 'depth, width and gain')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def capital(text: str) -> str:
    """The text with its first letter as a capital, all others as they are."""
    return text[:1].upper() + text[1:]


def unbroken(words: str) -> str:
    """Words in which a percentage stays on one line with its sign."""
    return words.replace(" %", "\u00a0%")
