"""One row per record and parameter, for a spreadsheet or pandas: as `nncore.history` describes it."""

from __future__ import annotations

import io
import json
import os
from bisect import bisect_left
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from nncore.config.run_config import TABLE, RunConfig
from nncore.data.outline import outlined
from nncore.history.compressed import DAMAGED, LARGEST_RATIO, compressing, decompressing, is_compressed
from nncore.history.content import (
    BLOCK_BYTES,
    FORMAT,
    about_table,
    binary,
    bytes_left,
    check_whole,
    checked,
    empty_arrays,
    history_of,
    not_a_history,
    opened,
    packed,
    parsed,
    unpacked,
)
from nncore.history.excerpt import COLUMNS, MOST_EVERY, WHOLE, Excerpt
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

SPREADSHEET_ROWS = 1_048_576
"""Rows of a spreadsheet, the line of names included."""

SPREADSHEET_BYTES = 25_000_000
"""A CSV file that a spreadsheet opens without a wait, and an e-mail takes along."""

SPREADSHEET_CELL = 32_767
"""Characters of a spreadsheet's cell."""

SHORTEST_ROW = len("0,0,1,bias,,0,0,0,0,\n")


def write_csv(history: History, target: Target, excerpt: Excerpt = WHOLE) -> None:
    """Write a history, or an excerpt of it, to a path or a binary file as the tidy CSV that `nncore.history` describes.

    A path is compressed as its ending says (`compressed.compressing`). Raises ValueError where the excerpt is not of
    this history.
    """
    name = target if isinstance(target, (str, os.PathLike)) else ""
    records, parameters = excerpt.records(history), excerpt.parameters(history.layout)
    with whole_file(binary(target)) as file, compressing(file, name) as text:
        _write_rows(history, text, excerpt, records, parameters)


def _write_rows(
    history: History, file: IO[bytes], excerpt: Excerpt, records: np.ndarray, parameters: np.ndarray
) -> None:
    import pyarrow.csv as pc

    total, n_params = len(records) * len(parameters), len(parameters)
    size = CSV_ROWS // n_params * n_params or CSV_ROWS
    names = None
    first = _csv_batch(history, excerpt, records[:1], parameters[:1], _names(history.layout, parameters[:1]))
    config = _config_cell(history, excerpt, records, keep_norms=not _norms_follow_from_theta(history, records))
    file.write(_header(excerpt) + _csv_text(first)[:-1] + config + b"\n")
    with pc.CSVWriter(file, first.schema, write_options=_csv_options()) as writer:
        for start in range(0, total, size):
            record, index = np.divmod(np.arange(start, min(start + size, total)), n_params)
            if names is None or size % n_params:
                names = _names(history.layout, parameters[index])
            batch = _csv_batch(history, excerpt, records[record], parameters[index], names)
            writer.write_batch(batch if start else batch[1:])


def read_csv(source: Target, memory_budget: int | None = None) -> History:
    """The history in a CSV file written by `write_csv`, compressed or not, whatever its name.

    Raises ValueError if it is not one, or a part of one, or not whole, or, before it is held, when it would take more
    than `memory_budget` bytes.
    """
    import pyarrow as pa

    with opened(source) as packed, not_a_history("CSV", pa.ArrowException, *DAMAGED), decompressing(packed) as file:
        left = bytes_left(packed) if file is packed else bytes_left(packed) * LARGEST_RATIO
        settings, longest = _csv_settings(file, memory_budget)
        facts = checked(settings.pop("history", None))
        with outlined(facts.get("table")):
            config = RunConfig.from_dict(settings)
        layout, n_records = config.layout(), int(facts["n_records"])
        total = n_records * layout.n_params
        if not 0 < total * SHORTEST_ROW <= left:
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


