"""What lies below a directory that the operator has named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

LEVELS = 3
"""How deep below the directory it is looked."""


def below(directory: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Each folder, relative to the directory, with the names of its folders and files; the directory itself first.

    Nothing hidden, and no links to folders. Whoever clears the list of folders goes no deeper there.
    """
    root = directory.resolve()
    for path, inner, files in os.walk(root):
        here = Path(path).relative_to(root)
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        yield here, inner, sorted(files)
        if len(here.parts) >= LEVELS:
            inner.clear()
