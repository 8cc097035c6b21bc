"""Your own model: a training recorded from PyTorch, module by module, while it runs or afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from dashboard.charts import activations
from dashboard.charts.style import Figure
from dashboard.charts.text import Text
from dashboard.jobs import limits
from dashboard.state.address import link
from dashboard.state.session import session
from dashboard.ui import card, theme
from dashboard.views.own_model import beside, charts, live, source, verdicts
from dashboard.words.markup import escape
from nncore import Measurement
from nncore.diagnosis.recorded_ledger import chain, recorded_ledger, stand_in, why_no_chain
from nncore.diagnosis.recorded_run import last_finite
from nncore.recorders import measures
from nncore.recorders.pulse import pulse
from nncore.recorders.recorded import Recorded
from nncore.recorders.residual import branches, residual_stream

THREE_LINES = """from nncore.recorders.torch import record

with record(model, optimizer, every=10, path="run.arrows") as recorder:
    for x, y in loader:
        loss = criterion(model(x), y); optimizer.zero_grad(); loss.backward(); optimizer.step()
        recorder.log(loss)"""

CALLBACKS = (
    "Under Hugging Face's Trainer, Lightning or Keras it is a callback: `from nncore.recorders.huggingface import recorder` "
    '(or `.lightning`, `.keras`), then `callbacks=[recorder(every=10, path="run.arrows")]`.'
)

ALL = "the way of the gradient"
EVERY = "every "
"""What stands before a kind of module among the choices."""

OPENED = "o_block"
UPDATE_RATIO = "update_ratio"
MOST_ROWS = 24
"""Modules of a model that are all shown where nothing is chosen; of a larger one those along the gradient's way."""

SHOWN = ("delta_norm", "activation_std", "saturated_fraction", "dead_fraction", "update_ratio", "weight_gradient_norm")
"""Quantities offered for the map over training."""

STORED = {"activation": "activation_quantiles", "delta": "delta_octaves", "weight_gradient": "gradient_octaves"}
"""Distributions at a step, and what they are made from."""


def page() -> None:
    """The page, top to bottom."""
    st.title("Your own model", anchor=False)
    st.markdown(
        "Which layer of your PyTorch or Keras model stops learning, and since when? Record its training, bring the file here, "
        "also while it is still written, and read the verdict block by block."
    )
    found, before = choose()
    if found is None:
        st.code(THREE_LINES, language="python")
        st.caption(CALLBACKS)
        if not st.toggle("Show an example with made-up numbers", key="o_example", bind="query-params"):
            return
        found, before = source.made_up()
    name, recorded = found
    followed = [run for run in (found, before) if run is not None and run[1].may_grow and run[1].path is not None]
    drawn = [pulse(recorded) for _, recorded in followed]  # before the page, which says no less
    alive = st.container(key="o_alive", gap="xsmall")
    if len(recorded.steps):
        show(name, recorded, before if before and len(before[1].steps) else None)
    elif (silent := pulse(recorded)) is not None and silent.stopped:
        st.warning(silent.sentence(), icon=":material/power_off:")
    else:
        st.info("Recording has begun; not one step is whole yet.", icon=":material/hourglass_empty:")
    if followed:
        with alive:
            st.fragment(live.follow)(followed, drawn)


def choose() -> tuple[source.Run | None, source.Run | None]:
    """The run to show, and one to lay beside it, each with what it is called."""
    place = limits.recorded()
    now, other = st.columns(2)
    with now:
        if place is None:
            found = source.uploaded("o_file", "A recorded run, a log of TensorBoard, or a tidy CSV")
        else:
            found = source.of_operator("o_run", "Recorded run", place)
    if found is None:
        return None, None
    with other:
        label = "Beside it: the run before a change"
        before = (
            source.uploaded("o_before_file", label)
            if place is None
            else source.of_operator("o_before", label, place, found[0])
        )
    return found, before


def show(name: str, recorded: Recorded, before: source.Run | None) -> None:
    """Verdicts and charts of one recorded run, and of the one before beneath."""
    steps = recorded.steps
    record = last_finite(recorded)
    if len(steps) > 1:
        step = st.select_slider("Step", steps.tolist(), int(steps[record]), key="o_step")
        record = int(np.searchsorted(steps, step))
    if before is None:
        verdicts.of_one(name, recorded, record)
    else:
        verdicts.of_both(name, recorded, record, before)
    rows = chosen_rows(recorded)
    if not rows:
        st.info("No module has such a name.", icon=":material/search_off:")
        return
    session().cards.begin("recorded", record)
    shown = Shown(name, recorded, record, rows, before)
    there = [draw for draw, is_there in shown.cards().items() if is_there]
    for start in range(0, len(there), 2):
        for column, draw in zip(st.columns(2), there[start : start + 2], strict=False):
            with column:
                draw(shown)
    known = dict.fromkeys((*recorded.caveats, *(before[1].caveats if before else ())))
    for caveat in filter(None, (*known, why_no_chain(recorded))):
        st.caption(f":material/info: {escape(caveat)}")
    offer_stand_in(recorded)


