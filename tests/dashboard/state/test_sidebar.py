"""Every setting has a widget, and every widget sets its setting."""

import re

import pytest

from dashboard.state.address import FIELDS, FIRST_SIGHT, GROUP_OF, REACH, UNFOLDED, link, settings_of
from dashboard.state.sidebar import CONTROLS
from dashboard.words.labels import GROUPS, LABELS, WIDGETS
from nncore import RunConfig
from nncore.config.settings import LEARNING_RATES
from tests.dashboard.lab import KINDS, element, opened, unfold


def sidebar() -> None:
    """A page with nothing but the sidebar."""
    import streamlit as st

    from dashboard.state import session, sidebar

    session.forget_infinities()
    if "to_apply" in st.session_state:
        sidebar.apply(st.session_state.pop("to_apply"))
    try:
        st.session_state["config"] = sidebar.sidebar()
    except ValueError as problem:
        st.error(str(problem))
    sidebar.draw_folded()


def config_of(app) -> RunConfig:
    assert not app.exception
    assert not app.error, app.error[0].value
    return app.session_state["config"]


# The table --------------------------------------------------------------------------------------------------


def test_every_field_has_one_control_and_every_control_a_field() -> None:
    assert list(CONTROLS) == list(LABELS)
    assert set(CONTROLS) == set(FIELDS) == {field.name for field in RunConfig.fields()}


def test_every_field_is_in_a_group_of_the_sidebar() -> None:
    assert {field.metadata["group"] for field in RunConfig.fields()} == set(GROUPS)


def test_first_sight_can_be_set_by_the_widgets() -> None:
    assert FIRST_SIGHT.learning_rate in LEARNING_RATES
    assert FIRST_SIGHT.depth <= REACH["depth"][1]
    assert set(FIRST_SIGHT.hidden) == {FIRST_SIGHT.hidden[0]}
    assert link(FIRST_SIGHT) == {}
    assert config_of(opened(sidebar)) == FIRST_SIGHT


def test_every_widget_has_a_help_of_one_or_two_sentences() -> None:
    app = opened(sidebar)
    keys = [*(set(CONTROLS) - {"hidden"}), "depth", "width", "widths", "layer_activations", "layer_biases"]
    for key in keys:
        help = element(app, key).help
        assert 1 <= len(re.findall(r"\.(?:\s|$)", help)) <= 2, f"{key}: {help}"
        assert help[0].isupper(), f"{key}: {help}"
        assert help.endswith("."), f"{key}: {help}"
        assert "  " not in help, f"{key}: {help}"


def test_labels_differ() -> None:
    labels = [control.label for control in CONTROLS.values()]
    assert len(set(labels)) == len(labels)


# Moving a widget --------------------------------------------------------------------------------------------

OTHER = {
    "noise": 0.5,
    "n_classes": 5,
    "test_fraction": 0.35,
    "gain": 2.5,
    "bias_std": 0.5,
    "rows": "0.5,1:2",
    "init_low": -0.25,
    "init_high": 0.5,
    "momentum": 0.9,
    "schedule_factor": 0.1,
    "schedule_floor": 0.25,
    "learning_rate": 3e-3,
    "n_samples": 77,
    "steps": 33,
    "batch_size": 16,
    "schedule_every": 7,
    "warmup_steps": 9,
    "seed": 2**32 - 1,
    "record_every": 3,
    "probe_size": 50,
    "alpha": 0.3,
    "init_scale": 0.7,
    "epsilon": 1e-5,
    "weight_decay": 0.02,
    "clip_norm": 1e-6,
    "clip_value": 3.0,
    "rms_alpha": 0.5,
    "beta_1": 0.5,
    "beta_2": 0.99,
    "l1": 1e-7,
    "l2": 0.125,
}


ENABLING = {
    "n_classes": {"dataset": "blobs"},
    "alpha": {"activation": "leaky_relu"},
    "init_scale": {"init": "normal"},
    "init_low": {"init": "uniform"},
    "init_high": {"init": "uniform"},
    "rows": {"dataset": "given", "rows": "1,2:3"},
    "nesterov": {"momentum": 0.5},
    "beta_1": {"optimizer": "adam"},
    "beta_2": {"optimizer": "adamw"},
    "rms_alpha": {"optimizer": "rmsprop"},
    "epsilon": {"optimizer": "adagrad"},
    "schedule_every": {"schedule": "step"},
    "schedule_factor": {"schedule": "step"},
    "schedule_floor": {"schedule": "cosine"},
}
"""What has to be set before a widget can be moved."""


