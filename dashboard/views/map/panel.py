"""A map on its page: the chart, the chosen cell beside it, and the way from a cell to the lab."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts.style import Style
from dashboard.charts.text import Text
from dashboard.plot import Point
from dashboard.state import sidebar
from dashboard.state.address import check_reach
from dashboard.state.session import session
from dashboard.ui import card
from dashboard.views.map import charts
from dashboard.views.map.axes import PREFIX, menu_of, nearest
from dashboard.views.map.words import value_in_words
from dashboard.words.labels import label
from dashboard.words.markup import escape
from dashboard.words.numbers import percent
from nncore import Measurement, RunConfig
from nncore.diagnosis.flows import EXPLODED, VANISHED
from nncore.sweep import Cells
from nncore.sweep.overlay import Curve

ConfigAt = Callable[[int, int], RunConfig]
"""(row, column) -> the cell's run; raises ValueError where there is none."""


# To the lab -------------------------------------------------------------------------------------------------


def go() -> None:
    """Go to the lab when a cell has been clicked, or say why it cannot be opened there."""
    now = session()
    if now.map_run is not None:
        sidebar.remember(now.map_run)
        now.map_run = None
        st.switch_page("views/lab/page.py", query_params={})  # None would stop on the parameters of widgets
    if now.map_refusal:
        st.warning(f"This cell cannot be opened in the lab: {now.map_refusal}.", icon=":material/block:")
        now.map_refusal = ""


def wants_to_go() -> bool:
    """Has a cell been clicked in a part of the page that runs by itself?"""
    return session().map_run is not None or bool(session().map_refusal)


def open_cell(config_at: ConfigAt, row: int, column: int) -> None:
    """Let the next run of the page open a cell's run in the lab. Call it from a callback."""
    try:
        config = config_at(row, column)
        check_reach(config)
    except ValueError as problem:
        session().map_refusal = escape(str(problem))
    else:
        session().map_run = config


# The map ----------------------------------------------------------------------------------------------------


def show(
    cells: Cells, theory: Sequence[Curve], here: tuple[Any, Any], config_at: ConfigAt, look: Style, key: str = "map"
) -> None:
    """The map as a card; a click on a cell opens its run. `here`: where the sidebar is, x and y."""
    measured = cells.measurement()
    name = cells.quantity.name
    x, y = cells.grid.axes[cells.x], cells.grid.axes[cells.y]
    is_on = None not in (nearest(cells.x, x, here[0]), nearest(cells.y, y, here[1]))

    def clicked(point: Point) -> None:
        column, row = nearest(cells.x, x, point["x"]), nearest(cells.y, y, point["y"])
        if row is not None and column is not None:
            open_cell(config_at, row, column)

    text = Text(
        title(cells), cells.quantity.label, f"{charts.note(name)} {charts.marks_in_words(measured, name)}".strip()
    )
    figure = charts.trainability(cells, measured, theory, here if is_on else None, look)
    card.show(key, text, measured, figure, height=470, finding=finding(cells, measured), on_click=clicked)


def title(cells: Cells) -> str:
    """The two axes of a map."""
    return f"{label(cells.y)} × {label(cells.x).lower()}"


def finding(cells: Cells, measured: Measurement) -> str:
    """What the cells that are there amount to."""
    name, values = cells.quantity.name, measured[cells.quantity.name]
    known = values[~np.isnan(values)]
    if not len(known):
        return "No cell has a number yet."
    if name.endswith("flow"):
        vanish, explode = (known < np.log10(VANISHED)).sum(), (known > np.log10(EXPLODED)).sum()
        return (
            f"Of {len(known)} cells the gradient vanishes in {vanish}, explodes in {explode}, and in "
            f"{len(known) - vanish - explode} layer 1 receives between a thousandth and a thousand times of what the last "
            "layer does."
        )
    if name == "trained":
        return f"In {percent(float((known == 1).mean()))} of {len(known)} cells every run trains, in {percent(float((known == 0).mean()))} none."
    if name == "verdict":
        places, counts = np.unique(known, return_counts=True)
        most = np.argsort(-counts, kind="stable")[:3]
        return (
            "; ".join(
                f"{charts.verdict_name(int(places[each])).lower()}: {counts[each]} cells" for each in most
            ).capitalize()
            + "."
        )
    low, high = (charts.value_words(name, float(each)) for each in (known.min(), known.max()))
    return f"From {low} to {high} over {len(known)} cells."


def here_words(cells: Cells, here: tuple[Any, Any]) -> str:
    """Why the star is missing, where the sidebar's run is off the map."""
    parts = []
    for name, value in ((cells.x, here[0]), (cells.y, here[1])):
        if nearest(name, cells.grid.axes[name], value) is None:
            is_nowhere = isinstance(value, float) and np.isnan(value)
            has = "has no place on this axis" if is_nowhere else f"has {value_in_words(name, value)}"
            parts.append(f"{label(name)}: the sidebar's run {has}")
    return f"You are off this map. {'; '.join(parts)}." if parts else ""


# The chosen cell --------------------------------------------------------------------------------------------


def chosen_cell(cells: Cells, here: tuple[Any, Any], config_at: ConfigAt, look: Style, mark: str = "") -> None:
    """Two menus that choose a cell, its curve per layer, and the button that opens its run: a map without a pointer."""
    place = []
    with st.container(horizontal=True, gap="small"):
        for name, value in ((cells.y, here[1]), (cells.x, here[0])):
            values = cells.grid.axes[name]
            start = nearest(name, values, value)
            menu = menu_of(name, values)
            text = st.selectbox(
                f"{label(name)} of the cell",
                menu,
                len(values) // 2 if start is None else start,
                key=f"{PREFIX}{mark}cell_{name}",
                bind="query-params",
            )
            place.append(menu.index(text))
    row, column = place
    st.button(
        "Open this run in the lab",
        icon=":material/science:",
        type="primary",
        width="stretch",
        key=f"{PREFIX}{mark}open",
        on_click=open_cell,
        args=(config_at, row, column),
        help="The same as a click on the cell.",
    )
    measured = cells.measurement()
    words = charts.cell_words(cells, measured, row, column)
    reason = cells.reason(row, column)
    words = f"{words}." + (f" {escape(reason).rstrip('.')}." if reason else "")
    delta = cells.layers(row, column)
    if not len(delta):
        st.info(words, icon=":material/info:")
        return
    curve = Measurement("delta norm per layer", {"layer": np.arange(1, len(delta) + 1)}, {"delta_norm": delta})
    card.show(f"{mark}cell", charts.LAYERS, curve, charts.layers(curve, look), height=250, finding=words)
