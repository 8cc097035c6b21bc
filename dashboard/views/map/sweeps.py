"""Finished and running sweeps of the operator's directory, seen as maps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from dashboard.jobs.folders import below, real
from dashboard.jobs.limits import MOST_CELLS
from dashboard.jobs.look_again import look_again
from dashboard.ui import theme
from dashboard.views.map import panel
from dashboard.views.map.axes import PREFIX, menu_of
from dashboard.words.labels import label
from dashboard.words.markup import escape
from nncore import RunConfig
from nncore.config.run_config import TABLE
from nncore.sweep import (
    CELL_QUANTITIES,
    Cells,
    Folder,
    Grid,
    Result,
    apply_axes,
    column,
    coordinate,
    dataset,
    theory_curves,
)

MARK = "s_"
"""Of this part's keys, behind the page's own."""

MOST_FOLDERS = 500
"""Folders that are offered."""

MOST_READ = 100_000
"""Runs behind one map; more are a matter of seconds."""

LOOK_EVERY = 2.0
"""Seconds between two looks at a sweep that is not complete."""

TOGETHER = "all together"

Stamp = tuple[tuple[str, int, int], ...]


# Reading ----------------------------------------------------------------------------------------------------


def names(directory: Path) -> list[str]:
    """The sweeps below a directory, as paths relative to it; links that lead out of it are not followed.

    Raises OSError where the directory cannot be read.
    """
    found = []
    for here, inner, files in below(directory):
        if "sweep.json" in files and here.parts:
            found.append(here.as_posix())
            inner.clear()
        if len(found) == MOST_FOLDERS:
            break
    return sorted(found)


def stamp(folder: Folder) -> Stamp:
    """What changes when results come in: the part files with their sizes and times."""
    facts = ((part.name, part.stat()) for part in folder.parts())
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in facts)


def read(folder: Folder, quantity: str, axes: tuple[str, str], fixed: Mapping[str, Any]) -> Cells:
    """The cells of a sweep's folder. Raises ValueError for more runs than can be read, OSError where files are broken."""
    assert isinstance(folder.runs, Grid)
    cells = Cells(folder.runs, CELL_QUANTITIES[quantity], axes, fixed)
    if cells.shape[0] * cells.shape[1] > MOST_CELLS or len(cells) > MOST_READ:
        raise ValueError(
            f"a map shows at most {MOST_CELLS:,} cells and {MOST_READ:,} runs and this one would need "
            f"{cells.shape[0] * cells.shape[1]:,} and {len(cells):,}: give one of the other axes a single value"
        )
    curve = column("delta_norm", cells.quantity.step)
    rows = dataset(folder.path)
    wanted = [name for name in ("ending", "reason", cells.quantity.column, curve) if name in rows.schema.names]
    found = rows.to_table(["run", *wanted])
    runs = found["run"].to_numpy()
    kept = np.ones(len(runs), dtype=bool)
    for name, places in zip(folder.runs.axes, np.unravel_index(runs, folder.runs.shape), strict=True):
        if name in fixed:
            kept &= places == folder.runs.axes[name].index(fixed[name])
    cells.add(Result({row.pop("run"): row for row in found.filter(kept).to_pylist()}))
    return cells


@st.cache_resource(max_entries=8, show_spinner="Reading the sweep …")
def kept_cells(
    path: str, _folder: Folder, changed: Stamp, quantity: str, axes: tuple[str, str], fixed: tuple[tuple[str, Any], ...]
) -> Cells:
    """The same, read once for all readers as long as the folder does not change."""
    return read(_folder, quantity, axes, dict(fixed))


# On the page ------------------------------------------------------------------------------------------------


def show(directory: Path, config: RunConfig) -> None:
    """Choose a sweep, two of its axes and a quantity, and see it as a map. `config`: where the reader is."""
    st.subheader("Sweeps kept on this site")
    try:
        found = names(directory)
    except OSError as problem:
        st.error(
            f"The directory that was set for this page cannot be read: {escape(problem.strerror or str(problem))}.",
            icon=":material/block:",
        )
        return
    if not found:
        st.info("There is no sweep in the directory that was set for this page yet.", icon=":material/info:")
        return
    name = st.selectbox(
        "Sweep",
        found,
        None,
        key=f"{PREFIX}{MARK}folder",
        bind="query-params",
        placeholder="Choose a sweep",
        help="Finished or still running: a sweep that is being written is read again every two seconds.",
    )
    if name is None or name not in found:
        return
    path = real(directory) / name
    try:
        folder = Folder.open(path)
        axes, quantity, fixed = choices(folder)
        with st.container():
            theory = _theory(folder.runs, axes, fixed)
            _map(folder, name, axes, quantity, fixed, config, theory)
    except (ValueError, OSError) as problem:
        st.error(_said(problem, path, name), icon=":material/block:")


