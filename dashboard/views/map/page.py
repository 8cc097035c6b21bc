"""Trainability map: a run for every cell of two settings, coloured by what becomes of it."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.jobs import limits
from dashboard.jobs.map_request import MapRequest, MapTraining
from dashboard.jobs.progress import QUIET_SECONDS, bar, follow, session_id, stop_button
from dashboard.jobs.registry import MAP, runs, wait
from dashboard.state import sidebar_run
from dashboard.state.address import FIRST_SIGHT
from dashboard.ui import theme
from dashboard.views.map import panel, sweeps
from dashboard.views.map.axes import AXES, PREFIX, axes_to_pair_with, choose
from dashboard.words.labels import label
from dashboard.words.markup import escape
from nncore import RunConfig
from nncore.seeds import MOST_SEEDS
from nncore.sweep import CELL_QUANTITIES, apply_axes, coordinate, theory_curves
from nncore.sweep.overlay import Curve


def _facts(request: MapRequest) -> tuple[object, ...]:
    """What a map's curves follow from, as text and numbers: without the rows of an uploaded table."""
    return request.config.to_dict(), request.x, request.y


@st.cache_data(max_entries=32, show_spinner=False, hash_funcs={MapRequest: _facts})
def curves(request: MapRequest) -> list[Curve]:
    """Theory's curves over a map."""
    return theory_curves(request.config, request.x, request.y)


def asked(config: RunConfig) -> MapRequest:
    """The widgets of the map; raises ValueError when their values do not go together."""
    up, across, colour = st.columns(3, gap="medium")
    with up:
        y = st.selectbox(
            "Upwards",
            list(AXES),
            format_func=label,
            key=f"{PREFIX}y",
            bind="query-params",
            help="The setting that changes from row to row of the map.",
        )
        y_values = choose(AXES[y])
    with across:
        others = axes_to_pair_with(y)
        x = st.selectbox(
            "To the right",
            others,
            others.index("gain") if "gain" in others else 0,
            format_func=label,
            key=f"{PREFIX}x",
            bind="query-params",
            help="The setting that changes from column to column.",
        )
        x_values = choose(AXES[x])
    with colour:
        quantity = st.selectbox(
            "Colour",
            list(CELL_QUANTITIES),
            format_func=lambda name: CELL_QUANTITIES[name].label,
            key=f"{PREFIX}colour",
            bind="query-params",
            help=" ".join(f"{each.label}: {each.about}" for each in CELL_QUANTITIES.values()),
        )
        seeds = st.number_input(
            "Seeds of a cell",
            1,
            MOST_SEEDS,
            1,
            key=f"{PREFIX}seeds",
            bind="query-params",
            help="Each cell is the median of so many runs, or the share that trained, or the verdict that most have.",
        )
    return MapRequest.of(config, (y, y_values), (x, x_values), quantity, int(seeds))


def refused(problem: ValueError, request: MapRequest | None) -> None:
    """Say why there is no map, and offer one that is affordable."""
    st.error(f"No map: {escape(str(problem))}.", icon=":material/block:")
    if request is not None:
        st.button(
            "Take fewer cells",
            key=f"{PREFIX}fewer",
            type="primary",
            on_click=take_fewer,
            args=(request,),
            help="Half as many values on each axis of numbers, and one seed.",
        )


def take_fewer(request: MapRequest) -> None:
    """Halve the number of values on both axes, where it is a number, and take one seed."""
    st.session_state[f"{PREFIX}seeds"] = 1
    for name, values in (request.y, request.x):
        if not AXES[name].options:
            st.session_state[f"{AXES[name].key}_n"] = max(2, len(values) // 2)


def picture(work: MapTraining, config: RunConfig, here: tuple[Any, Any], theory: list[Curve], is_live: bool) -> None:
    """The map and how far it has come."""
    if panel.wants_to_go():
        st.rerun()
    cells = work.cells
    if is_live:
        bar([work], st.empty())
    elif cells.finished < work.steps:
        st.info(f"Stopped: {work.progress_text()} are in.", icon=":material/stop_circle:")

    def config_at(row: int, column: int) -> RunConfig:
        values = {name: cells.grid.axes[name][place] for name, place in ((cells.y, row), (cells.x, column))}
        return apply_axes(config, values)

    panel.show(cells, theory, here, config_at, theme.current())


def own_map(config: RunConfig) -> None:
    """The map that the widgets describe, around the sidebar's config."""
    request = None
    try:
        with st.expander("Choose what it shows: two settings, the colour, the seeds", icon=":material/tune:"):
            request = asked(config)
        (work,) = runs().ask(session_id(), [request], MAP)
    except ValueError as problem:
        runs().leave(session_id(), MAP)
        refused(problem, request)
        return
    theory = curves(request)
    wait(work, QUIET_SECONDS, lambda: None)
    is_live = not work.done
    if not is_live and (problem := work.future.exception() if work.future else None):
        st.error(f"No map: {escape(str(problem))}.", icon=":material/block:")
        st.button("Try again", key=f"{PREFIX}again", on_click=runs().leave, args=(session_id(), MAP))
        return
    here = (coordinate(config, request.x[0]), coordinate(config, request.y[0]))
    left, right = st.columns([5, 3], gap="medium")
    with right:
        manage(work, is_live)
        words = panel.here_words(work.cells, here)
        if words:
            st.caption(words)
        without_effect = [AXES[name].label for name in (request.y[0], request.x[0]) if AXES[name].trains]
        if without_effect and not request.over.report.training:
            st.caption(f"{' and '.join(without_effect)}: without effect before the first step. Choose another colour.")

        def config_at(row: int, column: int) -> RunConfig:
            return apply_axes(config, {request.y[0]: request.y[1][row], request.x[0]: request.x[1][column]})

        panel.chosen_cell(work.cells, here, config_at, theme.current())
    with left:
        if is_live:
            follow([work], lambda: picture(work, config, here, theory, is_live=True))
        else:
            st.fragment(picture)(work, config, here, theory, is_live=False)


def manage(work: MapTraining, is_live: bool) -> None:
    """Stop, and what undoes it."""
    if is_live:
        stop_button(MAP, f"{PREFIX}stop", "Ends the map now; the cells that are there stay.")
    elif work.cells.finished < len(work.cells):
        st.button("Run all of the map", key=f"{PREFIX}again", on_click=runs().leave, args=(session_id(), MAP))


def page() -> None:
    """The page, top to bottom."""
    panel.go()
    st.title("Trainability map")
    st.markdown(
        "Each cell is a network of its own: the sidebar's, with two settings changed. Between gradients that **vanish** and "
        "gradients that **explode** there is a valley in which deep networks can be trained. A click opens a cell's run in the lab."
    )
    config = sidebar_run.config()
    if config is not None:
        own_map(config)
    directory = limits.sweeps()
    if directory is not None:
        sweeps.show(directory, config or FIRST_SIGHT)


page()
