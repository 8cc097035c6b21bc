"""One widget per RunConfig field, bound to the URL: the sidebar in, a RunConfig out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.state import address, lessons, undo, uploads, visits
from dashboard.state.address import (
    FIELDS,
    FIRST_SETTINGS,
    FIRST_SIGHT,
    GROUP_OF,
    REACH,
    UNFOLDED,
    is_drawn,
    is_offered,
    setting,
    settings_of,
)
from dashboard.state.session import STEP, session
from dashboard.words.labels import GROUPS, LABELS, LAYERS, option
from dashboard.words.markup import escape
from dashboard.words.settings import in_words
from nncore import ACTIVATIONS, DATASETS, INITIALIZERS, RunConfig
from nncore.config.run_config import TABLE, takes
from nncore.config.settings import LEARNING_RATES, LONGEST_TEXT
from nncore.config.without_effect import without_effect
from nncore.data.features import FEATURES
from nncore.data.given import GIVEN, given_dataset
from nncore.data.table import TableChoice

Values = dict[str, Any]
"""Field -> its value, of the controls above."""


def _always(so_far: Values) -> bool:
    return True


@dataclass(frozen=True)
class Control:
    """A widget for one field: where its effect is seen, how it is drawn, and when it has an effect.

    `draw(control, so_far)` places the widget and returns its value; `seen` completes the field's help.
    `active(so_far)` looks at the values above it; a control without effect is greyed out.
    """

    field: str
    seen: str
    draw: Callable[[Control, Values], Any]
    active: Callable[[Values], bool] = _always
    start: RunConfig = FIRST_SIGHT
    prefix: str = ""

    def again(self, prefix: str, start: RunConfig) -> Control:
        """The same widget once more on the page, under another key and with another config's value to begin with."""
        return replace(self, prefix=prefix, start=start)

    @property
    def label(self) -> str:
        """What the widget is called."""
        return LABELS[self.field]

    @property
    def facts(self) -> Any:
        """The field's help, choices and range."""
        return FIELDS[self.field].metadata

    @property
    def default(self) -> Any:
        """The value that the widget begins with."""
        return getattr(self.start, self.field)

    def common(self, so_far: Values) -> dict[str, Any]:
        """What every widget of this control is given."""
        return {
            "key": self.prefix + self.field,
            "help": f"{self.facts['help']} {self.seen}",
            "disabled": not self.active(so_far),
            "bind": "query-params",
        }


# Kinds of widgets -------------------------------------------------------------------------------------------


def _choice(control: Control, so_far: Values) -> str:
    choices = control.facts["choices"]
    return st.selectbox(control.label, choices, index=choices.index(control.default), **control.common(so_far))


def _table(control: Control, so_far: Values) -> str:
    """The text that names a table; the page on which it is chosen writes it."""
    common = control.common(so_far) | {"max_chars": LONGEST_TEXT}
    return st.text_input(control.label, placeholder="chosen on the page Your data", **common).strip()


def _text_like(example: str) -> Callable[[Control, Values], str]:
    """A list as text, read when the config is made."""

    def draw(control: Control, so_far: Values) -> str:
        common = control.common(so_far) | {"max_chars": LONGEST_TEXT}
        return st.text_input(control.label, placeholder=example, **common).strip()

    return draw


def _toggle(control: Control, so_far: Values) -> bool:
    return st.toggle(control.label, value=control.default, **control.common(so_far))


def _features(control: Control, so_far: Values) -> tuple[str, ...]:
    """Several of the features; none where the data has not two inputs, whatever was chosen before."""
    common = control.common(so_far) | {"selection_mode": "multi", "format_func": option}
    chosen = st.pills(control.label, list(FEATURES), default=list(control.default), **common)
    return tuple(chosen) if control.active(so_far) else ()


def _slider(step: float) -> Callable[[Control, Values], Any]:
    """A slider over the sidebar's reach in a setting, or over all of it."""

    def draw(control: Control, so_far: Values) -> Any:
        low, high = map(type(step), REACH.get(control.field, (control.facts["low"], control.facts["high"])))
        return st.slider(control.label, low, high, control.default, step, **control.common(so_far))

    return draw


def _rates(control: Control, so_far: Values) -> float:
    rates, common = (0.0, *LEARNING_RATES), control.common(so_far)
    return st.select_slider(control.label, rates, control.default, format_func=option, **common)


