"""A link carries every setting, both ways, and whatever stands in one is a config or a sentence."""

import math
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as some

from dashboard.state.address import (
    FIELDS,
    FIRST_SIGHT,
    REACH,
    check_reach,
    config_of,
    from_link,
    link,
    nearest,
    settings_of,
    written,
)
from nncore import ACTIVATIONS, RunConfig
from nncore.config.settings import BIASES, LEARNING_RATES
from tests.dashboard.lab import SMALL, element, opened
from tests.dashboard.state.test_sidebar import config_of as sidebar_config
from tests.dashboard.state.test_sidebar import sidebar
from tests.patience import PATIENCE

few = settings(max_examples=15, suppress_health_check=list(HealthCheck), derandomize=True)

# Configs and links ------------------------------------------------------------------------------------------------------


def values_of(name: str) -> some.SearchStrategy:
    """What the widget of a field can express."""
    facts, default = FIELDS[name].metadata, FIELDS[name].default
    if name == "learning_rate":
        return some.sampled_from((0.0, *LEARNING_RATES))
    if name == "features":
        return some.lists(some.sampled_from(facts["choices"]), unique=True)
    if name == "table":
        return some.from_regex(r"[0-9a-f]{32}\.[cr][0-9]\.[0-9](_[0-9]-[0-9]{2})?", fullmatch=True)
    if facts["choices"]:
        return some.sampled_from(facts["choices"])
    if isinstance(default, bool):
        return some.booleans()
    if facts["whole"]:
        return some.integers(int(facts["low"]), int(facts["high"]))
    numbers = some.floats(facts["low"], REACH.get(name, (0, facts["high"]))[1])
    return some.none() | numbers if default is None else numbers


@some.composite
def configs(draw) -> RunConfig:
    names = draw(some.lists(some.sampled_from(sorted(set(FIELDS) - {"hidden", "activation", "biases"})), unique=True))
    values = {name: draw(values_of(name)) for name in names}
    uniform = some.tuples(some.integers(*REACH["width"]), some.integers(*REACH["depth"])).map(
        lambda wd: (wd[0],) * wd[1]
    )
    listed = some.lists(some.integers(1, 4096), min_size=1, max_size=6).map(tuple)
    hidden = draw(uniform | listed)
    activation = draw(some.sampled_from(sorted(ACTIVATIONS)))
    if hidden and draw(some.booleans()):
        activation = tuple(draw(some.sampled_from(sorted(ACTIVATIONS))) for _ in hidden)
    one = some.sampled_from(BIASES)
    biases = draw(one | some.tuples(*[one] * (len(hidden) + 1)))
    try:
        return RunConfig(**values, hidden=hidden, activation=activation, biases=biases)
    except ValueError:
        assume(False)
        raise


@given(configs())
def test_config_comes_back_from_the_widgets_values_and_from_its_link(config: RunConfig) -> None:
    for found in (config_of(settings_of(config)), from_link(as_read(link(config)))):
        assert found == config and repr(found) == repr(config)


def as_read(parameters: dict[str, str | list[str]]) -> dict[str, list[str]]:
    """Query parameters as they are read out of an address."""
    return parse_qs(urlencode(parameters, doseq=True), keep_blank_values=True)


def test_address_has_the_texts_that_it_always_had() -> None:
    config = FIRST_SIGHT.replace(
        hidden=(64, 32, 32),
        activation=("tanh", "relu", "relu"),
        gain=2.0,
        learning_rate=1.0,
        skip=True,
        seed=3,
        l1=1e-7,
        features=("x1_squared", "sin_x2"),
        normalization="batch",
        momentum=0.5,
    )
    assert link(config) == {
        "features": ["x₁²", "sin x₂"],
        "normalization": "batch",
        "skip": "true",
        "gain": "2.0",
        "learning_rate": "1",
        "momentum": "0.5",
        "l1": "1e-07",
        "seed": "3",
        "widths": "64, 32, 32",
        "layer_activations": "tanh, relu, relu",
    }
    assert link(FIRST_SIGHT.replace(hidden=(8,) * 3)) == {"depth": "3", "width": "8"}
    assert written("clip_norm", None) == ""


@pytest.mark.parametrize(
    ("parameters", "changes"),
    [
        ({"gain": "2"}, {"gain": 2.0}),
        ({"clip_norm": ""}, {}),
        ({"widths": " 64, 32;16 ,"}, {"hidden": (64, 32, 16)}),
        ({"widths": "8x3"}, {"hidden": (8, 8, 8)}),
        ({"depth": "1", "layer_activations": "relu"}, {"hidden": (32,), "activation": ("relu",)}),
        ({"depth": "1", "layer_biases": "none, fixed"}, {"hidden": (32,), "biases": ("none", "fixed")}),
        ({"depth": "0", "layer_biases": "fixed"}, {"hidden": (), "biases": ("fixed",)}),
        ({"skip": "True", "steps": "5"}, {"skip": True, "steps": 5}),
    ],
)
def test_links_that_people_write_are_read(parameters: dict[str, str], changes: dict[str, Any]) -> None:
    assert from_link(as_read(parameters)) == FIRST_SIGHT.replace(**changes)


