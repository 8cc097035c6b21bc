"""The file of a recorded run: Arrow IPC streams one behind the other, written as the run goes, whole up to any cut.

Each stream opens with all that is known of the units by then and holds rows of `columns.schema`, zstd-compressed: a unit
that is first seen later opens the next stream. The last one says that recording was closed. Whatever ends the writer, the
messages before are whole; a reader takes these and can go on from there later.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.recorders.columns import schema
from nncore.recorders.units import Header

if TYPE_CHECKING:
    import pyarrow as pa

LATEST = 1.0
"""Seconds after which what has been recorded is in the file."""

STREAM = b"\xff\xff\xff\xff"
"""What every message of a stream begins with."""

Rows = Mapping[str, "np.ma.MaskedArray[Any, Any]"]
"""One record: column -> (n_units,) or (n_units, length), masked where a number is not defined."""


def checked_path(path: str | os.PathLike[str]) -> Path:
    """Where a run may be recorded; raises ValueError, one sentence, on the name of a Parquet file."""
    found = Path(path)
    if found.suffix == ".parquet":
        raise ValueError(
            "path names the file that is written while training runs, such as run.arrows; Parquet comes at its end"
        )
    return found


def checked_every(every: Any) -> int:
    """Steps from one record to the next; raises ValueError, one sentence, on anything but a whole number from 1."""
    if type(every) is not int or every < 1:
        raise ValueError(f"every must be a whole number of steps from 1; got {every!r}")
    return every


class StreamWriter:
    """Writes records to a new file; what came within a second goes out as one batch.

    Raises FileExistsError, one sentence, where the file, or the Parquet file of its name, is there already.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        beside = self.path.with_suffix(".parquet")
        if beside.exists():
            raise FileExistsError(
                f"path must name a new file, and {beside}, which is written at the end, is there already"
            )
        try:
            self._file = self.path.open("xb", buffering=0)
        except FileExistsError:
            raise FileExistsError(
                errno.EEXIST,
                "path must name a new file, so that no recording is lost, and there is one already",
                str(path),
            ) from None
        self._waiting: list[Rows] = []
        self._written: Header | None = None
        self._last = time.monotonic()

    def append(self, record: Rows) -> None:
        """Keep the rows of one record for the next batch."""
        self._waiting.append(record)

    @property
    def is_due(self) -> bool:
        """Is there something that has waited for LATEST seconds?"""
        return bool(self._waiting) and time.monotonic() - self._last >= LATEST

    def flush(self, header: Header) -> None:
        """Write what waits, behind a new header where that has changed."""
        import pyarrow as pa

        if header != self._written:
            self._open_stream(header)
        if self._waiting:
            batch, options = batch_of(self._waiting), pa.ipc.IpcWriteOptions(compression="zstd")
            self._write(_message(batch, options))
            self._waiting.clear()
        self._last = time.monotonic()

    def close(self, header: Header) -> None:
        """Write what waits and the last header, which says that and how recording ended; no more can be appended."""
        try:
            self.flush(self._written or header)
            self._open_stream(header)
            self._write(END)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Close the file as it stands; one that has no whole header holds no recording, and goes."""
        self._file.close()
        if self._written is None:
            self.path.unlink(missing_ok=True)

    def _open_stream(self, header: Header) -> None:
        opening = schema().with_metadata({"nncore": header.to_json()}).serialize().to_pybytes()
        self._write(opening if self._written is None else END + opening)
        self._written = header

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[self._file.write(rest) :]


END = STREAM + bytes(4)
"""The mark at the end of a stream."""


def _message(batch: pa.RecordBatch, options: Any) -> bytes:
    """A record batch as one message of a stream."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    content = sink.getvalue().to_pybytes()
    opening = 8 + int.from_bytes(content[4:8], "little")  # the schema, which comes first
    return content[opening : -len(END)]


