"""Settings in words, for a reader: the one place that says what a value, and no value, is called."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from dashboard.words.labels import LABELS
from nncore import Fork

MOST_LISTED = 12
"""Values of a list that are written out."""


def in_words(name: str, value: Any) -> str:
    """The value of a setting as plain text; what an empty one means depends on its name.

    >>> in_words("clip_norm", None), in_words("epsilon", None), in_words("skip", True), in_words("features", ())
    ('none', 'textbook value', 'on', 'none')
    >>> in_words("hidden", (32,) * 12), in_words("activation", ("relu", "tanh")), in_words("gain", 0.25)
    ('12 × 32', 'relu, tanh', '0.25')
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return "none" if name.startswith(("clip_", "init_low", "init_high")) else "textbook value"
    if isinstance(value, bool):
        return "on" if value else "off"
    if name == "hidden":
        return shape(value)
    if isinstance(value, (tuple, list)):
        return listed(value) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"


def phrase(name: str, value: Any) -> str:
    """A setting and its value in as few words as say it: the value alone where it is a name.

    >>> phrase("init", "he_normal"), phrase("skip", False), phrase("seed", 3)
    ('he_normal', 'no skip connections', 'seed 3')
    >>> phrase("normalization", "none")
    'no normalization'
    """
    if value == "none":
        return f"no {LABELS[name].lower()}"
    if isinstance(value, str):
        return value
    label = LABELS[name].lower()
    if isinstance(value, bool):
        return label if value else f"no {label}"
    return f"{label} {in_words(name, value)}"


def shape(hidden: Sequence[int], between: str = ", ", most: int = MOST_LISTED) -> str:
    """Depth × width of hidden layers; the widths, the first `most` of them, where they differ.

    >>> shape((32,) * 12), shape((8, 4)), shape((8, 4, 4), "-", most=2), shape(())
    ('12 × 32', '8, 4', '8-4-…', 'no hidden layer')
    """
    if not hidden:
        return "no hidden layer"
    return listed(hidden, between, most) if len(set(hidden)) > 1 else f"{len(hidden)} × {hidden[0]}"


def listed(values: Sequence[Any], between: str = ", ", most: int = MOST_LISTED) -> str:
    """The first values of a list, with a sign for those left out."""
    first: Iterable[Any] = values[:most]
    return between.join([*map(str, first), *(["…"] if len(values) > most else [])])


def description(fork: Fork) -> str:
    """The change that a fork makes, in Markdown: Activation sigmoid → tanh; unit 3 of layer 1 is killed.

    There is nothing to escape in it: what may change has names and numbers of our own as its values.
    """
    parts = [
        f"**{LABELS[name]}** {in_words(name, getattr(fork.parent, name))} → {in_words(name, value)}"
        for name, value in fork.changes.items()
    ]
    words = "; ".join([*parts, *(edit.sentence() for edit in fork.edits)])
    return words[:1].upper() + words[1:]