def test_settings_out_of_reach_are_refused_and_brought_within() -> None:
    config = FIRST_SIGHT.replace(gain=30, momentum=0.995, learning_rate=0.017)
    with pytest.raises(ValueError, match="the lab's gain ends at 20 and this run has 30"):
        check_reach(config)
    within = nearest(config)
    check_reach(within)
    assert (within.gain, within.momentum, within.learning_rate) == (20.0, 0.99, 0.02)
    check_reach(config.replace(gain=1, momentum=0, learning_rate=0, hidden=(4096,) * 200))


@few
@given(configs())
def test_opening_a_link_gives_exactly_its_config(config: RunConfig) -> None:
    app = opened(sidebar, **link(config))
    assert sidebar_config(app) == config
    assert repr(sidebar_config(app)) == repr(config)
    assert link(sidebar_config(app)) == link(config)


@few
@given(configs())
def test_applying_a_config_sets_every_widget(config: RunConfig) -> None:
    from streamlit.testing.v1 import AppTest

    app = AppTest.from_function(sidebar, default_timeout=PATIENCE)
    app.session_state["to_apply"] = config
    assert sidebar_config(app.run()) == config
    assert sidebar_config(app.run()) == config


@pytest.mark.parametrize("rate", [0.0, *LEARNING_RATES[::3]])
def test_link_carries_every_learning_rate(rate: float) -> None:
    assert sidebar_config(opened(sidebar, **link(FIRST_SIGHT.replace(learning_rate=rate)))).learning_rate == rate


# Hostile URLs -----------------------------------------------------------------------------------------------

HOSTILE = [
    "nan",
    "NaN",
    "inf",
    "-inf",
    "1e400",
    "-1",
    "0",
    "999",
    "1e-400",
    "9" * 5000,
    "0x10",
    "1_000",
    "१२",
    "1,5",
    "<script>alert(1)</script>",
    "';DROP TABLE runs;--",
    "null",
    "None",
    "[]",
    "{}",
    "true",
    "\x00",
    "\ud7ff",
    " ",
    "",
    "../../etc/passwd",
    "%00",
    ["1", "2"],
    ["nan", "nan", "nan"],
    ["sigmoid", "tanh"],
    ["", ""],
    ["x"] * 500,
]
KEYS = [
    *settings_of(FIRST_SIGHT),
    "large",
    "unknown",
    "__proto__",
    "constructor",
    "step",
    "heat",
    "theta_index",
    "theta_layer",
]


def test_every_hostile_value_in_every_parameter_at_once_gives_no_exception() -> None:
    for value in HOSTILE:
        app = opened(sidebar, **dict.fromkeys(KEYS, value))
        assert not app.exception, value
        for key in settings_of(FIRST_SIGHT):
            element(app, key)


@few
@given(some.sampled_from(KEYS), some.text(max_size=30) | some.floats().map(str) | some.integers().map(str))
def test_any_text_in_any_parameter_gives_a_config_or_a_sentence(key: str, value: str) -> None:
    app = opened(sidebar, **{key: value})
    assert not app.exception
    if not app.error:
        config = app.session_state["config"]
        assert all(math.isfinite(v) for v in config.to_dict().values() if isinstance(v, float))


def test_value_out_of_range_falls_back_to_the_page_that_everybody_sees() -> None:
    wrong = {"depth": "999", "width": "0", "gain": "-3", "learning_rate": "0.123", "activation": "rleu", "seed": "1e99"}
    assert sidebar_config(opened(sidebar, **wrong)) == FIRST_SIGHT


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("learning_rate", "0.7", "sets Learning rate to '0.7', which it cannot be here: 0.1 is taken instead."),
        ("activation", "banana", "sets Activation to 'banana', which it cannot be here: sigmoid is taken instead."),
        ("depth", "999", "sets Depth to '999', which it cannot be here: 12 is taken instead."),
        ("seed", "inf", "sets Seed to 'inf', which it cannot be here: 0 is taken instead."),
    ],
)
def test_a_setting_that_the_address_asks_for_in_vain_is_said_with_what_is_taken(
    key: str, value: str, said: str
) -> None:
    app = opened(**{**{name: each for name, each in SMALL.items() if name != "depth"}, key: value})
    assert not app.exception
    (warned,) = [each.value.replace("\\", "") for each in app.warning]
    assert said in warned
    element(app, "seed").set_value(3).run()
    assert not app.warning


def test_settings_that_are_taken_are_not_spoken_of() -> None:
    app = opened(**SMALL, learning_rate="0.3", features="x₁²", clip_norm="1", gain="1.5", dtype="float32", skip="true")
    assert not app.exception and not app.warning
