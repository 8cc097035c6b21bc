"""The words around a chart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """The words around a chart: a short title, what is drawn, and what to conclude from it in one sentence."""

    title: str
    subtitle: str
    note: str
