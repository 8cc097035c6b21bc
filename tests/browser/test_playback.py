"""Playing a training in a real browser: no server while it plays, exact records when it rests, zoom and legend kept."""

import re

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from nncore import measures as m
from nncore import run
from nncore.diagnosis import flow
from tests.browser.helpers import (
    chart,
    play_slowly,
    player_button,
    record_frames,
    set_speed,
    wait_for_frame,
    wait_idle,
    websocket_messages,
)
from tests.browser.test_lab import SMALL, line, overflow, shown, slider, wait_for_line, zoom

HISTORY = run(SMALL)


def wait_for_rest(page: Page) -> None:
    """Wait until nothing is played and the page shows an exact record."""
    page.wait_for_function("() => !document.body.classList.contains('nncore-playing')")
    wait_idle(page)
    expect(page.get_by_text("Plays all 41 records.")).to_be_visible()


def assert_flow_is_exact(page: Page, step: int) -> None:
    wait_for_line(page, f"δ at step {step}")
    np.testing.assert_array_equal(line(page, f"δ at step {step}"), flow(HISTORY, step).delta)
    expect(slider(page, "step")).to_have_value(str(step))


def test_plays_to_the_end_without_the_server(page: Page, app_url: str) -> None:
    messages = websocket_messages(page)
    shown(page, app_url)
    record_frames(page)
    play_slowly(page)
    wait_idle(page)
    chart(page, "chart_signal").scroll_into_view_if_needed()  # other charts come into sight
    wait_for_frame(page, 1, "chart_signal")
    assert not slider(page, "step").is_visible()
    expect(page.get_by_role("slider", name="Frame")).to_be_in_viewport()
    messages.clear()
    set_speed(page, "4")
    page.wait_for_function("() => window.frames_named.at(-1) > 30")
    assert messages == []
    wait_for_rest(page)
    named = page.evaluate("() => window.frames_named")
    assert named == sorted(named)
    assert named[-1] == 40
    assert_flow_is_exact(page, 40)
    expect(player_button(page, "Play")).to_be_visible()


def test_pause_in_the_middle_shows_the_exact_record_and_keeps_zoom_and_legend(page: Page, app_url: str) -> None:
    shown(page, app_url)
    chart(page, "chart_flow").locator(".legendtoggle").nth(1).click()
    page.wait_for_function(
        "() => document.querySelector(`[data-testid='plot-chart_flow']`)._fullData.some(t => t.visible === 'legendonly')"
    )
    zoom(page, "chart_flow")
    view = "graph => ['xaxis', 'yaxis'].map(axis => graph._fullLayout[axis].range)"
    hidden = "graph => graph._fullData.filter(t => t.visible === 'legendonly').map(t => t.uid)"
    zoomed = chart(page, "chart_flow").evaluate(view)
    uid = chart(page, "chart_flow").evaluate(hidden)
    assert uid == ["weight_gradient_norm_now"]

    play_slowly(page)
    assert chart(page, "chart_flow").evaluate(view) == zoomed
    assert chart(page, "chart_flow").evaluate(hidden) == uid
    player_button(page, "Pause").click()
    wait_for_rest(page)
    step = int(slider(page, "step").input_value())
    assert 1 <= step < 40
    assert_flow_is_exact(page, step)
    page.wait_for_url(re.compile(f"step={step}"))
    page.wait_for_function(
        "step => document.querySelector(`[data-testid='plot-chart_loss']`).layout.shapes[0].x0 === step", arg=step
    )
    assert chart(page, "chart_flow").evaluate(view) == zoomed
    assert chart(page, "chart_flow").evaluate(hidden) == uid

    player_button(page, "First step").click()
    page.wait_for_function(
        "name => document.querySelector(`[data-testid='plot-chart_flow']`).data.every(trace => trace.name !== name)",
        arg=f"δ at step {step}",
    )
    assert chart(page, "chart_flow").evaluate(view) == zoomed
    assert chart(page, "chart_flow").evaluate(hidden) == uid


