"""What lies below a directory that the operator has named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

LEVELS = 3
"""How deep below the directory it is looked."""


def below(directory: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder, relative to the directory, with the names of its folders and files; the directory itself first.

    Nothing hidden, and no links to folders. Whoever clears the list of folders goes no deeper there. Nothing where there is
    no such directory yet; raises OSError where it cannot be read, and passes over what in it cannot.
    """
    root = real(directory)

    def refuse(error: OSError) -> None:
        if error.filename == str(root) and not isinstance(error, FileNotFoundError):
            raise error

    for path, inner, files in os.walk(root, onerror=refuse):
        here = Path(path).relative_to(root)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield here, inner, sorted(files)
        if len(here.parts) >= LEVELS:
            inner.clear()


def real(path: Path) -> Path:
    """A path without links; a link that leads back to itself stays, as `Path.resolve` raises RuntimeError for it."""
    return Path(os.path.realpath(path))
