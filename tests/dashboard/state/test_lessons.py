"""A lesson's link hides what it is not about, keeps its settings, and shows its words as they are."""

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.state import lessons
from dashboard.state.address import FIRST_SIGHT, link, settings_of
from dashboard.state.lessons import MOST_PARTS, NOTE_LENGTH, TEXT_LENGTH, TITLE_LENGTH, Lesson, Part, plain, read
from dashboard.state.session import KEY
from dashboard.ui.layout import PARTS
from dashboard.words.labels import GROUPS, WIDGETS
from nncore import run
from nncore.diagnosis import flow
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened
from tests.dashboard.state.test_address import HOSTILE, few
from tests.dashboard.state.test_address import configs as some_configs
from tests.dashboard.state.test_sidebar import config_of, sidebar

KEYS = tuple(settings_of(FIRST_SIGHT))
TITLE = "Why does layer 1 stand still?"


def drawn_controls(app) -> set[str]:
    kinds = ("slider", "select_slider", "selectbox", "toggle", "number_input", "text_input", "button_group")
    return {widget.key for kind in kinds for widget in app.sidebar.get(kind)}


def words(app) -> str:
    """What stands in the page's HTML, the style sheets left out."""
    bodies = (element.proto.body for element in app.main.get("html"))
    return " ".join(body for body in bodies if "<style" not in body)


# The link ---------------------------------------------------------------------------------------------------

names = some.lists(some.sampled_from([*KEYS, "flow", "loss", "headline"]), unique=True).map(tuple)


words_of_a_part = some.text(max_size=400).map(lambda text: plain(text, TEXT_LENGTH))
parts = some.builds(
    Part,
    settings=some.lists(some.tuples(some.sampled_from(KEYS), some.text(max_size=20)), max_size=3).map(tuple),
    step=some.integers(0, 10**8),
    text=words_of_a_part,
    question=words_of_a_part.filter(bool),
    choices=some.lists(words_of_a_part.filter(bool), min_size=1, max_size=6).map(tuple),
) | some.builds(Part, settings=some.just(()), step=some.integers(0, 9), text=words_of_a_part)


@given(
    some.text(max_size=200),
    some.text(max_size=1000),
    some.none() | names,
    some.none() | names,
    some.lists(parts, max_size=MOST_PARTS).map(tuple),
)
def test_reading_a_lessons_query_gives_the_lesson(
    title: str, note: str, only: tuple | None, show: tuple | None, parts: tuple[Part, ...]
) -> None:
    lesson = Lesson(plain(title, TITLE_LENGTH), plain(note, NOTE_LENGTH, lines=True), only, show or None, parts)
    assert read(lesson.query()) == (lesson if lesson.title else None)


def test_page_without_a_title_is_no_lesson() -> None:
    assert read({"only": "depth", "show": "flow"}) is None
    assert read({"lesson": " \n\x00"}) is None


def test_words_are_bounded_and_lose_control_characters() -> None:
    assert len(plain("x" * 10_000, TITLE_LENGTH)) == TITLE_LENGTH
    assert plain("a\u202eb\x1b[31mc\u0000d", 99) == "a b [31mc d"
    assert plain("one\r\n\n  two ", 99, lines=True) == "one\n\ntwo"
    assert len(read({"lesson": "t", "only": ",".join(f"k{n}" for n in range(10_000))}).only) <= lessons.NAMES


@given(some.text(max_size=60))
def test_heading_holds_no_markup_but_its_own(text: str) -> None:
    html = lessons.heading(Lesson(plain(text, TITLE_LENGTH), plain(text, NOTE_LENGTH, lines=True)))
    assert set(re.findall(r"</?(\w+)", html)) <= {"div", "h1", "p"}
    title = re.search("<h1[^>]*>(.*?)</h1>", html, re.DOTALL)[1]
    assert unescape(title) == plain(text, TITLE_LENGTH)


# The sidebar ------------------------------------------------------------------------------------------------