def test_frame_is_the_figure_of_its_record_and_can_be_scrubbed_back(page: Page, app_url: str) -> None:
    shown(page, app_url)
    play_slowly(page)
    track = page.get_by_role("slider", name="Frame")
    track.focus()
    kept = page.evaluate(
        """() => new Promise(resolve => {
            const graph = document.querySelector(`[data-testid='plot-chart_flow']`);
            const look = () => graph.dataset.frame === '37' ? resolve(
                graph.data.map(trace => [trace.name, Array.from(trace.y._inputArray ?? trace.y)])) : setTimeout(look, 5);
            look();
            const track = document.querySelector(".nncore-player input");
            track.value = 37;
            track.dispatchEvent(new Event("input", { bubbles: true }));
        })"""
    )
    frame = dict(kept)
    expected = m.gradient_flow(HISTORY, 37)
    np.testing.assert_array_equal(frame["δ at step 37"], expected["delta_norm"][1])
    np.testing.assert_array_equal(frame["∂E/∂W at step 37"], expected["weight_gradient_norm"][1])
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_for_rest(page)
    step = int(slider(page, "step").input_value())
    assert step <= 3  # a busy machine may come to rest between two presses
    assert_flow_is_exact(page, step)
    expect(slider(page, "step")).to_be_focused()


WATCH_DRAWINGS = """() => {
    window.drawn_whole = new Set();
    const react = Plotly.react;
    Plotly.react = (graph, ...given) => { window.drawn_whole.add(graph.dataset.testid); return react(graph, ...given); };
}"""

# Everything of a drawing that numbers decide: paths, places of markers, images of heat maps, words of the legend.
DRAWING = """graph => [
    ...Array.from(graph.querySelectorAll(".subplot path:not([class^=crisp]), .shapelayer path"), path => ["path", path.getAttribute("d") ?? "",
        path.getAttribute("transform") ?? "", path.style.fill, path.style.stroke]),
    ...Array.from(graph.querySelectorAll(".plot image"), image => ["image", image.getAttribute("href") ?? image.getAttribute("xlink:href"),
        ...["x", "y", "width", "height"].map(side => image.getAttribute(side))]),
    ...Array.from(graph.querySelectorAll(".legendtext"), text => ["text", text.textContent]),
]"""

DRAWN_WHOLE = f"""async graph => {{
    const copy = value => ArrayBuffer.isView(value) ? value.slice() : Array.isArray(value) ? value.map(copy)
        : value && typeof value === "object" ? Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copy(part)])) : value;
    await Plotly.react(graph, copy(graph.data), copy(graph.layout));
    return ({DRAWING})(graph);
}}"""

NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e-?\d+)?")


def assert_same_drawing(drawn: list, expected: list) -> None:
    """The same elements in the same order, with the same words, and numbers that agree to a twentieth of a pixel."""
    assert [NUMBER.sub("0", "|".join(part)) for part in drawn] == [NUMBER.sub("0", "|".join(part)) for part in expected]
    for got, wanted in zip(drawn, expected, strict=True):
        if got[0] == "image":
            assert got == wanted
            continue
        numbers = [[float(number) for number in NUMBER.findall("|".join(part))] for part in (got, wanted)]
        np.testing.assert_allclose(*numbers, atol=0.05, err_msg=str(got))


SCRUB = """([frame, follow]) => new Promise(resolve => {
    const charts = follow.map(key => document.querySelector(`[data-testid='plot-${key}']`));
    const look = () => charts.every(chart => chart.dataset.frame === String(frame)) ? resolve() : setTimeout(look, 5);
    const track = document.querySelector(".nncore-player input");
    track.value = frame;
    track.dispatchEvent(new Event("input", { bubbles: true }));
    look();
})"""

ALL_IN_SIGHT = """window.IntersectionObserver = class {
    constructor(see) { this.see = see; }
    observe(target) { this.see([{ target, isIntersecting: true, intersectionRatio: 1 }], this); }
    unobserve() {}
    disconnect() {}
};"""

FOLLOW = (
    *("chart_learned", "chart_flow", "chart_heatmap", "chart_loss", "chart_total", "chart_activation", "chart_delta"),
    *("chart_signal", "chart_updates", "chart_theta"),
)


