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
from nncore.config.settings import KINDS, LEARNING_RATES, LONGEST_TEXT
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
        assert is_number + is_choice + (facts["kind"] in ("flag", "table", "rows")) == 1, name
        assert facts["kind"] in KINDS, name


@pytest.mark.parametrize(
    ("field", "registry"),
    [
        ("dataset", {**DATASETS, "given": None, "table": None}),
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


@settings(max_examples=600)
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


# As text ----------------------------------------------------------------------------------------------------


def values_of(name: str) -> st.SearchStrategy[Any]:
    """Every value that a setting takes."""
    facts, default = FIELDS[name].metadata, FIELDS[name].default
    low, high = facts["low"], facts["high"]
    values = {
        "flag": st.booleans,
        "number": lambda: st.integers(int(low), int(high)) if facts["whole"] else st.floats(low, high),
        "name": lambda: st.sampled_from(facts["choices"]),
        "name or names": lambda: (
            st.sampled_from(facts["choices"]) | st.lists(st.sampled_from(facts["choices"])).map(tuple)
        ),
        "names": lambda: st.lists(st.sampled_from(facts["choices"]), unique=True),
        "widths": lambda: st.lists(st.integers(1, 3) | st.integers(low, high), max_size=200).map(tuple),
        "numbers": lambda: st.lists(st.floats(low, high), max_size=30).map(tuple),
        "rows": lambda: st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3), max_size=5).map(
            lambda rows: ";".join(f"{x1!r}, {x2!r}: {y!r}" for x1, x2, y in rows)
        ),
        "table": lambda: (
            st.just("") | st.from_regex(r"[0-9a-f]{32}\.[cr][0-9]\.[0-9](_[0-9]{2}-[0-9]{3})?", fullmatch=True)
        ),
    }[facts["kind"]]()
    return st.none() | values if default is None else values


@pytest.mark.parametrize("name", FIELDS)
@given(data=st.data())
def test_text_of_a_value_is_read_back_as_that_value(name: str, data: st.DataObject) -> None:
    value = RunConfig.check(name, data.draw(values_of(name)))
    text = RunConfig.text(name, value)
    again = RunConfig.parse(name, text)
    assert again == value and type(again) is type(value)
    assert "\n" not in text and RunConfig.text(name, again) == text


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("hidden", " 64, 32;16 ,", (64, 32, 16)),
        ("hidden", "8x3,4", (8, 8, 8, 4)),
        ("hidden", "none", ()),
        ("activation", "tanh, relu", ("tanh", "relu")),
        ("activation", "tanh,", ("tanh",)),
        ("activation", "tanh", "tanh"),
        ("features", "sin_x2;x1_x2", ("x1_x2", "sin_x2")),
        ("features", "", ()),
        ("normalization", "none", "none"),
        ("clip_norm", "", None),
        ("clip_norm", "None", None),
        ("skip", "True", True),
        ("steps", "4e2", 400),
        ("learning_rate", "1e-06", 1e-6),
        ("table", "none", ""),
    ],
)
def test_texts_that_people_write_are_read(name: str, text: str, value: Any) -> None:
    assert RunConfig.parse(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("skip", "yes", "skip must be true or false; got 'yes'"),
        ("gain", "", "gain must be a number from 0 to 100; got ''"),
        ("gain", "inf", "gain must be a number from 0 to 100; got inf"),
        ("seed", "1e99", "seed must be a whole number from 0 to 4,294,967,295; got 1e+99"),
        ("hidden", "3, x", "hidden must be widths such as 64,32x2, whole numbers separated by commas; got 'x'"),
        ("hidden", "3x9999999999", "hidden must be a tuple of at most 200 widths"),
        ("activation", "tanh, rleu", "did you mean 'relu'?"),
        ("activation", "x" * 3999, "got 'xxxxxxxxxxxx...xxxxxxxxxxxxx'"),
        ("gian", "1", "did you mean 'gain'?"),
        ("seed", "9" * 5000, "seed is too long: 5,000 characters, and 4,000 are allowed"),
    ],
)
def test_texts_that_spell_no_value_are_refused_in_a_sentence(name: str, text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as refusal:
        RunConfig.parse(name, text)
    assert sentence in str(refusal.value) and len(str(refusal.value)) < 700


@given(st.sampled_from(sorted(FIELDS)), st.text(max_size=30) | st.floats().map(str) | st.text("0123456789x,;-.e"))
def test_any_text_is_a_value_or_one_sentence(name: str, text: str) -> None:
    try:
        value = RunConfig.parse(name, text)
    except ValueError as refusal:
        assert str(refusal) and "\n" not in str(refusal)
    else:
        assert RunConfig.parse(name, RunConfig.text(name, value)) == value


def test_longest_lists_fit_into_a_text() -> None:
    longest = max(ACTIVATIONS, key=len)
    assert len(", ".join([longest] * 200)) <= LONGEST_TEXT
    assert len(", ".join(["4096"] * 200)) <= LONGEST_TEXT
    assert len(f"{'5e' * 16}.c999.{'_'.join(map(str, range(0, 1000, 2)))}") <= LONGEST_TEXT


def test_learning_rates_rise_and_are_written_short() -> None:
    assert list(LEARNING_RATES) == sorted(set(LEARNING_RATES))
    assert [float(f"{rate:g}") for rate in LEARNING_RATES] == list(LEARNING_RATES)
