"""The dashboard: page settings and navigation."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this script's folder on the path
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from dashboard import cards, controls, guide, opened, pins, stage, style, waiting  # noqa: E402

VIEWS = Path(__file__).parent / "views"


def page(file: str, title: str, icon: str, **options: bool) -> st.Page:
    """One file in views/; its address is the file's name."""
    return st.Page(VIEWS / f"{file}.py", title=title, icon=f":material/{icon}:", **options)


st.set_page_config(page_title="Gradient lab", page_icon="📉", layout="wide")
controls.forget_infinities(but=pins.PARAMETER)
cards.forget()
style.page()
shown = st.navigation(
    {
        "": [
            page("lab", "Gradient lab", "science", default=True),
            page("gallery", "Experiments", "grid_view"),
        ],
        "Runs": [
            page("compare", "Compare", "compare_arrows"),
            page("fork", "Fork", "call_split"),
            page("your_data", "Your data", "upload_file"),
            page("open_file", "Open a history", "folder_open"),
        ],
        "Explore": [
            page("landscape", "Loss landscape", "landscape"),
            page("propagation", "Signal propagation", "ssid_chart"),
            page("map", "Trainability map", "grid_on"),
            page("neurons", "Neurons on the curve", "scatter_plot"),
        ],
        "Lecture": [
            page("lecture_neuron", "1 · A neuron", "neurology"),
            page("lecture_forward", "2 · Forward pass", "arrow_forward"),
            page("lecture_backward", "3 · Backpropagation by hand", "arrow_back"),
            page("lecture_vanishing", "4 · Why gradients vanish", "trending_down"),
        ],
    },
    position="top",
)
stage.clear()
if pins.keep_across_pages(shown.url_path):
    waiting.leave_others()
    opened.forget()
guide.bring_back(shown.url_path)
controls.keep_across_pages(shown.url_path)
shown.run()
