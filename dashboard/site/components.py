"""The app's components as plain scripts: a page that is opened from a folder may load no modules."""

from __future__ import annotations

from pathlib import Path

from dashboard.controls import CONTROLS_CSS, CONTROLS_JS, MOTION_JS
from dashboard.plot import FRAMES_JS

ROOT, HERE = Path(__file__).parents[1], Path(__file__).parent

COMPONENTS = {
    "network": ("network/network", CONTROLS_JS + FRAMES_JS),
    "player": ("playback/player", CONTROLS_JS),
    "following": ("playback/following", ""),
    "plot": ("plot/plot", MOTION_JS + FRAMES_JS),
}
"""Name -> its files without their endings, and what stands before its script, as where the app mounts it."""

EXPORTED = "export default function"


def scripts() -> str:
    """One script that puts each component's function into `nncoreComponents`, and then the page's own."""
    parts = [
        _closed(f"nncoreComponents.{name} = ", before + _text(f"{stem}.js").replace(EXPORTED, "return function"))
        for name, (stem, before) in COMPONENTS.items()
    ]
    own = _closed("globalThis.nncoreSite = ", FRAMES_JS + (HERE / "host.js").read_text(encoding="utf-8"))
    return "\n".join(["globalThis.nncoreComponents = {};", *parts, own])


def styles() -> str:
    """The components' style sheets."""
    return "\n".join([CONTROLS_CSS, *(_text(f"{stem}.css") for stem, _ in COMPONENTS.values())])


def templates() -> str:
    """The components' HTML, each in a template with its name."""
    return "\n".join(
        f'<template id="{name}">{_text(f"{stem}.html")}</template>' for name, (stem, _) in COMPONENTS.items()
    )


def _closed(to: str, content: str) -> str:
    return f"{to}(() => {{\n{content}\n}})();"


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")
