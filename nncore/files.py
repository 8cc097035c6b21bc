"""A history as a Parquet file or as a tidy CSV, and back: bit for bit, block by block, at library speed.

Parquet holds one row per record, with theta, grad and update_norm as lists, and the rest as JSON in the
schema's metadata under "nncore". Every bit is kept, a NaN's payload too.

CSV holds one row per record and parameter in the columns `CSV_COLUMNS`: layer 1 ... L, row and column counted
from 0, row empty for a bias, and in `config` of the first row alone the run's settings as JSON. Their key
"history" holds what the settings do not say: the number of records, an early end, the probe rows where they
are not those of `config.probe()`, and update_norm where the recorded theta does not give it, which is when
not every step is recorded. Floats have the fewest digits that read back to the same bits; infinities are
`inf` and `-inf`, any NaN is `nan`. Cells are numbers, `weight`, `bias` or JSON: a spreadsheet takes none for
a formula. `pandas.read_csv(path)` reads every float exactly from pandas 3.1 on, before that with
`float_precision="round_trip"`; only where a whole column happens to hold whole numbers does it need
`dtype={"theta": float, "gradient": float}` to keep the sign of -0.
"""

from __future__ import annotations

import base64
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from nncore.config import RunConfig
from nncore.history import Divergence, History, Target, update_norms
from nncore.layout import Array, Layout
from nncore.table import TableNotHere

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
"""Version of both file formats."""

CSV_COLUMNS = ("step", "loss", "layer", "kind", "row", "column", "theta_index", "theta", "gradient", "config")

CSV_ROWS = 2**14
"""CSV rows written at once."""

BLOCK_BYTES = 4 * 2**20
"""Arrays in one Parquet row group, before compression."""

PARSED_BYTES = 2**19
"""Text of a CSV file that is parsed at once; the parser reads some 40 such blocks ahead."""

SAMPLE = 4096
"""CSV rows looked at to tell a file's size."""

SHORTEST_ROW = len("0,0,1,bias,,0,0,0,0,\n")


# Parquet ----------------------------------------------------------------------------------------------------


def write_parquet(history: History, target: Target) -> None:
    """Write a history as Parquet (zstd) to a path or a binary file, one row group after the other."""
    with _opened(target, "wb") as file:
        _write_groups(history, file, np.arange(len(history)))


