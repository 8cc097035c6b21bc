"""The pages of "Explore" in the real app: a click and the keyboard move the network through the phase diagram."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dashboard.state.address import FIRST_SIGHT, link
from tests.browser.helpers import DEEP_LINK, chart, figure_data, wait_idle, wait_painted

SMALL = FIRST_SIGHT.replace(hidden=(6,) * 4, activation="tanh", steps=10, n_samples=60)


@pytest.fixture
def page(new_page: Callable[..., Page]) -> Page:
    return new_page(expected_errors=DEEP_LINK)


def open_page(page: Page, url: str, name: str, key: str) -> None:
    page.goto(f"{url}/{name}?{urlencode(link(SMALL))}")
    wait_painted(page, key)
    wait_idle(page)


def here(page: Page) -> tuple[float, float]:
    (dot,) = [t for t in figure_data(page, "chart_phases")["data"] if t.get("name") == "you are here"]
    return dot["x"][0], dot["y"][0]


def wait_for_gain(page: Page, gain: str) -> dict[str, str]:
    page.wait_for_url(re.compile(rf"[?&]gain={re.escape(gain)}"))
    wait_idle(page)
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def wait_for_dot(page: Page, w: float) -> None:
    page.wait_for_function(
        "w => document.querySelector(`[data-testid='plot-chart_phases']`)?.data?.some("
        "t => t.name === 'you are here' && Math.abs(Array.from(t.x._inputArray ?? t.x)[0] - w) < 1e-4)",
        arg=w,
    )


def test_click_on_the_diagram_moves_the_network_there_and_the_lab_opens_it(page: Page, app_url: str) -> None:
    open_page(page, app_url, "propagation", "chart_phases")
    np.testing.assert_allclose(here(page), (1.0, 0.0), atol=1e-9)
    place = chart(page, "chart_phases").evaluate(
        "g => { const b = g.getBoundingClientRect(), l = g._fullLayout;"
        " return [b.x + l.xaxis._offset + l.xaxis.d2p(2.56), b.y + l.yaxis._offset + l.yaxis.d2p(0.16)]; }"
    )
    page.mouse.click(*place)
    query = wait_for_gain(page, "1.6")
    assert query["init"] == "lecun_normal"
    assert float(query["bias_std"]) == 0.4
    wait_for_dot(page, 2.56)
    np.testing.assert_allclose(here(page), (2.56, 0.16), atol=1e-9)
    page.get_by_role("link", name="Open this network in the lab").click()
    wait_painted(page, "chart_flow")
    query = wait_for_gain(page, "1.6")
    assert (query["init"], float(query["bias_std"])) == ("lecun_normal", 0.4)


def test_keyboard_alone_moves_the_network_too(page: Page, app_url: str) -> None:
    open_page(page, app_url, "propagation", "chart_phases")
    field = page.get_by_label("σ_w²", exact=True)
    field.focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("1.3225")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector(`[data-testid='plot-chart_phases']`).data.some(t => t.name === 'chosen point')"
    )
    button = page.get_by_role("button", name="Use in the lab")
    expect(button).to_be_enabled()
    button.focus()
    page.keyboard.press("Enter")
    assert wait_for_gain(page, "1.15")["init"] == "lecun_normal"
    wait_for_dot(page, 1.3225)
    expect(button).to_be_disabled()


def test_click_on_a_layer_looks_into_it(page: Page, app_url: str) -> None:
    open_page(page, app_url, "neurons", "chart_zones")
    wait_painted(page, "chart_curve")
    chart(page, "chart_zones").scroll_into_view_if_needed()
    place = chart(page, "chart_zones").evaluate(
        "g => { const b = g.getBoundingClientRect(), l = g._fullLayout;"
        " return [b.x + l.xaxis._offset + l.xaxis.d2p(3), b.y + l.yaxis._offset + l.yaxis.d2p(0.1)]; }"
    )
    page.mouse.click(*place)
    page.wait_for_url(re.compile(r"n_layer=3"))
    expect(page.get_by_text("layer 3, tanh")).to_be_visible()


def here_on_the_plane(page: Page) -> tuple[float, float]:
    star = figure_data(page, "chart_plane")["data"][-1]
    return star["x"][0], star["y"][0]


def wait_for_star(page: Page, step: int) -> None:
    page.wait_for_function(
        "name => document.querySelector(`[data-testid='plot-chart_plane']`)?.data?.some(t => t.name === name)",
        arg=f"step {step}",
    )


def test_keyboard_alone_moves_the_star_of_the_landscape_and_chooses_the_parameter(page: Page, app_url: str) -> None:
    open_page(page, app_url, "landscape", "chart_plane")
    for key in ("along_layers", "one_step", "along_theta"):
        wait_painted(page, f"chart_{key}")
    wait_for_star(page, 10)
    before = here_on_the_plane(page)
    page.get_by_role("slider", name="Step").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    wait_for_star(page, 7)
    wait_idle(page)
    assert here_on_the_plane(page) != before

    field = page.get_by_label("Which θ", exact=True)
    field.focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("9")
    page.keyboard.press("Enter")
    expect(page.get_by_text("θ9, the weight from unit 0")).to_be_visible()
    wait_idle(page)
    loss, tangent, point = figure_data(page, "chart_along_theta")["data"]
    assert tangent["name"] == "tangent: ∂E/∂θ"
    slope_of_loss = np.gradient(loss["y"], loss["x"])[len(loss["x"]) // 2]
    slope = (tangent["y"][-1] - tangent["y"][0]) / (tangent["x"][-1] - tangent["x"][0])
    assert point["x"][0] == tangent["x"][len(tangent["x"]) // 2]
    np.testing.assert_allclose(slope, slope_of_loss, rtol=0.1, atol=1e-4)
