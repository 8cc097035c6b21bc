"""Streamlit parts that every page uses: cards, theme, layout, downloads."""
