"""The run that is shown among many seeds: how many, what they came to, and their bands on the lab's charts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import streamlit as st

from dashboard.charts import seed_bands as charts
from dashboard.charts.style import Style
from dashboard.jobs.progress import QUIET_SECONDS, finished, session_id
from dashboard.jobs.registry import SEEDS, runs
from dashboard.jobs.work import SeedRequest, SeedTraining, Training
from dashboard.state.session import session
from dashboard.ui import card
from dashboard.ui.theme import current
from dashboard.words.numbers import number, percent, ranges
from nncore import History, Measurement
from nncore import measures as m
from nncore.seeds import MOST_SEEDS, PERCENTILES, SCORES, Seeds, band, inside_theory, standing
from nncore.theory import Prediction

KEY = "seeds"
PARTS = (*PERCENTILES, "seeds")


def control() -> int:
    """How many seeds the charts of the lab show; the number stands in the address."""
    n_seeds = st.number_input(
        "Seeds",
        1,
        MOST_SEEDS,
        1,
        1,
        key=KEY,
        bind="query-params",
        width=round(140 * current().scale),
        help="Runs the set-up again with the seeds that follow, for other data, first weights and batches: the charts "
        "then show the median and the band of the middle 80 %, and this seed's place in it.",
    )
    session().widgets[KEY] = n_seeds
    return int(n_seeds)


def study(training: Training, record: int, n_seeds: int) -> SeedTraining | None:
    """The seeds in words, once they are all measured, and for the charts; None for one seed, or while they train.

    All that is said has one place that is always there, so that the charts below it stay where they are.
    """
    with st.container(key="seeds_said"):
        if n_seeds == 1:
            runs().leave(session_id(), SEEDS)
            return None
        try:
            (asked,) = runs().ask(session_id(), [SeedRequest(training.config, n_seeds)], SEEDS)
        except ValueError as problem:
            st.warning(f"No seed bands: {problem}.", icon=":material/block:")
            return None
        if not finished([asked], SEEDS, patience=QUIET_SECONDS):  # the charts below do not wait
            return None
        found = asked.seeds
        st.markdown(words(found, int(training.history.step[record])))
        if found.was_stopped:
            st.button("Run all seeds", key="again_seeds", on_click=runs().leave, args=(session_id(), SEEDS))
    return asked if len(found) else None


# In words ---------------------------------------------------------------------------------------------------


def words(found: Seeds, step: int) -> str:
    """Where the first seed stands among the others, at layer 1 and this step, and which seeds diverged."""
    if not len(found):
        return "Stopped before the first seeds were done."
    row = found.nearest(step)
    delta = found.layers["delta_norm"][:, row, 0]
    parts = [endings(found)]
    place = standing(delta)
    if np.isfinite(place):
        low, high = np.percentile(delta[np.isfinite(delta)], [10, 90])
        parts.insert(
            0,
            f"Seed {found.seeds[0]} is at the **{ordinal(place)} percentile** of {len(found)} seeds in δ of layer 1 at step "
            f"{found.steps[row]}; the middle 80 % receive {number(low)} to {number(high)}.",
        )
    return " ".join(filter(None, [*parts, found.stopped]))


def endings(found: Seeds) -> str:
    """Which seeds diverged."""
    diverged = found.diverged
    if not diverged:
        return f"None of the {len(found)} diverged."
    first = min(where.step for where in diverged.values())
    named = ranges(np.array(sorted(diverged)))
    who = f"Seed {named}" if len(diverged) == 1 else f"{len(diverged)} of {len(found)} seeds ({named})"
    return f"**{who} diverged**{', the first' if len(diverged) > 1 else ''} at step {first}."


def ordinal(percentile: float) -> str:
    """A percentile as 1st, 2nd, 35th.

    >>> [ordinal(p) for p in (1.2, 22, 12, 53.4)]
    ['1st', '22nd', '12th', '53rd']
    """
    whole = round(percentile)
    ending = "th" if whole % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(whole % 10, "th")
    return f"{whole}{ending}"


def theory_words(repeated: SeedTraining | None, predicted: Prediction) -> str:
    """Which share of the seeds lies in the theory band at step 0."""
    if repeated is None:
        return ""
    share = inside_theory(repeated.seeds, predicted)
    if not np.isfinite(share).any():
        return ""
    n_seeds = len(repeated.seeds)
    expected = "the band need not hold 95 % here" if predicted.flags else "95 % are expected"
    return (
        f"Of {n_seeds} seeds {percent(float(share[0]))} lie inside the theory band at layer 1, {percent(float(np.nanmean(share)))} "
        f"over all layers; {expected}."
    )


# Bands beside the run ---------------------------------------------------------------------------------------


def layer_bands(found: Seeds) -> Measurement:
    """Percentiles over the seeds per step and layer."""
    return band(found.layers)


def score_bands(found: Seeds) -> Measurement:
    """Percentiles over the seeds of losses and accuracies per step."""
    return band(found.scores)


def with_bands(measured: Measurement, repeated: SeedTraining | None, *names: str) -> Measurement:
    """A measurement over step and layer with the seeds' percentiles of some of its quantities, at its own steps."""
    if repeated is None:
        return measured
    found, percentiles = repeated.seeds, repeated.measured(layer_bands)
    rows = [found.nearest(step) for step in measured.axes["step"]]
    more = {f"{name}_{part}": percentiles[f"{name}_{part}"][rows] for name in names for part in PARTS}
    off = found.steps[rows[-1]] != measured.axes["step"][-1]
    caveats = (f"The band is that of step {found.steps[rows[-1]]}.",) if off else ()
    return replace(measured, values={**measured.values, **more}, caveats=(*measured.caveats, *caveats))