def csv_size(history: History, excerpt: Excerpt = WHOLE, name: str = "") -> int:
    """Estimated bytes of the CSV file of this name, from 4096 of its rows; exact for a file that short.

    Compressed, three stretches of as many rows together are, and scaled up. Raises ValueError where the excerpt is not
    of this history.

    >>> import io
    >>> from nncore import RunConfig, run
    >>> history, file = run(RunConfig(hidden=(4,), steps=100)), io.BytesIO()
    >>> history.to_csv(file, every=10)
    >>> csv_size(history, Excerpt(every=10)) == len(file.getvalue())
    True
    """
    records, parameters = excerpt.records(history), excerpt.parameters(history.layout)
    total = len(records) * len(parameters)
    if total <= SAMPLE:
        whole = io.BytesIO()
        with compressing(whole, name) as text:
            _write_rows(history, text, excerpt, records, parameters)
        return len(whole.getvalue())
    head = _header(excerpt) + _estimated_config_cell(history, excerpt, records)
    if is_compressed(name):
        starts = np.linspace(0, total - SAMPLE // 3, 3).astype(int)
        flat = np.concatenate([np.arange(start, start + SAMPLE // 3) for start in starts])
    else:
        flat = np.random.default_rng(0).integers(0, total, SAMPLE)
    record, index = np.divmod(flat, len(parameters))
    names = _names(history.layout, parameters[index])
    rows = _csv_text(_csv_batch(history, excerpt, records[record], parameters[index], names))
    packed_head, packed_both = (_packed_length(text, name) for text in (head, head + rows))
    return packed_head + (packed_both - packed_head) * total // len(flat)


def for_spreadsheet(history: History) -> Excerpt | None:
    """The most of a history that a spreadsheet opens: `SPREADSHEET_ROWS` rows and 25 MB at most.

    All of it, or the fewest steps left out that do it, or some layers of the last step; None where not even one layer
    of one step fits.

    >>> from nncore import RunConfig, run
    >>> for_spreadsheet(run(RunConfig(hidden=(4,), steps=100))) == WHOLE
    True
    """
    if fits_spreadsheet(history, WHOLE):
        return WHOLE
    found = bisect_left(range(2, len(history)), True, key=lambda every: fits_spreadsheet(history, Excerpt(every)))
    thinned, last = Excerpt(min(2 + found, MOST_EVERY)), int(history.step[-1])
    if fits_spreadsheet(history, thinned):
        return thinned
    layers: list[int] = []
    for layer in range(1, history.layout.n_layers + 1):
        if fits_spreadsheet(history, Excerpt(steps=[last], layers=[*layers, layer])):
            layers.append(layer)
    return Excerpt(steps=[last], layers=layers) if layers else None


def fits_spreadsheet(history: History, excerpt: Excerpt) -> bool:
    """Does its CSV file open in a spreadsheet, as far as can be said beforehand?"""
    config = _estimated_config_cell(history, excerpt, excerpt.records(history))
    return (
        excerpt.rows(history) < SPREADSHEET_ROWS
        and len(config) <= SPREADSHEET_CELL
        and csv_size(history, excerpt) <= 0.99 * SPREADSHEET_BYTES
    )


def _packed_length(text: bytes, name: str) -> int:
    file = io.BytesIO()
    with compressing(file, name) as content:
        content.write(text)
    return len(file.getvalue())


def _header(excerpt: Excerpt) -> bytes:
    return (",".join(_columns(excerpt)) + "\n").encode()


def _columns(excerpt: Excerpt) -> list[str]:
    return [name for name in CSV_COLUMNS if name not in COLUMNS or name in excerpt.columns]


def _csv_options() -> Any:
    import pyarrow.csv as pc

    return pc.WriteOptions(include_header=False, batch_size=CSV_ROWS, quoting_style="none")


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


def _csv_batch(
    history: History, excerpt: Excerpt, record: np.ndarray, index: np.ndarray, names: list[pa.Array]
) -> pa.RecordBatch:
    """The CSV rows of these records and theta, one of each a row, their config cell empty."""
    import pyarrow as pa

    vectors = {"theta": history.theta, "gradient": history.grad}
    values = [pa.array(vectors[name][record, index]) for name in excerpt.columns]
    each_step = [pa.array(history.step[record]), pa.array(history.loss[record])]
    columns = [*each_step, *(column[: len(index)] for column in names), *values, pa.nulls(len(index), pa.string())]
    return pa.record_batch(columns, names=_columns(excerpt))


def _csv_text(batch: pa.RecordBatch) -> bytes:
    import pyarrow.csv as pc

    text = io.BytesIO()
    pc.write_csv(batch, text, _csv_options())
    return text.getvalue()


def _estimated_config_cell(history: History, excerpt: Excerpt, records: np.ndarray) -> bytes:
    """The config cell, without a look at every theta."""
    return _config_cell(history, excerpt, records, keep_norms=not _every_step(history.step[records]))


def _config_cell(history: History, excerpt: Excerpt, records: np.ndarray, keep_norms: bool) -> bytes:
    """The quoted JSON of the first row's last cell."""
    facts = history.to_dict()
    settings = excerpt.config(history).to_dict()
    del facts["config"]
    facts |= {"format": FORMAT, "n_records": len(records), "dtype": history.config.dtype}
    part = excerpt.facts(history)
    if part is not None:
        facts["part"] = part
    else:
        facts |= about_table(history.config)
        kept = (history.probe_x, history.probe_y)
        rebuilt = None if history.config.dataset == TABLE else history.config.probe()
        if rebuilt is None or not all(_same_bits(one, other) for one, other in zip(rebuilt, kept, strict=True)):
            facts |= {"probe_x": packed(history.probe_x), "probe_y": packed(history.probe_y)}
        if keep_norms:
            facts["update_norm"] = packed(history.update_norm[records])
    text = json.dumps({**settings, "history": facts})
    return b'"' + text.replace('"', '""').encode() + b'"'


def _csv_settings(file: IO[bytes], longest_line: int | None) -> tuple[dict[str, Any], int]:
    """The JSON in the first row's config cell, and that row's length; the file is left where it was."""
    import pyarrow.csv as pc

    begin = file.tell()
    header, first = file.readline(10_000), file.readline(-1 if longest_line is None else longest_line)
    file.seek(begin)
    present = header.decode("utf-8-sig", errors="replace").strip().replace('"', "").split(",")
    missing = [name for name in CSV_COLUMNS if name not in present]
    if set(missing) - set(COLUMNS):
        raise ValueError(f"its columns must be {', '.join(CSV_COLUMNS)}; missing: {', '.join(missing)}")
    rows = pc.read_csv(
        io.BytesIO(header + first),
        read_options=pc.ReadOptions(block_size=2 * len(header + first)),
        convert_options=pc.ConvertOptions(include_columns=["config"], column_types={"config": "string"}),
    )
    if len(rows) == 0:
        raise ValueError("it has no rows")
    settings = parsed(rows["config"][0].as_py())
    check_whole(settings.get("history"))
    if missing:
        raise ValueError(f"its columns must be {', '.join(CSV_COLUMNS)}; missing: {', '.join(missing)}")
    return settings, len(first)


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


def _every_step(step: np.ndarray) -> bool:
    return bool((np.diff(step) == 1).all())


def _norms_follow_from_theta(history: History, records: np.ndarray) -> bool:
    """Whether update_norm is what the theta of these records give."""
    whole = len(records) == len(history)
    return _every_step(history.step[records]) and all(
        np.array_equal(history.update_norm[records[rows]], norms, equal_nan=True)
        for rows, norms in _norms_of_blocks(history.theta if whole else history.theta[records], history.layout)
    )


def _norms_of_blocks(theta: Array, layout: Layout) -> Iterator[tuple[slice, Array]]:
    """update_norms of consecutive records, in blocks: which records, and their (n_block, n_layers) norms."""
    size = max(1, BLOCK_BYTES // theta[:1].nbytes)
    for start in range(0, len(theta), size):
        stop = min(start + size, len(theta))
        yield slice(start, stop), update_norms(theta[start : stop + 1], layout)[: stop - start]


def _same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
