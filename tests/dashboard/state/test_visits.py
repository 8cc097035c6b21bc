"""What an entry of the browser's history holds, and what comes along to another page."""

import ast
from collections.abc import Iterator

import pytest
from streamlit.runtime.scriptrunner_utils.script_run_context import ScriptRunContext

from dashboard.state.address import FIRST_SIGHT
from dashboard.state.session import KEY
from dashboard.state.visits import QUIET
from tests.dashboard.lab import APP, SMALL, element, opened
from tests.dashboard.state.test_session import in_browser


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """While something is in this list, runs are those of Back and Forward."""
    pressed: list[str] = []
    reset = ScriptRunContext.reset

    def as_pressed(self: ScriptRunContext, *arguments: object, **named: object) -> None:
        reset(self, *arguments, **{**named, "is_history_navigation": bool(pressed)})

    monkeypatch.setattr(ScriptRunContext, "reset", as_pressed)
    yield pressed


def test_back_on_a_page_restores_what_its_address_says_and_defaults_for_the_rest(history: list[str]) -> None:
    app = opened(**SMALL)
    element(app, "gain").set_value(2.0).run()
    history.append("Back")
    in_browser(app, "", **SMALL, skip="true")
    assert element(app, "gain").value == FIRST_SIGHT.gain
    assert element(app, "skip").value is True and element(app, "depth").value == 2
    assert dict(app.query_params) == {**SMALL, "skip": "true"}


def test_back_to_another_page_restores_it_whatever_was_set_since(history: list[str]) -> None:
    app = opened(**SMALL, heat="update")
    in_browser(app, "neurons")
    element(app, "depth").set_value(3).run()
    history.append("Back")
    in_browser(app, "", **SMALL, heat="update")
    assert element(app, "depth").value == 2 and element(app, "heat").value == "update_ratio"
    in_browser(app, "neurons", **SMALL)
    assert element(app, "depth").value == 2
    assert not app.exception


def test_back_takes_pins_and_lesson_from_the_address_alone(history: list[str]) -> None:
    app = opened(**SMALL, lesson="Depth")
    element(app, "pin_this").click().run()
    assert "pin" in app.query_params
    in_browser(app, "gallery")
    history.append("Back")
    in_browser(app, "", **SMALL)
    assert dict(app.query_params) == SMALL
    assert app.session_state[KEY].pins == [] and app.session_state[KEY].came_for == {}


def test_the_set_up_comes_along_in_the_address_after_back_too(history: list[str]) -> None:
    app = opened(**SMALL, step="3")
    in_browser(app, "lecture_vanishing")
    assert dict(app.query_params) == {}
    history.append("Back")
    in_browser(app, "", **SMALL, step="3")
    in_browser(app, "lecture_vanishing")
    history.clear()
    in_browser(app, "")
    assert dict(app.query_params) == {**SMALL, "step": "3"}
    assert element(app, "depth").value == 2 and element(app, "step").value == 3


def test_a_set_up_waits_for_the_page_to_draw_its_sidebar() -> None:
    app = opened(**SMALL)
    in_browser(app, "lecture_backward")
    element(app, "b_part").set_value("Inspector").run()
    assert app.query_params["depth"] == "2"
    assert element(app, "depth").value == 2


def test_the_tab_is_named_after_page_and_set_up() -> None:
    app = opened(**SMALL)
    assert app.session_state[KEY].title == "sigmoid 2 × 4 · Gradient lab"
    element(app, "layer_activations").set_value("tanh, relu").run()
    assert app.session_state[KEY].title == "mixed 2 × 4 · Gradient lab"
    in_browser(app, "neurons")
    assert app.session_state[KEY].title == "mixed 2 × 4 · Neurons on the curve"
    in_browser(app, "gallery")
    assert app.session_state[KEY].title == "Experiments · Gradient lab"


def _key(call: ast.Call, names: dict[str, str]) -> str:
    """The key of a widget that is bound to the address; "" for any other call."""
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if "bind" not in named or "key" not in named:
        return ""
    key = named["key"]
    return names.get(key.id, "") if isinstance(key, ast.Name) else getattr(key, "value", "")


def test_every_slider_over_steps_makes_no_entry() -> None:
    found = set()
    for path in APP.parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {"STEP": "step"} | {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            is_slider = isinstance(call.func, ast.Attribute) and call.func.attr == "slider"
            label = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else ""
            if is_slider and "step" in str(label).lower() and (key := _key(call, names)):
                found.add(key)
    assert found == set(QUIET)
