"""A Plotly chart that keeps its zoom and its hidden legend entries when its data changes."""

from dashboard.plot.component import FRAMES_JS, Point, plot
from dashboard.plot.encoding import encode
from dashboard.plot.frames import fitting, frames_of
from dashboard.plot.library import install_library

__all__ = ["FRAMES_JS", "Point", "encode", "fitting", "frames_of", "install_library", "plot"]
