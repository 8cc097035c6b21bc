"""The lab as one HTML file that opens offline: headline, verdict, settings, notes and every chart, still interactive."""

from __future__ import annotations

import html
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import urlencode

import plotly.io
import streamlit as st

from dashboard.charts import style
from dashboard.jobs.work import Training
from dashboard.plot import encode
from dashboard.plot.library import library
from dashboard.state import address
from dashboard.state.session import Card, session
from dashboard.ui import downloads, theme
from dashboard.words.labels import LABELS
from dashboard.words.numbers import about_megabytes
from dashboard.words.runs import headline
from dashboard.words.settings import in_words
from nncore import Fork, History, RunConfig
from nncore.config.run_config import TABLE
from nncore.config.scripts import config_source
from nncore.diagnosis import Verdict, verdict

CONFIG = {"displaylogo": False, "responsive": True, "showSendToCloud": False}

SHEET = """
:root { color-scheme: %(scheme)s; }
body { margin: 0 auto; max-width: 76rem; padding: 1.5rem; background: %(background)s; color: %(ink)s;
  font-family: "Source Sans Pro", system-ui, sans-serif; line-height: 1.5; }
h1 { font-size: 1.75rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
main { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
@media (max-width: 60rem) { main { grid-template-columns: minmax(0, 1fr); } }
figure { margin: 0; padding: 1rem; border: 1px solid %(border)s; border-radius: .5rem; min-width: 0; }
figure h3 { margin: 0 0 .5rem; font-size: 1rem; } figure h3 span, figcaption, footer { color: %(muted)s; font-weight: 400; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: .25rem 1rem; }
dt { color: %(muted)s; } dd { margin: 0; overflow-wrap: anywhere; }
pre { padding: 1rem; background: %(raised)s; border-radius: .5rem; overflow-x: auto; }
.notes { white-space: pre-wrap; padding: 1rem; background: %(raised)s; border-radius: .5rem; }
"""


@st.fragment
def show(training: Training) -> None:
    """A popover: a field for notes, a button that makes the report of the page as it stands, another that saves it."""
    drawn = session().cards
    with st.popover("Report", icon=":material/description:", key="report"):
        st.caption("One file with everything above, the charts still interactive. It opens without a network.")
        notes = st.text_area(
            "Your notes",
            key="report_notes",
            max_chars=20_000,
            placeholder="What you saw, and what to try next.",
            help="They stand at the top of the report, as plain text.",
        )
        with st.container(horizontal=True):  # what saves it comes into sight beside what makes it
            if st.button("Make the report", key="make_report", icon=":material/description:"):
                found = training.measured(verdict, drawn.record)
                content = page(training.history, drawn.record, found, drawn.drawn(), notes, theme.current())
                st.download_button(
                    f"Save it ({about_megabytes(len(content))})",
                    content,
                    f"{downloads.file_name(training.config)}.html",
                    "text/html",
                    key="get_report",
                    on_click="ignore",
                    type="primary",
                    icon=":material/download:",
                )


def page(
    history: History, record: int, found: Sequence[Verdict], drawn: list[Card], notes: str, look: style.Style
) -> str:
    """The whole file, of what the page has `found` and drawn already: nothing is measured for it.

    Everything that a reader or a data set has named is escaped.
    """
    config, step = history.config, int(history.step[record])
    colours = {name: getattr(look, name) for name in ("background", "ink", "border", "muted", "raised")}
    sheet = SHEET % (colours | {"scheme": "dark" if look.dark else "light"})
    title = f"Gradient lab: {config.dataset}, {config.depth} hidden layers, step {step}"
    said = html.escape(headline(history, record, found).plain())
    parts = [
        f"<h1>{html.escape(title)}</h1><p>{said}</p>",
        f'<h2>Notes</h2><div class="notes">{html.escape(notes)}</div>' if notes.strip() else "",
        "<h2>Verdict</h2>",
        "".join(f"<p><strong>{html.escape(each.title)}.</strong> {html.escape(each.sentence)}</p>" for each in found)
        or f"<p>At step {step} no rule finds anything wrong.</p>",
        f"<h2>Settings</h2>{_settings(config)}<pre>{html.escape(config_source(config))}</pre>",
        f"<p>{html.escape(config.source.note)}</p>",
        f"<h2>Charts at step {step}</h2><main>{''.join(_figure(card, number, look) for number, card in enumerate(drawn))}</main>",
        f"<footer><p>{_way_back(config)} nncore {_version()}.</p></footer>",
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{sheet}</style><script>{library().decode()}</script></head><body>{''.join(parts)}</body></html>"
    )


def _settings(config: RunConfig) -> str:
    """Every setting in words, those with a default value too."""
    rows = (
        f"<dt>{html.escape(text)}</dt><dd>{html.escape(in_words(name, getattr(config, name)))}</dd>"
        for name, text in LABELS.items()
    )
    return f"<dl>{''.join(rows)}</dl>"


def _way_back(config: RunConfig) -> str:
    """How the run opens again; no link tells a fork."""
    if isinstance(config, Fork):
        return "A fork: it opens again in the lab from its history's file."
    link = html.escape(urlencode(address.link(config), doseq=True))
    table = " and the file of its table" if config.dataset == TABLE else ""
    return f"Opens again in the lab with <code>?{link}</code>{table}."


def _figure(card: Card, number: int, look: style.Style) -> str:
    title = f"<h3>{html.escape(card.title)} <span>{html.escape(card.subtitle)}</span></h3>"
    caption = f"<figcaption>{html.escape(card.caption)}</figcaption>"
    if card.still:
        return f"<figure>{title}{card.still}{caption}</figure>"
    layout = card.figure.get("layout", {}) | {"font": look.font()}
    figure = encode({"data": card.figure["data"], "layout": layout})
    drawn = plotly.io.to_html(
        figure,
        CONFIG,
        include_plotlyjs=False,
        full_html=False,
        validate=False,
        div_id=f"chart{number}",
        default_height=f"{card.height}px",
    )
    return f"<figure>{title}{drawn}{caption}</figure>"


def _version() -> str:
    try:
        return version("nncore")
    except PackageNotFoundError:  # run from the sources
        return "from its sources"