def choices(folder: Folder) -> tuple[tuple[str, str], str, dict[str, Any]]:
    """Draw the menus of a folder: ((y, x), quantity, the axes with a single value). Raises ValueError for no map."""
    if not isinstance(folder.runs, Grid):
        raise ValueError("it is a list of runs, which has no axes for a map")
    grid, noted = folder.runs, folder.report.columns()
    long = [name for name, values in grid.axes.items() if name != "seed" and len(values) > 1]
    if len(long) < 2:
        raise ValueError(f"a map needs two axes with several values and this sweep has {len(long)}")
    quantities = [name for name, each in CELL_QUANTITIES.items() if each.column in noted]
    if not quantities:
        raise ValueError("nothing is noted of its runs that a map could show")
    up, across, colour = st.columns(3, gap="medium")
    y = up.selectbox("Upwards", long, 0, format_func=label, key=f"{PREFIX}{MARK}y", bind="query-params")
    others = [name for name in long if name != y]
    x = across.selectbox("To the right", others, 0, format_func=label, key=f"{PREFIX}{MARK}x", bind="query-params")
    quantity = colour.selectbox(
        "Colour",
        quantities,
        0,
        format_func=lambda name: CELL_QUANTITIES[name].label,
        key=f"{PREFIX}{MARK}colour",
        bind="query-params",
    )
    fixed = {}
    rest = [name for name, values in grid.axes.items() if name not in (y, x) and len(values) > 1]
    with st.container(horizontal=True, gap="small"):
        for name in rest:
            menu = [TOGETHER, *menu_of(name, grid.axes[name])]
            text = st.selectbox(
                label(name),
                menu,
                0 if name == "seed" else 1,
                key=f"{PREFIX}{MARK}at_{name}",
                bind="query-params",
                width=180,
                help="One value, or all: a cell is then their median.",
            )
            if text != TOGETHER:
                fixed[name] = grid.axes[name][menu.index(text) - 1]
    return (y, x), quantity, fixed


def _theory(runs: Any, axes: tuple[str, str], fixed: Mapping[str, Any]) -> list[Any]:
    y, x = ((name, runs.axes[name]) for name in axes)
    try:
        return theory_curves(apply_axes(runs.base, fixed), x, y)
    except ValueError:
        return []


def _map(
    folder: Folder,
    name: str,
    axes: tuple[str, str],
    quantity: str,
    fixed: dict[str, Any],
    config: RunConfig,
    theory: list[Any],
) -> None:
    here = (coordinate(config, axes[1]), coordinate(config, axes[0]))

    def cells_now() -> Cells:
        return kept_cells(str(folder.path), folder, stamp(folder), quantity, axes, tuple(fixed.items()))

    cells = cells_now()
    is_complete = cells.finished == len(cells)

    def config_at(row: int, column_: int) -> RunConfig:
        found = cells.grid[cells.run(row, column_)]
        if found.dataset == TABLE:
            raise ValueError("its data belongs to whoever ran the sweep")
        return found

    def picture() -> None:
        try:
            now = cells_now()
        except (ValueError, OSError) as problem:
            st.error(_said(problem, folder.path, name), icon=":material/block:")
            look_again(LOOK_EVERY)
            return
        if panel.wants_to_go() or (not is_complete and now.finished == len(now)):
            st.rerun()
        if now.finished < len(now):
            st.progress(now.finished / len(now), text=f"{now.finished:,} of {len(now):,} runs are in")
        panel.show(now, theory, here, config_at, theme.current(), key="sweep_map")
        if not is_complete:
            look_again(LOOK_EVERY)

    left, right = st.columns([5, 3], gap="medium")
    with left:
        st.fragment(picture)()
    with right:
        words = panel.here_words(cells, here)
        if words:
            st.caption(words)
        panel.chosen_cell(cells, here, config_at, theme.current(), mark=MARK)


def _said(problem: Exception, path: Path, name: str) -> str:
    """What is wrong with a folder, in a sentence that does not tell where it lies."""
    text = str(problem).splitlines()[0].replace(str(path), name)
    if isinstance(problem, OSError) or "Parquet" in text or "parquet" in text:
        text = "a file in it cannot be read"
    return f"The sweep {escape(name)} cannot be shown: {escape(text).rstrip('.')}."