def _number(control: Control, so_far: Values) -> float | None:
    """A number to be typed; the field may be emptied where the setting may."""
    facts, common, start = control.facts, control.common(so_far), control.default
    kind, common["step" if facts["whole"] else "format"] = (int, 1) if facts["whole"] else (float, "%g")
    if FIELDS[control.field].default is None:
        common["placeholder"] = in_words(control.field, None)
    start = None if start is None else kind(start)
    return st.number_input(control.label, kind(facts["low"]), kind(facts["high"]), start, **common)


def _hidden(control: Control, so_far: Values) -> tuple[int, ...]:
    """Depth and width; a list of widths, folded away below, takes their place."""
    common = {"bind": "query-params", "disabled": bool(setting("widths"))}
    depth, width = setting("depth"), setting("width")
    if is_drawn("depth"):
        depth = st.slider(
            LAYERS["depth"],
            *REACH["depth"],
            FIRST_SIGHT.depth,
            key="depth",
            **common,
            help="Hidden layers. Each one multiplies the gradient by its weights and its slope once more: the "
            "gradient-flow line grows longer, and falls or rises further.",
        )
    if is_drawn("width"):
        width = st.slider(
            LAYERS["width"],
            *REACH["width"],
            FIRST_SIGHT.hidden[0],
            key="width",
            **common,
            help="Units of each hidden layer. Wider layers scatter less from seed to seed: the gradient-flow line "
            "gets straighter.",
        )
    return (width,) * depth


def _layer_lists() -> None:
    """Lists that take the place of depth and width, of the one activation for all, and of what becomes of all biases."""
    for key, placeholder, help in (
        (
            "widths",
            "64, 32, 16",
            "Hidden widths, input side first, separated by commas. They replace depth and width, and the gradient-flow "
            "chart shows a kink where widths change.",
        ),
        (
            "layer_activations",
            "tanh, tanh, relu",
            "One name for each hidden layer, input side first, separated by commas. They replace the one activation; the "
            "gradient-flow line changes its slope where the activation changes.",
        ),
        (
            "layer_biases",
            "fixed, learned, none",
            "What becomes of the biases of each layer, input side first and the output last, separated by commas. They "
            "replace the one setting for all; those held stay flat in θ over time.",
        ),
    ):
        if is_drawn(key):
            st.text_input(LAYERS[key], key=key, bind="query-params", placeholder=placeholder, help=help)


# When a control has an effect -------------------------------------------------------------------------------


def _when(field: str, *values: str) -> Callable[[Values], bool]:
    return lambda so_far: so_far[field] in values


def _of_optimizer(field: str) -> Callable[[Values], bool]:
    return lambda so_far: takes(so_far["optimizer"], field)


def _has_scale(so_far: Values) -> bool:
    return INITIALIZERS[so_far["init"]].default_scale is not None


def _data(fact: str) -> Callable[[Values], bool]:
    """A fact about the data set; an uploaded table has neither noise nor a number of classes to choose."""
    return lambda so_far: so_far["dataset"] in DATASETS and getattr(DATASETS[so_far["dataset"]], fact)


def _may_be_tested(so_far: Values) -> bool:
    return so_far["dataset"] != GIVEN


def _may_be_standardized(so_far: Values) -> bool:
    return so_far["dataset"] != GIVEN and not _data("lecture")(so_far)


def _has_two_inputs(so_far: Values) -> bool:
    if so_far["dataset"] in DATASETS:
        return DATASETS[so_far["dataset"]].n_features == 2
    try:
        if so_far["dataset"] == GIVEN:
            return given_dataset(so_far["rows"]).n_features == 2
        return TableChoice.parse(so_far["table"]).with_rows().dataset.n_features == 2
    except ValueError:  # no table yet, or none that is here: building the config says so
        return False


def _has_alpha(so_far: Values) -> bool:
    names = so_far["activation"]
    return any(ACTIVATIONS[name].alpha is not None for name in ((names,) if isinstance(names, str) else names))


def _draws_weights(so_far: Values) -> bool:
    return so_far["init"] != "zeros"


# The table --------------------------------------------------------------------------------------------------

