"""What the address says: a run as the sidebar's widgets and as query parameters, both ways, hidden widgets included."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.state import lessons
from dashboard.state.session import EXPERIMENT, STEP, session
from dashboard.words.labels import LAYERS, label, option
from nncore import RunConfig
from nncore.config.settings import LEARNING_RATES, number, number_within
from nncore.data.features import FEATURES
from nncore.experiments import Experiment

FIRST_SIGHT = RunConfig(dataset="circles", hidden=(32,) * 12, activation="sigmoid", init="xavier_normal", steps=400)
"""The run that the page opens on: a deep sigmoid network whose first layers learn nothing."""

FIELDS = {field.name: field for field in RunConfig.fields()}

REACH: dict[str, tuple[float, float]] = {
    "depth": (0, 50),
    "width": (1, 256),
    "gain": (0.0, 20.0),
    "bias_std": (0.0, 5.0),
    "momentum": (0.0, 0.99),
}
"""Where sliders end that are shorter than their settings allow: a gain of 20 reaches both phases of every activation,
sigmoid's too."""

TEXTS = ("rows", "table", "theta", "widths", "layer_activations", "layer_biases")
"""Keys of the widgets that hold text, which is read when the config is made."""

FEATURE_OF = {option(name): name for name in FEATURES}
"""Label of an extra input, which is what the address calls it -> its name."""

UNFOLDED = {
    "dataset",
    "hidden",
    "depth",
    "width",
    "activation",
    "init",
    "gain",
    "optimizer",
    "learning_rate",
    "steps",
    "seed",
}
"""Controls and widgets that always stand in the sidebar; the others are folded away."""

GROUP_OF = {
    key: field.metadata["group"] for name, field in FIELDS.items() for key in (LAYERS if name == "hidden" else (name,))
}
"""Key of a widget -> the group of the sidebar that it belongs to."""


# A config and the widgets that describe it ------------------------------------------------------------------


def settings_of(config: RunConfig) -> dict[str, Any]:
    """The widgets' values that describe a config: what a button or a link sets."""
    settings = {name: getattr(config, name) for name in FIELDS if name != "hidden"}
    depth, width = config.depth, max(config.hidden, default=FIRST_SIGHT.hidden[0])
    uniform = len(set(config.hidden)) <= 1 and depth <= REACH["depth"][1] and width <= REACH["width"][1]
    return settings | {
        "table": str(config.table),
        "theta": "" if not config.theta else RunConfig.text("theta", config.theta),
        "features": list(config.features),
        "depth": depth if uniform else FIRST_SIGHT.depth,
        "width": width if uniform else FIRST_SIGHT.hidden[0],
        "widths": "" if uniform else ", ".join(map(str, config.hidden)),
        **_by_layer("activation", "layer_activations", config),
        **_by_layer("biases", "layer_biases", config),
    }


def _by_layer(field: str, key: str, config: RunConfig) -> dict[str, str]:
    """The widgets of a setting that is one name for all layers, or a list of one each, which then takes its place."""
    value = getattr(config, field)
    if isinstance(value, str):
        return {field: value, key: ""}
    return {field: getattr(FIRST_SIGHT, field), key: ", ".join(value)}


def config_of(settings: Mapping[str, Any]) -> RunConfig:
    """The config that the widgets describe: the inverse of `settings_of`; raises ValueError where there is none."""
    fields = {name: settings[name] for name in FIELDS if name != "hidden"}
    fields |= {name: RunConfig.parse(name, settings[name]) for name in ("rows", "table", "theta")}
    fields["hidden"] = (settings["width"],) * settings["depth"]
    if widths := settings["widths"].strip(" ,;"):
        fields["hidden"] = RunConfig.parse("hidden", widths)
    for field, key in (("activation", "layer_activations"), ("biases", "layer_biases")):
        if names := settings[key].strip(" ,;"):
            fields[field] = RunConfig.parse(field, f"{names},")
    return RunConfig(**fields)


FIRST_SETTINGS = settings_of(FIRST_SIGHT)


def nearest(config: RunConfig) -> RunConfig:
    """What the sidebar shows for a config: the same settings from step 0 on, those out of its reach brought within.

    >>> nearest(RunConfig(learning_rate=0.017, gain=30)).learning_rate
    0.02
    """
    settings = settings_of(config)
    rate = settings["learning_rate"]
    if rate not in (0.0, *LEARNING_RATES):
        settings["learning_rate"] = min(LEARNING_RATES, key=lambda each: abs(math.log(each / rate)))
    for name, (_, most) in REACH.items():
        settings[name] = min(settings[name], most)
    return config_of(settings)


def check_reach(config: RunConfig) -> None:
    """Raise ValueError where the sidebar's widgets cannot be set to a config."""
    for name, (_, most) in REACH.items():
        value = settings_of(config)[name]
        if value > most:
            raise ValueError(f"the lab's {label(name).lower()} ends at {most:g} and this run has {value:g}")
    if config.learning_rate not in (0.0, *LEARNING_RATES):
        raise ValueError(f"the lab has no learning rate {config.learning_rate:g}")


# Widgets and query parameters -------------------------------------------------------------------------------