def batch_of(records: list[Rows]) -> pa.RecordBatch:
    """The rows of several records as one batch."""
    import pyarrow as pa

    columns = []
    for field in schema():
        parts = [record[field.name] for record in records]
        values = np.concatenate([np.ma.getdata(part) for part in parts])
        mask = np.concatenate([np.ma.getmaskarray(part) for part in parts])
        if pa.types.is_fixed_size_list(field.type):
            flat = pa.array(values.reshape(-1).astype(field.type.value_type.to_pandas_dtype(), copy=False))
            columns.append(pa.FixedSizeListArray.from_arrays(flat, type=field.type, mask=pa.array(mask.all(axis=1))))
        else:
            columns.append(pa.array(values, type=field.type, mask=mask if field.nullable else None))
    return pa.record_batch(columns, schema=schema())


@dataclass(frozen=True)
class Piece:
    """One whole message of a file: a header or rows, and where the next one begins."""

    header: Header | None
    rows: pa.RecordBatch | None
    end: int


def pieces(content: memoryview, offset: int = 0) -> Iterator[Piece]:
    """The whole messages in the bytes of a file from an offset on; what is not whole yet ends them quietly.

    Raises ValueError, one sentence, on bytes that are no such file, however they end.
    """
    import pyarrow as pa

    expected = schema()
    while True:
        begin = offset
        if content[begin : begin + 4] != STREAM[: len(content) - begin]:
            raise ValueError(f"it is no stream of measurements, or a damaged one, from byte {begin:,} on")
        if len(content) < begin + 8:
            return
        length = int.from_bytes(content[begin + 4 : begin + 8], "little")
        if length == 0:
            offset = begin + 8
            yield Piece(None, None, offset)
            continue
        if len(content) < begin + 8 + length:
            return
        source = pa.BufferReader(pa.py_buffer(content[begin:]))
        try:
            message = pa.ipc.read_message(source)
        except (pa.ArrowInvalid, OSError, EOFError):
            return  # its body is not whole yet
        offset = begin + source.tell()
        try:
            if message.type == "schema":
                found = pa.ipc.read_schema(message)
                if found.remove_metadata() != expected:
                    raise ValueError("its columns are not those of recorded measurements")
                yield Piece(Header.from_json((found.metadata or {}).get(b"nncore", b"")), None, offset)
            elif message.type == "record batch":
                _check_size(message)
                batch = pa.ipc.read_record_batch(message, expected)
                batch.validate(full=True)
                yield Piece(None, batch, offset)
            else:
                raise ValueError(f"it holds a message of type {message.type}")
        except (pa.ArrowException, OSError, struct.error, IndexError) as error:
            raise ValueError(f"a message of it is damaged: {str(error).splitlines()[0]}") from error


MOST_BATCH_BYTES = 2**29
"""What one batch may hold once it is decompressed: zeros shrink a thousandfold, and a stranger's file could be all zeros."""


def _check_size(message: pa.Message) -> None:
    """Raise ValueError where the buffers of a batch say that they hold too much; they say it before they are decompressed.

    Reads the flatbuffer of Arrow's format (Message.fbs): header, field 2 of the message, has its buffers as field 2; each
    is (offset, length) in the body, and begins with its decompressed length.
    """
    facts, body = memoryview(message.metadata), memoryview(message.body)

    def number(kind: str, buffer: memoryview, at: int) -> int:
        if at < 0:
            raise IndexError("an offset points before its beginning")
        return int(struct.unpack_from(kind, buffer, at)[0])

    def field(table: int, place: int) -> int:
        entries = table - number("<i", facts, table)
        offset = number("<H", facts, entries + 4 + 2 * place)
        return table + offset

    message_table = number("<I", facts, 0)
    header_at = field(message_table, 2)
    buffers_at = field(header_at + number("<I", facts, header_at), 2)
    vector = buffers_at + number("<I", facts, buffers_at)
    total = 0
    for place in range(number("<I", facts, vector)):
        offset, length = (number("<q", facts, vector + 4 + 16 * place + half) for half in (0, 8))
        total += max(number("<q", body, offset), length) if length else 0
    if total > MOST_BATCH_BYTES:
        raise ValueError(
            f"one batch of it would take {total / 2**20:,.0f} MB and {MOST_BATCH_BYTES / 2**20:,.0f} MB are read"
        )
