"""A measurement's figure, its note and its CSV in one card, which the session remembers for the page's report."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import streamlit as st

from dashboard.charts.style import Figure
from dashboard.charts.text import Text
from dashboard.plot import Point, plot
from dashboard.state.session import Card, session
from dashboard.ui import layout, theme
from nncore import Measurement


def show(
    key: str,
    text: Text,
    measurement: Measurement,
    figure: Figure,
    *,
    height: int = 340,
    finding: str = "",
    alt: str = "",
    above: Callable[[], object] | None = None,
    frames: dict[str, Any] | None = None,
    on_click: bool | Callable[[Point], None] = False,
    draw: Callable[..., object] = plot,
    still: str = "",
) -> None:
    """Draw one chart in a card: title, figure, note, caveats, and the numbers as CSV.

    `finding` is a sentence about these numbers; it stands before the note and is read to those who cannot
    see the chart, as `alt` is, which stands in the drawing itself. `above` places a widget between title and figure.
    `frames` lets the chart follow the player: one argument, `play.frames(...)` or `play.marks(...)` of a
    `dashboard.playback.Playback`. `on_click` is `plot`'s. `draw` is another component for what Plotly cannot draw, and
    `still` an SVG that stands for it in a report. A lesson or an experiment decides where the chart is drawn, and
    whether it is.
    """
    if not layout.shows(key):
        return
    scaled = max(round(height * theme.current().scale), theme.PROJECTED_HEIGHT if theme.is_large() else 0)
    caption = " ".join([finding, text.note, *measurement.caveats]).strip()
    session().cards.add(key, Card(text.title, text.subtitle, caption, figure, scaled, still))
    with frame(key, text, measurement):
        if above:
            above()
        alt = f"{text.title}, {text.subtitle}. {finding or alt}".strip()
        draw(figure, key=f"chart_{key}", alt=alt, height=scaled, frames=frames, on_click=on_click)
        with st.container(key=f"{'finding' if finding else 'note'}_{key}"):
            st.caption(caption)


@contextmanager
def frame(key: str, text: Text, measurement: Measurement) -> Iterator[None]:
    """A card's border, its title, and the numbers in it as CSV."""
    with layout.place(key, text.title), st.container(border=True, key=f"card_{key}", height="stretch", gap="xsmall"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="small"):
            st.markdown(f"**{text.title}** :gray[{text.subtitle}]", width="stretch")
            csv_button(key, measurement)
        yield


def csv_button(key: str, measurement: Measurement) -> None:
    """Offer a measurement's numbers as a CSV file, in which no cell is a formula to a spreadsheet."""

    def content() -> bytes:
        file = io.BytesIO()
        measurement.to_csv(file)
        return file.getvalue()

    columns = [*measurement.axes, *(measurement.columns or {}), *measurement.values]
    st.download_button(
        "CSV",
        content,
        f"{measurement.name.replace(' ', '_')}.csv",
        "text/csv",
        key=f"csv_{key}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help=f"The numbers shown here, every digit: {', '.join(columns)}.",
    )