CONTROLS = {
    control.field: control
    for control in (
        Control("dataset", "What the network learned is drawn below the loss.", _choice),
        Control(
            "rows",
            "They are all for training, as they are.",
            _text_like("0.05, 0.1 : 0.01, 0.99"),
            _when("dataset", GIVEN),
        ),
        Control("n_samples", "More rows smooth the loss curve and slow each step.", _number),
        Control("noise", "Seen in the picture of what the network learned.", _slider(0.05), _data("uses_noise")),
        Control("n_classes", "Each adds an output unit; the loss starts higher.", _slider(1), _data("uses_classes")),
        Control("test_fraction", "Draws the test curve beside the training loss.", _slider(0.05), _may_be_tested),
        Control(
            "standardize", "Off, large inputs saturate layer 1 in the activation chart.", _toggle, _may_be_standardized
        ),
        Control(
            "table", "Not the data itself: that stays in the session that read it.", _table, _when("dataset", TABLE)
        ),
        Control(
            "features",
            "With the right ones a single layer is enough: see what the network learned.",
            _features,
            _has_two_inputs,
        ),
        Control("hidden", "", _hidden),
        Control("activation", "It decides how steep the gradient-flow line is.", _choice),
        Control("alpha", "Seen in the gradient-flow chart.", _number, _has_alpha),
        Control("output", "It puts its slope into δ of the last layer.", _choice),
        Control("biases", "Held biases stay flat in θ over time.", _choice),
        Control("normalization", "Seen in the gradient-flow and activation charts.", _choice),
        Control("skip", "They carry the gradient past each layer: seen in the gradient-flow line.", _toggle),
        Control("init", "It decides where the dotted step-0 line runs.", _choice),
        Control("gain", "It tilts the gradient-flow line.", _slider(0.05), _draws_weights),
        Control("init_scale", "Seen in the activation chart at step 0.", _number, _has_scale),
        Control("init_low", "Seen in the activation chart at step 0.", _number, _when("init", "uniform")),
        Control("init_high", "Seen in the activation chart at step 0.", _number, _when("init", "uniform")),
        Control("theta", "Every chart begins with it.", _text_like("0.15, 0.2, …")),
        Control("bias_std", "Seen in the activation chart at step 0.", _slider(0.05)),
        Control("optimizer", "Adaptive ones lift the update ratio of layers that receive little.", _choice),
        Control("learning_rate", "It moves the update-ratio lines up or down.", _rates),
        Control("steps", "It lengthens every chart over time.", _number),
        Control("loss", "It sets the level of δ at the output; the tilt stays.", _choice),
        Control("batch_size", "Small batches make the loss curve and θ jitter.", _number),
        Control("momentum", "Seen in the loss and the update ratio.", _slider(0.01), _of_optimizer("momentum")),
        Control("nesterov", "Seen in the loss curve.", _toggle, _of_optimizer("nesterov")),
        Control("beta_1", "Larger smooths the updates: seen in the update ratio.", _number, _of_optimizer("beta_1")),
        Control("beta_2", "Larger steadies the update ratio.", _number, _of_optimizer("beta_2")),
        Control("rms_alpha", "Larger steadies the update ratio.", _number, _of_optimizer("rms_alpha")),
        Control(
            "epsilon",
            "It lowers the update ratio of layers whose gradient is smaller than it.",
            _number,
            _of_optimizer("epsilon"),
        ),
        Control("weight_decay", "Seen in θ over time.", _number),
        Control("schedule", "Seen in the update ratio.", _choice),
        Control("schedule_every", "Steps down in the update ratio.", _number, _when("schedule", "step")),
        Control("schedule_factor", "Seen in the update ratio.", _slider(0.05), _when("schedule", "step")),
        Control("schedule_floor", "Seen in the update ratio.", _slider(0.05), _when("schedule", "cosine")),
        Control("warmup_steps", "The update ratio rises over them.", _number),
        Control("l1", "Seen in θ over time.", _number),
        Control("l2", "Seen in θ over time and in the loss.", _number),
        Control("clip_norm", "It caps the update ratio; the gradients shown stay unclipped.", _number),
        Control("clip_value", "It caps the update ratio; the gradients shown stay unclipped.", _number),
        Control("seed", "What stays from seed to seed is the network's doing.", _number),
        Control("dtype", "In float32 the smallest gradients become exact zeros.", _choice),
        Control("record_every", "Charts over time get coarser.", _number),
        Control("probe_size", "More rows steady every measured line.", _number),
    )
}
"""Every field of RunConfig, in the order of the sidebar."""


# The sidebar ------------------------------------------------------------------------------------------------


