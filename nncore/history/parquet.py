"""One row per record, with theta, grad and update_norm as lists: every bit is kept, a NaN's payload too."""

from __future__ import annotations

import io
import json
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.data.outline import outlined
from nncore.history.content import (
    BLOCK_BYTES,
    FORMAT,
    about_table,
    binary,
    checked,
    empty_arrays,
    history_of,
    not_a_history,
    opened,
    packed,
    parsed,
    unpacked,
)
from nncore.history.excerpt import WHOLE, Excerpt
from nncore.history.history import History, Target
from nncore.history.parquet_pages import DICTIONARY, pages
from nncore.history.whole_file import whole_file

if TYPE_CHECKING:
    import pyarrow as pa


VALUE_BYTES, PAGE_BYTES = 16, 2**12
"""Most bytes of a page for each of its values, their places in lists included, and for all of them."""

FOOTER_BYTES = 16 * 2**20
"""Largest description of a file's columns that is read: parsing it takes about twenty times its bytes of memory."""


def write_parquet(history: History, target: Target, excerpt: Excerpt = WHOLE) -> None:
    """Write a history as Parquet (zstd) to a path or a binary file, one row group after the other.

    Raises ValueError on an excerpt that is no history: such parts are for CSV.
    """
    _check(history, excerpt)
    with whole_file(binary(target)) as file:
        _write_groups(history, file, excerpt.records(history), excerpt.config(history))


def read_parquet(source: Target, memory_budget: int | None = None) -> History:
    """The history in a Parquet file, identical to the one written.

    Raises ValueError when it is not one, or, before it is held, when it would take more than `memory_budget` bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with opened(source) as file, not_a_history("Parquet", pa.ArrowException, OSError):
        _check_footer(file)
        parquet = pq.ParquetFile(file)
        metadata = parquet.schema_arrow.metadata or {}
        if b"nncore" not in metadata:
            raise ValueError("it holds a table of something else, and names no run")
        facts = checked(parsed(metadata[b"nncore"]))
        with outlined(facts.get("table")):
            config = RunConfig.from_dict(facts["config"])
        for field in _schema(config):
            if field.name not in parquet.schema_arrow.names:
                raise ValueError(f"column {field.name} is missing")
            if parquet.schema_arrow.field(field.name).type != field.type:
                raise ValueError(f"column {field.name} must be {field.type}")
        arrays = empty_arrays(config, parquet.metadata.num_rows, memory_budget)
        _check_counts(
            file, parquet.metadata, {name: array.size // max(len(array), 1) for name, array in arrays.items()}
        )
        start = 0
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=list(arrays))
            for name, array in arrays.items():
                column = table[name].combine_chunks()
                values = column.flatten() if array.ndim == 2 else column
                array[start : start + len(table)] = values.to_numpy().reshape(-1, *array.shape[1:])
            start += len(table)
        probe = unpacked(facts["probe_x"]), unpacked(facts["probe_y"])
        return history_of(config, facts, arrays, probe)


def _check_footer(file: IO[bytes]) -> None:
    """Raise ValueError where the description of the columns at a file's end is too long to be a history's."""
    begin = file.tell()
    file.seek(-8, io.SEEK_END)
    size = int.from_bytes(file.read(4), "little")
    file.seek(begin)
    if size > FOOTER_BYTES:
        raise ValueError(
            f"the description of its columns has {size / 2**20:,.0f} MB and {FOOTER_BYTES / 2**20:,.0f} MB are read"
        )


def _check_counts(file: IO[bytes], metadata: Any, widths: dict[str, int]) -> None:
    """Raise ValueError where a column unpacks to more than its records: a few bytes may stand for any number of values."""
    if sum(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)) != metadata.num_rows:
        raise ValueError("its parts do not have the records that it says")
    begin = file.tell()
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for column in map(group.column, range(group.num_columns)):
            name = column.path_in_schema.split(".")[0]
            if name not in widths:
                continue
            expected, found = group.num_rows * widths[name], 0
            starts = [each for each in (column.dictionary_page_offset, column.data_page_offset) if each]
            for page in pages(file, min(starts, default=0), column.total_compressed_size):
                found += 0 if page.kind == DICTIONARY else page.n_values
                if page.n_values > expected or page.n_bytes > VALUE_BYTES * expected + PAGE_BYTES:
                    found = max(found, page.n_values, expected + 1)
                    break
            if found != expected:
                raise ValueError(f"column {name} holds {found:,} numbers or more, and its records have {expected:,}")
    file.seek(begin)


def parquet_size(history: History, excerpt: Excerpt = WHOLE) -> int:
    """Estimated bytes of the Parquet file: three row groups are compressed and scaled up.

    Raises ValueError as `write_parquet` does.
    """
    _check(history, excerpt)
    records, config = excerpt.records(history), excerpt.config(history)
    each = max(1, BLOCK_BYTES // _record_bytes(history))
    starts = np.linspace(0, max(0, len(records) - each), 3).astype(int)
    places = np.unique(np.concatenate([np.arange(start, min(start + each, len(records))) for start in starts]))
    sample, empty = io.BytesIO(), io.BytesIO()
    _write_groups(history, sample, records[places], config)
    _write_groups(history, empty, records[:0], config)
    head = empty.tell()
    return head + (sample.tell() - head) * len(records) // len(places)


def _check(history: History, excerpt: Excerpt) -> None:
    if not excerpt.is_history(history):
        raise ValueError(f"Parquet holds whole histories, and this is {excerpt.in_words(history)}: write it as CSV")


def _write_groups(history: History, file: IO[bytes], records: np.ndarray, config: RunConfig) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = max(1, BLOCK_BYTES // _record_bytes(history))
    probe = {"probe_x": packed(history.probe_x), "probe_y": packed(history.probe_y)}
    facts = {"format": FORMAT, **history.to_dict(), "config": config.to_dict(), **about_table(config), **probe}
    schema = _schema(history.config).with_metadata({"nncore": json.dumps(facts)})
    columns = (history.step, history.loss, history.theta, history.grad, history.update_norm)
    with pq.ParquetWriter(
        file, schema, compression="zstd", use_dictionary=False, write_statistics=False, use_byte_stream_split=True
    ) as writer:
        for start in range(0, len(records), size):
            rows = records[start : start + size]
            arrays = []
            for field, values in zip(schema, columns, strict=True):
                flat = pa.array(values[rows].reshape(-1))
                nested = values.ndim == 2
                arrays.append(pa.FixedSizeListArray.from_arrays(flat, type=field.type) if nested else flat)
            writer.write_batch(pa.record_batch(arrays, schema=schema), row_group_size=size)


def _schema(config: RunConfig) -> pa.Schema:
    import pyarrow as pa

    def vector(kind: pa.DataType, length: int) -> pa.DataType:
        return pa.list_(pa.field("element", kind, nullable=False), length)

    layout, kind = config.layout(), pa.from_numpy_dtype(config.dtype)
    types = {
        "step": pa.int64(),
        "loss": pa.float64(),
        "theta": vector(kind, layout.n_params),
        "grad": vector(kind, layout.n_params),
        "update_norm": vector(pa.float64(), layout.n_layers),
    }
    return pa.schema([pa.field(name, each, nullable=False) for name, each in types.items()])


def _record_bytes(history: History) -> int:
    return 2 * history.theta[:1].nbytes + history.update_norm[:1].nbytes + 16
