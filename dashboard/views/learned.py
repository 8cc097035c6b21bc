"""What a network has learned, drawn as its data allow: a curve, regions, a confusion table or predictions."""

from __future__ import annotations

from functools import partial

from dashboard.charts import loss, style
from dashboard.charts.text import Text
from dashboard.jobs.work import Training
from dashboard.playback import Playback
from dashboard.ui import card
from nncore import RunConfig
from nncore.measures.learned import (
    affordable,
    confusion,
    confusions,
    decision_regions,
    decision_regions_of,
    fitted_curve,
    fitted_curves,
    predictions,
    predictions_of,
)


def show(
    training: Training,
    record: int,
    look: style.Style,
    key: str = "learned",
    text: Text = loss.LEARNED,
    height: int = 340,
    play: Playback | None = None,
) -> None:
    """A curve for one input, regions for two, and for more a confusion table or predictions."""
    data = training.config.data()
    classes, n_inputs = data.class_names, data.n_inputs
    if not classes and n_inputs == 1 and data.n_targets == 1:
        one, several = fitted_curve, fitted_curves
        names = (data.feature_names[0], data.target_name)
        drawn = partial(loss.curve, rows=loss.rows_of(data), names=names, style=look)
    elif not classes:
        one, several = predictions, predictions_of
        drawn = partial(loss.predicted, name=data.target_name, style=look)
    elif n_inputs == 2:
        one, several = decision_regions, decision_regions_of
        drawn = partial(
            loss.regions, rows=loss.rows_of(data), names=classes, style=look, inputs=inputs(training.config)
        )
    else:
        one, several = confusion, confusions
        drawn = partial(loss.confusion, names=classes, style=look)
    measured = training.measured(one, record)
    frames = None
    if play is not None:
        fewer = play.fewer(affordable(training.history))
        frames = fewer.frames(lambda each: drawn(fewer.measured(several, each)))
    card.show(key, text, measured, drawn(measured), height=height, frames=frames)


def inputs(config: RunConfig) -> tuple[str, str]:
    """What the axes of a plane of two inputs are called."""
    data = config.data()
    if data.feature_names[:2] == ("x1", "x2"):
        return ("x₁", "x₂")
    unit = ", standardized" if config.standardize else ""
    return (f"{data.feature_names[0]}{unit}", f"{data.feature_names[1]}{unit}")
