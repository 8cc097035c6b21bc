"""Pinned runs live in the address: they survive pages, reloads and copied links, and hostile ones are left out."""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from dashboard.state import pins
from dashboard.state.address import FIRST_SIGHT
from dashboard.state.pins import LONGEST_NAME, Pin, clean, decoded, encoded, proposed, unused
from dashboard.state.session import MOST_PINS
from nncore import RunConfig, read_table
from tests.dashboard.lab import SMALL, element, opened, opened_on
from tests.dashboard.state.test_address import HOSTILE, configs

TINY = FIRST_SIGHT.replace(hidden=(4, 4), steps=4, n_samples=40)
COMPARE = "views/compare/page.py"

few = settings(max_examples=40, suppress_health_check=list(HealthCheck), derandomize=True)


def in_address(app) -> list[Pin]:
    """The pins that the address holds."""
    texts = app.query_params.get("pin", [])
    return [decoded(text) for text in ([texts] if isinstance(texts, str) else texts)]


def to_page(app, page: str):
    """Another page, as the browser goes there: with an empty address."""
    for name in list(app.query_params):
        del app.query_params[name]
    app.switch_page(page)
    app.run()
    assert not app.exception
    return app


def compare_page(*found: Pin, texts: tuple[str, ...] = ()):
    """The Compare page opened from a link with these pins, after its runs have ended."""
    app = opened_at(pin=[*map(encoded, found), *texts])
    assert not app.exception
    return app


def opened_at(**query):
    return opened_on("compare", **query)


# Configs and links ------------------------------------------------------------------------------------------


@few
@given(configs())
def test_config_comes_back_from_its_link_without_a_widget(config: RunConfig) -> None:
    if config.table or config.dataset == "table":
        assert not pins.may_travel(config)
    else:
        assert decoded(encoded(Pin("a run", config))) == Pin("a run", config)