def link(config: RunConfig) -> dict[str, str | list[str]]:
    """The query parameters of a config: the settings in which it differs from the first sight."""
    settings = settings_of(config)
    return {key: written(key, value) for key, value in settings.items() if value != FIRST_SETTINGS[key]}


def experiment_link(experiment: Experiment, config: RunConfig) -> dict[str, str | list[str]]:
    """The query parameters that open the lab on one of an experiment's runs, its claim on top."""
    whole = {"dataset": config.dataset, **link(config), **dict(experiment.view)}
    return whole | {STEP: str(experiment.step), EXPERIMENT: experiment.name}


def from_link(parameters: Mapping[str, Sequence[str]]) -> RunConfig:
    """The config of a link's query parameters, each with all its values: the inverse of `link`.

    Raises ValueError on a parameter that is not a setting, on a value that its setting does not take, and on one
    that is given twice.
    """
    for key in parameters:
        if key not in FIRST_SETTINGS:
            raise ValueError(f"{reprlib.repr(key)} is not a setting")
    return config_of(FIRST_SETTINGS | {key: _read(key, texts) for key, texts in parameters.items()})


def written(key: str, value: Any) -> str | list[str]:
    """A widget's value as Streamlit has it in the address: options by their labels, None as the empty text."""
    if key == "features":
        return [option(each) for each in value]
    if value is None:
        return ""
    if key == "learning_rate":
        return option(value)
    return RunConfig.text(key, value) if key in FIELDS and key not in TEXTS else str(value)


def _read(key: str, texts: Sequence[str]) -> Any:
    """A widget's value from its query parameter: the inverse of `written`; raises ValueError where it is none."""
    if key == "features":
        unknown = [text for text in texts if text not in FEATURE_OF]
        if unknown:
            raise ValueError(f"features must be among {', '.join(FEATURE_OF)}; got {reprlib.repr(unknown[0])}")
        return [FEATURE_OF[text] for text in texts]
    if len(texts) != 1:
        raise ValueError(f"it names {key} more than once")
    if key in TEXTS:
        return texts[0].strip()
    return RunConfig.parse(key, texts[0]) if key in FIELDS else _whole(key, texts[0])


def _whole(key: str, text: str) -> int:
    return int(number_within(key, number(key, text), *REACH[key], whole=True))


# The address of the page ------------------------------------------------------------------------------------


def is_offered(key: str) -> bool:
    """Has the sidebar the widget? A lesson hides those it is not about; their settings still apply."""
    lesson = lessons.read(st.query_params)
    return lesson is None or lesson.has_control(key)


def is_drawn(key: str) -> bool:
    """Is the widget drawn? One that is folded away is not before its group has been unfolded once."""
    if lesson := lessons.read(st.query_params):
        return lesson.has_control(key)
    return key in UNFOLDED or GROUP_OF[key] in session().unfolded


def setting(key: str) -> Any:
    """The value of a widget, be it drawn or not: what it or a button has set, else what the address says."""
    if key in st.session_state:
        value = st.session_state[key]
        return value.strip() if key in TEXTS else value
    texts = st.query_params.get_all(key)
    texts = [text for text in texts if text in FEATURE_OF] if key == "features" else texts[-1:]
    try:
        value = _read(key, texts) if texts else FIRST_SETTINGS[key]
    except ValueError:
        return FIRST_SETTINGS[key]
    if key in REACH:
        low, high = REACH[key]
        return value if low <= value <= high else FIRST_SETTINGS[key]
    return value


def asked() -> dict[str, list[str]]:
    """The settings that the address asks for and no widget has taken yet: key -> its values. Call it before any is drawn."""
    dropped, session().endless = session().endless, {}
    said = {key: st.query_params.get_all(key) for key in st.query_params} | dropped
    return {key: texts for key, texts in said.items() if key in FIRST_SETTINGS and key not in st.session_state}


def not_taken(wanted: Mapping[str, Sequence[str]], settings: Mapping[str, Any]) -> list[str]:
    """A sentence for each setting that the address asked for and that is another one now, because it cannot be that."""
    sentences = []
    for key, texts in wanted.items():
        if not _say(key, texts, settings[key]):
            value = written(key, settings[key])
            taken = ", ".join(value) if isinstance(value, list) else value
            asked_for = reprlib.repr(", ".join(texts))
            sentences.append(
                f"The address sets {label(key)} to {asked_for}, which it cannot be here: {taken or 'nothing'} is taken instead."
            )
    return sentences


def follow(settings: Mapping[str, Any]) -> None:
    """Let the address tell the settings of widgets that are not drawn, as bound widgets do by themselves."""
    for key, value in settings.items():
        if is_drawn(key):
            continue
        if value == FIRST_SETTINGS[key]:
            st.query_params.pop(key, None)
        elif not _say(key, st.query_params.get_all(key), value):
            st.query_params[key] = written(key, value)


def _say(key: str, texts: Sequence[str], value: Any) -> bool:
    """Do a query parameter's values say this value of its widget?"""
    try:
        return bool(texts) and bool(_read(key, texts) == value)
    except ValueError:
        return False
