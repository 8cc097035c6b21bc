"""What a site holds, as files: runs, what is said of them, the page, and the chart library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

import nncore
from dashboard.plot.library import library
from dashboard.site import components, experiments, lessons, runs
from dashboard.site.colours import variables
from dashboard.site.grid import Grid
from dashboard.site.packing import script
from nncore import RunConfig, run

HERE = Path(__file__).parent

Told = Callable[[int, int], None]
"""(runs that are done, all of them)."""


@dataclass(frozen=True)
class Site:
    """The explorer's grid, if there is one, the names of experiments, and lessons."""

    grid: Grid | None = None
    experiments: tuple[str, ...] = ()
    lessons: tuple[lessons.Chosen, ...] = ()

    def runs(self) -> list[tuple[str, RunConfig, int | None]]:
        """Each run's name, its config, and the step that it opens on; None for its last."""
        return [
            *((name, config, None) for name, config in (self.grid.configs() if self.grid else ())),
            *experiments.configs(self.experiments),
            *lessons.configs(self.lessons),
        ]

    def files(self, workers: int = 1, told: Told = lambda done, total: None) -> Iterator[tuple[str, bytes]]:
        """Each file's name and content, the runs first, which so many processes train.

        Raises ValueError where a run cannot be trained, or where there is none.
        """
        members = self.runs()
        if not members:
            raise ValueError("a site needs a grid, experiments or lessons: all of them were left out")
        made = Parallel(workers, return_as="generator")(delayed(run_file)(*member) for member in members)
        told(0, len(members))
        for done, ((name, *_), content) in enumerate(zip(members, made, strict=True), 1):
            yield f"runs/{name}.js", content
            told(done, len(members))
        yield from self.page()

    def page(self) -> Iterator[tuple[str, bytes]]:
        """All files but the runs, index.html last."""
        if self.experiments:
            yield "experiments.js", script("experiments", experiments.gallery(self.experiments)).encode()
        if self.lessons:
            yield "lessons.js", script("lessons", lessons.told(self.lessons)).encode()
        yield "plotly.min.js", library()
        yield "catalogue.js", f"nncoreSite.open({json.dumps(self.catalogue(), ensure_ascii=False)});\n".encode()
        yield "site.js", components.scripts().encode()
        own = (HERE / "page.css").read_text(encoding="utf-8")
        yield "site.css", "\n".join([variables(), components.styles(), own]).encode()
        page = (HERE / "page.html").read_text(encoding="utf-8")
        yield "index.html", page.replace("<!-- templates -->", components.templates()).encode()

    def catalogue(self) -> dict[str, Any]:
        """What the page needs before its first picture: its views, the explorer's controls, the charts' texts."""
        views = {"explore": self.grid, "experiments": self.experiments, "lessons": self.lessons}
        return {
            "views": [[name, name.capitalize()] for name, held in views.items() if held],
            "controls": self.grid.controls() if self.grid else [],
            "fixed": self.grid.in_words() if self.grid else "",
            "charts": {
                key: {"title": text.title, "subtitle": text.subtitle, "note": text.note, "height": height}
                for key, (text, height) in runs.CHARTS.items()
            },
            "about": f"Written by nncore {nncore.__version__}. All networks here were trained before; the page asks nobody for anything.",
        }


def run_file(name: str, config: RunConfig, step: int | None, **training: Any) -> bytes:
    """The script of one run, trained here; `training` are arguments of `nncore.run`."""
    return script(f"runs/{name}", runs.content(run(config, **training), step)).encode()
