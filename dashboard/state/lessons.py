"""A lesson is a link: a title, a note, the controls that remain, the charts that are shown, and the parts it is told in."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, urlencode

TITLE_LENGTH, NOTE_LENGTH, NAMES = 120, 800, 80
"""Most letters of a title and a note, and most names in a list: a link stays short enough to be handed out."""

TEXT_LENGTH, MOST_PARTS, MOST_CHOICES = 300, 12, 6
"""Most letters of a part's text, question or choice; most parts of a lesson, and choices of a question."""

LESSON, NOTE, ONLY, SHOW, PARTS, STAGE = "lesson", "note", "only", "show", "parts", "stage"
NOTHING = "none"
"""What stands in the list of controls when none remains."""

PARAMETERS = (LESSON, NOTE, ONLY, SHOW, PARTS, STAGE)
"""Query parameters of a lesson; the set-up and the step have their own."""


ASK, CHOICE, RIGHT, TEXT, STEP = "ask", "choice", "right", "text", "step"
"""What a part says besides the settings of its run, by the names in its query."""


@dataclass(frozen=True)
class Part:
    """One step of a lesson: a run, the step that the page stands on, and what is said of it.

    `settings` are the query parameters of the run, each with all its values. A part with a `question` is asked over the
    run of the part before: its own run, and `text`, come when the answer is shown. `choices` may be offered to predict
    from, of which the one at `right` is true.
    """

    settings: tuple[tuple[str, str], ...]
    step: int
    text: str
    question: str = ""
    choices: tuple[str, ...] = ()
    right: int = 0

    def query(self) -> str:
        """The part as text; `read_part` gives it back."""
        said = [(STEP, str(self.step)), (TEXT, self.text)]
        if self.question:
            said += [(ASK, self.question), *((CHOICE, each) for each in self.choices), (RIGHT, str(self.right))]
        return urlencode([*said, *self.settings])


def read_part(text: str) -> Part:
    """The part in a text. Nothing in it is an error: what is missing is empty, what is too long is cut.

    >>> read_part("step=3&text=Look.&depth=4")
    Part(settings=(('depth', '4'),), step=3, text='Look.', question='', choices=(), right=0)
    """
    said: dict[str, list[str]] = {name: [] for name in (STEP, TEXT, ASK, CHOICE, RIGHT)}
    settings = []
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name in said:
            said[name].append(value)
        else:
            settings.append((name, value))
    words = {name: plain(" ".join(said[name][-1:]), TEXT_LENGTH) for name in (TEXT, ASK)}
    choices = tuple(filter(None, (plain(each, TEXT_LENGTH) for each in said[CHOICE][:MOST_CHOICES])))
    if not words[ASK]:
        choices = ()
    right = min(_whole(said[RIGHT]), max(len(choices) - 1, 0))
    return Part(tuple(settings), _whole(said[STEP]), words[TEXT], words[ASK], choices, right)


def _whole(texts: list[str]) -> int:
    """The last of these as a number from 0 on; 0 where it is none."""
    return int(texts[-1]) if texts and texts[-1].isascii() and texts[-1].isdigit() and len(texts[-1]) < 10 else 0


@dataclass(frozen=True)
class Lesson:
    """What a lesson's link says besides the set-up and the step.

    `only` names the controls that remain and `show` the charts and parts of the page, in their order; None
    means all of them. `parts` are gone through one after the other, or there are none.
    """

    title: str
    note: str = ""
    only: tuple[str, ...] | None = None
    show: tuple[str, ...] | None = None
    parts: tuple[Part, ...] = ()

    def stages(self) -> list[tuple[int, bool]]:
        """What is gone through: (place of the part, is its run shown); one that asks comes before it is shown too."""
        asked = [(place, each) for place, part in enumerate(self.parts) for each in ([False] if part.question else [])]
        return sorted([*asked, *((place, True) for place in range(len(self.parts)))])

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
        if self.parts:
            query[PARTS] = "\n".join(part.query() for part in self.parts)
        return query


def read(parameters: Mapping[str, str]) -> Lesson | None:
    """The lesson in the query parameters; None where there is no title. Nothing in a link is an error.

    >>> read({"lesson": "Depth", "only": "depth, activation", "show": "flow"})
    Lesson(title='Depth', note='', only=('depth', 'activation'), show=('flow',), parts=())
    """
    title = plain(parameters.get(LESSON, ""), TITLE_LENGTH)
    if not title:
        return None
    only, show = (_names(parameters[name]) if name in parameters else None for name in (ONLY, SHOW))
    parts = tuple(map(read_part, filter(None, parameters.get(PARTS, "").split("\n")[:MOST_PARTS])))
    return Lesson(title, plain(parameters.get(NOTE, ""), NOTE_LENGTH, lines=True), only, show or None, parts)


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
        '<div style="overflow-wrap:anywhere"><h1 style="margin:0;padding:0;font-size:1.5rem">'
        f"{escape(lesson.title)}</h1>{note}</div>"
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
