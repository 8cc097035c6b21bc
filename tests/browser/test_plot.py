"""The chart in Chromium: painted, kept through changes, saved, reached by keyboard, at home in either theme."""

import re
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import streamlit_server
from tests.browser.helpers import chart, figure_data, painted, wait_idle, wait_painted

LIGHT_TEXT, DARK_TEXT = "rgb(27, 35, 48)", "rgb(230, 234, 242)"
LIGHT_BACKGROUND, DARK_BACKGROUND = "#FFFFFF", "#10141C"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app of charts in a folder of its own, which receives the library that Streamlit serves."""
    folder = tmp_path_factory.mktemp("plot_app")
    return Path(shutil.copy(Path(__file__).with_name("plot_app.py"), folder))


@pytest.fixture(scope="module")
def url(script: Path) -> Iterator[str]:
    with streamlit_server(script, script.with_suffix(".log")) as url:
        yield url


def open_app(page: Page, url: str) -> Page:
    page.goto(url)
    wait_painted(page, "lines")
    wait_idle(page)
    return page


def change_scale(page: Page) -> None:
    """Move the slider by one step and wait for the chart of the new data."""
    before = painted(page, "lines")
    page.get_by_role("slider", name="scale").press("ArrowRight")
    wait_painted(page, "lines", after=before)


def zoom(page: Page) -> list[float]:
    """Draw a box in the middle of the chart; returns the zoomed range of the x axis."""
    area = chart(page, "lines").locator(".nsewdrag").bounding_box()
    assert area
    before = figure_data(page, "lines")["layout"]["xaxis"]["range"]
    page.mouse.move(area["x"] + 0.3 * area["width"], area["y"] + 0.3 * area["height"])
    page.mouse.down()
    page.mouse.move(area["x"] + 0.6 * area["width"], area["y"] + 0.7 * area["height"], steps=5)
    page.mouse.up()
    page.wait_for_function(
        "before => document.querySelector('[data-testid=plot-lines]').layout.xaxis.range[0] > before + 1", arg=before[0]
    )
    return figure_data(page, "lines")["layout"]["xaxis"]["range"]


def toolbar_button(page: Page, title: str):
    return chart(page, "lines").locator(f'.modebar-btn[data-title="{title}"]')


def focused(page: Page) -> str:
    """The title of the focused toolbar button, else the class of the focused element."""
    return page.evaluate("document.activeElement.dataset.title ?? document.activeElement.className")


# Painting and keeping ---------------------------------------------------------------------------------------


def test_chart_shows_the_numbers_it_was_given(page: Page, url: str) -> None:
    open_app(page, url)
    expect(chart(page, "lines").locator(".gtitle")).to_have_text("Gradient flow")
    shown = figure_data(page, "lines")
    assert shown["data"][1]["y"] == [2.0 * x for x in range(20)]
    assert figure_data(page, "cells")["data"][0]["z"] == [[1.0, None], [3.0, 1.0]]
    assert chart(page, "lines").locator(".scatterlayer .js-line").count() == 2
    assert shown["height"] == 300


def test_zoom_survives_a_change_of_data(page: Page, url: str) -> None:
    open_app(page, url)
    zoomed = zoom(page)
    above = figure_data(page, "lines")["layout"]["yaxis"]["range"]
    assert 0 < above[0] < above[1] < 45
    chart(page, "lines").evaluate("graph => { graph.sameNode = true; }")
    change_scale(page)
    shown = figure_data(page, "lines")
    assert shown["data"][0]["y"][1] == 2.0
    np.testing.assert_allclose(shown["layout"]["xaxis"]["range"], zoomed)
    assert shown["layout"]["yaxis"]["range"] == above
    assert chart(page, "lines").evaluate("graph => graph.sameNode")


def test_double_click_after_a_change_of_data_shows_everything(page: Page, url: str) -> None:
    open_app(page, url)
    zoom(page)
    change_scale(page)
    chart(page, "lines").locator(".nsewdrag").dblclick()
    page.wait_for_function("document.querySelector('[data-testid=plot-lines]').layout.xaxis.range[0] <= 0")
    assert figure_data(page, "lines")["layout"]["yaxis"]["range"] == [0, 45 * 2]
    change_scale(page)
    assert figure_data(page, "lines")["layout"]["yaxis"]["range"] == [0, 45 * 3]


def test_hidden_legend_entry_survives_a_change_of_data(page: Page, url: str) -> None:
    open_app(page, url)
    chart(page, "lines").locator(".legendtoggle").nth(1).click()
    expect(chart(page, "lines").locator(".scatterlayer .js-line")).to_have_count(1)
    change_scale(page)
    first, second = figure_data(page, "lines")["data"]
    assert (first.get("visible", True), second["visible"]) == (True, "legendonly")
    assert second["y"][1] == 4.0
    expect(chart(page, "lines").locator(".scatterlayer .js-line")).to_have_count(1)


def test_chart_on_a_hidden_tab_is_drawn_when_it_is_shown(page: Page, url: str) -> None:
    open_app(page, url)
    assert painted(page, "hidden") == 0
    page.get_by_role("tab", name="second").click()
    wait_painted(page, "hidden")
    assert figure_data(page, "hidden")["width"] > 500


def test_click_reports_the_point(page: Page, url: str) -> None:
    open_app(page, url)
    area = chart(page, "cells").locator(".nsewdrag").bounding_box()
    assert area
    page.mouse.click(area["x"] + 0.25 * area["width"], area["y"] + 0.25 * area["height"])
    expect(page.get_by_text("clicked (1, 10, 3, [1, 0])")).to_be_visible()
    page.get_by_role("slider", name="scale").press("ArrowRight")
    expect(page.get_by_text("clicked None")).to_be_visible()


def test_toolbar_offers_nothing_that_sends_data_away(page: Page, url: str) -> None:
    open_app(page, url)
    titles = chart(page, "lines").locator(".modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
    look = ["Zoom", "Pan", "Zoom in", "Zoom out", "Autoscale", "Reset axes"]
    assert titles == [*look, "Download PNG", "Download SVG"]


# Saving -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
def test_toolbar_saves_a_png_of_twice_the_size(new_page: Callable[..., Page], url: str, dark: bool) -> None:
    page = open_app(new_page(dark=dark), url)
    chart(page, "lines").hover()
    with page.expect_download() as download:
        toolbar_button(page, "Download PNG").click()
    assert download.value.suggested_filename == "gradient flow, step 3.png"
    png = download.value.path().read_bytes()
    shown = figure_data(page, "lines")
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", png[16:24]) == (2 * shown["width"], 2 * shown["height"])
    assert len(png) > 10_000


@pytest.mark.parametrize(
    ("dark", "background"), [(False, LIGHT_BACKGROUND), (True, DARK_BACKGROUND)], ids=["light", "dark"]
)
def test_toolbar_saves_an_svg_on_the_pages_background(
    new_page: Callable[..., Page], url: str, dark: bool, background: str
) -> None:
    page = open_app(new_page(dark=dark), url)
    chart(page, "lines").hover()
    with page.expect_download() as download:
        toolbar_button(page, "Download SVG").click()
    assert download.value.suggested_filename == "gradient flow, step 3.svg"
    svg = download.value.path().read_text(encoding="utf-8")
    assert svg.startswith("<svg")
    assert "Gradient flow" in svg
    assert svg.count('class="trace scatter') == 2
    red, green, blue = bytes.fromhex(background[1:])
    assert f'<rect x="0" y="0" width="704" height="300" style="fill: rgb({red}, {green}, {blue});' in svg


# Without a mouse, without sight -----------------------------------------------------------------------------


def test_chart_is_a_figure_with_its_words(page: Page, url: str) -> None:
    open_app(page, url)
    expect(page.get_by_role("figure", name="Two rising lines.", exact=True)).to_be_visible()
    expect(page.get_by_role("figure", name="Four cells, one of them empty.", exact=True)).to_be_visible()


def test_keyboard_reaches_the_chart_and_walks_its_toolbar(page: Page, url: str) -> None:
    open_app(page, url)
    page.get_by_role("slider", name="scale").focus()
    page.keyboard.press("Tab")
    assert "nncore-plot" in focused(page)
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    titles = chart(page, "lines").locator(".modebar-btn").evaluate_all("all => all.map(b => b.dataset.title)")
    assert focused(page) == titles[0]
    walked = [focused(page)]
    for _ in titles:
        page.keyboard.press("ArrowRight")
        walked.append(focused(page))
    assert walked == [*titles, titles[0]]
    page.keyboard.press("ArrowLeft")
    assert focused(page) == titles[-1]
    page.keyboard.press("Tab")
    assert page.get_by_role("figure", name="Four cells, one of them empty.").evaluate(
        "figure => figure === document.activeElement"
    )


def test_toolbar_shows_itself_to_the_keyboard_and_enter_saves(page: Page, url: str) -> None:
    open_app(page, url)
    toolbar_button(page, "Download SVG").focus()
    page.wait_for_function("getComputedStyle(document.activeElement.closest('.modebar-group')).opacity === '1'")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(".svg")


# Sizes and themes -------------------------------------------------------------------------------------------


def test_phone_shows_the_whole_width_without_scrolling_sideways(new_page: Callable[..., Page], url: str) -> None:
    page = open_app(new_page(390, 844, touch=True), url)
    box = chart(page, "lines").bounding_box()
    assert box and box["x"] >= 0
    assert 300 < box["width"] <= 390 - box["x"]
    assert figure_data(page, "lines")["width"] == pytest.approx(box["width"], abs=1)
    sideways = page.evaluate(
        """[document.documentElement, document.querySelector('[data-testid=stMain]')].map(
            element => element.scrollWidth - element.clientWidth)"""
    )
    assert sideways == [0, 0]


def test_chart_follows_the_width_of_its_window(page: Page, url: str) -> None:
    open_app(page, url)
    wide = figure_data(page, "lines")["width"]
    page.set_viewport_size({"width": 500, "height": 900})
    page.wait_for_function(
        "wide => document.querySelector('[data-testid=plot-lines]')._fullLayout.width < wide - 100", arg=wide
    )
    box = chart(page, "lines").bounding_box()
    assert box and figure_data(page, "lines")["width"] == pytest.approx(box["width"], abs=1)


def test_chart_that_is_a_sliver_for_a_moment_is_drawn_when_it_has_room(page: Page, url: str) -> None:
    open_app(page, url)
    box = page.locator(".nncore-plot").filter(has=chart(page, "lines"))
    wide = figure_data(page, "lines")["width"]
    box.evaluate("element => { element.style.width = '10px'; }")
    before = painted(page, "cells")
    page.get_by_role("slider", name="scale").press("ArrowRight")
    wait_painted(page, "cells", before)  # so has the sliver's new data come, at which plotly.js would report an error
    assert figure_data(page, "lines")["width"] == wide
    drawn = painted(page, "lines")
    box.evaluate("element => { element.style.width = '300px'; }")
    wait_painted(page, "lines", drawn)
    assert figure_data(page, "lines")["width"] == pytest.approx(300, abs=1)


def test_toolbar_of_a_touch_screen_covers_neither_legend_nor_data(new_page: Callable[..., Page], url: str) -> None:
    page = open_app(new_page(390, 844, touch=True), url)
    graph = chart(page, "lines").bounding_box()
    toolbar = chart(page, "lines").locator(".modebar").bounding_box()
    box = page.locator(".nncore-plot").filter(has=chart(page, "lines")).bounding_box()
    assert graph and toolbar and box
    assert graph["y"] + graph["height"] <= toolbar["y"]
    assert toolbar["y"] + toolbar["height"] <= box["y"] + box["height"]


@pytest.mark.parametrize(("dark", "ink"), [(False, LIGHT_TEXT), (True, DARK_TEXT)], ids=["light", "dark"])
def test_words_have_the_themes_ink(new_page: Callable[..., Page], url: str, dark: bool, ink: str) -> None:
    page = open_app(new_page(dark=dark), url)
    expect(chart(page, "lines").locator(".gtitle")).to_have_css("fill", ink)


def test_new_theme_repaints_the_charts_and_reruns_the_app(page: Page, url: str) -> None:
    open_app(page, url)
    expect(page.get_by_text("theme light")).to_be_visible()
    zoomed = zoom(page)
    page.emulate_media(color_scheme="dark")
    expect(chart(page, "lines").locator(".gtitle")).to_have_css("fill", DARK_TEXT)
    expect(page.get_by_text("theme dark")).to_be_visible()
    wait_idle(page)
    np.testing.assert_allclose(figure_data(page, "lines")["layout"]["xaxis"]["range"], zoomed)


# When something goes wrong ------------------------------------------------------------------------------------


def test_figure_that_cannot_be_drawn_says_so_and_is_drawn_once_mended(new_page: Callable[..., Page], url: str) -> None:
    page = open_app(new_page(expected_errors=("x9",)), url)
    page.get_by_text("break", exact=True).click()
    broken = page.get_by_role("figure", name="Three points.")
    expect(broken.get_by_role("alert")).to_have_text(re.compile(r"^This chart could not be drawn: .*x9.*\.$"))
    page.get_by_text("mend", exact=True).click()
    wait_painted(page, "broken")
    expect(broken.get_by_role("alert")).to_be_hidden()
    assert figure_data(page, "broken")["data"][0]["y"] == [0.0, 1.0, 2.0]
    expect(chart(page, "broken").locator(".scatterlayer .js-line")).to_have_count(1)


def test_library_that_does_not_load_is_said_and_tried_again(new_page: Callable[..., Page], url: str) -> None:
    page = new_page(expected_errors=("ERR_FAILED", "did not load"))
    page.route("**/plotly-*.min.js", lambda route: route.abort())
    page.goto(url)
    message = page.get_by_role("figure", name="Two rising lines.").get_by_role("alert")
    expect(message).to_contain_text("This chart could not be drawn: the chart library did not load from http://")
    page.unroute("**/plotly-*.min.js")
    page.get_by_role("slider", name="scale").press("ArrowRight")
    wait_painted(page, "lines")
    expect(message).to_be_hidden()


@pytest.fixture(params=["--server.baseUrlPath=course/lab", "--server.enableStaticServing=false"])
def differently_served_url(request: pytest.FixtureRequest, script: Path) -> Iterator[str]:
    with streamlit_server(script, script.with_name("option.log"), request.param) as url:
        yield url


def test_chart_is_painted_behind_a_base_path_and_without_static_files(differently_served_url: str, page: Page) -> None:
    open_app(page, differently_served_url)
    assert figure_data(page, "lines")["data"][0]["y"][1] == 1.0
