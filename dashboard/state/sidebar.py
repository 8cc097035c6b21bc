"""One widget per RunConfig field, bound to the URL: the sidebar in, a RunConfig out."""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from dashboard.charts.style import LARGE_KEY
from dashboard.state import hidden_settings, lessons, undo, uploads
from dashboard.state.session import STEP, peek, session
from nncore import ACTIVATIONS, DATASETS, RunConfig
from nncore.config.run_config import TABLE
from nncore.data.features import FEATURES
from nncore.data.table import TableChoice

FIRST_SIGHT = RunConfig(dataset="circles", hidden=(32,) * 12, activation="sigmoid", init="xavier_normal", steps=400)
"""The run that the page opens on: a deep sigmoid network whose first layers learn nothing."""

MAX_DEPTH, MAX_WIDTH = 50, 256
BOUNDS = {"depth": (0, MAX_DEPTH), "width": (1, MAX_WIDTH)}

MAX_GAIN, MAX_BIAS_STD, MAX_MOMENTUM = 20.0, 5.0, 0.99
"""Where their sliders end: a gain of 20 reaches both phases of every activation, sigmoid's too."""

LEARNING_RATES = tuple(float(f"{digit}e{power}") for power in range(-6, 4) for digit in (1, 2, 3, 5))

FIELDS = {field.name: field for field in RunConfig.fields()}


@dataclass(frozen=True)
class Control:
    """A widget for one field: how it is labelled, drawn, where its effect is seen, and when it has one.

    `draw(control, shown)` places the widget and returns its value; `seen` completes the field's help.
    `active(so_far)` looks at the values above it; a control without effect is greyed out.
    """

    field: str
    label: str
    seen: str
    draw: Callable[[Control, dict[str, Any]], Any]
    folded: bool = True
    active: Callable[[dict[str, Any]], bool] = lambda so_far: True
    start: RunConfig = FIRST_SIGHT
    prefix: str = ""

    def again(self, prefix: str, start: RunConfig) -> Control:
        """The same widget once more on the page, under another key and with another config's value to begin with."""
        return replace(self, prefix=prefix, start=start)

    def common(self, so_far: dict[str, Any]) -> dict[str, Any]:
        """What every widget of this control is given."""
        help = f"{FIELDS[self.field].metadata['help']} {self.seen}"
        return {
            "key": self.prefix + self.field,
            "help": help,
            "disabled": not self.active(so_far),
            "bind": "query-params",
        }


def _default(control: Control) -> Any:
    return getattr(control.start, control.field)


def _choice(control: Control, so_far: dict[str, Any]) -> str:
    choices = FIELDS[control.field].metadata["choices"]
    return st.selectbox(control.label, choices, index=choices.index(_default(control)), **control.common(so_far))


def _table(control: Control, so_far: dict[str, Any]) -> str:
    """The text that names a table; the page on which it is chosen writes it."""
    return st.text_input(
        control.label, placeholder="chosen on the page Your data", max_chars=5000, **control.common(so_far)
    ).strip()


def _toggle(control: Control, so_far: dict[str, Any]) -> bool:
    return st.toggle(control.label, value=_default(control), **control.common(so_far))


def _features(control: Control, so_far: dict[str, Any]) -> tuple[str, ...]:
    """Several of the features; none where the data has not two inputs, whatever was chosen before."""
    chosen = st.pills(
        control.label,
        list(FEATURES),
        selection_mode="multi",
        default=list(_default(control)),
        format_func=_feature_label,
        **control.common(so_far),
    )
    return tuple(chosen) if control.active(so_far) else ()


def _feature_label(name: str) -> str:
    return FEATURES[name].label


def _slider(low: float, high: float, step: float) -> Callable[[Control, dict[str, Any]], Any]:
    def draw(control: Control, so_far: dict[str, Any]) -> Any:
        return st.slider(control.label, low, high, _default(control), step, **control.common(so_far))

    return draw


