"""The lab page in a real browser: what is seen first, the step slider, Stop, links, downloads, keyboard, small screens."""

import io
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.state.address import FIRST_SIGHT, link
from nncore import History, RunConfig, run
from nncore import measures as m
from nncore.diagnosis import flow
from tests.browser.helpers import chart, choose, figure_data, wait_idle, wait_painted
from tests.dashboard.lab import UNFOLDED

SMALL = FIRST_SIGHT.replace(hidden=(6,) * 6, steps=40, n_samples=60)
LONG = SMALL.replace(hidden=(4,), steps=900_000, record_every=1000, learning_rate=0.001)


def open_lab(page: Page, url: str, config: RunConfig = SMALL, **more: str) -> None:
    """Open a run, with all its charts unless `more` says otherwise."""
    page.goto(f"{url}/?{urlencode(UNFOLDED | link(config) | more, doseq=True)}")


def shown(page: Page, url: str, config: RunConfig = SMALL, **more: str) -> None:
    """Open a run and wait until its last chart is painted."""
    open_lab(page, url, config, **more)
    wait_painted(page, "chart_flow")
    wait_painted(page, "chart_theta")
    wait_idle(page)


def line(page: Page, name: str, key: str = "chart_flow") -> list:
    """The y of a named trace of a chart, as the browser holds it."""
    (trace,) = [trace for trace in figure_data(page, key)["data"] if trace.get("name") == name]
    return trace["y"]


def slider(page: Page, key: str) -> Locator:
    """The slider of a widget's key, which takes the arrow keys."""
    return page.locator(f".st-key-{key} input[type=range]")


def wait_for_line(page: Page, name: str, key: str = "chart_flow") -> None:
    """Wait until a chart has a trace of this name."""
    page.wait_for_function(
        "([key, name]) => document.querySelector(`[data-testid='plot-${key}']`)?.data?.some(trace => trace.name === name)",
        arg=[key, name],
    )


def wait_for_layers(page: Page, name: str, n_layers: int) -> None:
    """Wait until the flow chart's trace of this name has so many layers."""
    page.wait_for_function(
        "([name, n]) => document.querySelector(`[data-testid='plot-chart_flow']`)?._fullData?.some("
        "trace => trace.name === name && trace.x.length === n)",
        arg=[name, n_layers],
    )


