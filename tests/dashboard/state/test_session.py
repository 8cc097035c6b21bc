"""A session has one home, a page begins in one place, and a widget is read the same before and after it is drawn."""

import dataclasses
import re
from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts.gradients import heat_maps
from dashboard.jobs.registry import Runs
from dashboard.state.address import FIRST_SIGHT
from dashboard.state.pins import Pin, encoded
from dashboard.state.session import KEY, Session
from dashboard.views.compare.charts import FLOW_LABELS
from tests.conftest import plots
from tests.dashboard.lab import APP, SMALL, element, start_on
from tests.patience import PATIENCE

TINY = FIRST_SIGHT.replace(hidden=(4, 4), steps=4, n_samples=40)
HEATMAP_LABELS = heat_maps()
PINNED = [encoded(Pin("one", TINY)), encoded(Pin("two", TINY.replace(seed=1)))]
SOURCE = APP.parent


def page(address: str = "", **query: object) -> AppTest:
    """The page at an address in its first run, with charts; all runs of it have ended before."""
    app = AppTest.from_file(APP, default_timeout=PATIENCE)
    for name, value in {**SMALL, "pin": PINNED, **query}.items():
        app.query_params[name] = value
    start_on(app, address).run()
    assert not app.exception and not app.error
    return app


def look(app: AppTest) -> tuple[object, ...]:
    """What the page draws; sharpness is measured in the background, so that its chart, and whether it is looked at again, differ."""
    drawn = [each.proto for each in app.get("bidi_component") if each.proto.component_name != "nncore_look_again"]
    charts = [proto.json for proto in drawn if '"chart_sharpness"' not in proto.json]
    captions = [each.value for each in app.main.caption if "sharpness" not in each.value.lower()]
    return charts, captions, len(app.columns), [each.disabled for each in app.slider]


def in_browser(app: AppTest, address: str, **query: object) -> AppTest:
    """Another page, as the browser goes there: with nothing in the address but a link's parameters."""
    for name in list(app.query_params):
        del app.query_params[name]
    app.query_params.update(query)
    start_on(app, address).run()
    assert not app.exception
    return app


# Widgets before they are drawn ------------------------------------------------------------------------------

READ_EARLY = [
    ("", "heat", HEATMAP_LABELS["update_ratio"]),
    ("", "theory", "false"),
    ("", "sharpness", "true"),
    ("", "large", "true"),
    ("", "widths", "5, 4"),
    ("compare", "flow", next(label for name, label in FLOW_LABELS.items() if name != "delta_norm")),
    ("compare", "maps", HEATMAP_LABELS["update_ratio"]),
    ("neurons", "n_colour", "class or target"),
    ("landscape", "along_index", "3"),
    ("landscape", "reach", "±10"),
    ("propagation", "p_c", "0.9"),
]


@pytest.mark.parametrize(
    ("address", "key", "text"), READ_EARLY, ids=[f"{a or 'lab'}-{key}" for a, key, _ in READ_EARLY]
)
def test_first_run_draws_what_the_second_does(address: str, key: str, text: str) -> None:
    without = look(page(address))
    app = page(address, **{key: text})
    first = look(app)
    assert first == look(app.run())
    assert first != without, "the value makes no difference: nothing is tested"


@pytest.mark.parametrize("text", ["", "1.5", "TRUE"])
@pytest.mark.parametrize("address", dict.fromkeys(address for address, *_ in READ_EARLY))
def test_first_run_takes_values_that_do_not_fit_as_the_second_does(address: str, text: str) -> None:
    keys = [key for its_address, key, _ in READ_EARLY if its_address == address and key != "widths"]
    app = page(address, **dict.fromkeys(keys, text))
    assert look(app) == look(app.run())
    assert not app.exception


