"""Lessons as the app's "Make a lesson" hands them out, by their links, for a page that has no other runs than theirs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from dashboard.site.runs import CHARTS
from dashboard.state import lessons
from dashboard.state.address import FIRST_SETTINGS, from_link
from dashboard.state.lessons import Lesson, Part
from nncore import RunConfig


@dataclass(frozen=True)
class Chosen:
    """A lesson and its parts with their runs: of a lesson without parts one, the run of its link, of which nothing is said."""

    lesson: Lesson
    parts: tuple[tuple[Part, RunConfig], ...]

    @property
    def charts(self) -> list[str]:
        """Keys of the charts that are shown; none for all of them."""
        return [key for key in self.lesson.show or () if key in CHARTS]

    @property
    def left_out(self) -> list[str]:
        """Charts that the lesson shows in the app and a site has not."""
        return [key for key in self.lesson.show or () if key not in CHARTS]


def read(text: str) -> list[Chosen]:
    """The lessons of a link, or of a file with a link a line; raises ValueError, a sentence, where one is none."""
    if "lesson=" in text:
        return [read_link(text)]
    try:
        lines = Path(text).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ValueError(
            f"a lesson must be the link of one, with lesson= in it, or a file of links; got {text!r}"
        ) from None
    return [read_link(line) for line in map(str.strip, lines) if line]


def read_link(link: str) -> Chosen:
    """The lesson of a link; raises ValueError where it has no title, or where a run of it is not described by the link."""
    said = parse_qs(urlsplit(link).query or link, keep_blank_values=True)
    lesson = lessons.read({name: values[-1] for name, values in said.items()})
    if lesson is None:
        raise ValueError(f"a lesson must have a title, lesson=; got {link!r}")
    step = said.get(lessons.STEP, [""])[-1]
    whole = Part(
        tuple((key, value) for key, values in said.items() for value in values),
        int(step) if step.isdecimal() else 0,
        "",
    )
    return Chosen(lesson, tuple((part, _config(part, lesson)) for part in lesson.parts or (whole,)))


def _config(part: Part, lesson: Lesson) -> RunConfig:
    settings: dict[str, list[str]] = {}
    for name, value in part.settings:
        if name in FIRST_SETTINGS:
            settings.setdefault(name, []).append(value)
    try:
        return from_link(settings)
    except ValueError as problem:
        raise ValueError(f"the lesson {lesson.title!r} has a run that cannot be shown: {problem}") from None


def configs(chosen: Sequence[Chosen]) -> Iterator[tuple[str, RunConfig, int]]:
    """Each run of these lessons: its name, its config, and the step that it opens on."""
    for number, each in enumerate(chosen, 1):
        for place, (part, config) in enumerate(each.parts, 1):
            yield f"lesson-{number}-{place}", config, part.step


def told(chosen: Sequence[Chosen]) -> list[dict[str, Any]]:
    """What host.js shows of these lessons besides their runs; `stages` are [place of the part, is its run shown]."""
    return [
        {
            "title": each.lesson.title,
            "note": each.lesson.note,
            "charts": each.charts,
            "stages": each.lesson.stages() or [(0, True)],
            "parts": [
                {
                    "text": part.text,
                    "question": part.question,
                    "choices": part.choices,
                    "right": part.right,
                    "run": f"lesson-{number}-{place}",
                }
                for place, (part, _) in enumerate(each.parts, 1)
            ],
        }
        for number, each in enumerate(chosen, 1)
    ]
