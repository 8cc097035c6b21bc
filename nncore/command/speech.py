"""What a command says on standard error: one sentence, however long what it quotes, and whoever listens."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Any, NoReturn

LONGEST = 800
"""Characters of a message: room for every name that a setting may have."""

LONGEST_WORD = 120
"""Characters of a path or an argument that a message quotes."""


class Parser(argparse.ArgumentParser):
    """Refuses arguments in a sentence that does not grow with them."""

    def error(self, message: str) -> NoReturn:
        """Say the usage and what is wrong; exit code 2."""
        super().error(bounded(message))

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version; argparse itself would pass over a standard output that is full."""
        stream = file or sys.stderr
        if message and stream is not None:
            stream.write(message)


def tell(who: str, text: str) -> None:
    """A line on standard error, "nncore run: ..."; nothing where standard error is closed or full."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"{who}: {bounded(text)}", file=sys.stderr)


def bounded(text: str) -> str:
    """The text in one line of at most LONGEST characters; long words are shortened in their middle.

    >>> bounded("x" * 5000) == "x" * 59 + "…" + "x" * 60, bounded("two\\nlines")
    (True, 'two lines')
    """
    line = " ".join(text.split()).encode(errors="backslashreplace").decode()  # a file's name may be no text
    return _cut(" ".join(_cut(word, LONGEST_WORD) for word in line.split()), LONGEST)


def _cut(text: str, longest: int) -> str:
    half = longest // 2
    return text if len(text) <= longest else f"{text[: half - 1]}…{text[-half:]}"


def plainly(error: BaseException) -> str:
    """An error as a sentence: what the system refused, and where.

    >>> plainly(PermissionError(13, "Permission denied", "/proc/sweep"))
    '/proc/sweep: Permission denied'
    >>> plainly(OSError(28, "No space left on device")), plainly(MemoryError())
    ('the system refused: No space left on device', 'there is not enough memory for it')
    """
    if isinstance(error, MemoryError):
        return "there is not enough memory for it"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'the system refused'}: {error.strerror}"
    return str(error)
