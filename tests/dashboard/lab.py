"""The dashboard's app in Streamlit's own test harness, opened from a URL."""

import json
from pathlib import Path
from typing import Any

from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

from dashboard.words.labels import GROUPS
from tests.patience import PATIENCE

APP = Path(__file__).parents[2] / "dashboard" / "app.py"

SMALL = {"depth": "2", "width": "4", "steps": "4", "n_samples": "40"}
"""Query parameters of a run of milliseconds."""

UNFOLDED = {"why": "true", "parameters": "true"}
"""Query parameters with which every group of the lab's charts is unfolded."""


def opened(script: object = APP, *, is_unfolded: bool = True, **query: object) -> AppTest:
    """The page after its first run, with these query parameters; the lab with all its charts, unless they say otherwise.

    The whole sidebar is unfolded, or none of what can be folded away in it.
    """
    app = AppTest.from_file(script) if isinstance(script, Path) else AppTest.from_function(script)
    app.default_timeout = PATIENCE
    for name, value in (UNFOLDED | query if script is APP else query).items():
        app.query_params[name] = value
    return (unfold(app) if is_unfolded else app).run()


def opened_on(address: str, /, **query: object) -> AppTest:
    """The app's page at this address after its first run, with these query parameters; no other is run before it."""
    app = AppTest.from_file(APP, default_timeout=PATIENCE)
    for name, value in query.items():
        app.query_params[name] = value
    return unfold(start_on(app, address)).run()


def start_on(app: AppTest, address: str) -> AppTest:
    """Let the first run be that of the page at this address, which the harness otherwise learns from a first run."""
    app._page_hash = calc_hash(address)
    return app


def unfold(app: AppTest) -> AppTest:
    """Let the next run draw the whole sidebar."""
    for group in GROUPS:
        app.session_state[f"more_{group}"] = True
    return app


KINDS = (
    "slider",
    "select_slider",
    "selectbox",
    "multiselect",
    "toggle",
    "number_input",
    "text_input",
    "button_group",
    "button",
)
"""Kinds of widgets that have a key."""


def element(app: AppTest, key: str):
    """The widget under a key, of whatever kind it is."""
    found = [widget for kind in KINDS for widget in app.get(kind) if widget.key == key]
    assert len(found) == 1, f"{key} stands on the page {len(found)} times"
    return found[0]


def player(app: Any) -> Any:
    """The player's element."""
    (found,) = [e.proto for e in app.get("bidi_component") if e.proto.component_name == "nncore_player"]
    return found


def bar(app: Any) -> dict[str, Any]:
    """What the player was given."""
    return json.loads(player(app).json)


def tell(app: Any, event: str, value: Any) -> None:
    """Rerun as the player does when it says something."""
    states = app._tree.get_widget_states()
    trigger = states.widgets.add(id=_make_trigger_id(player(app).id, "events"))
    trigger.json_trigger_value = json.dumps([{"event": event, "value": value}])
    app._run(states)