def _scale(*options: float) -> Callable[[Control, dict[str, Any]], Any]:
    def draw(control: Control, so_far: dict[str, Any]) -> Any:
        return st.select_slider(control.label, options, _default(control), format_func=_short, **control.common(so_far))

    return draw


def _whole(control: Control, so_far: dict[str, Any]) -> int:
    facts = FIELDS[control.field].metadata
    return st.number_input(
        control.label, int(facts["low"]), int(facts["high"]), _default(control), 1, **control.common(so_far)
    )


def _optional(control: Control, so_far: dict[str, Any]) -> float | None:
    facts = FIELDS[control.field].metadata
    return st.number_input(
        control.label,
        float(facts["low"]),
        float(facts["high"]),
        _default(control),
        format="%g",
        placeholder="textbook value",
        **control.common(so_far),
    )


def _number(control: Control, so_far: dict[str, Any]) -> float:
    facts = FIELDS[control.field].metadata
    return st.number_input(
        control.label,
        float(facts["low"]),
        float(facts["high"]),
        float(_default(control)),
        format="%g",
        **control.common(so_far),
    )


def _hidden(control: Control, so_far: dict[str, Any]) -> tuple[int, ...]:
    """Depth and width; a list of widths, folded away below, takes their place."""
    common = {"bind": "query-params", "disabled": bool(peek("widths", "").strip())}
    depth, width = _setting("depth"), _setting("width")
    if hidden_settings.remains("depth"):
        depth = st.slider(
            LABELS["depth"],
            *BOUNDS["depth"],
            FIRST_SIGHT.depth,
            key="depth",
            **common,
            help="Hidden layers. Each one multiplies the gradient by its weights and its slope once more: the "
            "gradient-flow line grows longer, and falls or rises further.",
        )
    if hidden_settings.remains("width"):
        width = st.slider(
            LABELS["width"],
            *BOUNDS["width"],
            FIRST_SIGHT.hidden[0],
            key="width",
            **common,
            help="Units of each hidden layer. Wider layers scatter less from seed to seed: the gradient-flow line "
            "gets straighter.",
        )
    return (width,) * depth


def _setting(key: str) -> Any:
    """The setting under a widget's key, be the widget drawn or not."""
    return hidden_settings.value(key, settings_of(FIRST_SIGHT)[key], BOUNDS.get(key))


def _has(so_far: dict[str, Any], fact: str) -> bool:
    """A fact about the data set; a table of somebody's own has neither noise nor a number of classes to choose."""
    return so_far["dataset"] != TABLE and getattr(DATASETS[so_far["dataset"]], fact)


def _has_two_inputs(so_far: dict[str, Any]) -> bool:
    if so_far["dataset"] != TABLE:
        return DATASETS[so_far["dataset"]].n_features == 2
    try:
        return TableChoice.parse(so_far["table"]).with_rows().dataset.n_features == 2
    except ValueError:  # no table yet, or none that is here: building the config says so
        return False


def _uses(optimizer: str, *others: str) -> Callable[[dict[str, Any]], bool]:
    return lambda so_far: so_far["optimizer"] in (optimizer, *others)


