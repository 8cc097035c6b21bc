"""A CSV file as it is, with gzip, or alone in a zip archive: written by the ending of its name, read by its content."""

from __future__ import annotations

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import IO

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
"""How the two begin."""

LARGEST_RATIO = 1032
"""Deflate makes a text at most so many times shorter."""

LEVEL = 1
"""Of deflate, 1 to 9: on a history 9 makes a file 8 % smaller, and takes ten times as long."""

DAMAGED = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
"""What is raised on a file that is neither."""


def is_compressed(name: str | os.PathLike[str]) -> bool:
    """Does the ending of this name ask for gzip or zip?

    >>> [is_compressed(name) for name in ("run.csv", "run.csv.gz", "run.zip")]
    [False, True, True]
    """
    return PurePath(name).suffix.lower() in (".gz", ".zip")


@contextmanager
def compressing(file: IO[bytes], name: str | os.PathLike[str] = "") -> Iterator[IO[bytes]]:
    """A binary file to write to, whose content goes into an open one as the ending of `name` says.

    .gz is gzip; .zip is a zip archive with one file in it, of the same name with .csv; anything else leaves the content
    as it is. Nothing is held back. The same content gives the same bytes: no time is written.
    """
    path = PurePath(name)
    if path.suffix.lower() == ".gz":
        with gzip.GzipFile("", "wb", LEVEL, file, mtime=0) as packed:
            yield packed  # type: ignore[misc]
    elif path.suffix.lower() == ".zip":
        member = path.stem if path.stem.lower().endswith(".csv") else f"{path.stem}.csv"
        with (
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive,
            archive.open(member, "w", force_zip64=True) as inside,
        ):
            yield inside
    else:
        yield file


@contextmanager
def decompressing(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """The content of an open binary file, which is read from where it stands.

    Raises ValueError on a zip archive that does not hold one file, or has a password.
    """
    begin = file.tell()
    head = file.read(len(ZIP))
    file.seek(begin)
    if head.startswith(GZIP):
        with gzip.GzipFile(fileobj=file, mode="rb") as content:
            yield content  # type: ignore[misc]
    elif head.startswith(ZIP):
        with zipfile.ZipFile(file) as archive, archive.open(_only_member(archive)) as inside:
            yield inside
    else:
        yield file


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = archive.infolist()
    if len(members) != 1:
        raise ValueError(f"a zip archive must hold one file, the history's; this one holds {len(members):,}")
    if members[0].flag_bits & 1:
        raise ValueError("the zip archive has a password")
    return members[0]