def test_a_theta_is_typed_and_linked() -> None:
    small = FIRST_SIGHT.replace(dataset="line", hidden=(2,))
    app = opened(sidebar, **link(small))
    element(app, "theta").set_value("0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7").run()
    typed = small.replace(theta=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7))
    assert config_of(app) == typed == config_of(opened(sidebar, **link(typed)))


@pytest.mark.parametrize("field", [name for name in CONTROLS if name not in ("hidden", "table", "theta")])
def test_every_widget_sets_its_field(field: str) -> None:
    facts = FIELDS[field]
    before = FIRST_SIGHT
    if field == "features":
        value = ["x2_squared", "sin_x1"]
    elif field == "dataset":
        value = "diabetes"
    elif facts.metadata["choices"]:
        value = next(name for name in reversed(facts.metadata["choices"]) if name != getattr(before, field))
    else:
        value = not facts.default if isinstance(facts.default, bool) else OTHER[field]
    before = before.replace(**ENABLING.get(field, {}))
    app = opened(sidebar, **link(before))
    element(app, field).set_value(value).run()
    assert config_of(app) == before.replace(**{field: value})


def test_table_is_typed_or_linked_and_refused_where_its_rows_are_not() -> None:
    text = f"{'5e' * 16}.c4.0-2_6"
    app = opened(sidebar, table=text)
    assert str(config_of(app).table) == text
    assert element(app, "table").disabled
    app.selectbox(key="dataset").set_value("table").run()
    assert "this needs the rows of the run's own table (5e5e5e5e)" in app.error[0].value
    app.text_input(key="table").set_value("nonsense").run()
    assert "table must be what Table.choose returns" in app.error[0].value
    app.text_input(key="table").set_value("").run()
    assert "the data set table needs a table" in app.error[0].value


def test_depth_and_width_set_the_hidden_widths() -> None:
    app = opened(sidebar)
    app.slider(key="depth").set_value(3).run()
    app.slider(key="width").set_value(7).run()
    assert config_of(app).hidden == (7, 7, 7)
    app.slider(key="depth").set_value(0).run()
    assert config_of(app).hidden == ()


def test_lists_take_the_place_of_depth_width_and_activation() -> None:
    app = opened(sidebar)
    app.text_input(key="widths").set_value(" 64, 32;16 ,").run()
    app.text_input(key="layer_activations").set_value("tanh, relu, selu").run()
    app.text_input(key="layer_biases").set_value("none, fixed, learned, learned").run()
    config = config_of(app)
    assert config.hidden == (64, 32, 16)
    assert config.activation == ("tanh", "relu", "selu")
    assert config.biases == ("none", "fixed", "learned", "learned")
    assert app.slider(key="depth").disabled
    app.text_input(key="widths").set_value("").run()
    assert not app.slider(key="depth").disabled


@pytest.mark.parametrize(
    ("key", "text", "sentence"),
    [
        ("widths", "3, x", "hidden must be widths such as 64,32x2, whole numbers separated by commas; got 'x'"),
        ("widths", "3, -2", "whole numbers separated by commas; got '-2'"),
        ("widths", "0", "hidden must be a whole number from 1 to 4,096; got 0"),
        ("widths", ",".join(["2"] * 201), "at most 200 widths"),
        ("widths", "9" * 300, "hidden must be a whole number from 1 to 4,096; got 999"),
        ("layer_activations", "tanh, relu", "one for each of the 12 hidden layers; got 2"),
        ("layer_activations", ", ".join(["rleu"] * 12), "did you mean 'relu'?"),
        ("layer_biases", "fixed, none", "or one for each of the 13 layers, the output last; got 2"),
        ("layer_biases", ", ".join(["nnone"] * 13), "did you mean 'none'?"),
    ],
)
def test_lists_that_do_not_fit_are_an_error_in_words(key: str, text: str, sentence: str) -> None:
    app = opened(sidebar, **{key: text})
    assert not app.exception
    (error,) = app.error
    assert sentence in error.value
    assert len(error.value) < 400
    assert element(app, "activation").value == FIRST_SIGHT.activation