def sidebar() -> RunConfig:
    """Draw the sidebar and return what it describes; raises ValueError when the choices do not go together.

    What is folded away in it is drawn by `draw_folded`, from the first time on that it is unfolded.
    """
    values: Values = {}
    now = session()
    now.folded = []
    now.unfolded |= {group for group in GROUPS if st.session_state.get(f"more_{group}")}
    visits.bring()
    wanted = address.asked()
    undo.hold()
    with st.sidebar:
        buttons = st.container(horizontal=True, key="undo_buttons")
        for group, title in GROUPS.items():
            controls = [control for control in CONTROLS.values() if control.facts["group"] == group]
            remaining = {key for key, its in GROUP_OF.items() if its == group and is_offered(key)}
            if remaining:
                st.markdown(f"**{title}**")
            for control in controls:
                if control.field in UNFOLDED:
                    values[control.field] = _drawn(control, values)
            remaining -= UNFOLDED
            for control in controls:
                if control.field not in UNFOLDED:
                    values[control.field] = _known(control, values)
            if group == "data" and values["dataset"] == TABLE:
                st.caption(
                    escape(uploads.sentence(values["table"]))
                    or "A file, clicked points or a function: see the page Your data."
                )
            if remaining and lessons.read(st.query_params):  # a lesson's few controls are not folded away
                _draw_more(group, values)
            elif remaining:
                place = st.expander(f"More about {title.lower()}", key=f"more_{group}", on_change="rerun")
                if group in now.unfolded:
                    now.folded.append((place, partial(_draw_more, group, values)))
    settings = {key: setting(key) for key in FIRST_SETTINGS}
    address.follow(settings)
    _say_what_was_not_taken(address.not_taken(wanted, settings), settings)
    undo.buttons(buttons, settings)
    config = address.config_of(settings | values)
    visits.name(config)
    if idle := without_effect(config):
        with st.sidebar:
            st.caption(idle_settings(config, idle))
    now.widgets.update(settings_of(config))
    return config


def _say_what_was_not_taken(sentences: list[str], settings: Values) -> None:
    """Say on the page which settings of its address were dropped, as long as the set-up is the one taken instead."""
    now = session()
    if sentences:
        now.not_taken = (sentences, settings)
    if now.not_taken and now.not_taken[1] == settings:
        st.warning("\n\n".join(map(escape, now.not_taken[0])), icon=":material/link_off:")


def idle_settings(config: RunConfig, idle: dict[str, str]) -> str:
    """Settings that change nothing about this run, each with the reason."""
    said = (
        f"{LABELS[name]} {escape(in_words(name, getattr(config, name)))} ({reason})" for name, reason in idle.items()
    )
    return f":material/info: Without effect in this run: {'; '.join(said)}."


def draw_folded() -> None:
    """Draw what is folded away in the sidebar. Call it when the page has been drawn: its numbers and pictures go first.

    The widgets are the page's, as those that it draws itself: Streamlit forgets them when it is left.
    """
    now, run = session(), get_script_run_ctx()
    folded, now.folded = now.folded, []
    with run.run_with_active_hash(run.page_script_hash) if run else nullcontext():
        for place, draw in folded:
            with place:
                draw()


def _draw_more(group: str, values: Values) -> None:
    """Draw the widgets of a group that do not always stand in the sidebar, on what they were set to without being drawn."""
    for key, its in GROUP_OF.items():
        if its == group and key not in UNFOLDED and is_drawn(key) and key not in st.session_state:
            st.session_state[key] = setting(key)
    for control in CONTROLS.values():
        if control.facts["group"] == group and control.field not in UNFOLDED and is_drawn(control.field):
            control.draw(control, values)
    if group == "network":
        _layer_lists()


def _drawn(control: Control, so_far: Values) -> Any:
    """A control's value, its widget drawn where it remains."""
    if control.field == "hidden" or is_drawn(control.field):
        return control.draw(control, so_far)
    return _known(control, so_far)


def _known(control: Control, so_far: Values) -> Any:
    """A control's value without its widget, or before that is drawn."""
    value = setting(control.field)
    if control.field == "features":
        return tuple(value) if control.active(so_far) else ()
    return value


def apply(config: RunConfig) -> None:
    """Set every widget to a config. Call it from a callback, before the widgets are drawn."""
    undo.write(settings_of(config))


def stands_on(config: RunConfig) -> bool:
    """Do the widgets, as the sidebar last drew them, describe this config?"""
    return undo.trail().now == settings_of(config)


def remember(config: RunConfig) -> None:
    """Let the next page of a run open on this config, at its last step."""
    session().widgets.update(settings_of(config))
    session().widgets.pop(STEP, None)
    st.session_state.pop(STEP, None)
