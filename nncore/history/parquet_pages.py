"""What the pages of a Parquet column will unpack to, by their own headers: the summary at the file's end may say anything."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

DATA, DICTIONARY, DATA_2 = 0, 2, 3
"""Types of pages."""

COUNTS = {DATA: 5, DICTIONARY: 7, DATA_2: 8}
"""Type of page -> the field of its header that begins with the number of its values."""

HEADER_BYTES = 2**16
"""Longest header that is read."""


@dataclass(frozen=True)
class Page:
    """One page: its type, how many values it unpacks to, and how many bytes."""

    kind: int
    n_values: int
    n_bytes: int


def pages(file: IO[bytes], start: int, length: int) -> Iterator[Page]:
    """The pages in these bytes of a file, none of them unpacked; raises ValueError where they are none."""
    stop = start + length
    while start < stop:
        file.seek(start)
        header = io.BytesIO(file.read(min(HEADER_BYTES, stop - start)))
        try:
            found = _struct(header, 0)
            kind, unpacked, packed = found[1], found[2], found[3]
            count = found[COUNTS[kind]][1] if kind in COUNTS else 0
        except (LookupError, TypeError) as error:
            raise ValueError("its pages do not read as Parquet") from error
        if packed < 0 or count < 0:
            raise ValueError("its pages do not read as Parquet")
        yield Page(kind, count, unpacked)
        start += header.tell() + packed


# Thrift's compact protocol, as far as a header needs it ---------------------------------------------------------


def _struct(file: IO[bytes], depth: int) -> dict[int, Any]:
    """Number of a field -> its value."""
    if depth > 4:
        raise LookupError
    found: dict[int, Any] = {}
    number = 0
    while (head := file.read(1)[0]) != 0:
        number = number + (head >> 4) if head >> 4 else _whole(file)
        found[number] = _value(file, head & 15, depth)
    return found


def _value(file: IO[bytes], kind: int, depth: int) -> Any:
    if kind in (1, 2):
        return kind == 1
    if kind == 3:
        return file.read(1)[0]
    if kind in (4, 5, 6):
        return _whole(file)
    if kind == 7:
        return file.read(8)
    if kind == 8:
        return file.read(_natural(file))
    if kind == 12:
        return _struct(file, depth + 1)
    raise LookupError


def _natural(file: IO[bytes]) -> int:
    """Seven bits a byte, the lowest first."""
    number = shift = 0
    while shift < 70:
        byte = file.read(1)[0]
        number |= (byte & 127) << shift
        if byte < 128:
            return number
        shift += 7
    raise LookupError


def _whole(file: IO[bytes]) -> int:
    """0, -1, 1, -2, ... counted as 0, 1, 2, 3, ..."""
    number = _natural(file)
    return (number >> 1) ^ -(number & 1)
