"""A file is written whole or not at all: a draft in its folder, fsync, then a rename over the old one."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nncore.history.history import Target


@contextmanager
def whole_file(target: Target) -> Iterator[IO[bytes]]:
    """A binary file to write to that takes a path's place once the block has ended without an error.

    Until then the path holds what it held before, whatever happens: an exception (the draft is removed), a full
    disk or a kill (the draft, `.*.tmp`, may stay). The permissions of a file that is replaced stay, and a link
    stays a link. What cannot be renamed over (a pipe, `/dev/stdout`) and a file that is open already are written
    to directly. Raises OSError, which names the path, where the system refuses.
    """
    if not isinstance(target, (str, os.PathLike)):
        yield target
        return
    path = Path(os.path.realpath(target))
    if path.exists() and not path.is_file():
        with open(target, "wb") as file:
            yield file
        return
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is read-only")
    draft = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            draft.chmod(path.stat().st_mode)
        draft.replace(path)
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None and error.filename in (None, str(draft)):
            raise OSError(error.errno, os.strerror(error.errno), str(target)) from error
        raise


def write_whole_text(path: Target, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all, as `whole_file` does."""
    with whole_file(path) as file:
        file.write(text.encode())
