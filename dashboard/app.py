"""The dashboard: page settings and navigation."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
if str(ROOT) not in sys.path:  # `streamlit run` puts only this script's folder on the path
    sys.path.insert(0, str(ROOT))

import streamlit as st  # noqa: E402

from dashboard import style  # noqa: E402

st.set_page_config(page_title="Gradient lab", page_icon="📉", layout="wide")
style.page()

views = Path(__file__).parent / "views"
st.navigation(
    {
        "": [st.Page(views / "lab.py", title="Gradient lab", icon=":material/science:", default=True)],
    },
    position="top",
).run()
