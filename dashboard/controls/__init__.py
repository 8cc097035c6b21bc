"""What the components in the browser share without a build step: scripts and a style that go before their own."""

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent

MOTION_JS = (_FOLDER / "motion.js").read_text(encoding="utf-8")
"""`isStill()`: whether the reader wants nothing to move; `whenAtRest(action)`: when the browser has nothing else to do."""

SLIDERS_JS = (_FOLDER / "sliders.js").read_text(encoding="utf-8")
"""`thumbOf`, `isThumbAt` and `watchThumbs`: where the thumb of a slider of the page stands while it is held."""

CONTROLS_JS = MOTION_JS + (_FOLDER / "controls.js").read_text(encoding="utf-8")
"""`makeControls` and `showMoving`: the icons and the keys of whatever is played."""

CONTROLS_CSS = (_FOLDER / "controls.css").read_text(encoding="utf-8")
"""Their look, for an element of class `nncore-controls`."""


@dataclass(frozen=True)
class Source:
    """What a component is made of, for whoever mounts it: Streamlit, or a page without a server."""

    html: str
    css: str
    js: str


def source(stem: Path, before_js: str = "", before_css: str = "") -> Source:
    """The component whose files are stem.html, stem.css and stem.js, after what it shares with others."""
    html, css, js = (stem.with_suffix(suffix).read_text(encoding="utf-8") for suffix in (".html", ".css", ".js"))
    return Source(html, before_css + css, before_js + js)