def performance(training: Training, repeated: SeedTraining | None) -> Measurement:
    """Loss and accuracy; with many seeds at the steps at which these were measured, percentiles beside them."""
    if repeated is None:
        return training.measured(m.performance)
    found, percentiles = repeated.seeds, repeated.measured(score_bands)
    history = training.history
    records = np.flatnonzero(np.isin(history.step, found.steps))
    own = m.performance(history, records)
    rows = np.searchsorted(found.steps, history.step[records])
    values = {}
    for name, each in own.values.items():
        values[name] = np.full(len(found.steps), np.nan)
        values[name][rows] = each
    values |= {f"{name}_{part}": percentiles[f"{name}_{part}"] for name in SCORES for part in PARTS}
    return Measurement("performance", {"step": found.steps}, values, caveats=percentiles.caveats)


def updates(training: Training, repeated: SeedTraining, record: int, look: Style) -> None:
    """The update ratio per layer at one step, with its band; at the end of the run, that of the update before."""
    found = repeated.seeds
    row = min(found.nearest(int(training.history.step[record])), max(len(found.steps) - 2, 0))
    measured = _at(training, repeated, row, "update_ratio")
    line = charts.Line("update_ratio", "update ratio", look.primary, "square")
    figure = charts.per_layer(measured, [line], look, title="‖ΔW‖ / ‖W‖", guide=1e-3)
    card.show("updates", charts.UPDATES, measured, figure, height=300)


def saturation(training: Training, repeated: SeedTraining, record: int, name: str, look: Style) -> None:
    """The share of units on the flat side and of dead units per layer at one step, with their bands."""
    row = repeated.seeds.nearest(int(training.history.step[record]))
    measured = _at(training, repeated, row, name, "dead_fraction")
    lines = [
        charts.Line(name, m.LAYER_QUANTITIES[name].label, look.activation, "circle"),
        charts.Line("dead_fraction", "dead units", look.ink, "x"),
    ]
    figure = charts.per_layer(measured, lines, look, title="share")
    card.show("saturation", charts.SATURATION, measured, figure, height=300)


def _at(training: Training, repeated: SeedTraining, row: int, *names: str) -> Measurement:
    """The run's own numbers per layer at a step of the seeds, and the seeds' percentiles."""
    record = training.history.nearest(int(repeated.seeds.steps[row]))
    return with_bands(training.measured(own_layers, names, record), repeated, *names)


def own_layers(history: History, names: tuple[str, ...], record: int) -> Measurement:
    """Quantities per layer at one record."""
    return m.per_layer(history, names, np.array([record]))
