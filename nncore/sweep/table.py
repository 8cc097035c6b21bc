"""Rows as a table: a column for every setting, every named axis of the grid, and everything that is noted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.history.history import Target
from nncore.history.whole_file import whole_file
from nncore.sweep.axes import NAMED_AXES
from nncore.sweep.grid import Grid, Runs, key
from nncore.sweep.report import Report, Row

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("activation", "biases", "features")
"""Settings that may be several names."""


def settings_columns() -> dict[str, str]:
    """Setting -> kind of its column. Several activations, biases or features are written with commas between."""
    kinds = {}
    for field in RunConfig.fields():
        whole, choices = field.metadata["whole"], field.metadata["choices"]
        kind = "text" if choices or isinstance(field.default, str) else "whole" if whole else "number"
        kinds[field.name] = "flag" if isinstance(field.default, bool) else kind
    return kinds | {"hidden": "wholes", "theta": "numbers"}


def columns(runs: Runs, report: Report) -> dict[str, str]:
    """Column -> kind, in order: run, key, the settings, the grid's named axes, what is noted.

    run: number in the sweep, from 0. key: stands for all settings together, see `key`.
    """
    named = [name for name in (runs.axes if isinstance(runs, Grid) else ()) if name in NAMED_AXES]
    axes = {name: "whole" if NAMED_AXES[name].whole else "number" for name in named}
    return {"run": "whole", "key": "text"} | settings_columns() | axes | report.columns()


def schema(runs: Runs, report: Report) -> pa.Schema:
    """The same as Arrow's types."""
    import pyarrow as pa

    kinds = {
        "text": pa.string(),
        "whole": pa.int64(),
        "number": pa.float64(),
        "flag": pa.bool_(),
        "wholes": pa.list_(pa.int64()),
        "numbers": pa.list_(pa.float64()),
        "texts": pa.list_(pa.string()),
    }
    return pa.schema([pa.field(name, kinds[kind]) for name, kind in columns(runs, report).items()])


def full_row(run: int, row: Row, runs: Runs) -> Row:
    """What was noted of a run, with its number, its key and its settings in front.

    Where the settings do not go together there is no key, and of the settings those of the grid alone.
    """
    axes = runs.coordinates(run)
    try:
        config = runs[run]
        settings, name = config.to_dict(), key(config)
    except ValueError:
        settings, name = axes, None
    for setting in NAMES:
        if isinstance(settings.get(setting), (list, tuple)):
            settings = {**settings, setting: ",".join(settings[setting])}
    return {"run": run, "key": name, **settings, **axes_only(axes), **row}


def axes_only(axes: Mapping[str, Any]) -> dict[str, Any]:
    """The axes that are no settings themselves."""
    return {name: value for name, value in axes.items() if name in NAMED_AXES}


def rows_table(rows: Mapping[int, Row], runs: Runs, report: Report) -> pa.Table:
    """A table of rows by run number, in ascending order."""
    import pyarrow as pa

    full = [full_row(run, rows[run], runs) for run in sorted(rows)]
    fields = schema(runs, report)
    arrays = [pa.array([row.get(field.name) for row in full], field.type) for field in fields]
    return pa.Table.from_arrays(arrays, schema=fields)


def layers_table(layers: Mapping[int, Mapping[str, np.ndarray]], report: Report) -> pa.Table:
    """The per-layer table: run, step, layer, and the report's quantities."""
    import pyarrow as pa

    runs = sorted(layers)
    columns = {"run": np.concatenate([np.full(len(layers[run]["step"]), run) for run in runs])}
    for name in ("step", "layer", *report.quantities):
        columns[name] = np.concatenate([layers[run][name] for run in runs])
    return pa.table(columns)


def config_of(row: Mapping[str, Any]) -> RunConfig:
    """The config of a table's row; raises ValueError where its settings do not go together."""
    settings = {field.name: row[field.name] for field in RunConfig.fields()}
    for setting in NAMES:
        names = (settings[setting] or "").split(",")
        if setting == "features" or len(names) > 1:
            settings[setting] = tuple(name for name in names if name)
    return RunConfig.from_dict(settings)


def write_csv(found: pa.Table, target: Target) -> None:
    """A table as CSV, every float in full; values per layer stand in one cell, with semicolons between."""
    import pyarrow as pa

    frame = found.to_pandas()
    for field in found.schema:
        if pa.types.is_list(field.type):
            cells = found[field.name].to_pylist()
            frame[field.name] = [None if cell is None else ";".join(map(str, cell)) for cell in cells]
    with whole_file(target) as file:
        frame.to_csv(file, index=False)
