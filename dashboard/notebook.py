"""The dashboard's charts by name, for a notebook: `history.plot("gradient flow", step=20)`, `recorded.plot(...)`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import numpy as np
import plotly.graph_objects as go

from dashboard.charts import activations, gradients, loss
from dashboard.charts.style import DARK, LIGHT, Figure, Style, merge
from dashboard.views.own_model import charts as own_model
from nncore import History, Measurement
from nncore import measures as m
from nncore.diagnosis import theory_gap
from nncore.diagnosis.recorded_run import last_finite
from nncore.measures import LAYER_QUANTITIES
from nncore.numerics.choices import choose
from nncore.recorders import measures as of_recorded
from nncore.recorders.recorded import Recorded

HEIGHT = 420

MOST_ROWS = 24
"""Modules of a recorded model that are all drawn; of a larger one those along the gradient's way."""

OfHistory = Callable[[History, int, Style], Figure]
OfRecorded = Callable[[Recorded, int, Style], Figure]


def plotted(thing: History | Recorded, name: str, step: int | None, dark: bool) -> go.Figure:
    """The figure of a history's or a recorded run's chart at the record nearest to a step, the last finite one by default.

    Raises ValueError on a name that is none of `OF_HISTORY` or `OF_RECORDED`.
    """
    style = DARK if dark else LIGHT
    if isinstance(thing, History):
        draw: Any = choose("chart", name, OF_HISTORY)
        steps, record = thing.step, thing.last_finite
    else:
        draw = choose("chart", name, OF_RECORDED)
        if not len(thing.steps):
            raise ValueError("nothing has been recorded yet: not one step is whole")
        steps, record = thing.steps, last_finite(thing)
    if step is not None:
        record = int(np.argmin(np.abs(steps - step)))
    figure = draw(thing, record, style)
    title = f"{name[:1].upper()}{name[1:]}, step {steps[record]:,}"
    around = {
        "title": {"text": title, "font": style.font(15), "x": 0.01, "y": 0.98, "yanchor": "top"},
        "paper_bgcolor": style.background,
        "plot_bgcolor": style.background,
        "legend": {"yref": "paper", "y": 1.02, "yanchor": "bottom"},  # the title stands above it
        "margin": {"l": 8, "r": 16, "t": 100, "b": 8},
        "height": HEIGHT,
    }
    return go.Figure(data=figure["data"], layout=merge(figure["layout"], around))


# Of a history ---------------------------------------------------------------------------------------------------


def _over_time(history: History, names: tuple[str, ...]) -> Measurement:
    return m.over_time(history, names)


def _flow(history: History, record: int, style: Style) -> Figure:
    measured = m.gradient_flow(history, record)
    with suppress(ValueError):  # theory does not speak of every run
        measured = theory_gap.beside_theory(measured, theory_gap.prediction(history))
    return gradients.gradient_flow(measured, style)


def _loss(history: History, record: int, style: Style) -> Figure:
    return loss.performance(m.performance(history), style, int(history.step[record]))


def _update_ratio(history: History, record: int, style: Style) -> Figure:
    return gradients.update_ratio(_over_time(history, ("update_ratio",)), style, int(history.step[record]))


def _signal(history: History, record: int, style: Style) -> Figure:
    return activations.signal(m.per_layer(history, ("z_std", "signal", "signal_floor"), np.array([record])), style)


def _saturation(history: History, record: int, style: Style) -> Figure:
    timeline = _over_time(history, ("saturated_fraction", "inactive_fraction", "dead_fraction", "sure_fraction"))
    shown = timeline.select(gradients.flat_share(timeline), "dead_fraction", "sure_fraction")
    return activations.saturation(shown, style, int(history.step[record]))


def _distribution(history: History, record: int, style: Style, quantity: str) -> Figure:
    return activations.distribution(m.distribution(history, record, quantity), quantity, style)


def _by_step(history: History, record: int, style: Style, quantity: str) -> Figure:
    measured = _over_time(history, (quantity,))
    return gradients.layer_by_step(measured, quantity, style, int(history.step[record]))


OF_HISTORY: dict[str, OfHistory] = {
    "gradient flow": _flow,
    "loss": _loss,
    "update ratio": _update_ratio,
    "signal": _signal,
    "saturation": _saturation,
    **{f"{name.replace('_', ' ')} distribution": partial(_distribution, quantity=name) for name in m.DISTRIBUTIONS},
    **{
        f"{name.replace('_', ' ')} over training": partial(_by_step, quantity=name)
        for name, quantity in LAYER_QUANTITIES.items()
        if quantity.menu
    },
}
"""Name -> the chart of a history at a record."""


# Of a recorded run ------------------------------------------------------------------------------------------------


def _rows(recorded: Recorded) -> list[int]:
    called = list(recorded.called)
    return called if len(called) <= MOST_ROWS else list(recorded.path_of_gradient) or called


def _recorded_flow(recorded: Recorded, record: int, style: Style) -> Figure:
    names = ("delta_norm", "weight_gradient_norm")
    return own_model.flow(of_recorded.per_layer(recorded, names, sorted({0, record}), _rows(recorded)), style)


def _recorded_loss(recorded: Recorded, record: int, style: Style) -> Figure:
    return own_model.loss(of_recorded.performance(recorded), style, int(recorded.steps[record]))


def _recorded_updates(recorded: Recorded, record: int, style: Style) -> Figure:
    measured = of_recorded.per_layer(recorded, "update_ratio", None, _rows(recorded))
    return own_model.spread(measured, "update_ratio", style, int(recorded.steps[record]))


def _recorded_by_step(recorded: Recorded, record: int, style: Style, quantity: str) -> Figure:
    measured = of_recorded.per_layer(recorded, quantity, None, _rows(recorded))
    return own_model.over_steps(measured, quantity, style, int(recorded.steps[record]))


def _recorded_distribution(recorded: Recorded, record: int, style: Style, quantity: str) -> Figure:
    rows = _rows(recorded)
    if quantity == "weight_gradient":
        rows = [place for place in rows if recorded.weight_of(place) is not None]
    return own_model.distribution(of_recorded.distribution(recorded, record, quantity, rows), quantity, style)


OVER_TRAINING = (
    "delta_norm",
    "activation_std",
    "saturated_fraction",
    "dead_fraction",
    "update_ratio",
    "weight_gradient_norm",
)
"""Quantities of a recorded run that can be drawn for every module and step."""

OF_RECORDED: dict[str, OfRecorded] = {
    "gradient flow": _recorded_flow,
    "loss": _recorded_loss,
    "update ratio": _recorded_updates,
    **{
        f"{name.replace('_', ' ')} distribution": partial(_recorded_distribution, quantity=name)
        for name in m.DISTRIBUTIONS
    },
    **{f"{name.replace('_', ' ')} over training": partial(_recorded_by_step, quantity=name) for name in OVER_TRAINING},
}
"""Name -> the chart of a recorded run at a record."""