@few
@given(some.text(max_size=60) | some.sampled_from([v for v in HOSTILE if isinstance(v, str)]))
def test_any_text_is_a_pin_or_one_sentence(text: str) -> None:
    for tried in (
        text,
        f"depth={text}",
        f"activation={text}&name={text}",
        f"seed={text}",
        f"widths={text}",
        f"skip={text}",
    ):
        try:
            pin = decoded(tried)
        except ValueError as problem:
            assert len(str(problem)) < 500
            assert "\n" not in str(problem)
        else:
            assert pins.may_travel(pin.config)
            assert pin.name == clean(pin.name) != ""


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "it is empty"),
        ("dataset=table&table=abc", "a run on an uploaded table stays in its session"),
        ("features=x1", "features must be among"),
        ("depth=999", "depth must be a whole number from 0 to 50; got 999"),
        ("width=0", "width must be a whole number from 1 to 256; got 0"),
        ("seed=1e99", "seed must be a whole number from 0 to 4,294,967,295; got 1e+99"),
        ("gain=nan", "gain must be a number from 0 to 100; got nan"),
        ("skip=yes", "skip must be true or false; got 'yes'"),
        ("activation=rleu", "did you mean 'relu'?"),
        ("__proto__=1", "'__proto__' is not a setting"),
        ("seed=1&seed=2", "it names seed more than once"),
        ("seed=" + "9" * 5000, "seed is too long: 5,000 characters"),
        ("activation=" + "x" * 5000, "activation is too long"),
        ("widths=" + ",".join(["2"] * 201), "at most 200 widths"),
        ("&".join(f"a{n}=1" for n in range(500)), "Max number of fields exceeded"),
    ],
)
def test_pin_that_cannot_be_read_says_why(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        decoded(text)


def test_run_that_its_link_does_not_describe_is_not_pinned() -> None:
    odd = TINY.replace(learning_rate=0.123456789)  # a link writes six digits
    assert not pins.may_travel(odd)
    with pytest.raises(ValueError, match="not described by its link"):
        encoded(Pin("odd", odd))


def test_run_on_an_uploaded_table_is_never_pinned() -> None:
    table = read_table(b"x,y\n" + b"".join(b"%d,%d\n" % (x, x * x) for x in range(20)))
    config = TINY.replace(dataset="table", table=table.choose("y"))
    assert not pins.may_travel(config)
    with pytest.raises(ValueError, match="cannot be pinned"):
        encoded(Pin("mine", config))
    assert not pins.may_travel(TINY.replace(table=table.choose("y")))


# Names ------------------------------------------------------------------------------------------------------


def test_name_says_what_the_run_is_and_what_sets_it_apart() -> None:
    first = Pin(proposed(FIRST_SIGHT, []), FIRST_SIGHT)
    assert first.name == "sigmoid, 12 × 32"
    assert proposed(FIRST_SIGHT.replace(activation="tanh"), [first]) == "tanh, 12 × 32"
    assert proposed(FIRST_SIGHT.replace(hidden=(8, 4)), [first]) == "sigmoid, 8-4"
    assert proposed(FIRST_SIGHT.replace(init="he_normal"), [first]) == "sigmoid, 12 × 32, he_normal"
    assert proposed(FIRST_SIGHT.replace(seed=3), [first]) == "sigmoid, 12 × 32, seed 3"
    assert proposed(FIRST_SIGHT.replace(skip=True), [first]) == "sigmoid, 12 × 32, skip connections"
    assert proposed(FIRST_SIGHT.replace(learning_rate=0.01), [first]) == "sigmoid, 12 × 32, learning rate 0.01"
    assert proposed(FIRST_SIGHT.replace(hidden=(), activation="relu"), []) == "relu, no hidden layer"


def test_both_of_two_alike_runs_are_named_by_what_sets_them_apart() -> None:
    tanh = FIRST_SIGHT.replace(activation="tanh")
    first = pins.with_new(tanh.replace(loss="mse"), [])
    assert [pin.name for pin in first] == ["tanh, 12 × 32"]
    both = pins.with_new(tanh, first)
    assert [pin.name for pin in both] == ["tanh, 12 × 32, mse", "tanh, 12 × 32, bce"]
    own = pins.with_new(tanh, [Pin("my run", tanh.replace(loss="mse"))])
    assert [pin.name for pin in own] == ["my run", "tanh, 12 × 32, bce"]


@few
@given(some.text(max_size=80))
def test_clean_name_is_one_short_line_without_markup_or_formula(text: str) -> None:
    name = clean(text)
    assert len(name) <= LONGEST_NAME
    assert not name or name[0] not in "=+-@ "
    assert not set(name) & set("<>&\n\t\r")
    assert clean(name) == name


def test_names_are_told_apart() -> None:
    found = [Pin("a", TINY), Pin("a (2)", TINY)]
    assert unused("b", found) == "b"
    assert unused("a", found) == "a (3)"
    assert len(unused("x" * LONGEST_NAME, [Pin("x" * LONGEST_NAME, TINY)])) <= LONGEST_NAME


# In the app -------------------------------------------------------------------------------------------------


def test_pin_button_puts_the_run_into_the_address_under_a_proposed_name() -> None:
    app = opened(**SMALL)
    element(app, "pin_this").click().run()
    assert in_address(app) == [Pin("sigmoid, 2 × 4", TINY)]
    assert element(app, "pin_this").label == "Pinned"
    assert element(app, "pin_this").disabled
    element(app, "activation").set_value("tanh").run()
    assert not element(app, "pin_this").disabled
    element(app, "pin_this").click().run()
    assert in_address(app) == [Pin("sigmoid, 2 × 4", TINY), Pin("tanh, 2 × 4", TINY.replace(activation="tanh"))]


def test_pins_come_along_to_every_page_and_back() -> None:
    app = opened(**SMALL)
    element(app, "pin_this").click().run()
    for page in (COMPARE, "views/lecture/vanishing.py", "views/lab/page.py"):
        to_page(app, page)
        assert in_address(app) == [Pin("sigmoid, 2 × 4", TINY)], page
    assert element(app, "pin_this").label == "Pinned"


def test_removed_pins_do_not_come_back_on_the_next_page() -> None:
    app = compare_page(Pin("one", TINY), Pin("two", TINY.replace(seed=1)))
    element(app, "pin_clear").click().run()
    assert in_address(app) == []
    to_page(app, "views/lab/page.py")
    assert in_address(app) == []


def test_link_opens_the_same_pins_in_another_session() -> None:
    found = [Pin("one", TINY), Pin("zwei, größer", TINY.replace(hidden=(5,) * 3, learning_rate=0.003))]
    app = compare_page(*found)
    assert in_address(app) == found
    again = opened_at(pin=list(app.query_params["pin"]))
    assert in_address(again) == found


def test_rename_and_reorder_and_remove() -> None:
    found = [Pin(name, TINY.replace(seed=place)) for place, name in enumerate("abc")]
    app = compare_page(*found)
    element(app, "pin_chosen").set_value(1).run()
    element(app, "pin_name_1_b").set_value("=HYPERLINK(1) <b>").run()
    assert [pin.name for pin in in_address(app)] == ["a", "HYPERLINK(1) ‹b›", "c"]
    element(app, "pin_name_1_HYPERLINK(1) ‹b›").set_value("a").run()
    assert [pin.name for pin in in_address(app)] == ["a", "a (2)", "c"]
    element(app, "pin_name_1_a (2)").set_value("").run()
    assert [pin.name for pin in in_address(app)] == ["a", "sigmoid, 2 × 4, seed 1", "c"]
    element(app, "pin_up").click().run()
    assert [pin.config.seed for pin in in_address(app)] == [1, 0, 2]
    assert element(app, "pin_chosen").value == 0
    element(app, "pin_chosen").set_value(2).run()
    element(app, "pin_remove").click().run()
    assert [pin.config.seed for pin in in_address(app)] == [1, 0]
    assert not app.exception


def test_open_in_lab_brings_the_pinned_run_and_keeps_the_pins() -> None:
    app = opened(**SMALL, step="2")
    element(app, "pin_this").click().run()
    element(app, "activation").set_value("relu").run()
    element(app, "pin_this").click().run()
    to_page(app, COMPARE)
    element(app, "pin_chosen").set_value(0).run()
    element(app, "pin_open").click().run()
    assert not app.exception
    assert element(app, "activation").value == "sigmoid"
    assert app.slider(key="depth").value == 2
    assert app.slider(key="step").value == 4
    assert len(in_address(app)) == 2


def test_pin_beyond_the_sliders_opens_in_the_lab_on_the_nearest_set_up() -> None:
    text = encoded(Pin("far", TINY)) + "&gain=50&learning_rate=0.017"
    app = compare_page(texts=(text,))
    element(app, "pin_open").click().run()
    assert not app.exception
    assert (element(app, "gain").value, element(app, "learning_rate").value) == (20.0, 0.02)


@pytest.mark.parametrize("chosen", [{"at": "step"}, {"at_share": "40"}], ids=str)
def test_a_pin_opens_in_the_lab_wherever_the_runs_are_compared(chosen: dict) -> None:
    """A page that is left with parameters of its widgets in the address ended in an error."""
    app = opened_at(pin=[encoded(Pin("near", TINY)), encoded(Pin("far", TINY.replace(seed=3)))], **chosen)
    element(app, "pin_open").click().run()
    assert not app.exception and app.slider(key="step")


def test_nine_pins_are_eight_and_a_sentence() -> None:
    texts = [encoded(Pin(f"run {place}", TINY.replace(seed=place))) for place in range(9)]
    app = compare_page(texts=tuple(texts))
    assert len(app.table[0].value) == MOST_PINS
    assert "The link holds 9 pins" in app.warning[0].value
    lab = opened(**SMALL, pin=texts[:8], activation="tanh")
    button = element(lab, "pin_this")
    assert button.disabled
    assert "8 runs are pinned, the most there can be" in button.help


@pytest.mark.parametrize("place", range(0, len(HOSTILE), MOST_PINS - 1))
def test_hostile_pins_are_left_out_in_one_sentence_each(place: int) -> None:
    values = [v if isinstance(v, str) else v[-1] for v in HOSTILE[place : place + MOST_PINS - 1]]
    app = compare_page(Pin("good", TINY), texts=tuple(values))
    assert not app.error
    assert len(app.table[0].value) == 1
    sentences = app.warning[0].value.replace("\\", "").split("\n\n")
    assert len(sentences) == len(values)
    assert all(re.fullmatch(r"Pin \d of the link was left out: .{5,300}\.", each, re.S) for each in sentences)
    lab = opened(**SMALL, pin=values)
    assert not lab.exception
    element(lab, "pin_this")


def test_same_run_twice_is_one_pin() -> None:
    app = compare_page(Pin("one", TINY), Pin("two", TINY))
    assert len(app.table[0].value) == 1
    assert "its run is pinned already" in app.warning[0].value
