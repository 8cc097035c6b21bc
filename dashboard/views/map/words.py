"""Values on the axes of a map, in words."""

from __future__ import annotations

from typing import Any

from dashboard.words.settings import in_words
from nncore.sweep import as_coordinate


def value_in_words(name: str, value: Any) -> str:
    """A value of an axis in words; several widths or names as a measurement of the map has them, so that they match."""
    return in_words(name, as_coordinate(value))
