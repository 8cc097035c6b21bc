"""Which fork the page draws: a suggestion, the settings to change and the edits of θ, in widgets bound to the URL."""

from __future__ import annotations

import reprlib
from typing import Any

import streamlit as st

from dashboard.state import visits
from dashboard.state.address import written
from dashboard.state.session import STEP, session, settle
from dashboard.state.sidebar import CONTROLS
from dashboard.ui import heading
from dashboard.words import labels
from dashboard.words.markup import escape
from dashboard.words.numbers import number
from nncore import Edit, Fork, History, KillUnit, RunConfig, ScaleLayer, SetParameter, edits_from_text
from nncore.config.fork import CHANGEABLE
from nncore.numerics.safe_norm import norm

PREFIX = "f_"
CHANGES, EDITS = "f_change", "f_edits"


LABELS = {name: text for name, text in labels.LABELS.items() if name in CHANGEABLE}
"""The settings that a fork may change, as the sidebar names them and in its order."""

FIELD = 130
"""Width in pixels of a field of the edit to be added: two fit side by side on a phone."""

KINDS = {"weight": "One weight", "scale": "A layer × factor", "kill": "Kill a unit"}


def chosen(history: History, suggested: Fork) -> Fork:
    """Draw the card that describes the fork and return it; raises ValueError when the choices do not go together."""
    config = history.config
    _follow(config, suggested)
    with st.container(border=True, key="f_card"):
        heading.small("Fork", "the sidebar's run at one of its steps, change something, and see what it does")
        left, middle, right = st.columns(3, gap="medium")
        with left:
            at = _fork_point(history, suggested)
        with middle:
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
            if text:
                visits.tell(EDITS, text)
            edits = edits_from_text(text)
            before = Fork(config, at, edits)
            _list_of(edits)
            with st.popover("Add an edit", icon=":material/edit:", width="stretch"):
                _new_edit(history, before)
    return Fork(config, at, edits, **changes)


def _follow(config: RunConfig, suggested: Fork) -> None:
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


def _fork_point(history: History, suggested: Fork) -> int:
    """The step to fork at, one that is followed by another; shared with the pages that show a step."""
    if len(history) < 2:
        st.markdown(f"The run has one step, {history.step[0]}: the fork begins there.")
        return int(history.step[0])
    first, last = int(history.step[0]), int(history.step[-1]) - 1
    step = first
    if last > first:
        settle(STEP, suggested.at, (first, last))
        step = st.slider(
            "Fork at step: the change is made here",
            first,
            last,
            suggested.at,
            key=STEP,
            bind="query-params",
            help="The fork takes θ, the optimizer's state and the batches of this step of the sidebar's run, and goes on. "
            "The arrow keys move it.",
        )
        session().widgets[STEP] = step
        if step != suggested.at:
            visits.tell(STEP, str(step))
    return int(history.step[min(history.nearest(step), len(history) - 2)])


def _changes(config: RunConfig, suggested: Fork) -> dict[str, Any]:
    """The settings to change: a menu of them, and for each one chosen the sidebar's own widget."""
    now = session()
    if CHANGES not in st.session_state:
        now.fork_unknown = [name for name in st.query_params.get_all(CHANGES) if name not in ("", *LABELS.values())]
    names = st.multiselect(
        "Settings to change",
        list(LABELS.values()),
        [LABELS[name] for name in suggested.changes],
        key=CHANGES,
        bind="query-params",
        placeholder="none: the fork repeats its parent",
        help="Everything that leaves θ its shape. Each starts at the parent's value.",
        on_change=now.fork_unknown.clear,
    )
    if now.fork_unknown:
        unknown = ", ".join(reprlib.repr(name) for name in now.fork_unknown)
        st.warning(escape(f"The address changes {unknown}, which is no setting of a fork."), icon=":material/link_off:")
    now.widgets[CHANGES] = names
    if names != [LABELS[name] for name in suggested.changes]:
        visits.tell(CHANGES, names or "")
    one = config.activation if isinstance(config.activation, str) else next(iter(config.activation), "tanh")
    biases = config.biases if isinstance(config.biases, str) else config.biases[0]
    start = config.replace(activation=one, biases=biases).replace(**suggested.changes)
    so_far = {field.name: getattr(config, field.name) for field in RunConfig.fields()}
    changes = {}
    place = st.container(key="f_settings")  # one for all: a widget that moves to another is lost to the address
    for name in (name for name in LABELS if LABELS[name] in names):
        with place:
            control = CONTROLS[name].again(PREFIX, start)
            settle(PREFIX + name, control.default)
            so_far[name] = changes[name] = control.draw(control, so_far)
        session().widgets[PREFIX + name] = changes[name]
        if changes[name] != control.default and PREFIX + name not in st.query_params:  # in the browser's own digits
            visits.tell(PREFIX + name, written(name, changes[name]))
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
        now = f"‖W‖ of layer {layer} is {number(float(norm(weight.reshape(-1))))} now."
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
