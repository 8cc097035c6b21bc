"""A sweep's folder, read: the whole table, or what is asked of it without loading all of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.numerics.choices import choose
from nncore.sweep.folder import Folder, Path_

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds


@contextmanager
def damage_said(path: Path_) -> Iterator[None]:
    """Turn what Arrow says of a damaged part into one sentence; raises ValueError."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise ValueError(
            f"a part of the sweep in {path} does not read as Parquet: remove it and resume the sweep"
        ) from error


def dataset(path: Path_) -> ds.Dataset:
    """The rows of a sweep's folder as an Arrow dataset: filtered and read by column, never all at once.

    Raises ValueError where it is not a sweep's folder.
    """
    import pyarrow.dataset as ds

    from nncore.sweep.table import schema

    folder = Folder.open(path)
    return ds.dataset([str(part) for part in folder.parts()], schema(folder.runs, folder.report), format="parquet")


def table(path: Path_, columns: Sequence[str] | None = None) -> pa.Table:
    """The table in its one order, by run: all columns, or those named."""
    wanted = None if columns is None else ["run", *(name for name in columns if name != "run")]
    with damage_said(path):
        found = dataset(path).to_table(wanted).sort_by("run").combine_chunks()
    return found if columns is None else found.select(list(columns))


def layers(path: Path_) -> pa.Table:
    """The per-layer table, by run, step and layer; raises ValueError where the sweep keeps none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Folder.open(path)
    if not folder.report.layers:
        raise ValueError(f"the sweep in {path} keeps no per-layer table: begin it with layers=True")
    names = {part.name for part in folder.parts()}
    parts = [part for part in sorted((folder.path / "layers").glob("part-*.parquet")) if part.name in names]
    if not parts:
        return pa.table({})
    with damage_said(path):
        found = pa.concat_tables([pq.read_table(part) for part in parts])
    return found.sort_by([("run", "ascending"), ("step", "ascending"), ("layer", "ascending")]).combine_chunks()


def summarize(path: Path_, by: Sequence[str], values: Sequence[str], how: str = "median") -> dict[str, np.ndarray]:
    """One entry for each combination of `by`: their values, `n` runs, and each of `values` over these runs.

    `how` is median, mean, min or max. Runs without a finite value are left out; `finite_` + name counts the
    others. A text that is missing counts as "". Only these columns are read: a million runs take some tens of
    megabytes. Raises ValueError on an unknown column or way, and on a column of lists.
    """
    import pyarrow as pa

    choose("how", how, tuple(HOW))
    rows = dataset(path)
    for name in (*by, *values):
        choose("column", name, rows.schema.names)
        if pa.types.is_list(rows.schema.field(name).type):
            raise ValueError(f"{name} has a list in every cell: there is no {how} of it")
    with damage_said(path):
        read = rows.to_table([*by, *values])
    cells, counts, found = _grouped(read, by)
    found["n"] = counts
    order = np.argsort(cells, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(counts)])
    for name in values:
        numbers = read[name].to_numpy().astype(np.float64)[order]
        kept = [numbers[start:stop] for start, stop in pairwise(bounds)]
        kept = [each[np.isfinite(each)] for each in kept]
        found[name] = np.array([HOW[how](each) if len(each) else np.nan for each in kept])
        found[f"finite_{name}"] = np.array([len(each) for each in kept])
    return found


HOW: dict[str, Any] = {"median": np.median, "mean": np.mean, "min": np.min, "max": np.max}


def _grouped(read: pa.Table, by: Sequence[str]) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """(cell of each row, rows per cell, name -> value of each cell), the cells in ascending order."""
    import pyarrow as pa

    codes, levels = [], []
    for name in by:
        column = read[name].fill_null("") if pa.types.is_string(read[name].type) else read[name]
        unique, code = np.unique(column.to_numpy(), return_inverse=True)
        codes.append(code)
        levels.append(unique)
    shape = tuple(len(each) for each in levels)
    flat = np.ravel_multi_index(tuple(codes), shape) if codes else np.zeros(len(read), np.int64)
    present, cells, counts = np.unique(flat, return_inverse=True, return_counts=True)
    places = np.unravel_index(present, shape) if codes else ()
    return cells, counts, {name: levels[axis][places[axis]] for axis, name in enumerate(by)}