def test_only_the_named_controls_remain_and_the_others_still_apply() -> None:
    config = FIRST_SIGHT.replace(hidden=(7,) * 3, activation="tanh", init="orthogonal", gain=1.5, skip=True, steps=9)
    app = opened(sidebar, **link(config), lesson=TITLE, only="depth,activation,skip,clip_norm")
    assert drawn_controls(app) == {"depth", "activation", "skip", "clip_norm"}
    assert config_of(app) == config
    headings = [text.value for text in app.sidebar.markdown]
    assert headings == [f"**{GROUPS[group]}**" for group in ("network", "training")]
    app.slider(key="depth").set_value(5).run()
    assert config_of(app) == config.replace(hidden=(7,) * 5)


@pytest.mark.parametrize("only", ["none", "", "nothing,of,the_sidebar"])
def test_no_control_may_remain(only: str) -> None:
    assert Lesson(TITLE, only=()).query()["only"] == "none"
    app = opened(sidebar, lesson=TITLE, only=only, gain="2.5")
    assert drawn_controls(app) == set()
    assert config_of(app) == FIRST_SIGHT.replace(gain=2.5)


@few
@given(some_configs(), some.lists(some.sampled_from(KEYS), unique=True))
def test_any_set_up_applies_whatever_is_hidden(config, only: list[str]) -> None:
    app = opened(sidebar, **link(config), lesson=TITLE, only=",".join(only))
    assert config_of(app) == config
    assert drawn_controls(app) == {*only}


def test_undo_reaches_hidden_settings_and_the_address_follows() -> None:
    app = opened(sidebar, lesson=TITLE, only="depth", activation="relu")
    app.session_state["to_apply"] = FIRST_SIGHT.replace(activation="tanh", skip=True)
    app.run()
    assert app.query_params["activation"] == "tanh" and app.query_params["skip"] == "true"
    element(app, "sidebar_undo").click().run()
    assert config_of(app) == FIRST_SIGHT.replace(activation="relu")
    assert app.query_params["activation"] == "relu" and "skip" not in app.query_params


@pytest.mark.parametrize("only", ["", "depth", "seed,widths"])
def test_hostile_values_of_hidden_settings_never_show_an_exception(only: str) -> None:
    for value in HOSTILE:
        app = opened(sidebar, **dict.fromkeys(KEYS, value), lesson=TITLE, only=only)
        assert not app.exception, value
        if not app.error:
            assert config_of(app)


# The page ---------------------------------------------------------------------------------------------------


def test_lesson_shows_its_words_its_charts_in_order_and_its_step() -> None:
    note = "Turn the <b>depth</b>.\n**Look** at :red[δ] :material/home: $x$"
    app = opened(**SMALL, lesson=f"<i>{TITLE}</i>", note=note, only="depth", show="loss,flow", step="2")
    assert not app.exception
    assert list(plots(app)) == ["chart_loss", "chart_flow"]
    assert not app.metric and not app.get("download_button")[2:]
    assert f"&lt;i&gt;{TITLE}&lt;/i&gt;" in words(app)
    assert "&lt;b&gt;depth&lt;/b&gt;" in words(app) and ":red[δ]" in words(app)
    config = FIRST_SIGHT.replace(hidden=(4, 4), steps=4, n_samples=40)
    lines = {trace.get("name"): trace for trace in plots(app)["chart_flow"]["figure"]["data"]}
    np.testing.assert_array_equal(lines["δ at step 2"]["y"], flow(run(config), 2).delta)
    app.slider(key="step").set_value(1).run()
    assert list(plots(app)) == ["chart_loss", "chart_flow"]


def test_show_everything_leaves_the_lesson_and_keeps_the_set_up() -> None:
    app = opened(**SMALL, lesson=TITLE, only="", show="flow", gain="2.5")
    assert list(plots(app)) == ["chart_flow"]
    element(app, "leave_lesson").click().run()
    assert not app.exception
    assert len(plots(app)) >= 11 and len(app.metric) == 4
    assert drawn_controls(app) >= set(KEYS)
    assert element(app, "gain").value == 2.5 and element(app, "depth").value == 2
    assert TITLE not in words(app)
    assert not {"lesson", "note", "only", "show"} & set(app.query_params)


