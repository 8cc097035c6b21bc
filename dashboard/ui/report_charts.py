"""The cards that a page has drawn, kept for the report: what is read later is what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import streamlit as st

from dashboard.charts.style import Figure

KEY = "cards"


@dataclass(frozen=True)
class Card:
    """One chart as it stood on the page."""

    title: str
    subtitle: str
    caption: str
    figure: Figure
    height: int


@dataclass
class Cards:
    """Cards by section and key, in the order in which they were drawn; a section that is drawn again starts anew."""

    sections: dict[str, dict[str, Card]] = field(default_factory=dict)
    current: str = ""
    record: int = 0

    def begin(self, section: str, record: int = 0) -> None:
        """From here on cards belong to this section, which stands on a record of the history."""
        self.current, self.record = section, record
        self.sections[section] = {}

    def add(self, key: str, card: Card) -> None:
        """Keep a card; on a page that begins no section nothing is kept."""
        if self.current:
            self.sections[self.current][key] = card

    def drawn(self) -> list[Card]:
        """All cards, top to bottom."""
        return [card for section in self.sections.values() for card in section.values()]


def forget() -> None:
    """A page begins: what an earlier one has drawn is gone."""
    st.session_state[KEY] = Cards()


def kept() -> Cards:
    """This reader's cards."""
    found: Cards = st.session_state.setdefault(KEY, Cards())
    return found