def zoom(page: Page, key: str) -> list[float]:
    """Drag a box in the middle of a chart; returns the range of x that is left."""
    graph = chart(page, key)
    graph.scroll_into_view_if_needed()
    before = graph.evaluate("graph => graph._fullLayout.xaxis.range")
    box = graph.locator(".nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 0.8 * box["height"], steps=5)
    page.mouse.up()
    page.wait_for_function(
        "([key, before]) => document.querySelector(`[data-testid='plot-${key}']`)._fullLayout.xaxis.range[0] > before",
        arg=[key, before[0] + 0.1],
    )
    return graph.evaluate("graph => graph._fullLayout.xaxis.range")


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return page.evaluate(
        "() => Math.max(...['stMain', 'stApp'].map(id => document.querySelector(`[data-testid=\"${id}\"]`))"
        ".map(e => e.scrollWidth - e.clientWidth), document.documentElement.scrollWidth - window.innerWidth)"
    )


def test_first_sight_tells_the_story_without_scrolling(page: Page, app_url: str) -> None:
    open_lab(page, app_url, FIRST_SIGHT)
    wait_painted(page, "chart_flow")
    expect(page.locator(".st-key-headline").get_by_text("Gradients vanish")).to_be_in_viewport()
    expect(page.get_by_role("button", name=re.compile("^Mend it"))).to_be_in_viewport()
    wait_painted(page, "chart_learned")
    expect(page.get_by_test_id("network-chart_network")).to_be_in_viewport(ratio=0.95)
    expect(chart(page, "chart_learned")).to_be_in_viewport(ratio=0.95)
    expect(page.locator(".st-key-numbers [data-testid=stMetricValue]").first).to_be_in_viewport()
    centres = [
        box["y"] + box["height"] / 2
        for box in (
            page.get_by_role("button", name="Play").bounding_box(),
            page.locator(".st-key-seeds input").bounding_box(),
            page.get_by_role("button", name="Pin").bounding_box(),
        )
    ]
    assert max(centres) - min(centres) < 5, "player, seeds and pin stand in one line"
    history = run(FIRST_SIGHT)
    np.testing.assert_array_equal(line(page, "δ at step 400"), flow(history, 400).delta)
    page.get_by_role("button", name=re.compile("^Mend it")).click()
    expect(page.get_by_text("Gradients flow")).to_be_visible()
    expect(page.get_by_text("Gradients vanish")).to_have_count(0)


def test_arrow_keys_move_the_step_and_keep_the_zoom(page: Page, app_url: str) -> None:
    shown(page, app_url)
    history = run(SMALL)
    zoomed = zoom(page, "chart_flow")
    slider(page, "step").focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    wait_for_line(page, "δ at step 37")
    np.testing.assert_array_equal(line(page, "δ at step 37"), flow(history, 37).delta)
    np.testing.assert_array_equal(line(page, "δ at step 0"), flow(history, 0).delta)
    gradient = m.gradient_flow(history, 37)["weight_gradient_norm"][1]
    np.testing.assert_array_equal(line(page, "∂E/∂W at step 37"), gradient)
    assert chart(page, "chart_flow").evaluate("graph => graph._fullLayout.xaxis.range") == zoomed
    expect(slider(page, "step")).to_have_value("37")


def test_eight_quick_key_presses_end_on_the_last(page: Page, app_url: str) -> None:
    shown(page, app_url)
    slider(page, "depth").focus()
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    deep = SMALL.replace(hidden=(6,) * 14)
    wait_for_layers(page, "δ at step 40", 15)
    wait_idle(page)
    np.testing.assert_array_equal(line(page, "δ at step 40"), flow(run(deep), 40).delta)


def test_link_and_reload_restore_everything(page: Page, app_url: str) -> None:
    config = SMALL.replace(
        dataset="iris",
        hidden=(7, 5, 3),
        activation=("tanh", "relu", "gelu"),
        optimizer="adam",
        learning_rate=3e-3,
        clip_norm=0.5,
        skip=True,
        test_fraction=0.35,
        seed=2**32 - 1,
    )
    shown(page, app_url, config, heat="∂E/∂W")
    slider(page, "step").focus()
    page.keyboard.press("ArrowLeft")
    wait_for_line(page, "δ at step 39")
    wait_idle(page)
    query = {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert query["step"] == "39"
    expected = flow(run(config), 39).delta
    for _ in range(2):
        page.reload()
        wait_for_line(page, "δ at step 39")
        wait_painted(page, "chart_heatmap")
        wait_idle(page)
        np.testing.assert_array_equal(line(page, "δ at step 39"), expected)
        heat = figure_data(page, "chart_heatmap")
        assert heat["layout"]["meta"]["name"] == "weight_gradient_norm_by_step"
    page.wait_for_url(lambda url: url.count("seed=4294967295") == 1)


def test_stop_keeps_the_partial_history_and_shows_it(page: Page, app_url: str) -> None:
    open_lab(page, app_url, LONG)
    stop = page.get_by_role("button", name="Stop and keep")
    stop.wait_for()
    expect(page.get_by_role("progressbar").first).to_be_visible()
    stop.click()
    wait_painted(page, "chart_flow")
    stopped = page.get_by_text(re.compile(r"Stopped by hand at step \d+ of 900000"))
    expect(stopped).to_be_visible()
    step = int(re.search(r"at step (\d+)", stopped.inner_text())[1])
    assert 0 < step < LONG.steps
    expect(slider(page, "step")).to_have_attribute("max", str(step))
    wait_for_line(page, f"δ at step {step}")
    whole = run(LONG.replace(steps=step))
    np.testing.assert_array_equal(line(page, f"δ at step {step}"), flow(whole, len(whole) - 1).delta)
    expect(page.get_by_role("button", name="Run to the end")).to_be_visible()


def test_downloaded_csv_is_the_history_and_the_charts_csv_its_numbers(page: Page, app_url: str) -> None:
    shown(page, app_url)
    history = run(SMALL)
    with page.expect_download() as caught:
        page.get_by_role("button", name=re.compile("^.*History, CSV")).click()
    content = caught.value.path().read_bytes()
    again = History.from_csv(io.BytesIO(content))
    assert again.config == SMALL
    for name in ("step", "loss", "theta", "grad"):
        np.testing.assert_array_equal(getattr(again, name), getattr(history, name))
    said = page.get_by_role("button", name=re.compile("^.*History, CSV")).inner_text()
    size = int(re.search(r"about ([\d,]+) (KB|MB)", said)[1].replace(",", "")) * 1024
    assert abs(size * (1024 if "MB" in said else 1) - len(content)) < 0.1 * len(content) + 2**20 * ("MB" in said)
    with page.expect_download() as caught:
        page.locator(".st-key-card_flow").get_by_role("button", name="CSV").click()
    text = caught.value.path().read_text()
    for value in (flow(history, 0).delta[0], flow(history, 40).delta[-1]):
        assert repr(float(value)) in text


def test_phone_shows_everything_without_scrolling_sideways(new_page, app_url: str) -> None:
    page = new_page(390, 844, touch=True)
    shown(page, app_url)
    assert overflow(page) <= 0
    expect(page.get_by_test_id("stSidebar")).not_to_be_in_viewport()
    box = chart(page, "chart_flow").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    metrics = [each.bounding_box()["y"] for each in page.get_by_test_id("stMetric").all()]
    assert metrics[0] == metrics[1] < metrics[2] == metrics[3]


def test_dark_scheme_has_its_own_palette(new_page, app_url: str) -> None:
    page = new_page(dark=True)
    shown(page, app_url)
    page.wait_for_function(
        "() => document.querySelector(`[data-testid='plot-chart_flow']`).data.some(t => t.line?.color === '#FF8A5B')"
    )
    assert page.get_by_test_id("stApp").evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(16, 20, 28)"


def test_theme_flip_keeps_the_run_and_the_step(page: Page, app_url: str) -> None:
    shown(page, app_url)
    slider(page, "step").focus()
    page.keyboard.press("ArrowLeft")
    wait_for_line(page, "δ at step 39")
    before = line(page, "δ at step 39")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(
        "() => document.querySelector(`[data-testid='plot-chart_flow']`).data.some(t => t.line?.color === '#FF8A5B')"
    )
    assert line(page, "δ at step 39") == before
    assert not page.get_by_text("Training:").is_visible()


@pytest.mark.parametrize("value", ["NaN", "1e400", "<script>alert(1)</script>", "9" * 5000])
def test_hostile_link_opens_the_page_without_a_traceback(page: Page, app_url: str, value: str) -> None:
    keys = ("width", "gain", "learning_rate", "activation", "seed", "clip_norm", "heat", "step", "theta_index", "zzz")
    open_lab(page, app_url, **dict.fromkeys(keys, value))
    wait_painted(page, "chart_flow")
    wait_painted(page, "chart_theta")
    wait_idle(page)
    assert page.get_by_test_id("stException").count() == 0
    for alert in page.get_by_test_id("stAlert").all():
        expect(alert).to_contain_text("is taken instead")


def test_sidebar_control_changes_run_and_url(page: Page, app_url: str) -> None:
    shown(page, app_url)
    choose(page.get_by_role("combobox", name="Activation", exact=True), "tanh")
    expect(page.get_by_text("Gradients flow")).to_be_visible()
    page.wait_for_url(re.compile("activation=tanh"))
    before = flow(run(SMALL), 40).delta
    page.wait_for_function(
        "before => document.querySelector(`[data-testid='plot-chart_flow']`)?._fullData?.some("
        "trace => trace.name === 'δ at step 40' && trace.y[0] !== before)",
        arg=float(before[0]),
    )
    wait_idle(page)
    expected = flow(run(SMALL.replace(activation="tanh")), 40).delta
    np.testing.assert_array_equal(line(page, "δ at step 40"), expected)


def test_chart_shows_the_step_of_its_slider_when_the_run_gets_shorter_and_longer(page: Page, app_url: str) -> None:
    shown(page, app_url)
    slider(page, "step").focus()
    page.keyboard.press("ArrowLeft")
    wait_for_line(page, "δ at step 39")
    for steps in ("20", "60"):
        field = page.get_by_role("spinbutton", name="Steps", exact=True)
        field.fill(steps)
        field.press("Enter")
        agreed = """steps => {
            const { max, value } = document.querySelector(".st-key-step input[type=range]") ?? {};
            const graph = document.querySelector("[data-testid='plot-chart_flow']");
            return max === steps && graph?.data.some(
                trace => trace.uid === "delta_norm_now" && trace.name === `δ at step ${value}`);
        }"""
        page.wait_for_function(agreed, arg=steps)
        wait_idle(page)
        page.wait_for_function(agreed, arg=steps)  # also when the run has ended
        expect(slider(page, "step")).to_have_count(1)
        assert int(slider(page, "step").input_value()) <= int(steps)


def test_tab_reaches_controls_buttons_and_charts_from_top_to_bottom(page: Page, app_url: str) -> None:
    shown(page, app_url)
    reached: list[str] = []
    while not reached or not reached[-1].startswith("θ over time"):
        assert len(reached) < 170, reached
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(  # the page itself takes the focus too: only what is operated has a name
                """() => {
                    const e = document.activeElement;
                    const text = ["BUTTON", "A"].includes(e.tagName) ? e.innerText.trim() : "";
                    return e.getAttribute("aria-label") ?? e.closest("label")?.innerText ?? text;
                }"""
            )
        )
    wanted = (
        "^Data set$",
        "^Depth$",
        "^Learning rate$",
        "Mend it",
        "^Play$",
        "^Speed$",
        "^Step$",
        "CSV$",
        "^Gradient flow, ",
        "^Over training, ",
        "^Signal, ",
        "^One parameter$",
        "^θ over time, ",
    )
    places = [
        next((place for place, name in enumerate(reached) if re.search(pattern, name)), None) for pattern in wanted
    ]
    assert None not in places, dict(zip(wanted, places, strict=True))
    assert places == sorted(places), reached


def test_a_folded_group_is_drawn_when_it_is_opened_and_stays_so_in_the_link(page: Page, app_url: str) -> None:
    open_lab(page, app_url, why="false", parameters="false")
    wait_painted(page, "chart_flow")
    wait_idle(page)
    assert chart(page, "chart_saturation").count() == chart(page, "chart_theta").count() == 0
    heading = page.locator(".st-key-why summary")
    heading.focus()
    page.keyboard.press("Enter")
    wait_painted(page, "chart_saturation")
    page.wait_for_url(lambda url: parse_qs(urlsplit(url).query).get("why") == ["true"])
    assert chart(page, "chart_theta").count() == 0


def test_a_finding_unfolds_the_charts_among_which_its_proof_stands(page: Page, app_url: str) -> None:
    open_lab(page, app_url, SMALL.replace(hidden=(16,) * 8, activation="tanh", gain=5.0, steps=5), why="false")
    wait_painted(page, "chart_flow")
    wait_idle(page)
    page.locator(".st-key-findings summary").click()
    page.locator(".st-key-proof_saturated").get_by_role("button").first.click()
    wait_painted(page, "chart_saturation")
