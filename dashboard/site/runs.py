"""What a page shows of one run: the app's figures of each of some records, in both themes, and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from dashboard.charts import gradients, loss
from dashboard.charts import network as networks
from dashboard.charts.style import DARK, LIGHT, Figure, Style
from dashboard.charts.text import Text
from dashboard.jobs.work import Opened
from dashboard.playback import Playback
from dashboard.playback.playing import count_in_words
from dashboard.views.lab import headline
from dashboard.views.lab.network import HEIGHT, sentence
from nncore import History, Measurement
from nncore import measures as m
from nncore.diagnosis import flow_of, theory_gap
from nncore.measures.drawn_network import drawn_networks
from nncore.numerics.spacing import evenly_spaced
from nncore.theory import Prediction

RECORDS = 21
"""Records of a run that a page holds."""

CHARTS: dict[str, tuple[Text, int]] = {
    "network": (networks.NETWORK, HEIGHT),
    "flow": (gradients.FLOW, 400),
    "loss": (loss.LOSS, 340),
    "updates": (gradients.UPDATE_RATIO, 300),
}
"""Key of a chart of the lab -> its texts and its height in pixels."""

THEMES = {"light": LIGHT, "dark": DARK}

DIGITS = 11
"""Binary digits that the weights and gradients of single edges are kept to, which makes three decimal ones."""


def content(history: History, step: int | None = None) -> dict[str, Any]:
    """What host.js shows of a run: evenly spread records, and the one nearest to `step`, on which the page opens."""
    chosen = evenly_spaced(0, history.last_finite, RECORDS)
    opens = history.last_finite if step is None else min(history.nearest(step), history.last_finite)
    records = tuple(np.union1d(chosen, [opens]).tolist())
    training = Opened("site", history, "")
    play = Playback(training.measured, history.step, records, run="site")
    judged = training.measured(headline.judged, records)
    return {
        "steps": [int(history.step[record]) for record in records],
        "opens": records.index(opens),
        "said": count_in_words(len(history.step), len(records)),
        "facts": headline.facts(history, records),
        "words": [headline.spoken(said) for said, _ in judged],
        "numbers": [[headline.read_tile(tile) for tile in tiles] for _, tiles in judged],
        "charts": {
            chart: {theme: _frames(play, chart, training, look) for theme, look in THEMES.items()} for chart in CHARTS
        },
    }


def _frames(play: Playback, chart: str, training: Opened, look: Style) -> dict[str, Any]:
    """A chart's figures, as the app's player gets them."""
    frames = play.frames(partial(_DRAWN[chart], play, training.history, look))
    assert frames is not None
    return {name: frames[name] for name in ("at", "builds")}


def _network(play: Playback, history: History, look: Style, record: int) -> Figure:
    measured = play.measured(drawn_networks, record)
    said = sentence(flow_of(networks.delta_norms(measured)))
    figure = networks.scene(measured, history.layout, look, said, pulse="site")
    edges, rings = figure["data"]
    return figure | {"data": [edges | {"weight": short(edges["weight"]), "log": short_log(edges["log"])}, rings]}


def _flow(play: Playback, history: History, look: Style, record: int) -> Figure:
    measured = play.measured(m.gradient_flows, record)
    predicted = play.measure(_predicted)
    return gradients.gradient_flow(theory_gap.beside_theory(measured, predicted) if predicted else measured, look)


def _predicted(history: History) -> Prediction | None:
    """Theory's line; None where theory does not apply, as in the lab."""
    try:
        return theory_gap.prediction(history)
    except ValueError:
        return None


def _loss(play: Playback, history: History, look: Style, record: int) -> Figure:
    return loss.performance(play.measure(_performance), look, int(history.step[record]))


def _performance(history: History) -> Measurement:
    """Loss and accuracy over the steps, and the loss of a guess."""
    measured = m.performance(history)
    guess = np.full(len(measured.axes["step"]), m.constant_loss(history.config))
    return replace(measured, values={**measured.values, "guess": guess})


def _updates(play: Playback, history: History, look: Style, record: int) -> Figure:
    return gradients.update_ratio(play.measure(_update_ratios), look, int(history.step[record]))


def _update_ratios(history: History) -> Measurement:
    """How far each update moves the weights of each layer."""
    return m.over_time(history, ("update_ratio",))


_DRAWN = {"network": _network, "flow": _flow, "loss": _loss, "updates": _updates}


def short(values: np.ndarray) -> np.ndarray:
    """Numbers with three digits: to one part in 2000.

    >>> short(np.array([1 / 3, -2.0, np.inf], np.float32)).tolist()
    [0.333251953125, -2.0, inf]
    """
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2**DIGITS) / 2**DIGITS, exponent).astype(np.float32)


def short_log(logs: np.ndarray) -> np.ndarray:
    """log₁₀ of magnitudes with three digits: to one part in 1000."""
    return (np.round(logs * 2.0 ** (DIGITS - 1)) / 2 ** (DIGITS - 1)).astype(np.float32)