CONTROLS = {
    control.field: control
    for control in (
        Control("dataset", "Data set", "What the network learned is drawn below the loss.", _choice, folded=False),
        Control("n_samples", "Samples", "More rows smooth the loss curve and slow each step.", _whole),
        Control(
            "noise",
            "Noise",
            "Seen in the picture of what the network learned.",
            _slider(0.0, 2.0, 0.05),
            active=lambda so_far: _has(so_far, "uses_noise"),
        ),
        Control(
            "n_classes",
            "Classes",
            "Each adds an output unit; the loss starts higher.",
            _slider(2, 10, 1),
            active=lambda so_far: _has(so_far, "uses_classes"),
        ),
        Control(
            "test_fraction", "Test share", "Draws the test curve beside the training loss.", _slider(0.0, 0.9, 0.05)
        ),
        Control(
            "standardize",
            "Standardize",
            "Off, large inputs saturate layer 1 in the activation chart.",
            _toggle,
            active=lambda so_far: not _has(so_far, "lecture"),
        ),
        Control(
            "table",
            "Table",
            "Not the data itself: that stays in the session that read it.",
            _table,
            active=lambda so_far: so_far["dataset"] == TABLE,
        ),
        Control(
            "features",
            "Extra inputs",
            "With the right ones a single layer is enough: see what the network learned.",
            _features,
            active=_has_two_inputs,
        ),
        Control("hidden", "Depth and width", "", _hidden, folded=False),
        Control("activation", "Activation", "It decides how steep the gradient-flow line is.", _choice, folded=False),
        Control(
            "alpha",
            "Slope α",
            "Seen in the gradient-flow chart.",
            _optional,
            active=lambda so_far: any(ACTIVATIONS[name].alpha is not None for name in _names(so_far["activation"])),
        ),
        Control("normalization", "Normalization", "Seen in the gradient-flow and activation charts.", _choice),
        Control("skip", "Skip connections", "They keep the gradient-flow line from falling.", _toggle),
        Control("init", "Initializer", "It decides where the dotted step-0 line runs.", _choice, folded=False),
        Control(
            "gain",
            "Gain",
            "It tilts the gradient-flow line.",
            _slider(0.0, MAX_GAIN, 0.05),
            folded=False,
            active=lambda so_far: so_far["init"] != "zeros",
        ),
        Control(
            "init_scale",
            "Scale",
            "Seen in the activation chart at step 0.",
            _optional,
            active=lambda so_far: so_far["init"] in ("constant", "normal", "uniform"),
        ),
        Control(
            "bias_std", "Bias deviation", "Seen in the activation chart at step 0.", _slider(0.0, MAX_BIAS_STD, 0.05)
        ),
        Control(
            "optimizer",
            "Optimizer",
            "Adaptive ones lift the update ratio of layers that receive little.",
            _choice,
            folded=False,
        ),
        Control(
            "learning_rate",
            "Learning rate",
            "It moves the update-ratio lines up or down.",
            _scale(0.0, *LEARNING_RATES),
            folded=False,
        ),
        Control("steps", "Steps", "It lengthens every chart over time.", _whole, folded=False),
        Control("loss", "Loss", "It sets the level of δ at the output; the tilt stays.", _choice),
        Control("batch_size", "Batch size", "Small batches make the loss curve and θ jitter.", _whole),
        Control(
            "momentum",
            "Momentum",
            "Seen in the loss and the update ratio.",
            _slider(0.0, MAX_MOMENTUM, 0.01),
            active=_uses("sgd"),
        ),
        Control("nesterov", "Nesterov", "Seen in the loss curve.", _toggle, active=_uses("sgd")),
        Control(
            "beta_1",
            "β₁",
            "Larger smooths the updates: seen in the update ratio.",
            _number,
            active=_uses("adam", "adamw"),
        ),
        Control("beta_2", "β₂", "Larger steadies the update ratio.", _number, active=_uses("adam", "adamw")),
        Control("rms_alpha", "RMSprop α", "Larger steadies the update ratio.", _number, active=_uses("rmsprop")),
        Control(
            "epsilon",
            "ε",
            "It lowers the update ratio of the first layers.",
            _optional,
            active=_uses("rmsprop", "adagrad", "adam", "adamw"),
        ),
        Control("weight_decay", "Weight decay", "Seen in θ over time.", _optional, active=_uses("sgd", "adamw")),
        Control("schedule", "Schedule", "Seen in the update ratio.", _choice),
        Control(
            "schedule_every",
            "Cut every … steps",
            "Steps down in the update ratio.",
            _whole,
            active=lambda so_far: so_far["schedule"] == "step",
        ),
        Control(
            "schedule_factor",
            "Cut factor",
            "Seen in the update ratio.",
            _slider(0.0, 1.0, 0.05),
            active=lambda so_far: so_far["schedule"] == "step",
        ),
        Control(
            "schedule_floor",
            "Cosine floor",
            "Seen in the update ratio.",
            _slider(0.0, 1.0, 0.05),
            active=lambda so_far: so_far["schedule"] == "cosine",
        ),
        Control("warmup_steps", "Warm-up steps", "The update ratio rises over them.", _whole),
        Control("l1", "L1 penalty", "Seen in θ over time.", _number),
        Control("l2", "L2 penalty", "Seen in θ over time and in the loss.", _number),
        Control("clip_norm", "Clip norm", "It caps the update ratio; the gradients shown stay unclipped.", _optional),
        Control("clip_value", "Clip value", "It caps the update ratio; the gradients shown stay unclipped.", _optional),
        Control(
            "seed", "Seed", "Every chart changes a little; what stays is the network's doing.", _whole, folded=False
        ),
        Control("dtype", "Float type", "In float32 the smallest gradients become exact zeros.", _choice),
        Control("record_every", "Record every … steps", "Charts over time get coarser.", _whole),
        Control("probe_size", "Probe rows", "More rows steady every measured line.", _whole),
    )
}
"""Every field of RunConfig, in the order of the sidebar."""

