"""Playing a training: one answer of the server brings the frames, the browser then plays them by itself."""

from dashboard.playback.following import following
from dashboard.playback.playing import AT_MOST, Playback, timeline

__all__ = ["AT_MOST", "Playback", "following", "timeline"]
