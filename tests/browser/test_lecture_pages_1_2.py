"""The lecture's pages 1 and 2 in the real app: a dragged θ bends the curve, the address keeps it, pages look whole."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from dashboard.views.lecture.worked_example import EXAMPLE_THETA
from nncore.lecture.models import forward, logistic
from tests.browser.helpers import figure_data, painted, screenshot, wait_idle, wait_painted


def press(page: Page, slider: str, key: str, chart: str) -> None:
    """Focus the slider whose label begins so, press a key, and wait for the new picture."""
    before = painted(page, chart)
    handle = page.get_by_role("slider", name=slider)
    handle.focus()
    handle.press(key)
    wait_painted(page, chart, before)
    wait_idle(page)


def curve(page: Page, chart: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    trace = next(trace for trace in figure_data(page, chart)["data"] if trace["name"] == name)
    return np.array(trace["x"], float), np.array(trace["y"], float)


def test_a_dragged_theta_bends_the_curve_and_stays_in_the_address(open_at: Callable[..., Page]) -> None:
    page = open_at("lecture_forward", "chart_f_curve")
    theta = np.array(EXAMPLE_THETA)
    x, y = curve(page, "chart_f_curve", "f(x)")
    np.testing.assert_allclose(y, forward(theta, x).f, atol=1e-12)

    press(page, "θ5", "ArrowRight", "chart_f_curve")
    theta[5] += 0.05
    x, y = curve(page, "chart_f_curve", "f(x)")
    np.testing.assert_allclose(y, forward(theta, x).f, atol=1e-12)
    page.wait_for_url("**f_theta5=0.75*")
    expect(page.get_by_role("img", name="The 1-2-1 network")).to_contain_text("θ5 = 0.75")
    expect(page.get_by_text("to 1.071 times its height")).to_be_visible()


def test_a_link_to_one_situation_opens_it(open_at: Callable[..., Page]) -> None:
    page = open_at("lecture_forward?f_phi=linear&f_theta0=2&f_x=3", "chart_f_curve")
    theta = np.array(EXAMPLE_THETA)
    theta[0] = 2.0
    x, y = curve(page, "chart_f_curve", "collapsed line")
    np.testing.assert_allclose(y, forward(theta, x, "linear").f, atol=1e-12)
    expect(page.get_by_role("img", name="The 1-2-1 network")).to_contain_text("U11 = 3.5")


def test_a_prediction_reveals_the_numbers_and_sets_up_the_page(open_at: Callable[..., Page]) -> None:
    page = open_at("lecture_forward", "chart_f_curve")
    page.get_by_text("two", exact=True).click()
    expect(page.get_by_text("As you predicted")).to_be_visible()
    before = painted(page, "chart_f_curve")
    page.get_by_role("button", name="Show it on this page").click()
    wait_painted(page, "chart_f_curve", before)
    curve(page, "chart_f_curve", "collapsed line")
    page.wait_for_url("**f_phi=linear*")


def test_all_numbers_come_as_csv(open_at: Callable[..., Page]) -> None:
    page = open_at("lecture_forward", "chart_f_curve")
    with page.expect_download() as download:
        page.get_by_test_id("stDownloadButton").last.get_by_role("button").click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    assert text.startswith("number,part,symbol,meaning,value")
    assert "0.5393531980935" in text


def test_a_dragged_theta_tilts_the_logit(open_at: Callable[..., Page]) -> None:
    page = open_at("lecture_neuron", "chart_n_slopes")
    press(page, "θ1", "ArrowRight", "chart_n_log_odds")
    x, y = curve(page, "chart_n_log_odds", "log-odds")
    np.testing.assert_allclose(y, 1.05 * x, atol=1e-12)
    x, y = curve(page, "chart_n_p", "P")
    np.testing.assert_allclose(y, logistic(np.array([0.0, 1.05]), x).p, atol=1e-12)
    page.wait_for_url("**n_theta1=1.05*")


def test_a_saturated_neuron_draws_without_an_error(open_at: Callable[..., Page]) -> None:
    page = open_at("lecture_neuron?n_theta1=10&n_x=70", "chart_n_slopes")
    expect(page.get_by_role("img", name="An artificial neuron")).to_contain_text("= 700")


@pytest.mark.parametrize("width, dark", [(1400, False), (1400, True), (390, False), (390, True)])
@pytest.mark.parametrize("name, key", [("lecture_neuron", "chart_n_slopes"), ("lecture_forward", "chart_f_curve")])
def test_a_page_is_not_wider_than_its_screen(
    open_at: Callable[..., Page], tmp_path: Path, name: str, key: str, width: int, dark: bool
) -> None:
    page = open_at(name, key, width=width, dark=dark)
    screenshot(page, tmp_path / f"{name}.png")
    main = page.get_by_test_id("stMain")
    assert main.evaluate("node => node.scrollWidth - node.clientWidth") <= 0
    beyond = """() => [...document.querySelectorAll('.katex-html')].filter(
        formula => formula.getBoundingClientRect().right > window.innerWidth).map(formula => formula.textContent)"""
    assert page.evaluate(beyond) == []
