"""The network of the run on the page, lit by its gradient, and the run before it as a ghost."""

from __future__ import annotations

from functools import partial

import streamlit as st

from dashboard.charts import network as charts
from dashboard.charts import weights
from dashboard.charts.gradients import Ghost
from dashboard.charts.style import Figure, Style
from dashboard.jobs.work import Training
from dashboard.network import network
from dashboard.playback import Playback
from dashboard.state.session import SeenRun, peek, session
from dashboard.ui import card
from dashboard.words.numbers import number
from dashboard.words.runs import layer_factor
from dashboard.words.settings import phrase
from nncore import Fork, Measurement, RunConfig
from nncore.diagnosis import Flow, flow_of
from nncore.measures.drawn_network import drawn_network, drawn_networks
from nncore.model.layout import Layout

HEIGHT = 330

LAYER, INDEX = "theta_layer", "theta_index"
"""Keys of the lab's choice of a layer's weights, and of a single θ."""

PARAMETERS = "parameters"
"""Key of the group of charts in which they stand."""

FEW = 2
"""Settings in which two runs differ that a ghost's name lists."""


def show(training: Training, record: int, before: Ghost | None, look: Style, play: Playback) -> None:
    """The network at one record. A click on a weight leads to its θ further down, and to its products by hand."""
    layout = training.history.layout

    def drawn(measured: Measurement) -> Figure:
        norms = before.delta_norm if before else None
        said = sentence(flow_of(charts.delta_norms(measured)))
        return charts.scene(measured, layout, look, said, norms, pulse=str(hash(training.config)))

    measured = training.measured(drawn_network, record)
    figure = drawn(measured)
    card.show(
        "network",
        charts.NETWORK,
        measured,
        figure,
        height=HEIGHT,
        frames=play.frames(lambda each: drawn(play.measured(drawn_networks, each))),
        on_click=partial(choose, layout),
        draw=partial(network, axis="chart_flow"),
        alt=figure["layout"]["meta"]["said"],
        still=charts.still(figure, look),
    )
    index = peek(INDEX, -1)
    if 0 <= index < layout.n_params:
        with st.container(horizontal=True, vertical_alignment="center", key="network_chosen"):
            st.caption(f"Chosen: {weights.place(layout, index)}, drawn under *θ over time*.", width="content")
            by_hand(layout, index, "Its products, by hand")


def sentence(seen: Flow) -> str:
    """How much of the last layer's δ arrives at the first: both norms, and the factor of one layer."""
    first, last = (number(float(seen.delta[place])) for place in (0, -1))
    if seen.kind == "single":
        return f"‖δ‖ {last}"
    rate = "" if seen.kind in ("zero", "not finite") else f", {layer_factor(seen.rate)} a layer"
    return f"‖δ‖ {last} at the output, {first} at layer 1{rate}"


def by_hand(layout: Layout, index: int, label: str) -> None:
    """A link to the inspector, where every product that reaches this θ is written out."""
    layer, kind, row, column = layout.name(index)
    place = {"b_layer": layer, "b_to": column} | ({"b_bias": "true"} if row is None else {"b_from": row})
    st.page_link(
        "views/lecture/backward.py",
        label=label,
        icon=":material/search:",
        query_params={"b_part": "Inspector"} | {name: str(value) for name, value in place.items()},
        help=f"Opens this network in the inspector on this {kind}: every product that reaches it.",
    )


def choose(layout: Layout, edge: dict[str, int]) -> None:
    """Let the chart of θ show a weight that was clicked."""
    st.session_state[PARAMETERS] = True
    st.session_state[LAYER] = edge["layer"]
    st.session_state[INDEX] = layout.index(edge["layer"], edge["from"], edge["to"])


# The run before ---------------------------------------------------------------------------------------------


def ghost(training: Training, record: int, seen: Flow) -> Ghost | None:
    """The run that the lab showed before this one, and from here on this one for the next."""
    now, last = session(), session().seen
    shown = SeenRun(training.config, int(training.history.step[record]), seen.delta)
    others = last[:-1] if last and last[-1].config == shown.config else last
    now.seen = (*others, shown)[-2:]
    if len(now.seen) < 2:
        return None
    before = now.seen[0]
    return Ghost(f"{name(before.config, shown.config)}, step {before.step:,}", before.delta_norm)


def name(before: RunConfig, now: RunConfig) -> str:
    """A run by what another changed of it."""
    if isinstance(before, Fork) or isinstance(now, Fork):
        return "the run before"
    old, new = before.to_dict(), now.to_dict()
    changed = [key for key in new if old.get(key) != new[key]]
    return ", ".join(phrase(key, getattr(before, key)) for key in changed) if len(changed) <= FEW else "the run before"
