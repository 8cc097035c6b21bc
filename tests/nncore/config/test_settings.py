"""Each setting by itself: what it takes, how it keeps it, and what it refuses."""

import json
import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nncore import ACTIVATIONS, DATASETS, INITIALIZERS, LOSSES, NORMALIZATIONS, OPTIMIZERS, RunConfig
from nncore.config.settings import KINDS
from nncore.data.features import FEATURES
from tests.nncore.refusal import refused

FIELDS = {field.name: field for field in RunConfig.fields()}
NUMBERS = {name: f for name, f in FIELDS.items() if f.metadata["kind"] == "number"}
CHOICES = {name: f for name, f in FIELDS.items() if f.metadata["choices"] is not None}


def test_every_field_says_what_a_control_needs_to_know() -> None:
    groups = {field.metadata["group"] for field in FIELDS.values()}
    assert groups == {"data", "network", "initialization", "training"}
    for name, field in FIELDS.items():
        facts = field.metadata
        assert facts["help"].endswith(".") and facts["help"][0].isupper(), name
        is_number, is_choice = facts["low"] is not None, facts["choices"] is not None
        assert is_number + is_choice + (facts["kind"] in ("flag", "table")) == 1, name
        assert facts["kind"] in KINDS, name


@pytest.mark.parametrize(
    ("field", "registry"),
    [
        ("dataset", {**DATASETS, "table": None}),
        ("activation", ACTIVATIONS),
        ("init", INITIALIZERS),
        ("optimizer", OPTIMIZERS),
        ("normalization", NORMALIZATIONS),
        ("features", FEATURES),
    ],
)
def test_choices_are_the_registries(field: str, registry: dict[str, Any]) -> None:
    assert CHOICES[field].metadata["choices"] == tuple(registry)


def test_loss_choices_are_the_registry_and_auto() -> None:
    assert CHOICES["loss"].metadata["choices"] == ("auto", *LOSSES)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_taken_up_to_their_bounds_and_refused_beyond(name: str) -> None:
    facts = NUMBERS[name].metadata
    together = {"activation": "elu"} if name == "alpha" else {}
    for bound in (facts["low"], facts["high"]):
        if (name, bound) in {("test_fraction", 0.9), ("n_samples", 4)}:
            together["n_samples"] = 100 if name == "test_fraction" else bound
        value = getattr(RunConfig(**{**together, name: bound}), name)
        assert value == bound and type(value) is (int if facts["whole"] else float)
    beyond = (facts["low"] - 1, facts["high"] * 2 + 1)
    for value in (*beyond, math.nan, math.inf, -math.inf, 10**400, "1", b"1", True, 1j, Decimal(1), [1], {}, object()):
        message = refused(**{name: value})
        kind = "a whole number" if facts["whole"] else "a number"
        assert message.startswith(f"{name} must be {kind} from "), message
        assert "; got " in message


@pytest.mark.parametrize("name", [name for name, field in NUMBERS.items() if field.metadata["whole"]])
def test_whole_numbers_may_come_as_floats_and_fractions_may_not(name: str) -> None:
    facts = NUMBERS[name].metadata
    middle = float((facts["low"] + facts["high"]) // 2)
    assert type(getattr(RunConfig(**{name: middle}), name)) is int
    assert "whole number" in refused(**{name: middle + 0.5})


@pytest.mark.parametrize("name", [name for name, field in FIELDS.items() if isinstance(field.default, bool)])
@pytest.mark.parametrize("value", [0, 1, "True", None, 1.0, np.int64(1)])
def test_switches_take_nothing_but_true_and_false(name: str, value: Any) -> None:
    assert refused(**{name: value}).startswith(f"{name} must be True or False; got ")
    assert getattr(RunConfig(**{name: np.True_, "momentum": 0.5}), name) is True


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("value", ["", "nonsense", None, 3, math.nan, ["x"], {"a": 1}, object(), b"tanh"])
def test_unknown_names_are_refused_with_the_choices(name: str, value: Any) -> None:
    message = refused(**{name: value})
    assert message.startswith(f"{name} must be one of {', '.join(CHOICES[name].metadata['choices'])}; got ")


@pytest.mark.parametrize(
    ("settings", "hint"),
    [
        ({"activation": "rleu"}, "(did you mean 'relu'?)"),
        ({"activation": ("tanh", "TanH")}, "(did you mean 'tanh'?)"),
        ({"dataset": "monos"}, "(did you mean 'moons'?)"),
        ({"init": "xavier"}, "(did you mean 'xavier_normal'?)"),
        ({"optimizer": "Adam"}, "(did you mean 'adam'?)"),
    ],
)
def test_a_near_miss_gets_a_suggestion(settings: dict[str, Any], hint: str) -> None:
    assert refused(**settings).endswith(hint)


@pytest.mark.parametrize(
    "hidden", [5, "55", None, {3: 1}, (0,), (-1,), (2.5,), (4097,), ("3",), (None,), (True,), ((3,),)]
)
def test_impossible_hidden_widths_are_refused(hidden: Any) -> None:
    assert refused(hidden=hidden).startswith("hidden must be ")


def test_two_hundred_hidden_layers_are_the_most() -> None:
    assert RunConfig(hidden=(1,) * 200).depth == 200
    assert refused(hidden=(1,) * 100_000) == (
        "hidden must be a tuple of at most 200 widths, input side first; got (1, 1, 1, 1, 1, 1, ...)"
    )


def test_numpy_numbers_and_lists_become_plain_values() -> None:
    config = RunConfig(
        hidden=[np.int64(3), 4.0],
        activation=["tanh", np.str_("relu")],
        steps=np.int32(5),
        learning_rate=np.float32(0.5),
        skip=np.bool_(True),
    )
    assert config == RunConfig(hidden=(3, 4), activation=("tanh", "relu"), steps=5, learning_rate=0.5, skip=True)
    assert [type(width) for width in config.hidden] == [int, int]
    json.dumps(config.to_dict())


def test_minus_zero_is_zero_because_the_two_are_equal() -> None:
    assert math.copysign(1, RunConfig(learning_rate=-0.0).learning_rate) == 1.0


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.complex_numbers(),
    st.just(np.array([1, 2])),
    st.just(np.nan),
    st.lists(st.one_of(st.integers(), st.floats(), st.text(max_size=3), st.none()), max_size=4),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.sampled_from([10**400, -(10**400), float, object(), Decimal("NaN"), np.float64(1e308), np.array(3.0)]),
)


@settings(max_examples=600, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), HOSTILE, min_size=1, max_size=3))
def test_hostile_values_give_a_sentence_or_a_config_that_works(values: dict[str, Any]) -> None:
    try:
        config = RunConfig(**values)
    except ValueError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert hash(config) == hash(RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))))
    config.layout()
    config.make_optimizer()
    config.make_schedule()


def test_features_are_a_set_in_one_order() -> None:
    config = RunConfig(features=["sin_x2", "x1_squared", "sin_x2"])
    assert config.features == ("x1_squared", "sin_x2")
    assert config == RunConfig(features=("x1_squared", "sin_x2")) != RunConfig(features=("sin_x2",))
    assert RunConfig(features="x1_x2").features == ("x1_x2",)
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
