"""What a run is: its settings, its forks and edits, what it costs, and the program that repeats it."""

from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig

__all__ = ["Fork", "RunConfig"]