GROUPS = {"data": "Data", "network": "Network", "initialization": "Initialization", "training": "Training"}


LISTS = ("widths", "layer_activations")
"""Keys of the two lists that name every layer."""

LABELS = {
    "depth": "Depth",
    "width": "Width",
    "widths": "Width of each layer",
    "layer_activations": "Activation of each layer",
}
"""Labels of the widgets that set the hidden layers."""


def sidebar() -> RunConfig:
    """Draw the sidebar and return what it describes; raises ValueError when the choices do not go together."""
    values: dict[str, Any] = {}
    with st.sidebar:
        buttons = st.container(horizontal=True, key="undo_buttons")
        for group, title in GROUPS.items():
            controls = [c for c in CONTROLS.values() if FIELDS[c.field].metadata["group"] == group]
            remaining = [key for key in _keys(group) if hidden_settings.remains(key)]
            if remaining:
                st.markdown(f"**{title}**")
            for control in controls:
                if not control.folded:
                    values[control.field] = _drawn(control, values)
            own_table = st.empty() if group == "data" and values["dataset"] == TABLE else None
            folded = {control.field for control in controls if control.folded} | set(LISTS)
            with _more(group) if folded & set(remaining) else nullcontext():
                for control in controls:
                    if control.folded:
                        values[control.field] = _drawn(control, values)
                if own_table is not None:
                    own_table.caption(
                        uploads.sentence(values["table"])
                        or "A file, clicked points or a function: see the page Your data."
                    )
                if group == "network":
                    widths, names = _layer_lists()
        st.divider()
        st.toggle("Large type", key=LARGE_KEY, bind="query-params", help="Larger text and charts, for a projector.")
    first = settings_of(FIRST_SIGHT)
    settings = {key: _setting(key) for key in first}
    for key in settings:
        if not hidden_settings.remains(key):
            hidden_settings.follow(key, None if settings[key] == first[key] else _in_url(key, settings[key]))
    undo.buttons(buttons, settings, label)
    if widths:
        values["hidden"] = tuple(width_of(text) for text in widths)
    if names:
        values["activation"] = tuple(names)
    config = RunConfig(**values)
    session().widgets.update(settings_of(config))
    return config


def _more(group: str) -> st.delta_generator.DeltaGenerator:
    """What is folded away; a lesson's few controls are not."""
    if lessons.read(st.query_params):
        return st.container()
    return st.expander("More", key=f"more_{group}")


def _keys(group: str) -> list[str]:
    """Keys of a group's widgets."""
    fields = [control.field for control in CONTROLS.values() if FIELDS[control.field].metadata["group"] == group]
    return [key for field in fields for key in (("depth", "width", *LISTS) if field == "hidden" else (field,))]


def _drawn(control: Control, so_far: dict[str, Any]) -> Any:
    """A control's value, its widget drawn where it remains."""
    if control.field == "hidden" or hidden_settings.remains(control.field):
        return control.draw(control, so_far)
    value = _setting(control.field)
    if control.field == "features":
        return tuple(value) if control.active(so_far) else ()
    return value


