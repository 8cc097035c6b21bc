"""No CSV that the app hands out holds a cell that a spreadsheet would take for a formula."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard.state.pins import Pin
from nncore import Measurement
from tests.dashboard.lab import APP, element, opened_on
from tests.dashboard.state.test_pins import TINY, compare_page

FILES = dict(re.findall(r'page\("([^"]+)", "([^"]+)"', APP.read_text(encoding="utf-8")))
"""Every page of the app: its file in views/ and its address."""

PARTS = {f"your_data: {part}": "own" for part in ("Click points", "Draw a function")} | {
    f"lecture_backward: {part}": "b_part" for part in ("Slope", "Descent", "Inspector")
}
"""What else a page shows, and the key of the widget that chooses it."""

STARTS = ("=", "+", "-", "@", "\t")
CELLS = [f"{start}A1" for start in STARTS]
TABLE = b'"=1+1","+A1","-A1","@SUM(A1)","kind"\n' + b"".join(
    b'%d,%d,%d,%d,"%s"\n' % (n % 7, n % 5, n % 3, n % 4, [b"=cmd|' /C calc'!A0", b"@x", b"-1+1"][n % 3])
    for n in range(40)
)
WITHOUT_CSV = {"gallery", "open_file", "own_model"}


@dataclass
class Visit:
    """What a page has offered: its CSV files by name, and the tables that it shows."""

    files: dict[str, str] = field(default_factory=dict)
    tables: list[pd.DataFrame] = field(default_factory=list)


@pytest.fixture(scope="module")
def visits() -> Iterator[dict[str, Visit]]:
    """Every page about a run on a hostile table, every measurement with hostile columns."""
    offered: list[tuple[str, Callable[[], bytes] | bytes]] = []
    real_button, real_frame = st.download_button, Measurement.frame

    def button(label: str, data: object, file_name: str, mime: str, **options: object) -> bool:
        if mime == "text/csv":
            offered.append((file_name, data))
        return real_button(label, data, file_name, mime, **options)

    def frame(measured: Measurement) -> pd.DataFrame:
        return real_frame(measured).assign(**{cell: cell for cell in CELLS})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(st, "download_button", button)
        patch.setattr(Measurement, "frame", frame)

        def visit(app: AppTest) -> Visit:
            assert not app.exception
            seen = Visit(tables=[table.value for table in app.dataframe])
            for name, data in offered:
                content = data() if callable(data) else data
                seen.files[f"{name} {len(seen.files)}"] = content.decode()
            offered.clear()
            return seen

        app = opened_on("your_data")
        app.file_uploader(key="table_file").set_value(("=1+1.csv", TABLE, "text/csv")).run()
        element(app, "to_lab").click().run()
        offered.clear()
        found = {}
        for file, address in FILES.items():
            found[address] = visit(app.switch_page(f"views/{file}").run())
            for part in PARTS:
                if part.startswith(f"{address}: "):
                    found[part] = visit(element(app, PARTS[part]).set_value(part.partition(": ")[2]).run())
        found["compare"] = visit(compare_page(Pin("base", TINY), Pin("deep", TINY.replace(hidden=(5,) * 6))))
        yield found


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would compute this cell. A number with its sign is none."""
    try:
        float(cell)
    except ValueError:
        return cell.lstrip(" ").startswith((*STARTS, "\r", "\n"))
    return False


@pytest.mark.parametrize("address", [*FILES.values(), *PARTS])
def test_no_cell_of_a_csv_is_a_formula(visits: dict[str, Visit], address: str) -> None:
    files = visits[address].files
    assert bool(files) == (address not in WITHOUT_CSV)
    for name, content in files.items():
        cells = [cell for row in csv.reader(io.StringIO(content, newline="")) for cell in row]
        assert not list(filter(is_formula, cells)), name
        if not re.match("points|function|table_", name):  # every other file is a measurement's
            assert {f"'{cell}" for cell in CELLS} <= set(cells), name


@pytest.mark.parametrize("address", [*FILES.values(), *PARTS])
def test_no_cell_of_a_table_on_a_page_is_a_formula(visits: dict[str, Visit], address: str) -> None:
    for table in visits[address].tables:  # each has a button of its own that saves it as CSV
        texts = [*map(str, table.columns), *map(str, table.to_numpy().ravel())]
        assert not list(filter(is_formula, texts))