def test_lesson_outlasts_a_look_at_another_page() -> None:
    app = opened(**SMALL, lesson=TITLE, only="depth", show="flow")
    app.switch_page("views/lecture/neuron.py").run()
    app.query_params.clear()  # as the browser does on its way to another page
    assert not app.exception
    app.switch_page("views/lab/page.py").run()
    assert TITLE in words(app)
    assert list(plots(app)) == ["chart_flow"]
    assert drawn_controls(app) == {"depth"}


def test_hostile_lessons_never_break_the_page() -> None:
    for value in HOSTILE[::3]:
        app = opened(**SMALL, lesson=value, note=value, only=value, show=value)
        assert not app.exception and not app.error, value


def test_lesson_that_names_no_chart_of_the_page_says_so() -> None:
    app = opened(**SMALL, lesson=TITLE, show="nowhere")
    assert not plots(app)
    assert "no chart" in " ".join(text.value for text in app.info)
    element(app, "leave_lesson")


# Parts ------------------------------------------------------------------------------------------------------

DEEPER = FIRST_SIGHT.replace(hidden=(4,) * 5, steps=4, n_samples=40)
SHALLOW = FIRST_SIGHT.replace(hidden=(4, 4), steps=4, n_samples=40)
IN_PARTS = Lesson(
    TITLE,
    show=("flow",),
    parts=(
        Part(tuple(link(SHALLOW).items()), 4, "Two <b>layers</b>."),
        Part(tuple(link(DEEPER).items()), 3, "Five.", "What do *five* do?", ("more arrives", "less arrives"), 1),
        Part((("depth", "-3"),), 0, "None such."),
    ),
)


def told(app) -> str:
    """What the lesson says, as the reader sees it."""
    return f"{words(app)} {' '.join(text.value for kind in ('markdown', 'caption') for text in app.main.get(kind))}"


def stands_on(app) -> tuple[object, object]:
    return app.session_state["depth"], app.session_state["step"]


def test_parts_are_predicted_answered_and_gone_through_on_one_figure() -> None:
    app = opened(**link(SHALLOW), **IN_PARTS.query(), step="4")
    assert not app.exception
    assert "Two &lt;b&gt;layers&lt;/b&gt;." in told(app) and "1 of 3" in told(app)
    assert element(app, "lesson_back").disabled
    element(app, "lesson_next").click().run()
    assert "What do \\*five\\* do?" in told(app) and "Five." not in told(app)
    assert stands_on(app) == (2, 4), "it is asked over the run before"
    app.radio(key="lesson_choice_1").set_value(0).run()
    element(app, "lesson_next").click().run()
    assert "No." in told(app) and "Right: **less arrives**." in told(app) and "Five." in told(app)
    assert stands_on(app) == (5, 3) and list(plots(app)) == ["chart_flow"]
    again = opened(**{name: app.query_params[name] for name in app.query_params if name != "session"})
    assert stands_on(again) == (5, 3) and "2 of 3" in told(again) and "Five." in told(again)
    element(app, "lesson_next").click().run()
    assert not app.exception and "cannot be shown: depth must be" in told(app) and stands_on(app) == (5, 3)
    assert element(app, "lesson_next").disabled
    element(app, "lesson_back").click().run()
    element(app, "lesson_back").click().run()
    assert stands_on(app) == (2, 4) and "Five." not in told(app)


def test_hostile_parts_never_break_the_page() -> None:
    for value in HOSTILE[::3]:
        text = "\n".join(value) if isinstance(value, list) else value
        for parts in (text, f"depth={text}&text={text}&ask={text}&choice={text}&right={text}"):
            app = opened(**SMALL, lesson=TITLE, show="flow", parts=parts, stage=text)
            assert not app.exception and not app.error, value


# Making one -------------------------------------------------------------------------------------------------