def read_parquet(source: Target, memory_budget: int | None = None) -> History:
    """The history in a Parquet file, identical to the one written.

    Raises ValueError when it is not one, or, before it is held, when it would take more than `memory_budget` bytes.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with _opened(source, "rb") as file, _not_a_history("Parquet", pa.ArrowException, OSError):
        parquet = pq.ParquetFile(file)
        metadata = parquet.schema_arrow.metadata or {}
        if b"nncore" not in metadata:
            raise ValueError("it holds a table of something else, and names no run")
        facts = _checked(_parsed(metadata[b"nncore"]))
        config = RunConfig.from_dict(facts["config"])
        for field in _schema(config):
            if field.name not in parquet.schema_arrow.names:
                raise ValueError(f"column {field.name} is missing")
            if parquet.schema_arrow.field(field.name).type != field.type:
                raise ValueError(f"column {field.name} must be {field.type}")
        arrays = _empty(config, parquet.metadata.num_rows, memory_budget)
        start = 0
        for group in range(parquet.num_row_groups):
            table = parquet.read_row_group(group, columns=list(arrays))
            for name, array in arrays.items():
                column = table[name].combine_chunks()
                values = column.flatten() if array.ndim == 2 else column
                array[start : start + len(table)] = values.to_numpy().reshape(-1, *array.shape[1:])
            start += len(table)
        probe = _unpacked(facts["probe_x"]), _unpacked(facts["probe_y"])
        return _history(config, facts, arrays, probe)


def parquet_size(history: History) -> int:
    """Estimated bytes of the Parquet file: three stretches of records are compressed and scaled up."""
    each = max(1, BLOCK_BYTES // (16 * _record_bytes(history)))
    starts = np.linspace(0, max(0, len(history) - each), 3).astype(int)
    records = np.unique(
        np.concatenate([np.arange(start, min(start + each, len(history))) for start in starts])
    )
    sample, empty = io.BytesIO(), io.BytesIO()
    _write_groups(history, sample, records)
    _write_groups(history, empty, records[:0])
    head = empty.tell()
    return head + (sample.tell() - head) * len(history) // len(records)


def _write_groups(history: History, file: IO[bytes], records: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    size = max(1, BLOCK_BYTES // _record_bytes(history))
    probe = {"probe_x": _packed(history.probe_x), "probe_y": _packed(history.probe_y)}
    facts = {"format": FORMAT, **history.to_dict(), **probe}
    schema = _schema(history.config).with_metadata({"nncore": json.dumps(facts)})
    columns = (history.step, history.loss, history.theta, history.grad, history.update_norm)
    with pq.ParquetWriter(
        file,
        schema,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        use_byte_stream_split=True,
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


# CSV --------------------------------------------------------------------------------------------------------


def write_csv(history: History, target: Target) -> None:
    """Write a history to a path or a binary file as the tidy CSV that this module describes."""
    import pyarrow.csv as pc

    total, n_params = history.theta.size, history.layout.n_params
    size = CSV_ROWS // n_params * n_params or CSV_ROWS
    config = _config_cell(history, keep_norms=not _norms_follow_from_theta(history))
    names = None
    with _opened(target, "wb") as file:
        file.write(_CSV_HEADER + _csv_text(history, np.zeros(1, int))[:-1] + config + b"\n")
        with pc.CSVWriter(file, _csv_schema(history.config), write_options=_csv_options()) as writer:
            for start in range(0, total, size):
                flat = np.arange(start, min(start + size, total))
                if names is None or size % n_params:
                    names = _names(history.layout, flat % n_params)
                batch = _csv_batch(history, flat, names)
                writer.write_batch(batch if start else batch[1:])


def read_csv(source: Target, memory_budget: int | None = None) -> History:
    """The history in a CSV file written by `write_csv`.

    Raises ValueError if it is not one, or not whole, or, before it is held, when it would take more than
    `memory_budget` bytes.
    """
    import pyarrow as pa

    with _opened(source, "rb") as file, _not_a_history("CSV", pa.ArrowException):
        settings, longest = _csv_settings(file)
        facts = _checked(settings.pop("history", None))
        config = RunConfig.from_dict(settings)
        layout, n_records = config.layout(), int(facts["n_records"])
        total = n_records * layout.n_params
        if not 0 < total * SHORTEST_ROW <= _bytes_left(file):
            raise ValueError(f"too short for the {total:,} rows it should have")
        arrays = _empty(config, n_records, memory_budget)
        found = 0
        for batch in _csv_blocks(file, config, longest):
            if found + len(batch) > total:
                raise ValueError(f"it should have {total:,} rows and has more")
            _take_rows(batch, found, layout.n_params, arrays)
            found += len(batch)
        if found < total:
            raise ValueError(f"it should have {total:,} rows and has {found:,}: the end is missing")
        if "update_norm" in facts:
            arrays["update_norm"][...] = _unpacked(facts["update_norm"])
        else:
            for rows, norms in _norms_of_blocks(arrays["theta"], layout):
                arrays["update_norm"][rows] = norms
        stored = "probe_x" in facts
        probe = (_unpacked(facts["probe_x"]), _unpacked(facts["probe_y"])) if stored else config.probe()
        return _history(config, facts, arrays, probe)


def csv_size(history: History) -> int:
    """Estimated bytes of the CSV file, from the length of 4096 of its rows; exact for a file that short."""
    total = history.theta.size
    flat = np.arange(total) if total <= SAMPLE else np.random.default_rng(0).integers(0, total, SAMPLE)
    config = _config_cell(history, keep_norms=not _every_step(history))
    return len(_CSV_HEADER) + len(config) + len(_csv_text(history, flat)) * total // len(flat)


_CSV_HEADER = (",".join(CSV_COLUMNS) + "\n").encode()


def _csv_options() -> Any:
    import pyarrow.csv as pc

    return pc.WriteOptions(include_header=False, batch_size=CSV_ROWS, quoting_style="none")


def _csv_schema(config: RunConfig) -> pa.Schema:
    import pyarrow as pa

    number, whole, text = pa.from_numpy_dtype(config.dtype), pa.int32(), pa.string()
    types = (pa.int64(), pa.float64(), whole, text, whole, whole, whole, number, number, text)
    return pa.schema(list(zip(CSV_COLUMNS, types, strict=True)))


def _names(layout: Layout, index: np.ndarray) -> list[pa.Array]:
    """Layer, kind, row, column and index of each theta in `index`: `Layout.name` for many at once."""
    import pyarrow as pa

    starts, stops = np.array(layout.bounds).T
    layer = np.searchsorted(stops, index, side="right")
    row, column = np.divmod(index - starts[layer], np.array(layout.fans)[layer, 1])
    is_bias = row == 0
    kind = pa.DictionaryArray.from_arrays(is_bias.astype(np.int8), ["weight", "bias"]).cast(pa.string())
    whole = pa.int32()
    return [
        pa.array(layer + 1, whole),
        kind,
        pa.array(row - 1, whole, mask=is_bias),
        pa.array(column, whole),
        pa.array(index, whole),
    ]


def _csv_batch(history: History, flat: np.ndarray, names: list[pa.Array]) -> pa.RecordBatch:
    """The CSV rows number `flat`, counted over records and parameters, their config cell empty."""
    import pyarrow as pa

    record, index = np.divmod(flat, history.layout.n_params)
    values = [pa.array(vector[record, index]) for vector in (history.theta, history.grad)]
    each_step = [pa.array(history.step[record]), pa.array(history.loss[record])]
    columns = [
        *each_step,
        *(column[: len(flat)] for column in names),
        *values,
        pa.nulls(len(flat), pa.string()),
    ]
    return pa.record_batch(columns, names=list(CSV_COLUMNS))


def _csv_text(history: History, flat: np.ndarray) -> bytes:
    import pyarrow.csv as pc

    text = io.BytesIO()
    names = _names(history.layout, flat % history.layout.n_params)
    pc.write_csv(_csv_batch(history, flat, names), text, _csv_options())
    return text.getvalue()


def _config_cell(history: History, keep_norms: bool) -> bytes:
    """The quoted JSON of the first row's last cell."""
    facts = history.to_dict()
    settings = facts.pop("config")
    facts |= {"format": FORMAT, "n_records": len(history), "dtype": history.config.dtype}
    rebuilt, kept = history.config.probe(), (history.probe_x, history.probe_y)
    if not all(_same_bits(one, other) for one, other in zip(rebuilt, kept, strict=True)):
        facts |= {"probe_x": _packed(history.probe_x), "probe_y": _packed(history.probe_y)}
    if keep_norms:
        facts["update_norm"] = _packed(history.update_norm)
    text = json.dumps({**settings, "history": facts})
    return b'"' + text.replace('"', '""').encode() + b'"'