def offer_stand_in(recorded: Recorded) -> None:
    """A link to the lab on a network like a plain chain, where remedies can be tried out; it says what is not alike."""
    config = stand_in(recorded)
    if config is None:
        return
    with st.container(border=True, key="o_stand_in", gap="xsmall"):
        st.page_link(
            "views/lab/page.py",
            label="Open a stand-in for it in the lab",
            icon=":material/labs:",
            query_params={"dataset": config.dataset, **link(config)},
        )
        st.caption(
            f"A multilayer perceptron of the same depth, widths, activation ({config.activation}) and size of weights (gain "
            f"{config.gain:g}), on rows of nncore's own: in it every remedy can be tried out. It is not your model."
        )


def chosen_rows(recorded: Recorded) -> list[int]:
    """Modules, as indices: of a block, of one kind in every block, with a word in their name, or the gradient's way."""
    blocks, kinds = [block.name for block in recorded.blocks], recorded.kinds
    pick, word = st.columns(2)
    opened = pick.selectbox(
        "Modules",
        [ALL, *(EVERY + kind for kind in kinds), *blocks],
        key=OPENED,
        help="The gradient's way through the model, one kind of module in every block, or one block: a click on a module in "
        "the gradient flow or the map opens its block.",
    )
    text = word.text_input("Only names with", key="o_word", placeholder="qkv, mlp, norm …", bind="query-params")
    called = list(recorded.called)
    if opened.startswith(EVERY):
        called = [place for place in kinds[opened.removeprefix(EVERY)] if place in called]
    if text:
        return [place for place in called if text.lower() in recorded.modules[place].name.lower()]
    if opened.startswith(EVERY):
        return called
    if opened != ALL:
        return [place for place in recorded.blocks[blocks.index(opened)].modules if place in called]
    return called if len(called) <= MOST_ROWS else list(recorded.path_of_gradient) or called


@dataclass(frozen=True)
class Shown:
    """What the cards are of: a run, the record and the modules chosen, and the run before a change where there is one."""

    name: str
    recorded: Recorded
    record: int
    rows: list[int]
    before: source.Run | None

    @property
    def step(self) -> int:
        """The step chosen."""
        return int(self.recorded.steps[self.record])

    @property
    def with_weights(self) -> list[int]:
        """The modules chosen that have weights."""
        return [place for place in self.rows if self.recorded.weight_of(place) is not None]

    @property
    def quantities(self) -> list[str]:
        """What a map can show."""
        return [name for name in SHOWN if np.isfinite(self.recorded.quantity(charts.quantity(name).name)).any()]

    @property
    def quantity(self) -> str:
        """What the map shows."""
        chosen, there = st.session_state.get("o_quantity"), self.quantities
        return chosen if chosen in there else there[0]

    def cards(self) -> dict[Callable[[Shown], None], bool]:
        """Each card, in the page's order, and whether there is something to draw in it."""
        runs = [self.recorded, *([] if self.before is None else [self.before[1]])]
        has_map, has_loss = bool(self.quantities), any(np.isfinite(run.loss).any() for run in runs)
        has_updates = bool(np.isfinite(self.recorded.quantity("update_ratio")).any())
        kept = {
            partial(distribution, of): bool(self.recorded.has_distribution(stored)[self.record])
            for of, stored in STORED.items()
            if of != "weight_gradient" or len(self.with_weights) >= min(2, len(self.rows))
        }
        kept = {ledger: bool(chain(self.recorded)), stream: bool(branches(self.recorded))} | kept
        has_lines = has_map and len(self.rows) > charts.MOST_NAMES and self.quantity != UPDATE_RATIO
        changes = {partial(lines, UPDATE_RATIO): has_updates, partial(lines, ""): has_lines}
        if self.before is None:
            return {flow: True, over_training: has_map} | changes | {loss: has_loss} | kept
        return {flow: True, loss: has_loss, map_before: has_map, over_training: has_map} | changes | kept

    def open_at(self, row: Any) -> None:
        """Open the block of the module in a row, counted from 1; one outside of all blocks has none."""
        place = row - 1 if isinstance(row, int) else -1
        if 0 <= place < len(self.rows) and (block := self.recorded.modules[self.rows[place]].block):
            st.session_state[OPENED], st.session_state["o_word"] = block, ""

    def draw(self, key: str, text: Text, measured: Measurement, figure: Figure, **more: Any) -> None:
        """A card; what is to know of the whole run stands below all of them, not in each."""
        runs = [self.recorded, *([] if self.before is None else [self.before[1]])]
        known = {caveat for run in runs for caveat in run.caveats}
        own = replace(measured, caveats=tuple(caveat for caveat in measured.caveats if caveat not in known))
        card.show(key, text, own, figure, **more)


