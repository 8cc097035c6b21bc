"""What a network has learned, drawn as its data allow: a curve, regions, a confusion table or predictions."""

from __future__ import annotations

from dashboard import chart, style
from dashboard.charts import loss
from dashboard.runs import Training
from nncore import RunConfig
from nncore.learned import confusion, decision_regions, fitted_curve, predictions


def show(
    training: Training,
    record: int,
    look: style.Style,
    key: str = "learned",
    text: chart.Text = loss.LEARNED,
    height: int = 340,
) -> None:
    """A curve for one input, regions for two, and for more a confusion table or predictions."""
    data = training.config.data()
    classes, n_inputs = data.class_names, data.n_inputs
    if not classes and n_inputs == 1:
        measured = training.measured(fitted_curve, record)
        figure = loss.curve(measured, loss.rows_of(data), (data.feature_names[0], data.target_name), look)
    elif not classes:
        measured = training.measured(predictions, record)
        figure = loss.predicted(measured, data.target_name, look)
    elif n_inputs == 2:
        measured = training.measured(decision_regions, record)
        figure = loss.regions(measured, loss.rows_of(data), classes, look, inputs(training.config))
    else:
        measured = training.measured(confusion, record)
        figure = loss.confusion(measured, classes, look)
    chart.show(key, text, measured, figure, height=height)


def inputs(config: RunConfig) -> tuple[str, str]:
    """What the axes of a plane of two inputs are called."""
    data = config.data()
    if data.feature_names[:2] == ("x1", "x2"):
        return ("x₁", "x₂")
    unit = ", standardized" if config.standardize else ""
    return (f"{data.feature_names[0]}{unit}", f"{data.feature_names[1]}{unit}")
