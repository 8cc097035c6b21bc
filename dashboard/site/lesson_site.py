"""One's own lesson as a site in a ZIP archive: background work, since its runs are trained anew."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from functools import cached_property

from dashboard.jobs import limits
from dashboard.jobs.work import Abandoned, Sharing, Work
from dashboard.site.content import Site, run_file
from dashboard.site.lessons import Chosen, read_link
from nncore import RunConfig
from nncore.config import cost


@dataclass(frozen=True)
class LessonSiteRequest:
    """The site of the lesson that a link opens."""

    link: str

    @property
    def sharing(self) -> Sharing:
        return "session"

    @cached_property
    def lesson(self) -> Chosen:
        """What the link says; raises ValueError where it is no lesson."""
        return read_link(self.link)

    @property
    def configs(self) -> list[RunConfig]:
        """The runs of its parts."""
        return [config for _, config in self.lesson.parts]

    def seconds(self) -> float:
        """Of all its runs, one after the other."""
        return sum(cost.estimate(config).seconds for config in self.configs)

    def history_bytes(self) -> int:
        """Of the largest run: one is in memory at a time."""
        return max(config.history_bytes() for config in self.configs)

    def check_budget(self, seconds: float, size: int) -> None:
        """Raise ValueError where one of its runs, or all together, take more."""
        for config in self.configs:
            cost.check_budget(config, seconds, size)
        if self.seconds() > seconds:
            raise ValueError(
                f"the runs of this lesson take about {self.seconds():,.0f} s and {seconds:,.0f} s are allowed: leave some parts out"
            )

    def work(self) -> LessonSiteWork:
        """Work whose result is the archive."""
        return LessonSiteWork(self)


class LessonSiteWork(Work):
    """The archive in the making; its steps are those of the runs."""

    request: LessonSiteRequest

    @property
    def steps(self) -> int:
        return max(sum(config.steps for config in self.request.configs), 1)

    def compute(self) -> bytes:
        site = Site(lessons=(self.request.lesson,))
        file, done = io.BytesIO(), 0
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, config, step in site.runs():
                content = run_file(
                    name,
                    config,
                    step,
                    cancelled=self.cancelled,
                    progress=lambda step, loss, before=done: self.report(before + step, loss),
                    memory_budget=limits.bytes_allowed(),
                )
                if self.cancelled():
                    raise Abandoned
                archive.writestr(f"site/runs/{name}.js", content)
                done += config.steps
            for name, content in site.page():
                archive.writestr(f"site/{name}", content)
        return file.getvalue()