def flow(shown: Shown) -> None:
    """The gradient along the modules at the step chosen."""
    measured, other = measures.gradient_flow(shown.recorded, shown.record, shown.rows), ""
    if shown.before is not None:
        other = shown.before[0]
        measured = beside.at_a_step(measured, shown.before[1], shown.step)
    drawn = charts.flow(measured, theme.current(), other)
    shown.draw("o_flow", charts.FLOW, measured, drawn, height=400, on_click=lambda point: shown.open_at(point["x"]))


def ledger(shown: Shown) -> None:
    """Which part of each layer's factor is the weights', which the slope's, at the step chosen."""
    measured = recorded_ledger(shown.recorded, shown.record)
    shown.draw("o_ledger", charts.LEDGER, measured, charts.ledger(measured, theme.current()))


def stream(shown: Shown) -> None:
    """How large the residual stream is after each block at the step chosen, and each branch beside it."""
    measured = residual_stream(shown.recorded, shown.record)
    shown.draw("o_stream", charts.STREAM, measured, charts.stream(measured, theme.current()))


def distribution(of: str, shown: Shown) -> None:
    """How the values of each module are distributed at the step chosen."""
    rows = shown.with_weights if of == "weight_gradient" else shown.rows
    measured = measures.distribution(shown.recorded, shown.record, of, rows)
    drawn = charts.distribution(measured, of, theme.current())
    shown.draw(f"o_{of}", activations.DISTRIBUTIONS[of], measured, drawn)


def lines(of: str, shown: Shown) -> None:
    """The smallest, middle and largest update ratio at each step, or of what the map shows where no quantity is named."""
    name = of or shown.quantity
    measured = measures.per_layer(shown.recorded, name, None, shown.rows)
    if shown.before is not None:
        other = beside.over_steps(measured, name, shown.before[1])
        measured = measures.together(measured, other, (shown.name, shown.before[0]))
    if np.isfinite(measured[name]).any():
        drawn = charts.spread(measured, name, theme.current(), shown.step)
        key, text = ("o_updates", charts.UPDATES) if of else ("o_lines", charts.LINES)
        shown.draw(key, text, measured, drawn, finding="" if of else charts.quantity(name).about)


def loss(shown: Shown) -> None:
    """The loss that was logged."""
    measured = measures.performance(shown.recorded)
    if shown.before is not None:
        measured = measures.together(measured, measures.performance(shown.before[1]), (shown.name, shown.before[0]))
    if np.isfinite(measured["loss"]).any():
        shown.draw("o_loss", charts.LOSS, measured, charts.loss(measured, theme.current(), shown.step))


def over_training(shown: Shown) -> None:
    """The map of a quantity to choose."""
    there, name = shown.quantities, shown.quantity
    pick = partial(
        st.segmented_control,
        "Quantity",
        there,
        format_func=lambda each: charts.quantity(each).symbol,
        default=there[0],
        key="o_quantity",
        label_visibility="collapsed",
        required=True,
    )
    measured, others = measures.per_layer(shown.recorded, name, None, shown.rows), None
    if shown.before is not None:
        others = beside.over_steps(measured, name, shown.before[1])[name]
    drawn = charts.over_steps(measured, name, theme.current(), shown.step, others)
    about = charts.quantity(name).about
    shown.draw(
        "o_map",
        charts.MAP,
        measured,
        drawn,
        height=360,
        above=pick,
        finding=about,
        on_click=lambda point: shown.open_at(point["y"]),
    )


def map_before(shown: Shown) -> None:
    """The same map of the run before, in the same colours."""
    assert shown.before is not None
    name = shown.quantity
    now = measures.per_layer(shown.recorded, name, None, shown.rows)
    measured = beside.over_steps(now, name, shown.before[1])
    drawn = charts.over_steps(measured, name, theme.current(), shown.step, now[name])
    shown.draw("o_map_before", charts.MAP_BEFORE, measured, drawn, height=360, finding=charts.quantity(name).about)


page()
