"""The app's components as plain scripts: a page that is opened from a folder may load no modules."""

from __future__ import annotations

from pathlib import Path

from dashboard.network.component import NETWORK
from dashboard.playback.component import PLAYER
from dashboard.playback.following import FOLLOWING
from dashboard.plot import FRAMES_JS
from dashboard.plot.component import PLOT

HERE = Path(__file__).parent

COMPONENTS = {"network": NETWORK, "player": PLAYER, "following": FOLLOWING, "plot": PLOT}

EXPORTED = "export default function"


def scripts() -> str:
    """One script that puts each component's function into `nncoreComponents`, and then the page's own."""
    parts = [
        _closed(f"nncoreComponents.{name} = ", each.js.replace(EXPORTED, "return function"))
        for name, each in COMPONENTS.items()
    ]
    own = _closed("globalThis.nncoreSite = ", FRAMES_JS + (HERE / "host.js").read_text(encoding="utf-8"))
    return "\n".join(["globalThis.nncoreComponents = {};", *parts, own])


def styles() -> str:
    """The components' style sheets."""
    return "\n".join(each.css for each in COMPONENTS.values())


def templates() -> str:
    """The components' HTML, each in a template with its name."""
    return "\n".join(f'<template id="{name}">{each.html}</template>' for name, each in COMPONENTS.items())


def _closed(to: str, content: str) -> str:
    return f"{to}(() => {{\n{content}\n}})();"
