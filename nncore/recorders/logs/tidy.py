"""A tidy table of one's own as a recorded run: CSV with the columns step, layer, quantity and value."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from nncore.measures.measurement import inert
from nncore.numerics.choices import choose
from nncore.recorders.columns import RECORDED_QUANTITIES, STORED
from nncore.recorders.logs.log import Log

COLUMNS = ("step", "layer", "quantity", "value")
"""The columns, in any order: a whole number, a layer's name ("" for the run), one of RECORDED_QUANTITIES, a number."""

LONGEST_FIRST_LINE = 200

CUT = "The last line of the table does not end: it may be half a row, and was left out."


def is_tidy(head: bytes) -> bool:
    """Is this the beginning of such a table: a first line with exactly these columns?"""
    line = head[:LONGEST_FIRST_LINE].removeprefix(b"\xef\xbb\xbf").splitlines()[:1]
    names = [name.strip(b" \"'").decode("ascii", "replace") for name in line[0].split(b",")] if line else []
    return sorted(names) == sorted(COLUMNS)


def read_tidy(content: bytes, memory_budget: int | None = None) -> Log:
    """The table in the bytes of a CSV file, as `Recorded.to_csv` writes it or a program of one's own.

    A row without a value says nothing; a last line without an end may be half a one that is being written, and is left out
    with a caveat. update_ratio, clipping and delta_rms are worked out from other quantities, which
    must be there. Raises ValueError, one sentence, on an unknown quantity (listing the choices), on a step that is no
    whole number from 0, on two values for the same step, layer and quantity.
    """
    import pyarrow as pa
    from pyarrow import csv

    whole = max(content.rfind(b"\n"), content.rfind(b"\r")) + 1
    is_cut, content = whole < len(content), content[:whole]
    text = pa.dictionary(pa.int32(), pa.string())
    kinds = {"step": pa.int64(), "layer": text, "quantity": text, "value": pa.float64()}
    try:
        table = csv.read_csv(
            io.BytesIO(content),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(column_types=kinds, null_values=[""], strings_can_be_null=False),
        )
    except pa.ArrowException as error:
        raise ValueError(f"its rows must be a step, a layer, a quantity and a value: {error}") from error
    if memory_budget is not None and table.nbytes > memory_budget:
        raise ValueError(f"its numbers would take more than the {memory_budget / 2**20:,.0f} MB that are allowed")
    table = table.filter(table["value"].is_valid()).unify_dictionaries().combine_chunks()
    if table["step"].null_count or (table.num_rows and np.min(table["step"].to_numpy()) < 0):
        raise ValueError("step must be a whole number from 0 in every row")
    step, value = table["step"].to_numpy(), table["value"].to_numpy()
    (layer, layers), (quantity, quantities) = (_coded(table[name]) for name in ("layer", "quantity"))
    layers = np.array([_as_written(name) for name in layers], object)
    _check_once(step, layer, quantity, layers, quantities)
    log, rows = Log("CSV", [CUT] * is_cut), {}
    for code, name in enumerate(quantities):
        rows[choose("quantity", name, RECORDED_QUANTITIES).name] = np.flatnonzero(quantity == code)
    _check_ratios(set(rows))
    for name in sorted(rows, key=lambda name: rows[name][:1].tolist()):
        if name in STORED:
            _check_layers(name, layers[np.unique(layer[rows[name]])])
            log.add(name, step[rows[name]], layers[layer[rows[name]]].tolist(), value[rows[name]])
    if {"delta_norm", "delta_rms"} <= set(rows):
        norms, means = ((step[at], layer[at], value[at]) for at in (rows["delta_norm"], rows["delta_rms"]))
        _add_sizes(log, norms, means, layers)
    return log


def _coded(column: Any) -> tuple[np.ndarray, np.ndarray]:
    """The code of each row of a column of text, and the texts."""
    if not len(column):
        return np.zeros(0, np.int64), np.zeros(0, object)
    chunk = column.chunk(0)
    return chunk.indices.to_numpy(), np.array(chunk.dictionary.to_pylist(), object)


def _as_written(name: str) -> str:
    """A layer's name without the apostrophe that keeps a spreadsheet from computing it."""
    return name[1:] if name.startswith("'") and inert(name[1:]) == name else name


def _check_once(step: Any, layer: Any, quantity: Any, layers: Any, quantities: Any) -> None:
    ordered = np.lexsort((quantity, layer, step))
    same = np.all([np.diff(column[ordered]) == 0 for column in (step, layer, quantity)], axis=0)
    if same.any():
        row = ordered[int(np.argmax(same))]
        raise ValueError(
            f"it has two values of {quantities[quantity[row]]} of layer {layers[layer[row]]!r:.80} at step {step[row]:,}"
        )


def _check_ratios(names: set[str]) -> None:
    """Raise ValueError where a quantity is there that is worked out from others, and these are not."""
    for name in names:
        missing = [each for each in RECORDED_QUANTITIES[name].of if each in STORED and each not in names]
        if missing:
            raise ValueError(f"{name} is worked out from {' and '.join(missing)}, which must be there")


def _check_layers(quantity: str, names: Any) -> None:
    """Raise ValueError where a number of the run names a layer, or one of a layer none."""
    of_run = RECORDED_QUANTITIES[quantity].role == "run"
    for name in names:
        if of_run != (name == ""):
            expected = "empty, for it is the run's" if of_run else "a layer's name"
            raise ValueError(f"layer must be {expected} where quantity is {quantity}; got {name!r:.80}")


def _add_sizes(log: Log, norms: tuple[Any, ...], means: tuple[Any, ...], layers: Any) -> None:
    """delta_rms is delta_norm over the root of the size: so they tell how many entries each output has."""
    of = {(step, layer): value for step, layer, value in zip(*norms, strict=True)}
    found = [
        (step, layer, (of.get((step, layer), 0) / value) ** 2)
        for step, layer, value in zip(*means, strict=True)
        if value
    ]
    found = [(step, layer, size) for step, layer, size in found if 0.5 < size < 2**53]
    if found:
        steps, codes, sizes = zip(*found, strict=True)
        log.add("size", steps, [layers[code] for code in codes], np.round(sizes).tolist())
