"""Which fork the page draws: a suggestion, the settings to change and the edits of θ, in widgets bound to the URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from dashboard.charts import style
from dashboard.state.session import STEP, session
from dashboard.state.sidebar import CONTROLS, LEARNING_RATES
from nncore import Edit, Fork, History, KillUnit, RunConfig, ScaleLayer, SetParameter, edits_from_text, run
from nncore.config.cost import seconds_per_step
from nncore.config.fork import CHANGEABLE
from nncore.diagnosis import flow
from nncore.numerics.safe_norm import norm

PREFIX = "f_"
CHANGES, EDITS = "f_change", "f_edits"

EARLY = 0.3
"""Share of the run after which a fork is suggested: enough has happened, and enough is to come."""

LABELS = {name: control.label for name, control in CONTROLS.items() if name in CHANGEABLE}
"""The settings that a fork may change, as the sidebar names them and in its order."""

REMEDIES: tuple[dict[str, Any], ...] = (
    {"activation": "tanh"},
    {"activation": "relu"},
    {"normalization": "layer"},
    {"skip": True},
)
"""Changes that are tried where the gradient does not flow."""

TRIAL_SECONDS = 0.25
"""Estimated time that trying out one suggestion may take."""

LEAST_TRIED = 10
"""Steps that it is tried out for at least."""

FIELD = 130
"""Width in pixels of a field of the edit to be added: two fit side by side on a phone."""

KINDS = {"weight": "One weight", "scale": "A layer × factor", "kill": "Kill a unit"}


@dataclass(frozen=True)
class Suggestion:
    """Where to fork a run and what to change, before anybody has chosen."""

    at: int
    changes: dict[str, Any]


def suggestion(history: History) -> Suggestion:
    """A fork of this run in which something is to be seen: tried out where the gradient does not flow.

    A run that diverged is forked before that at a smaller rate; one whose gradient flows at three times the rate.
    """
    config = history.config
    if history.divergence:
        return _without_divergence(history)
    record = min(history.nearest(round(EARLY * int(history.step[-1]))), max(len(history) - 2, 0))
    at = int(history.step[record])
    if flow(history, record).kind not in ("flowing", "single"):
        for changes in REMEDIES:
            trial = Fork(config, at, steps=at, optimizer="sgd", momentum=0.0, nesterov=False, **changes)
            if flow(run(trial, parent=history), 0).kind == "flowing":
                return Suggestion(at, changes)
    faster = [rate for rate in LEARNING_RATES if rate >= 2.9 * config.learning_rate > 0]
    return Suggestion(at, {"learning_rate": faster[0]} if faster else {})


def _without_divergence(history: History) -> Suggestion:
    """Half-way to the divergence or at the start, at about a tenth of the rate or less: the first that stays finite."""
    config, half = history.config, int(history.step[history.last_finite // 2])
    rates = [
        max((rate for rate in LEARNING_RATES if rate <= config.learning_rate / slower), default=0.0)
        for slower in (9, 90, 900)
    ]
    tried = max(LEAST_TRIED, int(TRIAL_SECONDS / seconds_per_step(config)))
    for at in dict.fromkeys((half, int(history.step[0]))):
        for rate in rates:
            steps = min(config.steps, at + tried)
            trial = Fork(config, at, steps=steps, learning_rate=rate, record_every=1 + steps // 50)
            if run(trial, parent=history).divergence is None:
                return Suggestion(at, {"learning_rate": rate})
    return Suggestion(half, {"learning_rate": rates[-1]})


def chosen(history: History, suggested: Suggestion) -> Fork:
    """Draw the card that describes the fork and return it; raises ValueError when the choices do not go together."""
    config = history.config
    _follow(config, suggested)
    with st.container(border=True, key="f_card"):
        st.markdown("**Fork** :gray[the sidebar's run at one of its steps, change something, and see what it does]")
        at = _fork_point(history, suggested)
        left, right = st.columns(2, gap="large")
        with left:
            changes = _changes(config, suggested)
        with right:
            text = st.text_input(
                "Edits of θ, in order",
                key=EDITS,
                bind="query-params",
                placeholder="none",
                help="Made at the fork, before its first step. W2[0,1] = 0.5 sets the weight of layer 2 from unit 0 to "
                "unit 1, b2[1] = 0 a bias, W2 * 0.5 multiplies a layer's weights, kill 1:4 cuts out unit 4 of layer 1; "
                "separated by semicolons. Units are counted from 0.",
            )
            session().widgets[EDITS] = text
            edits = edits_from_text(text)
            before = Fork(config, at, edits)
            _list_of(edits)
            with st.popover("Add an edit", icon=":material/edit:", width="stretch"):
                _new_edit(history, before)
    return Fork(config, at, edits, **changes)


def _follow(config: RunConfig, suggested: Suggestion) -> None:
    """A suggestion that nobody has touched makes way for the next run's."""
    state, now = st.session_state, session()
    before, now.fork_suggested = now.fork_suggested, (config, suggested.changes)
    if before is None or before[0] == config or CHANGES not in state:
        return
    old = before[1]
    values = {name: state.get(PREFIX + name, value) for name, value in old.items()}
    if [*state[CHANGES]] == [LABELS[name] for name in old] and values == old:
        state[CHANGES] = [LABELS[name] for name in suggested.changes]
        state.update({PREFIX + name: value for name, value in suggested.changes.items()})