def test_link_to_a_page_that_was_seen_before_is_drawn_as_it_says() -> None:
    app = page("", heat=HEATMAP_LABELS["update_ratio"])
    in_browser(app, "gallery")
    in_browser(app, "", heat=HEATMAP_LABELS["weight_gradient_norm"])
    title = plots(app)["chart_heatmap"]["figure"]["layout"]["meta"]["name"]
    assert title.startswith("weight_gradient_norm")
    assert element(app, "heat").value == "weight_gradient_norm"


def test_no_page_reads_a_widget_and_the_address_by_itself() -> None:
    own = re.compile(r"session_state\.get\(.*query_params")
    found = [path.name for path in SOURCE.rglob("*.py") if own.search(path.read_text(encoding="utf-8"))]
    assert found == []


# One home ---------------------------------------------------------------------------------------------------


def test_a_new_session_remembers_nothing() -> None:
    for name in dataclasses.fields(Session):
        value = getattr(Session(), name.name)
        assert not value or name.name in ("layout", "cards"), name.name
    assert Session().widgets is not Session().widgets


# A page begins ----------------------------------------------------------------------------------------------


def test_set_up_step_and_pins_come_along_and_the_page_is_noted() -> None:
    app = page("", step="2", activation="tanh")
    in_browser(app, "landscape")
    assert app.session_state[KEY].page == "landscape"
    assert element(app, "activation").value == "tanh" and element(app, "step").value == 2
    assert app.query_params["pin"] == PINNED
    assert app.session_state[KEY].cards.drawn() == []


def test_set_up_of_a_link_replaces_all_of_the_session_s() -> None:
    app = page("", activation="tanh", gain="2.5")
    in_browser(app, "gallery")
    in_browser(app, "landscape", **SMALL, gain="0.5")
    assert element(app, "gain").value == 0.5
    assert element(app, "activation").value == FIRST_SIGHT.activation


def test_lesson_outlasts_another_page_with_pins_in_the_address() -> None:
    app = page("", lesson="Depth", show="flow")
    assert list(plots(app)) == ["chart_flow"]
    in_browser(app, "gallery")
    in_browser(app, "")
    assert list(plots(app)) == ["chart_flow"] and app.query_params["lesson"] == "Depth"


def test_a_link_s_hidden_setting_takes_the_place_of_the_session_s() -> None:
    app = page("", activation="tanh")
    in_browser(app, "gallery")
    in_browser(app, "", **SMALL, activation="relu", lesson="Depth", only="depth")
    assert app.session_state[KEY].undo.now["activation"] == "relu"


def test_parameters_named_as_the_session_leave_it_alone() -> None:
    app = page("", **{KEY: "1"})
    in_browser(app, "gallery", **{KEY: "2"})
    assert isinstance(app.session_state[KEY], Session)
    assert app.session_state[KEY].pins == PINNED


def test_all_that_a_session_remembers_is_emptied_when_its_reader_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    empties: dict[str, Callable[[], None]] = {}
    monkeypatch.setattr(Runs, "hold", lambda self, session, empty: empties.update({session: empty}))
    app = start_on(AppTest.from_file(APP, default_timeout=PATIENCE), "your_data").run()
    table = b"a,b\n" + b"1,2\n3,4\n" * 20
    app.file_uploader(key="table_file").set_value(("own.csv", table, "text/csv")).run()
    own = app.session_state[KEY]
    assert own.tables and own.table_read and app.session_state["table_file"]
    (empty,) = empties.values()
    empty()
    assert own == Session()
    assert KEY not in app.session_state and "table_file" not in app.session_state


def test_history_that_was_read_and_not_opened_is_let_go() -> None:
    app = page("open_file")
    app.session_state[KEY].history_read = ("a file", None)
    in_browser(app, "gallery")
    assert app.session_state[KEY].history_read is None


@pytest.mark.parametrize("name", ["", "$$ID-0-None"], ids=["empty", "like one of Streamlit's own"])
def test_a_parameter_whose_name_no_widget_can_have_stops_no_page(name: str) -> None:
    app = page()
    app.query_params[name] = "x"
    app.switch_page("views/neurons/page.py").run()
    assert not app.exception
