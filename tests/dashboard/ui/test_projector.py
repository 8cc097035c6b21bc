"""The switch of the projector view stands on every page, and its code says the link."""

import re

import pytest

from dashboard.ui import projector
from tests.dashboard.lab import SMALL, element, opened, opened_on


@pytest.mark.parametrize("address", ["lab", "gallery", "compare", "lecture_neuron", "open_file"])
def test_every_page_has_the_switch_and_its_link_opens_it(address: str) -> None:
    app = opened(**SMALL, large="true") if address == "lab" else opened_on(address, large="true")
    assert not app.exception
    assert element(app, "large").value is True
    assert re.fullmatch(r"[A-Z].*[^.]\.", element(app, "large").help)
    assert any("21.6px" in each.proto.body for each in app.get("html"))
    element(app, "large").set_value(False).run()
    assert not any("21.6px" in each.proto.body for each in app.get("html"))


def test_the_projector_goes_along_to_another_page_and_past_a_link_with_a_set_up() -> None:
    app = opened(**SMALL, large="true")
    app.query_params.clear()  # as the browser does on its way to another page
    app.query_params["depth"] = "3"
    app.switch_page("views/landscape/page.py").run()
    assert not app.exception
    assert app.session_state["large"] is True


def test_a_code_is_black_on_white_and_as_wide_as_its_place() -> None:
    drawn = projector.code("http://localhost:8501/?depth=3")
    assert drawn.startswith("<svg ") and 'role="img"' in drawn and "#fff" in drawn
    assert "viewBox" in drawn and " width=" not in drawn.split(">")[0]
    assert drawn != projector.code("http://localhost:8501/?depth=4")
