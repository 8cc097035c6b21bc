"""Experiments: what goes wrong in a network and what mends it, each with a picture, a claim and a link to the lab."""

from __future__ import annotations

import streamlit as st

from dashboard.charts import style
from dashboard.state import pins
from dashboard.state.address import experiment_link
from dashboard.ui import theme
from dashboard.ui.svg import draw
from dashboard.views.experiments import pictures
from dashboard.views.experiments.charts import described, picture
from dashboard.words.sentences import unbroken
from nncore.experiments import EXPERIMENTS, TOPICS, Experiment

LAB = "views/lab/page.py"


def card(experiment: Experiment, look: style.Style) -> None:
    """One experiment: picture, claim, what to look for, and its two runs to open."""
    labels = (experiment.label, experiment.against_label)
    lines = pictures.stored()[experiment.name]
    with st.container(border=True, key=f"card_{experiment.name}", height="stretch"):
        st.markdown(f"**{experiment.title}**")
        draw(f"picture_{experiment.name}", picture(lines, labels, described(experiment.title, labels, lines), look))
        st.markdown(unbroken(experiment.claim))
        st.caption(f"**Look for:** {experiment.look_for}")
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            st.page_link(
                LAB,
                label="Open",
                icon=":material/science:",
                query_params=experiment_link(experiment, experiment.config),
                help=f"Opens the lab on this run ({experiment.label}), the claim on top.",
            )
            st.page_link(
                LAB,
                label="Counterpart",
                icon=":material/compare_arrows:",
                query_params=experiment_link(experiment, experiment.against),
                help=f"Opens the lab on the run it is compared with ({experiment.against_label}).",
            )
            pins.compare_both(experiment)


look = theme.current()
st.title("Experiments")
st.markdown(
    f"{len(EXPERIMENTS)} pairs of networks, each with a claim that was checked by training both. **Open** sets the "
    "whole sidebar and puts the charts to look at on top; in each picture the coloured line is that run, the grey one "
    "its counterpart."
)
for topic, title in TOPICS.items():
    st.subheader(title)
    members = [experiment for experiment in EXPERIMENTS.values() if experiment.topic == topic]
    for start in range(0, len(members), 3):
        columns = st.columns(3)
        for column, experiment in zip(columns, members[start : start + 3], strict=False):
            with column:
                card(experiment, look)
