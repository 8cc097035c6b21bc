"""A link read without any widget: query parameters in, a RunConfig out, whatever stands in them."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from typing import Any

from dashboard.state.sidebar import (
    FIELDS,
    FIRST_SIGHT,
    LEARNING_RATES,
    MAX_BIAS_STD,
    MAX_DEPTH,
    MAX_GAIN,
    MAX_MOMENTUM,
    MAX_WIDTH,
    listed,
    settings_of,
    width_of,
)
from nncore import RunConfig
from nncore.data.features import FEATURES

LONGEST_VALUE, LONGEST_LIST = 40, 4000
"""Characters of a value in a link, and of a list of widths or activations."""

LISTS = ("widths", "layer_activations")


def from_link(parameters: Mapping[str, Sequence[str]]) -> RunConfig:
    """The config of a link's query parameters, each with all its values: the inverse of `controls.link`.

    Raises ValueError on a parameter that is not a setting, on a value that its setting does not take, and on one
    that is given twice.
    """
    settings = settings_of(FIRST_SIGHT)
    for name, texts in parameters.items():
        if name not in settings:
            raise ValueError(f"{reprlib.repr(name)} is not a setting")
        if name == "features":
            settings[name] = [_feature(text) for text in texts]
        elif len(texts) != 1:
            raise ValueError(f"it names {name} more than once")
        else:
            settings[name] = _value(name, texts[0])
    return from_settings(settings)


def from_settings(settings: Mapping[str, Any]) -> RunConfig:
    """The config that the widgets describe: the inverse of `controls.settings_of`."""
    settings = dict(settings)
    widths, names = listed(settings.pop("widths")), listed(settings.pop("layer_activations"))
    depth, width = settings.pop("depth"), settings.pop("width")
    if not (0 <= depth <= MAX_DEPTH and 1 <= width <= MAX_WIDTH):
        raise ValueError(
            f"depth must be at most {MAX_DEPTH} and width between 1 and {MAX_WIDTH}; got {depth} and {width}"
        )
    settings["hidden"] = tuple(map(width_of, widths)) if widths else (width,) * depth
    if names:
        settings["activation"] = tuple(names)
    return RunConfig(**settings)


def nearest(config: RunConfig) -> RunConfig:
    """What the sidebar shows for a config: the same settings from step 0 on, those out of its reach brought within.

    >>> nearest(RunConfig(learning_rate=0.017, gain=30)).learning_rate
    0.02
    """
    settings = settings_of(config)
    rate = settings["learning_rate"]
    if rate not in (0.0, *LEARNING_RATES):
        settings["learning_rate"] = min(LEARNING_RATES, key=lambda each: abs(math.log(each / rate)))
    for name, most in (("gain", MAX_GAIN), ("bias_std", MAX_BIAS_STD), ("momentum", MAX_MOMENTUM)):
        settings[name] = min(settings[name], most)
    return from_settings(settings)


def _value(name: str, text: str) -> Any:
    """A widget's value from its query parameter; raises ValueError when it is not of the setting's kind."""
    if len(text) > (LONGEST_LIST if name in LISTS else LONGEST_VALUE):
        raise ValueError(f"{name} is too long: {len(text):,} characters")
    if name in LISTS:
        return text
    whole = name in ("depth", "width") or FIELDS[name].metadata["whole"]
    default = 0 if whole else FIELDS[name].default
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text]
        if isinstance(default, str):
            return text
        if default is None and not text:
            return None
        if "_" in text or not text.isascii():
            raise ValueError
        return int(text) if whole else float(text)
    except (KeyError, ValueError):
        kind = "true or false" if isinstance(default, bool) else "a whole number" if whole else "a number"
        raise ValueError(f"{name} must be {kind}; got {reprlib.repr(text)}") from None


def _feature(label: str) -> str:
    """The name of an extra input, which a link calls by its label."""
    names = {feature.label: name for name, feature in FEATURES.items()}
    if label not in names:
        raise ValueError(f"features must be among {', '.join(names)}; got {reprlib.repr(label)}")
    return names[label]