def _csv_settings(file: IO[bytes]) -> tuple[dict[str, Any], int]:
    """The JSON in the first row's config cell, and that row's length; the file is left where it was."""
    import pyarrow.csv as pc

    begin = file.tell()
    header, first = file.readline(10_000), file.readline()
    file.seek(begin)
    present = header.decode("utf-8-sig", errors="replace").strip().replace('"', "").split(",")
    missing = [name for name in CSV_COLUMNS if name not in present]
    if missing:
        raise ValueError(f"its columns must be {', '.join(CSV_COLUMNS)}; missing: {', '.join(missing)}")
    rows = pc.read_csv(
        io.BytesIO(header + first),
        read_options=pc.ReadOptions(block_size=2 * len(header + first)),
        convert_options=pc.ConvertOptions(include_columns=["config"], column_types={"config": "string"}),
    )
    if len(rows) == 0:
        raise ValueError("it has no rows")
    return _parsed(rows["config"][0].as_py()), len(first)


def _csv_blocks(file: IO[bytes], config: RunConfig, longest: int) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa
    import pyarrow.csv as pc

    number = pa.from_numpy_dtype(config.dtype)
    types = {"step": pa.int64(), "loss": pa.float64(), "theta_index": pa.int64(), "theta": number}
    types |= {"gradient": number, "config": pa.string()}
    yield from pc.open_csv(
        file,
        read_options=pc.ReadOptions(block_size=max(PARSED_BYTES, 2 * longest)),
        convert_options=pc.ConvertOptions(include_columns=list(types), column_types=types, null_values=[]),
    )


def _take_rows(batch: pa.RecordBatch, start: int, n_params: int, arrays: dict[str, np.ndarray]) -> None:
    """Put a block of CSV rows, the first of them row number `start`, where they belong."""
    flat = np.arange(start, start + len(batch))
    record, expected = np.divmod(flat, n_params)
    columns = {
        name: batch.column(name).to_numpy() for name in ("step", "loss", "theta_index", "theta", "gradient")
    }
    first = expected == 0
    arrays["step"][record[first]] = columns["step"][first]
    arrays["loss"][record[first]] = columns["loss"][first]
    wrong = (columns["theta_index"] != expected) | (columns["step"] != arrays["step"][record])
    if wrong.any():
        place = int(np.argmax(wrong))
        step, found = arrays["step"][record[place]], columns["theta_index"][place]
        raise ValueError(
            f"line {start + place + 2} must be theta_index {expected[place]} of step {step}; "
            f"got theta_index {found} of step {columns['step'][place]}"
        )
    stop = start + len(batch)
    arrays["theta"].reshape(-1)[start:stop] = columns["theta"]
    arrays["grad"].reshape(-1)[start:stop] = columns["gradient"]


