"""The smallest app that answers a slider: what Streamlit and the browser take by themselves."""

import streamlit as st

depth = st.slider("Depth", 0, 50, 12, key="depth")
with st.container(key="headline"):
    st.markdown(f"Depth {depth}")
