"""The drawn network in Chromium: it shows what was measured, walks the gradient back, and leads to every weight."""

import json
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.charts.network import light, log10
from nncore import run
from nncore.measures.drawn_network import drawn_network
from tests.browser.helpers import figure_data, player_button, set_speed, wait_idle, wait_painted
from tests.browser.test_lab import SMALL, open_lab, shown

HISTORY = run(SMALL)


def network(page: Page) -> Locator:
    return page.get_by_test_id("network-chart_network")


def wait_arrived(page: Page) -> None:
    """Wait until the gradient has walked back to the first layer."""
    page.locator('[data-testid="network-chart_network"][data-pulse="arrived"]').wait_for()


def edges(page: Page) -> list[dict]:
    """Opacity, width, dash and place of every edge, in order."""
    return (
        network(page)
        .locator("line[data-edge]")
        .evaluate_all(
            """lines => lines.map(line => ({
            light: Number(line.getAttribute("stroke-opacity")), width: Number(line.getAttribute("stroke-width")),
            dashed: line.hasAttribute("stroke-dasharray"), x: Number(line.getAttribute("x2")) }))"""
        )
    )


def test_every_edge_is_as_strong_as_its_gradient_and_stands_on_the_layer_axis(page: Page, app_url: str) -> None:
    shown(page, app_url)
    wait_arrived(page)
    measured, drawn = drawn_network(HISTORY, 40), edges(page)
    np.testing.assert_allclose(
        [each["light"] for each in drawn], 0.05 + 0.95 * light(log10(measured["gradient"])), atol=1e-3
    )
    assert [each["dashed"] for each in drawn] == (measured["weight"] < 0).tolist()
    assert np.argmax([each["width"] for each in drawn]) == np.argmax(np.abs(measured["weight"]))
    place = "([...document.querySelectorAll(`[data-testid='plot-chart_flow']`)].map(g => g._fullLayout.xaxis))[0]"
    columns = page.evaluate(f"[1, 2, 3, 4, 5, 6, 7].map(layer => {place}._offset + {place}.l2p(layer))")
    layers = measured.columns["layer"][1]
    np.testing.assert_allclose([each["x"] for each in drawn], np.array(columns)[layers - 1], atol=1.0)


def test_gradient_walks_back_on_load_and_layer_by_layer_in_words(page: Page, app_url: str) -> None:
    page.add_init_script(
        """window.heard = [];
        new MutationObserver(() => {
            const said = document.querySelector(".nncore-network output")?.textContent;
            if (said && said !== window.heard.at(-1)) window.heard.push(said);
        }).observe(document, {subtree: true, childList: true, characterData: true});"""
    )
    open_lab(page, app_url, SMALL)
    wait_arrived(page)
    heard = page.evaluate("window.heard")
    walked = [said for said in heard if said.startswith("layer ")]
    assert walked[0].startswith("layer 7") and "at the output" in walked[0]
    assert [int(said[6]) for said in walked] == sorted((int(said[6]) for said in walked), reverse=True)
    assert any("(× 0." in said for said in walked)
    assert heard[-1].endswith("a layer")
    expect(page.locator(".nncore-network-cover")).to_be_hidden()


def test_the_players_keys_take_the_walk_layer_by_layer(page: Page, app_url: str) -> None:
    shown(page, app_url)
    wait_arrived(page)
    said, play = network(page).locator("output"), network(page).locator('button[data-does="play"]')
    whole = said.inner_text()
    play.focus()
    for layer in (7, 6, 5):
        page.keyboard.press("ArrowRight")
        expect(said).to_contain_text(f"layer {layer}:")
    page.keyboard.press("ArrowLeft")
    expect(said).to_contain_text("layer 6:")
    page.keyboard.press("Home")
    expect(said).to_contain_text("at the output")
    page.keyboard.press("End")
    expect(said).to_have_text(whole)
    play.press("Enter")
    expect(network(page)).to_have_attribute("data-pulse", "arrived")
    expect(play.locator("span")).to_have_text("Walk back")


def test_without_motion_it_stands_still_at_once(new_page: Callable[..., Page], app_url: str) -> None:
    page = new_page(reduced_motion=True)
    open_lab(page, app_url, SMALL)
    network(page).locator("line[data-edge]").first.wait_for(state="attached")
    assert network(page).get_attribute("data-pulse") != "walking"
    expect(page.locator(".nncore-network-cover")).to_be_hidden()