def _fork_point(history: History, suggested: Suggestion) -> int:
    """The step to fork at, one that is followed by another; shared with the pages that show a step."""
    if len(history) < 2:
        st.markdown(f"The run has one step, {history.step[0]}: the fork begins there.")
        return int(history.step[0])
    first, last = int(history.step[0]), int(history.step[-1]) - 1
    if not first <= st.session_state.get(STEP, first) <= last:  # brought along from another page
        st.session_state[STEP] = suggested.at
    step = first
    if last > first:
        step = st.slider(
            "Fork at step",
            first,
            last,
            suggested.at,
            key=STEP,
            bind="query-params",
            help="The fork takes θ, the optimizer's state and the batches of this step of the sidebar's run, and goes on. "
            "The arrow keys move it.",
        )
        session().widgets[STEP] = step
    return int(history.step[min(history.nearest(step), len(history) - 2)])


def _changes(config: RunConfig, suggested: Suggestion) -> dict[str, Any]:
    """The settings to change: a menu of them, and for each one chosen the sidebar's own widget."""
    names = st.multiselect(
        "Settings to change",
        list(LABELS.values()),
        [LABELS[name] for name in suggested.changes],
        key=CHANGES,
        bind="query-params",
        placeholder="none: the fork repeats its parent",
        help="Everything that leaves θ its shape. Each starts at the parent's value.",
    )
    session().widgets[CHANGES] = names
    one = config.activation if isinstance(config.activation, str) else next(iter(config.activation), "tanh")
    start = config.replace(activation=one).replace(**suggested.changes)
    so_far = {field.name: getattr(config, field.name) for field in RunConfig.fields()}
    changes = {}
    picked = [name for name in LABELS if LABELS[name] in names]
    columns = st.columns(min(2, len(picked))) if picked else []
    for place, name in enumerate(picked):
        with columns[place % 2]:
            control = CONTROLS[name].again(PREFIX, start)
            so_far[name] = changes[name] = control.draw(control, so_far)
        session().widgets[PREFIX + name] = changes[name]
    return changes


# Edits ------------------------------------------------------------------------------------------------------


def _list_of(edits: tuple[Edit, ...]) -> None:
    """A button for each edit, which takes it back."""
    with st.container(horizontal=True, gap="small", key="f_list"):
        for place, edit in enumerate(edits):
            st.button(
                edit.notation(),
                key=f"f_remove_{place}",
                icon=":material/close:",
                on_click=_take_back,
                args=(place,),
                help=f"Take this edit back: {edit.sentence()}.",
            )


def _take_back(place: int) -> None:
    edits = list(edits_from_text(st.session_state[EDITS]))
    del edits[place]
    _write(edits)


def _append(edit: Edit) -> None:
    _write([*edits_from_text(st.session_state[EDITS]), edit])


def _write(edits: list[Edit]) -> None:
    st.session_state[EDITS] = "; ".join(edit.notation() for edit in edits)


@st.fragment
def _new_edit(history: History, before: Fork) -> None:
    """One more edit: its kind, its place, its value, with the present value beside it."""
    layout = before.layout()
    kinds = [kind for kind in KINDS if kind != "kill" or layout.n_layers > 1]
    kind = st.segmented_control(
        "Kind of edit", kinds, format_func=KINDS.__getitem__, default="weight", key="f_kind", required=True
    )
    last = layout.n_layers - (kind == "kill")
    place = st.container(horizontal=True, gap="small")
    layer = _whole(place, "Layer", "f_layer", 1, last)
    fan_in, fan_out = layout.fans[layer - 1]
    theta = before.edited(history.theta[history.nearest(before.at)])
    weight, bias = layout.split(theta)[layer - 1]
    edit: Edit
    if kind == "scale":
        factor = place.number_input("Factor", value=0.5, key="f_factor", format="%g", width=FIELD)
        edit = ScaleLayer(layer, float(factor))
        now = f"‖W‖ of layer {layer} is {style.number(float(norm(weight.reshape(-1))))} now."
    elif kind == "kill":
        unit = _whole(place, "Unit", "f_unit", 0, fan_out - 1)
        edit = KillUnit(layer, unit)
        now = "Its incoming weights, its bias and its outgoing weights become 0."
    else:
        sources: list[str] = ["bias", *map(str, range(fan_in))]
        if st.session_state.get("f_from", "0") not in sources:
            st.session_state["f_from"] = sources[-1]
        source = place.selectbox("From unit", sources, 1, key="f_from", width=FIELD)
        target = _whole(place, "To unit", "f_to", 0, fan_out - 1)
        value = place.number_input("Value", value=0.0, key="f_value", format="%g", width=FIELD)
        row = None if source == "bias" else int(source)
        edit = SetParameter(layer, row, target, float(value))
        present = bias[target] if row is None else weight[row, target]
        now = f"It is **{present:.6g}** now, at step {before.at}."
    st.caption(now)
    if st.button("Add", key="f_add", type="primary", on_click=_append, args=(edit,)):
        st.rerun()


def _whole(place: st.delta_generator.DeltaGenerator, label: str, key: str, low: int, high: int) -> int:
    """A whole number that stays in a range which depends on other choices."""
    if not low <= st.session_state.get(key, low) <= high:
        st.session_state[key] = high
    return int(place.number_input(label, low, high, key=key, width=FIELD))
