"""Writes the folder of a site."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nncore
from dashboard.charts.style import DARK, LIGHT, Style
from dashboard.plot.library import SOURCE
from dashboard.site import components, runs
from dashboard.site.grid import Grid
from dashboard.site.packing import script
from dashboard.words.settings import in_words
from nncore.history.whole_file import whole_file

HERE = Path(__file__).parent


def write_site(folder: Path, grid: Grid, say: Callable[[str], None] = lambda _: None) -> None:
    """Write a site into a folder that is new or empty, each file whole or not at all, index.html last.

    Raises ValueError where the folder holds something, and OSError where the system refuses.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f"{folder} must be a new or an empty folder")
    (folder / "runs").mkdir(parents=True, exist_ok=True)
    for name, content in files(grid, say):
        with whole_file(folder / name) as file:
            file.write(content if isinstance(content, bytes) else content.encode())


def files(grid: Grid, say: Callable[[str], None]) -> Iterator[tuple[str, str | bytes]]:
    """Each file's name and content."""
    for number, (name, config) in enumerate(grid.configs(), 1):
        say(f"Run {number} of {len(grid)}: {name}")
        yield f"runs/{name}.js", script(f"runs/{name}", runs.content(config))
    yield "plotly.min.js", SOURCE.read_bytes()
    yield "catalogue.js", f"nncoreSite.open({json.dumps(catalogue(grid), ensure_ascii=False)});\n"
    yield "site.js", components.scripts()
    yield "site.css", "\n".join([variables(), components.styles(), (HERE / "page.css").read_text(encoding="utf-8")])
    page = (HERE / "page.html").read_text(encoding="utf-8")
    yield "index.html", page.replace("<!-- templates -->", components.templates())


def catalogue(grid: Grid) -> dict[str, Any]:
    """What the page needs before its first picture."""
    base = grid.base
    return {
        "views": [["explore", "Explore"]],
        "controls": grid.controls(),
        "charts": {
            key: {"title": text.title, "subtitle": text.subtitle, "note": text.note, "height": height}
            for key, (text, height) in runs.CHARTS.items()
        },
        "fixed": f"{base.dataset}, {base.hidden[0]} units a layer, {base.steps:,} steps of {base.optimizer}, learning rate {base.learning_rate:g}, "
        f"seed {base.seed}: {len(grid):,} networks, each trained by nncore.",
        "about": f"Written by nncore {nncore.__version__}. Everything on this page was computed before; it asks nobody for anything.",
    }


BADGES = {
    "blue": ("#1C5FA8", "#5CC8FF"), "orange": ("#A63A0A", "#FF8A5B"), "green": ("#1F6B30", "#69DB7C"),
    "red": ("#B42318", "#FF8FAB"), "gray": ("#5C6675", "#9AA5B8"),
}  # fmt: skip
"""Colours of a badge's words, light and dark; its ground is a tint of them."""


def variables() -> str:
    """The names under which the components know the theme's colours, which Streamlit gives them in the app."""
    light, dark = ("".join(f"{name}: {value}; " for name, value in _variables(look).items()) for look in (LIGHT, DARK))
    return f":root {{ {light}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark}}} }}"


def _variables(look: Style) -> dict[str, str]:
    badges = {name: colours[look.dark] for name, colours in BADGES.items()}
    return {
        "--st-background-color": look.background,
        "--st-secondary-background-color": look.raised,
        "--st-text-color": look.ink,
        "--st-border-color": look.border,
        "--st-primary-color": look.primary,
        "--st-base-radius": "0.5rem",
        "--st-font": "system-ui, sans-serif",
        "--muted": look.muted,
        "--control": look.control,
        "--delta": look.delta,
        **{f"--st-{name}-text-color": colour for name, colour in badges.items()},
        **{
            f"--st-{name}-background-color": f"color-mix(in srgb, {colour} 12%, transparent)"
            for name, colour in badges.items()
        },
    }
