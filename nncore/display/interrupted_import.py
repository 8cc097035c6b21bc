"""Ctrl-C while the command line is still being imported: its exit code, without the traceback of an import.

`nncore` imports this module before all others. Only where the process is the command line it has an effect, which
`as_usual()` ends once there is somebody who takes a KeyboardInterrupt.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading

INTERRUPTED = 130
"""Exit code of a command that Ctrl-C has ended."""

_PROGRAMS = re.compile(r"(?i)nncore(\.exe|-script\.pyw?)?")
"""Names that installers give the command."""


def is_command_line(argv: list[str], orig_argv: list[str]) -> bool:
    """Do sys.argv and sys.orig_argv say, while the package is imported, that the process is its command line?

    >>> is_command_line(["/usr/bin/nncore", "run"], ["python", "/usr/bin/nncore", "run"])
    True
    >>> is_command_line(["-m", "run"], ["python", "-X", "dev", "-m", "nncore", "run"])
    True
    >>> is_command_line(["-m"], ["python", "-m", "pytest", "nncore"])
    False
    """
    started = argv[0] if argv else ""
    if started == "-m":  # until the package has been imported and its __main__ found
        flags = [place for place, each in enumerate(orig_argv) if re.fullmatch("-[a-zA-Z]*m", each)]
        return any(orig_argv[place + 1 : place + 2] == ["nncore"] for place in flags[:1])
    return _PROGRAMS.fullmatch(os.path.basename(started)) is not None


def _end(*_: object) -> None:
    os._exit(INTERRUPTED)  # nothing has been begun that would have to be ended


def as_usual() -> None:
    """From now on Ctrl-C raises KeyboardInterrupt, as everywhere in Python."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _begin() -> None:
    is_ignored = signal.getsignal(signal.SIGINT) is not signal.default_int_handler  # as whoever started it wished
    if not is_ignored and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _end)


if is_command_line(sys.argv, sys.orig_argv):
    _begin()
