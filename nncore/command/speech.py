"""What a command says on standard error: one sentence, however long what it quotes, and whoever listens."""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Any, NoReturn

from nncore.numerics.sentences import in_a_line

LONGEST = 800
"""Characters of a message: room for every name that a setting may have."""


class Parser(argparse.ArgumentParser):
    """Refuses arguments in a sentence that does not grow with them."""

    def error(self, message: str) -> NoReturn:
        """Say the usage and what is wrong; exit code 2."""
        super().error(in_a_line(message, LONGEST))

    def _print_message(self, message: str, file: Any = None) -> None:
        """Help and version; argparse itself would pass over a standard output that is full."""
        stream = file or sys.stderr
        if message and stream is not None:
            stream.write(message)


def tell(who: str, text: str) -> None:
    """A line on standard error, "nncore run: ..."; nothing where standard error is closed or full."""
    if sys.stderr is not None:
        with suppress(OSError):
            print(f"{who}: {in_a_line(text, LONGEST)}", file=sys.stderr)


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