def _every_step(history: History) -> bool:
    return bool((np.diff(history.step) == 1).all())


def _norms_follow_from_theta(history: History) -> bool:
    """Whether update_norm is what the recorded theta give."""
    return _every_step(history) and all(
        np.array_equal(history.update_norm[rows], norms, equal_nan=True)
        for rows, norms in _norms_of_blocks(history.theta, history.layout)
    )


def _norms_of_blocks(theta: Array, layout: Layout) -> Iterator[tuple[slice, Array]]:
    """update_norms of consecutive records, in blocks: which records, and their (n_block, n_layers) norms."""
    size = max(1, BLOCK_BYTES // theta[:1].nbytes)
    for start in range(0, len(theta), size):
        stop = min(start + size, len(theta))
        yield slice(start, stop), update_norms(theta[start : stop + 1], layout)[: stop - start]


# Both -------------------------------------------------------------------------------------------------------


@contextmanager
def _opened(place: Target, mode: str) -> Iterator[IO[bytes]]:
    """The open file at a path; a file that is open already stays open."""
    if isinstance(place, (str, os.PathLike)):
        with open(place, mode) as file:
            yield file
    else:
        yield place


@contextmanager
def _not_a_history(kind: str, *errors: type[Exception]) -> Iterator[None]:
    """Turn whatever is wrong with a file's content into one sentence."""
    expected: tuple[type[Exception], ...] = (
        ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, *errors,
    )  # fmt: skip
    try:
        yield
    except TableNotHere:
        raise
    except expected as error:
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise ValueError(f"this is not a history in {kind}, or a damaged one: {reason}") from error


def _bytes_left(file: IO[bytes]) -> int:
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def _parsed(text: str | bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ValueError(f"the settings of the run must be JSON ({error})") from error
    if not isinstance(found, dict):
        raise ValueError(f"the settings of the run must be a JSON object; got {type(found).__name__}")
    return found


def _checked(facts: Any) -> dict[str, Any]:
    """What the settings do not say, if this version can read it."""
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        found = facts.get("format") if isinstance(facts, dict) else None
        raise ValueError(f"its format must be {FORMAT}; got {found}")
    return facts


def _empty(config: RunConfig, n_records: int, memory_budget: int | None) -> dict[str, np.ndarray]:
    """Arrays for so many records; raises ValueError when they would take more than `memory_budget` bytes."""
    layout = config.layout()
    vectors = 2 * layout.n_params * np.dtype(config.dtype).itemsize
    size = n_records * (vectors + 8 * layout.n_layers + 16)
    if memory_budget is not None and size > memory_budget:
        raise ValueError(
            f"its {n_records:,} records of {layout.n_params:,} parameters would take {size / 2**20:,.0f} MB and "
            f"{memory_budget / 2**20:,.0f} MB are allowed"
        )
    return {
        "step": np.empty(n_records, np.int64),
        "loss": np.empty(n_records),
        "theta": np.empty((n_records, layout.n_params), config.dtype),
        "grad": np.empty((n_records, layout.n_params), config.dtype),
        "update_norm": np.empty((n_records, layout.n_layers)),
    }


def _history(
    config: RunConfig,
    facts: dict[str, Any],
    arrays: dict[str, np.ndarray],
    probe: tuple[np.ndarray, np.ndarray],
) -> History:
    divergence = Divergence(**facts["divergence"]) if facts["divergence"] else None
    return History(
        config=config,
        **arrays,
        probe_x=probe[0],
        probe_y=probe[1],
        stopped=facts["stopped"],
        divergence=divergence,
    )


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _packed(array: np.ndarray) -> dict[str, Any]:
    """An array as JSON: its bytes, little-endian, in base64."""
    array = array.astype(array.dtype.newbyteorder("<"))
    return {
        "dtype": array.dtype.str,
        "shape": list(array.shape),
        "base64": base64.b64encode(array.tobytes()).decode("ascii"),
    }


def _unpacked(packed: dict[str, Any]) -> np.ndarray:
    if packed["dtype"] not in ("<f4", "<f8", "<i8"):
        raise ValueError(f"an array's dtype must be <f4, <f8 or <i8; got {packed['dtype']!r}")
    array = np.frombuffer(base64.b64decode(packed["base64"], validate=True), packed["dtype"])
    return array.reshape(packed["shape"]).astype(array.dtype.newbyteorder("="))