def settle(page: Page) -> None:
    """Draw every chart whole once more: plotly.js moves a margin by half a pixel when it draws a figure for the second time."""
    for key in FOLLOW:
        chart(page, key).evaluate(DRAWN_WHOLE)


@pytest.mark.parametrize(
    ("more", "whole"),
    [
        ({"dataset": "xor"}, set()),
        # the axes of the curve are plotly.js's own, and notes count the zeros
        ({"dataset": "sine", "activation": "relu"}, {"chart_learned", "chart_activation", "chart_delta"}),
    ],
)
def test_frame_drawn_upon_another_is_its_whole_drawing(
    page: Page, app_url: str, more: dict[str, str], whole: set[str]
) -> None:
    page.add_init_script(ALL_IN_SIGHT)
    shown(page, app_url, **more)
    play_slowly(page)
    for key in FOLLOW:
        wait_for_frame(page, 1, key)
    page.evaluate(SCRUB, [12, FOLLOW])  # two letters of a step need another room in the legend than one: drawn whole
    settle(page)
    page.evaluate(WATCH_DRAWINGS)
    for frames in ((13,), (29, 14, 21)):
        for frame in frames:
            page.evaluate(SCRUB, [frame, FOLLOW])
        drawn_whole = page.evaluate("() => [...window.drawn_whole]")
        assert not {f"plot-{key}" for key in FOLLOW if key not in whole} & set(drawn_whole)
        for key in FOLLOW:
            drawn = chart(page, key).evaluate(DRAWING)
            assert_same_drawing(drawn, chart(page, key).evaluate(DRAWN_WHOLE))
        page.evaluate("() => window.drawn_whole.clear()")


def test_keyboard_alone_plays_pauses_and_steps(page: Page, app_url: str) -> None:
    shown(page, app_url)
    player_button(page, "First step").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(player_button(page, "Play")).to_be_focused()
    play_slowly(page)
    expect(player_button(page, "Pause")).to_be_focused()
    page.keyboard.press("Space")
    wait_for_rest(page)
    step = int(slider(page, "step").input_value())
    assert 1 <= step < 40
    page.keyboard.press("Shift+Tab")
    expect(player_button(page, "One record back")).to_be_focused()
    for back in (1, 2):  # two presses while the page is drawn may count as one
        page.keyboard.press("Enter")
        assert_flow_is_exact(page, max(step - back, 0))


def test_changed_settings_pause_the_playing(page: Page, app_url: str) -> None:
    shown(page, app_url)
    play_slowly(page)
    slider(page, "width").focus()
    page.keyboard.press("ArrowRight")
    wait_for_rest(page)
    step = int(slider(page, "step").input_value())
    assert 1 <= step < 40
    wait_for_line(page, f"δ at step {step}")
    wide = run(SMALL.replace(hidden=(7,) * 6))
    np.testing.assert_array_equal(line(page, f"δ at step {step}"), flow(wide, step).delta)


def test_phone_in_the_dark_with_less_motion_plays(new_page, app_url: str) -> None:
    page = new_page(390, 844, dark=True, reduced_motion=True, touch=True)
    shown(page, app_url)
    player_button(page, "Play").tap()
    chart(page, "chart_flow").scroll_into_view_if_needed()
    wait_for_frame(page, 1)
    assert overflow(page) <= 0
    expect(player_button(page, "Pause")).to_be_in_viewport()
    player_button(page, "Pause").tap()
    wait_for_rest(page)
    assert_flow_is_exact(page, int(slider(page, "step").input_value()))


def test_headline_and_numbers_say_what_the_charts_show_while_playing(page: Page, app_url: str) -> None:
    shown(page, app_url)
    play_slowly(page)
    page.wait_for_function("() => Number(document.querySelector('.nncore-following-words')?.dataset.frame) > 2")
    player_button(page, "Pause").click()
    expect(page.locator(".nncore-following")).to_have_count(0)
    expect(page.locator(".st-key-headline")).to_contain_text(
        f"At step {page.locator('.st-key-step input[type=range]').input_value()}:"
    )
