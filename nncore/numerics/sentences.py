"""What a message quotes stays short: one line, whatever the file or the argument holds."""

from __future__ import annotations

LONGEST_WORD = 120
"""Characters of a path or a name that a message quotes."""


def in_a_line(text: str, longest: int = 200) -> str:
    """The text in one line of at most so many characters; long words are shortened in their middle.

    >>> in_a_line("x" * 5000) == "x" * 59 + "…" + "x" * 60, in_a_line("two\\nlines")
    (True, 'two lines')
    """
    line = " ".join(text.split()).encode(errors="backslashreplace").decode()  # a file's name may be no text
    return _cut(" ".join(_cut(word, LONGEST_WORD) for word in line.split()), longest)


def _cut(text: str, longest: int) -> str:
    half = longest // 2
    return text if len(text) <= longest else f"{text[: half - 1]}…{text[-half:]}"
