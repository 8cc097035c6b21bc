"""What the components in the browser share without a build step: scripts and a style that go before their own."""

from pathlib import Path

_FOLDER = Path(__file__).parent

MOTION_JS = (_FOLDER / "motion.js").read_text(encoding="utf-8")
"""`isStill()`: whether the reader wants nothing to move."""

CONTROLS_JS = MOTION_JS + (_FOLDER / "controls.js").read_text(encoding="utf-8")
"""`makeControls` and `showMoving`: the icons and the keys of whatever is played."""

CONTROLS_CSS = (_FOLDER / "controls.css").read_text(encoding="utf-8")
"""Their look, for an element of class `nncore-controls`."""