def test_control_without_effect_is_greyed_out_until_it_has_one() -> None:
    app = opened(sidebar)
    for key, setter, value in (
        ("alpha", "activation", "leaky_relu"),
        ("n_classes", "dataset", "blobs"),
        ("beta_1", "optimizer", "adam"),
        ("rms_alpha", "optimizer", "rmsprop"),
        ("schedule_every", "schedule", "step"),
        ("schedule_floor", "schedule", "cosine"),
        ("init_scale", "init", "normal"),
    ):
        assert element(app, key).disabled, key
        element(app, setter).set_value(value).run()
        assert not element(app, key).disabled, key


def test_features_are_kept_while_a_data_set_has_no_use_for_them() -> None:
    app = opened(sidebar, features=["x₁²", "sin x₂"])
    assert config_of(app).features == ("x1_squared", "sin_x2")
    app.selectbox(key="dataset").set_value("parabola").run()
    assert element(app, "features").disabled
    assert config_of(app).features == ()
    app.selectbox(key="dataset").set_value("spiral").run()
    assert config_of(app).features == ("x1_squared", "sin_x2")


def test_nesterov_can_be_switched_off_again_when_momentum_is_gone() -> None:
    app = opened(sidebar, momentum="0.9", nesterov="true")
    app.slider(key="momentum").set_value(0.0).run()
    assert "nesterov needs a momentum" in app.error[0].value
    assert not app.toggle(key="nesterov").disabled
    app.toggle(key="nesterov").set_value(False).run()
    assert config_of(app).nesterov is False


def test_settings_name_every_widget_of_the_sidebar() -> None:
    app = opened(sidebar)
    for key in settings_of(FIRST_SIGHT):
        element(app, key)
    assert set(settings_of(FIRST_SIGHT)) == set(CONTROLS) - {"hidden"} | {
        "depth",
        "width",
        "widths",
        "layer_activations",
        "layer_biases",
    }
    assert set(settings_of(FIRST_SIGHT)) == set(WIDGETS)


# What is folded away ----------------------------------------------------------------------------------------


def keys(app) -> set[str]:
    return {widget.key for kind in KINDS for widget in app.get(kind)} & settings_of(FIRST_SIGHT).keys()


def test_what_is_folded_away_is_not_drawn_before_it_is_unfolded() -> None:
    app = opened(sidebar, is_unfolded=False)
    assert keys(app) == UNFOLDED - {"hidden"}
    app.session_state["more_data"] = True
    app.run()
    assert keys(app) == UNFOLDED - {"hidden"} | {key for key, group in GROUP_OF.items() if group == "data"}
    app.session_state["more_data"] = False
    app.run()
    assert "noise" in keys(app), "folded again, a part is drawn at once when it is unfolded the next time"


def test_the_address_sets_what_is_folded_away() -> None:
    app = opened(sidebar, is_unfolded=False, momentum="0.5", l2="0.1", features=["x₁²"], n_samples="9e9")
    assert (config_of(app).momentum, config_of(app).l2, config_of(app).features) == (0.5, 0.1, ("x1_squared",))
    assert "The address sets Samples to '9e9'" in app.warning[0].value
    asked = dict(app.query_params)
    assert asked == {"momentum": "0.5", "l2": "0.1", "features": "x₁²"}
    config = config_of(app)
    unfold(app).run()
    assert config_of(app) == config
    assert (element(app, "momentum").value, element(app, "l2").value) == (0.5, 0.1)
    assert app.query_params == asked
    app.slider(key="momentum").set_value(0.9).run()
    assert config_of(app).momentum == 0.9


def test_a_button_sets_what_is_folded_away() -> None:
    app = opened(sidebar, is_unfolded=False)
    app.session_state["to_apply"] = FIRST_SIGHT.replace(l2=0.1, momentum=0.5)
    app.run()
    assert config_of(app) == FIRST_SIGHT.replace(l2=0.1, momentum=0.5)
    assert app.query_params == {"l2": "0.1", "momentum": "0.5"}
    unfold(app).run()
    assert element(app, "l2").value == 0.1
    app.session_state["to_apply"] = FIRST_SIGHT
    app.run()
    assert config_of(app) == FIRST_SIGHT
    assert element(app, "l2").value == 0.0