def open_dialog() -> None:
    """A page that is nothing but the dialog, open; two charts have been drawn on it."""
    from dashboard.ui import layout
    from dashboard.views.lab import lesson_maker

    layout.place("flow", "Gradient flow")
    layout.place("heatmap", "Over training")
    lesson_maker.dialog()


def test_dialog_makes_a_link_that_opens_exactly_what_was_chosen() -> None:
    seen = {**SMALL, "activation": "tanh", "heat": "update", "step": "3", "experiment": "zeros"}
    app = opened(open_dialog, **seen)
    assert not app.code
    assert app.multiselect(key="lesson_only").options == list(WIDGETS.values())
    app.multiselect(key="lesson_only").set_value(["depth", "skip"])
    app.multiselect(key="lesson_show").set_value(["heatmap", "numbers", "flow"])
    app.text_area(key="lesson_note").set_value("Try & see:\nδ")
    app.text_input(key="lesson_title").set_value(TITLE).run()
    (shown,) = app.code
    query = dict(parse_qsl(urlsplit(shown.value).query, keep_blank_values=True))
    assert "experiment" not in query
    student = opened(**query)
    assert not student.exception
    assert list(plots(student)) == ["chart_heatmap", "chart_flow"]
    assert plots(student)["chart_heatmap"]["figure"]["layout"]["meta"]["name"].startswith("update_ratio")
    assert len(student.metric) == 4
    assert drawn_controls(student) == {"depth", "skip"}
    assert (student.session_state["depth"], student.query_params["activation"]) == (2, "tanh")
    assert TITLE in words(student) and "Try &amp; see:\nδ" in words(student)
    assert student.slider(key="step").value == 3
    assert "make_lesson" not in {button.key for button in student.button}


def test_dialog_makes_a_lesson_in_parts() -> None:
    app = opened(open_dialog, **SMALL, activation="tanh", step="3")
    app.text_input(key="lesson_text").set_value("Look.")
    app.text_input(key="lesson_ask").set_value("What happens?")
    app.text_area(key="lesson_choices_typed").set_value("nothing\n* it *learns*\n").run()
    element(app, "lesson_add").click().run()
    app.query_params["depth"] = "4"
    app.text_input(key="lesson_text").set_value("Deeper.")
    app.text_input(key="lesson_ask").set_value("").run()
    element(app, "lesson_add").click().run()
    element(app, "lesson_add").click().run()
    element(app, "lesson_part_remove_2").click().run()
    app.text_input(key="lesson_title").set_value(TITLE).run()
    (shown,) = app.code
    lesson = read(dict(parse_qsl(urlsplit(shown.value).query, keep_blank_values=True)))
    first, second = lesson.parts
    assert (first.text, first.question, first.choices, first.right) == (
        "Look.",
        "What happens?",
        ("nothing", "it *learns*"),
        1,
    )
    assert dict(first.settings) == {**SMALL, "activation": "tanh"}
    assert (second.text, second.question, dict(second.settings)["depth"]) == ("Deeper.", "", "4")


def test_dialog_offers_every_chart_and_part_of_the_page() -> None:
    app = opened(**SMALL)
    element(app, "make_lesson").click().run()
    assert len(app.multiselect(key="lesson_show").options) == len(PARTS) + len(plots(app)) + 2  # two are no plots
    (help,) = (text.value for text in app.markdown if "`lesson=`" in text.value)
    for name in (*lessons.PARAMETERS, "step"):
        assert f"`{name}=`" in help
    for name in (*KEYS, *PARTS, *(key.removeprefix("chart_") for key in plots(app))):
        assert f"`{name}`" in help


def test_dialog_stays_open_while_the_page_is_drawn_anew_and_until_it_is_dismissed() -> None:
    app = opened(**SMALL)
    element(app, "make_lesson").click().run()
    app.text_input(key="lesson_title").set_value(TITLE).run()
    app.run()  # as when a training ends
    assert app.text_input(key="lesson_title").value == TITLE
    app.session_state[KEY].dialog = ""  # AppTest has no Escape
    app.run()
    assert "lesson_title" not in {field.key for field in app.text_input}
