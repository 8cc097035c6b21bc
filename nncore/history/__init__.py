"""The full record of a run, and its files.

A history as a Parquet file or as a tidy CSV, and back: bit for bit, block by block, at library speed.

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

A CSV file may be compressed, by gzip or as a zip archive, and may hold an `Excerpt`. Of every k-th step it is a history
whose settings say a k times as large record_every, with update_norm; with steps, layers or columns of choice it is a part,
whose "history" says so under "part", and `read_csv` refuses it by saying what it is.
"""

from typing import TYPE_CHECKING

from nncore.history.history import Divergence, History, replay
from nncore.numerics.later import loaded_later

if TYPE_CHECKING:
    from nncore.history.compressed import compressing
    from nncore.history.content import PartOfHistory
    from nncore.history.csv import (
        CSV_COLUMNS,
        SPREADSHEET_BYTES,
        SPREADSHEET_ROWS,
        csv_size,
        fits_spreadsheet,
        for_spreadsheet,
        read_csv,
        write_csv,
    )
    from nncore.history.excerpt import WHOLE, Excerpt, numbers_in
    from nncore.history.parquet import parquet_size, read_parquet, write_parquet

__all__ = [
    "Divergence",
    "Excerpt",
    "History",
    "PartOfHistory",
    "WHOLE",
    "replay",
    "CSV_COLUMNS",
    "SPREADSHEET_BYTES",
    "SPREADSHEET_ROWS",
    "compressing",
    "csv_size",
    "fits_spreadsheet",
    "for_spreadsheet",
    "numbers_in",
    "parquet_size",
    "read_csv",
    "read_parquet",
    "write_csv",
    "write_parquet",
]

LATER = {
    "CSV_COLUMNS": "nncore.history.csv",
    "Excerpt": "nncore.history.excerpt",
    "PartOfHistory": "nncore.history.content",
    "SPREADSHEET_BYTES": "nncore.history.csv",
    "SPREADSHEET_ROWS": "nncore.history.csv",
    "WHOLE": "nncore.history.excerpt",
    "compressing": "nncore.history.compressed",
    "csv_size": "nncore.history.csv",
    "fits_spreadsheet": "nncore.history.csv",
    "for_spreadsheet": "nncore.history.csv",
    "numbers_in": "nncore.history.excerpt",
    "parquet_size": "nncore.history.parquet",
    "read_csv": "nncore.history.csv",
    "read_parquet": "nncore.history.parquet",
    "write_csv": "nncore.history.csv",
    "write_parquet": "nncore.history.parquet",
}
"""Name -> the module that reads or writes files; loaded when it is first asked for."""

if not TYPE_CHECKING:  # a type checker would take every name for one of these
    __getattr__ = loaded_later(__name__, LATER)
