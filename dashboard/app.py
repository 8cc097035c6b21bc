"""The dashboard: page settings and navigation."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this script's folder on the path
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from dashboard.jobs import garbage, limits  # noqa: E402
from dashboard.state import sidebar, undo, visits  # noqa: E402
from dashboard.state.session import begin_page  # noqa: E402
from dashboard.ui import projector, sight, theme  # noqa: E402
from dashboard.words.markup import escape  # noqa: E402
from nncore.config import own  # noqa: E402

VIEWS = Path(__file__).parent / "views"


def page(file: str, address: str, title: str, icon: str, **options: bool) -> st.Page:
    """One file in views/ under an address of its own, so that links outlive a move of the file."""
    return st.Page(VIEWS / file, url_path=address, title=title, icon=f":material/{icon}:", **options)


st.set_page_config(
    page_title="Gradient lab",
    page_icon="📉",
    layout="wide",
    initial_sidebar_state="collapsed" if theme.is_large() else "auto",
)
try:
    limits.check()
    own.run_file_of_environment()
except ValueError as problem:
    st.error(f"This site is not set up: {escape(str(problem))}.", icon=":material/block:")
    st.stop()
shown = st.navigation(
    {
        "": [
            page("lab/page.py", "lab", "Gradient lab", "science", default=True),
            page("experiments/page.py", "gallery", "Experiments", "grid_view"),
        ],
        "Runs": [
            page("compare/page.py", "compare", "Compare", "compare_arrows"),
            page("fork/page.py", "fork", "Fork", "call_split"),
            page("your_data/page.py", "your_data", "Your data", "upload_file"),
            page("own_model/page.py", "own_model", "Your own model", "deployed_code"),
            page("open_file/page.py", "open_file", "Open a history", "folder_open"),
        ],
        "Explore": [
            page("landscape/page.py", "landscape", "Loss landscape", "landscape"),
            page("propagation/page.py", "propagation", "Signal propagation", "ssid_chart"),
            page("map/page.py", "map", "Trainability map", "grid_on"),
            page("neurons/page.py", "neurons", "Neurons on the curve", "scatter_plot"),
        ],
        "Lecture": [
            page("lecture/neuron.py", "lecture_neuron", "1 · A neuron", "neurology"),
            page("lecture/forward.py", "lecture_forward", "2 · Forward pass", "arrow_forward"),
            page("lecture/backward.py", "lecture_backward", "3 · Backpropagation by hand", "arrow_back"),
            page("lecture/vanishing.py", "lecture_vanishing", "4 · Why gradients vanish", "trending_down"),
        ],
    },
    position="top",
    expanded=True,  # on a phone, where the menu is in the sidebar
)
visits.begin(shown.url_path, shown.title)
visits.keep()
begin_page(shown.url_path, visits.come_back(shown.url_path))
theme.add_css()
projector.switch()
sight.hear(shown.url_path)
try:
    shown.run()
    sight.follow()
    visits.rest()
    garbage.leave_out_loaded(shown.url_path)
finally:
    try:
        sidebar.draw_folded()
    finally:  # a run that another one interrupts has ended, too
        undo.rest()
