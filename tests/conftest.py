"""What several test folders share: reading the figure out of a chart that AppTest has seen, and clicking it."""

import base64
import json
import sys
from typing import Any

import numpy as np
import pytest


def pytest_configure(config: pytest.Config) -> None:
    """No example is too slow: on a busy machine time says nothing about the code. (tests/torch has no Hypothesis.)"""
    if config.pluginmanager.has_plugin("hypothesispytest"):
        from hypothesis import HealthCheck, settings

        settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
        settings.load_profile("unhurried")


MAIN = sys.modules["__main__"]
"""The test run's own, before any app has run in it."""


@pytest.fixture(autouse=True)
def main_module_stays() -> None:
    """AppTest leaves the app as `__main__`, even in a module's fixtures, and processes that a test spawns would run it."""
    sys.modules["__main__"] = MAIN


def decode(value: Any) -> Any:
    """The figure that `dashboard.plot.encode` was given: arrays are NumPy arrays again."""
    if isinstance(value, dict) and "bdata" in value:
        array = np.frombuffer(base64.b64decode(value["bdata"]), dtype=f"<{value['dtype']}")
        return array.reshape([int(n) for n in value["shape"].split(",")]) if "shape" in value else array
    if isinstance(value, dict):
        return {key: decode(item) for key, item in value.items()}
    if isinstance(value, list):
        return [decode(item) for item in value]
    return value


def plots(app: Any) -> dict[str, dict[str, Any]]:
    """The charts of an AppTest (or of a part of one) by key: {"figure", "alt", "height", ...}, in page order."""
    elements = (element.proto for element in app.get("bidi_component"))
    found = [json.loads(proto.json) for proto in elements if proto.component_name == "nncore_plot"]
    return {data["key"]: {**data, "figure": decode(data["figure"])} for data in found}


def figure_of(element: Any) -> dict[str, Any]:
    """The figure of one chart element of an AppTest, its arrays as NumPy arrays."""
    return decode(json.loads(element.proto.json)["figure"])


def click(app: Any, key: str, **point: Any) -> None:
    """Rerun an AppTest as a click on a point of the chart `key` does in the browser."""
    from streamlit.components.v2.bidi_component.main import _make_trigger_id  # tests/torch runs without it

    charts = [element.proto for element in app.get("bidi_component")]
    chart = next(proto for proto in charts if json.loads(proto.json).get("key") == key)
    states = app._tree.get_widget_states()
    event = states.widgets.add(id=_make_trigger_id(chart.id, "events"))
    event.json_trigger_value = json.dumps([{"event": "click", "value": point}])
    app._run(states)