def label(key: str) -> str:
    """What a widget of the sidebar is called."""
    return CONTROLS[key].label if key in CONTROLS else LABELS[key]


def _layer_lists() -> tuple[list[str], list[str]]:
    """Two lists that take the place of depth and width, and of the one activation for all."""
    widths, names = (_setting(key) for key in LISTS)
    if hidden_settings.remains("widths"):
        widths = st.text_input(
            LABELS["widths"],
            key="widths",
            bind="query-params",
            placeholder="64, 32, 16",
            help="Hidden widths, input side first, separated by commas. They replace depth and width, and "
            "the gradient-flow chart shows a kink where widths change.",
        )
    if hidden_settings.remains("layer_activations"):
        names = st.text_input(
            LABELS["layer_activations"],
            key="layer_activations",
            bind="query-params",
            placeholder="tanh, tanh, relu",
            help="One name for each hidden layer, input side first, separated by commas. They replace the one "
            "activation; the gradient-flow line changes its slope where the activation changes.",
        )
    return listed(widths), listed(names)


def settings_of(config: RunConfig) -> dict[str, Any]:
    """The widgets' values that describe a config: what a button or a link sets."""
    settings = {name: getattr(config, name) for name in CONTROLS if name not in ("hidden", "activation")}
    uniform = len(set(config.hidden)) <= 1 and config.depth <= MAX_DEPTH and max(config.hidden, default=1) <= MAX_WIDTH
    settings["features"] = list(config.features)
    settings["table"] = str(config.table)
    settings["depth"] = config.depth if uniform else FIRST_SIGHT.depth
    settings["width"] = config.hidden[0] if uniform and config.hidden else FIRST_SIGHT.hidden[0]
    settings["widths"] = "" if uniform else ", ".join(map(str, config.hidden))
    one_for_all = isinstance(config.activation, str)
    settings["activation"] = config.activation if one_for_all else FIRST_SIGHT.activation
    settings["layer_activations"] = "" if one_for_all else ", ".join(config.activation)
    return settings


def apply(config: RunConfig) -> None:
    """Set every widget to a config. Call it from a callback, before the widgets are drawn."""
    st.session_state.update(settings_of(config))


def stands_on(config: RunConfig) -> bool:
    """Do the widgets, as the sidebar last drew them, describe this config?"""
    return undo.trail().now == settings_of(config)


def labels() -> dict[str, str]:
    """What every widget of the sidebar is called, by its key, in the sidebar's order."""
    return {key: label(key) for group in GROUPS for key in _keys(group)}


def link(config: RunConfig) -> dict[str, str | list[str]]:
    """The query parameters of a config: the settings in which it differs from the first sight."""
    first = settings_of(FIRST_SIGHT)
    changed = {name: value for name, value in settings_of(config).items() if value != first[name]}
    return {name: _in_url(name, value) for name, value in changed.items()}


def remember(config: RunConfig) -> None:
    """Let the next page of a run open on this config, at its last step."""
    session().widgets.update(settings_of(config))
    session().widgets.pop(STEP, None)
    st.session_state.pop(STEP, None)


def _in_url(name: str, value: Any) -> str | list[str]:
    """A widget's value as its query parameter; None, an emptied field, is the empty text; a list is repeated."""
    if name == "features":
        return [_feature_label(each) for each in value]
    if value is None:
        return ""
    if name == "learning_rate":
        return _short(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(value: float) -> str:
    return f"{value:g}"


def _names(activation: str | tuple[str, ...]) -> tuple[str, ...]:
    return (activation,) if isinstance(activation, str) else activation


def listed(text: str) -> list[str]:
    """The parts of a list that somebody typed."""
    return [part.strip() for part in text.replace(";", ",").split(",") if part.strip()]


def width_of(text: str) -> int:
    """A layer's width that somebody typed; raises ValueError when it is no whole number."""
    if not text.isdecimal() or len(text) > 9:
        raise ValueError(f"width of each layer must be whole numbers separated by commas; got {reprlib.repr(text)}")
    return int(text)
