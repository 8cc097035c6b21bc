"""A lesson is a link: a title, a note, the controls that remain and the charts that are shown."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

TITLE_LENGTH, NOTE_LENGTH, NAMES = 120, 800, 80
"""Most letters of a title and a note, and most names in a list: a link stays short enough to be handed out."""

LESSON, NOTE, ONLY, SHOW = "lesson", "note", "only", "show"
NOTHING = "none"
"""What stands in the list of controls when none remains."""

PARAMETERS = (LESSON, NOTE, ONLY, SHOW)
"""Query parameters of a lesson; the set-up and the step have their own."""


@dataclass(frozen=True)
class Lesson:
    """What a lesson's link says besides the set-up and the step.

    `only` names the controls that remain and `show` the charts and parts of the page, in their order; None
    means all of them.
    """

    title: str
    note: str = ""
    only: tuple[str, ...] | None = None
    show: tuple[str, ...] | None = None

    def has_control(self, key: str) -> bool:
        """Does the widget under this key remain?"""
        return self.only is None or key in self.only

    def query(self) -> dict[str, str]:
        """The lesson as query parameters; `read` gives it back."""
        query = {LESSON: self.title}
        if self.note:
            query[NOTE] = self.note
        if self.only is not None:
            query[ONLY] = ",".join(self.only) or NOTHING
        if self.show is not None:
            query[SHOW] = ",".join(self.show)
        return query


def read(parameters: Mapping[str, str]) -> Lesson | None:
    """The lesson in the query parameters; None where there is no title. Nothing in a link is an error.

    >>> read({"lesson": "Depth", "only": "depth, activation", "show": "flow"})
    Lesson(title='Depth', note='', only=('depth', 'activation'), show=('flow',))
    """
    title = plain(parameters.get(LESSON, ""), TITLE_LENGTH)
    if not title:
        return None
    only, show = (_names(parameters[name]) if name in parameters else None for name in (ONLY, SHOW))
    return Lesson(title, plain(parameters.get(NOTE, ""), NOTE_LENGTH, lines=True), only, show or None)


def plain(text: str, at_most: int, lines: bool = False) -> str:
    """Text without control characters and surplus blanks, cut to a length; `lines` keeps line breaks.

    >>> plain("  one\\x00  two\\nthree ", 80)
    'one two three'
    """
    rows = text[: 4 * at_most].splitlines() if lines else [text[: 4 * at_most]]
    kept = (" ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in row).split()) for row in rows)
    whole = "\n".join(kept).strip()
    return whole if len(whole) <= at_most else whole[: at_most - 1].rstrip() + "…"


def heading(lesson: Lesson) -> str:
    """Title and note as HTML in which nothing of theirs is markup."""
    note = f'<p style="white-space:pre-line;margin:0.25rem 0 0">{escape(lesson.note)}</p>' if lesson.note else ""
    return (
        '<div style="overflow-wrap:anywhere"><h2 style="margin:0;padding:0;font-size:1.5rem">'
        f"{escape(lesson.title)}</h2>{note}</div>"
    )


def _names(text: str) -> tuple[str, ...]:
    names = dict.fromkeys(_known_letters(text.split(",")[:NAMES]))
    return tuple(name for name in names if name != NOTHING)


def _known_letters(names: Iterable[str]) -> Iterable[str]:
    """Names that a key can have; anything else in the list is left out."""
    for name in names:
        name = name.strip()
        if name.isidentifier() and name.isascii() and len(name) <= 40:
            yield name
