"""From one run to a map of thousands: grids of runs over processes or a cluster, into a table."""

from nncore.sweep.axes import MOST_VALUES, NAMED_AXES, apply_axes, as_coordinate, axis_names, coordinate
from nncore.sweep.blocks import DEFAULT_LIMITS, Limits, Result
from nncore.sweep.cells import CELL_QUANTITIES, VERDICTS, CellQuantity, Cells
from nncore.sweep.folder import Folder, write
from nncore.sweep.grid import Grid, Listed, Runs, key
from nncore.sweep.overlay import is_geometric, theory_curves
from nncore.sweep.read import dataset, layers, summarize, table
from nncore.sweep.report import DEFAULT_REPORT, ENDINGS, INITIAL_FLOW, LAST, Report, column
from nncore.sweep.schedule import estimated_seconds, results
from nncore.sweep.table import config_of, write_csv
from nncore.sweep.workers import Here, Processes

__all__ = [
    "CELL_QUANTITIES",
    "DEFAULT_LIMITS",
    "DEFAULT_REPORT",
    "ENDINGS",
    "INITIAL_FLOW",
    "LAST",
    "MOST_VALUES",
    "NAMED_AXES",
    "VERDICTS",
    "CellQuantity",
    "Cells",
    "Folder",
    "Grid",
    "Here",
    "Limits",
    "Listed",
    "Processes",
    "Report",
    "Result",
    "Runs",
    "as_coordinate",
    "axis_names",
    "column",
    "config_of",
    "coordinate",
    "dataset",
    "estimated_seconds",
    "is_geometric",
    "key",
    "layers",
    "results",
    "apply_axes",
    "summarize",
    "table",
    "theory_curves",
    "write",
    "write_csv",
]
