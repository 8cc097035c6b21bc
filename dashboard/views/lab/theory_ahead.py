"""What theory says along the sliders of the sidebar: the line that moves with their thumbs."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.gradients import theory_ahead
from dashboard.jobs.work import Training
from dashboard.state.address import REACH, is_drawn, setting
from nncore import History, Measurement
from nncore.diagnosis.theory_gap import lines_elsewhere

DEPTHS = tuple(range(int(REACH["depth"][1]) + 1))
GAINS = (*np.arange(1, 61) / 20, *np.geomspace(3.5, REACH["gain"][1], 11))
"""Where theory's line is computed: every place of the depth slider's thumb, and of the gain slider's up to 3, where
phases change, with some beyond. At a gain of 0 there is no line."""


def ahead(training: Training, measured: Measurement) -> dict[str, Any] | None:
    """The lines along each slider that stands for one setting of this run, for `plot`; None where theory has none."""
    config, level = training.config, measured["delta_norm"][0, -1]
    if not 0 < level < np.inf:
        return None
    try:
        along_depth, along_gain = training.measured(lines)
    except ValueError:
        return None
    courses = {
        "depth": (config.depth, DEPTHS, along_depth + np.log10(level)),
        "gain": (config.gain, GAINS, along_gain + np.log10(level)),
    }
    there = {key: course for key, course in courses.items() if is_drawn(key) and setting(key) == course[0]}
    return theory_ahead(there) if there else None


def lines(history: History) -> tuple[np.ndarray, np.ndarray]:
    """log10 of the δ norms that theory predicts at DEPTHS and at GAINS, relative to the last layer's."""
    return lines_elsewhere(history, DEPTHS, GAINS)
