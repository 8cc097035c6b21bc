"""One row per record and parameter, for a spreadsheet or pandas: as `nncore.history` describes it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.content import (
    BLOCK_BYTES,
    FORMAT,
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
from nncore.history.history import History, Target, update_norms
from nncore.history.whole_file import whole_file
from nncore.model.layout import Array, Layout

if TYPE_CHECKING:
    import pyarrow as pa

CSV_COLUMNS = ("step", "loss", "layer", "kind", "row", "column", "theta_index", "theta", "gradient", "config")

CSV_ROWS = 2**14
"""CSV rows written at once."""

PARSED_BYTES = 2**19
"""Text of a CSV file that is parsed at once; the parser reads some 40 such blocks ahead."""

SAMPLE = 4096
"""CSV rows looked at to tell a file's size."""

SHORTEST_ROW = len("0,0,1,bias,,0,0,0,0,\n")


def write_csv(history: History, target: Target) -> None:
    """Write a history to a path or a binary file as the tidy CSV that this module describes."""
    import pyarrow.csv as pc

    total, n_params = history.theta.size, history.layout.n_params
    size = CSV_ROWS // n_params * n_params or CSV_ROWS
    config = _config_cell(history, keep_norms=not _norms_follow_from_theta(history))
    names = None
    with whole_file(binary(target)) as file:
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

    with opened(source) as file, not_a_history("CSV", pa.ArrowException):
        settings, longest = _csv_settings(file)
        facts = checked(settings.pop("history", None))
        config = RunConfig.from_dict(settings)
        layout, n_records = config.layout(), int(facts["n_records"])
        total = n_records * layout.n_params
        if not 0 < total * SHORTEST_ROW <= _bytes_left(file):
            raise ValueError(f"too short for the {total:,} rows it should have")
        arrays = empty_arrays(config, n_records, memory_budget)
        found = 0
        for batch in _csv_blocks(file, config, longest):
            if found + len(batch) > total:
                raise ValueError(f"it should have {total:,} rows and has more")
            _take_rows(batch, found, layout.n_params, arrays)
            found += len(batch)
        if found < total:
            raise ValueError(f"it should have {total:,} rows and has {found:,}: the end is missing")
        if "update_norm" in facts:
            arrays["update_norm"][...] = unpacked(facts["update_norm"])
        else:
            for rows, norms in _norms_of_blocks(arrays["theta"], layout):
                arrays["update_norm"][rows] = norms
        stored = "probe_x" in facts
        probe = (unpacked(facts["probe_x"]), unpacked(facts["probe_y"])) if stored else config.probe()
        return history_of(config, facts, arrays, probe)


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
    columns = [*each_step, *(column[: len(flat)] for column in names), *values, pa.nulls(len(flat), pa.string())]
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
        facts |= {"probe_x": packed(history.probe_x), "probe_y": packed(history.probe_y)}
    if keep_norms:
        facts["update_norm"] = packed(history.update_norm)
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
    return parsed(rows["config"][0].as_py()), len(first)


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
    columns = {name: batch.column(name).to_numpy() for name in ("step", "loss", "theta_index", "theta", "gradient")}
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


def _bytes_left(file: IO[bytes]) -> int:
    here = file.tell()
    end = file.seek(0, os.SEEK_END)
    file.seek(here)
    return end - here


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