def test_a_change_leaves_the_run_before_as_a_ghost_here_and_in_the_flow_chart(page: Page, app_url: str) -> None:
    shown(page, app_url)
    ghost = network(page).locator("polyline.ghost")
    assert not ghost.get_attribute("points")
    page.locator(".st-key-depth input[type=range]").press("ArrowRight")
    page.wait_for_function(
        "() => document.querySelector(`[data-testid='plot-chart_flow']`)?.data?.some(t => t.name?.startsWith('δ before'))"
    )
    wait_idle(page)
    assert len(ghost.get_attribute("points").split()) == 7
    (before,) = [t for t in figure_data(page, "chart_flow")["data"] if t["name"].startswith("δ before")]
    assert "6 × 6, step 40" in before["name"]
    norms = drawn_network(HISTORY, 40)["delta_norm"]
    np.testing.assert_allclose(
        before["y"], norms[np.unique(drawn_network(HISTORY, 40).columns["layer"][1], return_index=True)[1]]
    )


def test_a_click_on_a_weight_shows_its_theta_and_marks_its_layer_in_every_chart(page: Page, app_url: str) -> None:
    shown(page, app_url)
    wait_arrived(page)
    network(page).locator("line[data-edge='20']").dispatch_event("click")
    facts = drawn_network(HISTORY, 40).columns
    layer, first, second = (int(facts[name][1][20]) for name in ("layer", "from", "to"))
    index = HISTORY.layout.index(layer, first, second)
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("theta_index") == [str(index)])
    for key in ("flow", "heatmap", "activation", "signal", "ledger"):
        expect(page.locator(f"#chart_{key} .nncore-plot-mark")).to_be_visible()
    wait_idle(page)
    page.get_by_role("link", name="Its products, by hand").click()
    expect(page.get_by_role("tabpanel").or_(page.locator(".stMainBlockContainer"))).to_contain_text(
        f"from unit {first} to unit {second} of layer {layer}"
    )


def test_keyboard_alone_reads_a_unit_and_chooses_it(page: Page, app_url: str) -> None:
    shown(page, app_url)
    wait_arrived(page)
    network(page).focus()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    measured = drawn_network(HISTORY, 40)
    here = (measured.columns["layer"][1] == 6) & (measured.columns["to"][1] == 1)
    heard = network(page).locator("[aria-live]")
    expect(heard).to_contain_text("layer 6, unit 1 of 6")
    assert f"{measured['delta'][here][0]:.3g}"[:4] in heard.inner_text()
    page.keyboard.press("Enter")
    strongest = int(measured.columns["from"][1][here][np.argmax(np.abs(measured["gradient"][here]))])
    index = HISTORY.layout.index(6, strongest, 1)
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("theta_index") == [str(index)])


def test_pointer_is_told_weight_and_gradient(page: Page, app_url: str) -> None:
    shown(page, app_url)
    wait_arrived(page)
    network(page).locator("line[data-edge='0']").dispatch_event("pointermove", {"bubbles": True})
    tip = page.locator(".nncore-network-tip")
    expect(tip).to_contain_text("W1[0, 0] =")
    expect(tip).to_contain_text("∂E/∂W =")


def test_it_plays_with_the_charts(page: Page, app_url: str) -> None:
    shown(page, app_url)
    before = edges(page)
    set_speed(page, "4")
    player_button(page, "Play").click()
    page.wait_for_function("() => document.querySelector('.nncore-network').dataset.frame >= 1")
    page.wait_for_function("() => !document.body.classList.contains('nncore-playing')")
    wait_idle(page)
    assert [each["light"] for each in edges(page)] == [
        each["light"] for each in before
    ]  # it ends where it began, at the last step


@pytest.mark.parametrize("width", [390, 1400])
def test_deep_and_wide_networks_stay_inside_their_place(
    new_page: Callable[..., Page], app_url: str, width: int
) -> None:
    page = new_page(width, 844)
    deep = SMALL.replace(hidden=(32,) * 50, steps=2)
    open_lab(page, app_url, deep)
    wait_painted(page, "chart_flow")
    network(page).locator("line[data-edge]").first.wait_for(state="attached")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    box = network(page).bounding_box()
    numbers = (
        network(page)
        .locator("text[data-layer]")
        .evaluate_all("texts => texts.map(text => text.getBoundingClientRect()).map(({left, right}) => [left, right])")
    )
    for (_, end), (start, _) in pairwise(numbers):
        assert end < start, json.dumps(numbers)
    assert numbers[0][0] >= box["x"] and numbers[-1][1] <= box["x"] + box["width"] + 1


def test_picture_is_saved_as_svg_and_png(page: Page, app_url: str) -> None:
    shown(page, app_url)
    wait_arrived(page)
    for name, begins in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as download:
            network(page).get_by_role("button", name=f"Download {name}").click()
        assert download.value.path().read_bytes().startswith(begins)
