"""Thumbs of sliders: charts follow them from what the browser has, and the server's answer is drawn where they stand."""

import numpy as np
import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from nncore import run
from nncore.diagnosis import flow
from nncore.diagnosis.theory_gap import prediction
from tests.browser.helpers import (
    chart,
    figure_data,
    play_slowly,
    player_button,
    wait_for_frame,
    wait_idle,
    wait_painted,
)
from tests.browser.test_lab import SMALL, line, open_lab, shown, slider
from tests.browser.test_playback import (
    ALL_IN_SIGHT,
    DRAWING,
    DRAWN_WHOLE,
    FOLLOW,
    WATCH_DRAWINGS,
    assert_same_drawing,
    settle,
)

HISTORY = run(SMALL)


class Wire:
    """A page's websocket, whose messages either way can be held back for a while."""

    def __init__(self, page: Page) -> None:
        self.held: dict[str, list[str | bytes] | None] = {"up": None, "down": None}
        page.route_web_socket("**/_stcore/stream", self.join)

    def join(self, socket: WebSocketRoute) -> None:
        self.ends = {"up": socket.connect_to_server(), "down": socket}
        socket.on_message(lambda message: self.pass_on("up", message))
        self.ends["up"].on_message(lambda message: self.pass_on("down", message))

    def pass_on(self, way: str, message: str | bytes) -> None:
        held = self.held[way]
        if held is None:
            self.ends[way].send(message)
        else:
            held.append(message)

    def hold(self, way: str) -> None:
        self.held[way] = []

    def let_go(self, way: str) -> None:
        held, self.held[way] = self.held[way], None
        for message in held or []:
            self.ends[way].send(message)


def opened(page: Page, url: str) -> Wire:
    """The lab with the charts of its first group."""
    wire = Wire(page)
    open_lab(page, url, why="false", parameters="false")
    wait_painted(page, "chart_flow")
    wait_painted(page, "chart_total")
    wait_idle(page)
    return wire


def opened_with_frames(page: Page, url: str) -> Wire:
    """The lab with its step slider under the keyboard, and the frames in the browser."""
    wire = opened(page, url)
    chart(page, "chart_flow").scroll_into_view_if_needed()
    look_for_frames(page)
    return wire


def look_for_frames(page: Page) -> None:
    """Put the step slider under the keyboard, and wait for the frames."""
    slider(page, "step").evaluate("input => input.focus({preventScroll: true})")
    page.wait_for_function("() => document.querySelector('.nncore-player').dataset.ahead")
    wait_idle(page)


def wait_for_exact(page: Page, step: int) -> None:
    """Wait until every chart shows what the server says of the step."""
    page.wait_for_function(
        """step => { const graph = document.querySelector("[data-testid='plot-chart_flow']");
            return graph.dataset.frame === "" && graph.data.some(trace => trace.name === `δ at step ${step}`); }""",
        arg=step,
    )
    wait_idle(page)
    np.testing.assert_array_equal(line(page, f"δ at step {step}"), flow(HISTORY, step).delta)
    expect(slider(page, "step")).to_have_value(str(step))


WIDER = ("chart_activation", "chart_delta")
"""Charts whose axis is wider for all steps than for the last."""

RANGES = """keys => keys.map(key => document.querySelector(`[data-testid='plot-${key}']`).layout.xaxis.range.join())"""

SHOWN = """([keys, frame]) => keys.every(key => document.querySelector(`[data-testid='plot-${key}']`).dataset.frame === frame)"""


def test_move_and_answer_draw_only_what_differs(page: Page, app_url: str) -> None:
    wire = Wire(page)
    page.add_init_script(ALL_IN_SIGHT)
    shown(page, app_url, dataset="xor")
    ranges = page.evaluate(RANGES, WIDER)
    look_for_frames(page)
    page.wait_for_function(
        f"([keys, before]) => ({RANGES})(keys).every((range, place) => range !== before[place])", arg=[WIDER, ranges]
    )
    wait_idle(page)
    settle(page)
    page.evaluate(WATCH_DRAWINGS)
    wire.hold("up")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(SHOWN, arg=[FOLLOW, "39"])
    wire.let_go("up")
    page.wait_for_function(SHOWN, arg=[FOLLOW, ""])
    wait_idle(page)
    expect(page.locator(".st-key-headline")).to_contain_text("At step 39:")
    assert not {f"plot-{key}" for key in FOLLOW} & set(page.evaluate("() => [...window.drawn_whole]"))
    for key in FOLLOW:
        assert_same_drawing(chart(page, key).evaluate(DRAWING), chart(page, key).evaluate(DRAWN_WHOLE))


@pytest.mark.parametrize(("key", "step"), [("ArrowLeft", 39), ("Home", 0)])
def test_charts_follow_a_key_before_the_server_is_told(page: Page, app_url: str, key: str, step: int) -> None:
    wire = opened_with_frames(page, app_url)
    wire.hold("up")
    page.keyboard.press(key)
    page.wait_for_function(
        "frame => document.querySelector(`[data-testid='plot-chart_flow']`).dataset.frame === frame", arg=str(step)
    )
    np.testing.assert_array_equal(line(page, f"δ at step {step}"), flow(HISTORY, step).delta)
    expect(page.locator(".st-key-headline")).to_contain_text("At step 40:")
    wire.let_go("up")
    wait_for_exact(page, step)
    expect(page.locator(".st-key-headline")).to_contain_text(f"At step {step}:")


def test_charts_follow_a_drag_before_the_server_is_told(page: Page, app_url: str) -> None:
    wire = opened_with_frames(page, app_url)
    wire.hold("up")
    box = page.locator(".st-key-step [role=group]").bounding_box()
    height = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] - 1, height)
    page.mouse.down()
    seen = []
    for share in (0.75, 0.5, 0.25):
        page.mouse.move(box["x"] + box["width"] * share, height, steps=3)
        seen.append(int(slider(page, "step").input_value()))
        page.wait_for_function(
            "frame => document.querySelector(`[data-testid='plot-chart_flow']`).dataset.frame === frame",
            arg=str(seen[-1]),
        )
    assert 40 > seen[0] > seen[1] > seen[2] > 0
    page.mouse.up()
    wire.let_go("up")
    wait_for_exact(page, int(slider(page, "step").input_value()))


def test_answer_to_an_older_step_is_not_drawn_over_a_newer_thumb(page: Page, app_url: str) -> None:
    wire = opened_with_frames(page, app_url)
    page.evaluate(
        """() => { window.steps_shown = [];
            const graph = document.querySelector("[data-testid='plot-chart_flow']");
            new MutationObserver(() => window.steps_shown.push(graph.data.map(trace => trace.name).find(name => /^δ at step [1-9]/.test(name))))
                .observe(graph, {attributes: true, attributeFilter: ["data-painted"]}); }"""
    )
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'running'")
    wire.hold("up")
    page.keyboard.press("ArrowLeft")
    wait_for_frame(page, 38)
    expect(page.locator(".st-key-headline")).to_contain_text("At step 39:")
    wait_idle(page)
    wire.let_go("up")
    wait_for_exact(page, 38)
    shown_steps = page.evaluate("() => window.steps_shown")
    newer = shown_steps.index("δ at step 38")
    assert set(shown_steps[newer:]) == {"δ at step 38"}


def test_pause_leaves_the_frames_to_the_thumb(page: Page, app_url: str) -> None:
    wire = opened(page, app_url)
    play_slowly(page)
    player_button(page, "Pause").press("Enter")
    expect(page.locator(".nncore-following")).to_have_count(0)
    wait_idle(page)
    step = int(slider(page, "step").input_value())
    slider(page, "step").evaluate("input => input.focus({preventScroll: true})")
    wire.hold("up")
    page.keyboard.press("ArrowRight")
    wait_for_frame(page, step + 1)
    wire.let_go("up")
    wait_for_exact(page, step + 1)


# Theory's line along the sliders of the sidebar ----------------------------------------------------------------


def take_thumb(page: Page, key: str) -> None:
    """Take the thumb of a slider by the mouse, and hold it."""
    slider(page, key).scroll_into_view_if_needed()
    page.mouse.move(*place(page, key, float(slider(page, key).input_value())))
    page.mouse.down()


def move_thumb(page: Page, key: str, value: float) -> None:
    """Move the thumb that is held to a value of its slider, or near it."""
    page.mouse.move(*place(page, key, value), steps=5)


def place(page: Page, key: str, value: float) -> tuple[float, float]:
    """Where the thumb of a slider stands for a value."""
    box = page.locator(f".st-key-{key} [role=group] > div").bounding_box()
    low, high = (float(slider(page, key).get_attribute(end)) for end in ("min", "max"))
    return box["x"] + box["width"] * (value - low) / (high - low), box["y"] + 0.75 * box["height"]


def wait_for_thumb(page: Page, key: str) -> dict[str, dict]:
    """Wait until the flow chart is drawn for where a slider's thumb stands; its traces by their uid."""
    at = f"{key} {float(slider(page, key).input_value()):g}"
    page.wait_for_function(
        "at => document.querySelector(`[data-testid='plot-chart_flow']`).dataset.thumb === at", arg=at
    )
    return traces(page)


def traces(page: Page) -> dict[str, dict]:
    """The flow chart's traces by their uid."""
    return {trace["uid"]: trace for trace in figure_data(page, "chart_flow")["data"] if "uid" in trace}


def wait_for_answer(page: Page) -> dict[str, dict]:
    """Wait until the flow chart is what the server has answered; its traces by their uid."""
    page.wait_for_function(
        """() => { const graph = document.querySelector("[data-testid='plot-chart_flow']");
            return graph?.dataset.thumb === "" && graph.data.some(({name, x}) => name === "δ, theory at step 0"); }"""
    )
    wait_idle(page)
    return traces(page)


@pytest.mark.parametrize(("key", "values"), [("depth", (9, 30, 3)), ("gain", (1.5, 0.5, 12))])
def test_theory_line_follows_the_thumb_that_is_held(page: Page, app_url: str, key: str, values: tuple) -> None:
    wire = opened(page, app_url)
    chart(page, "chart_flow").scroll_into_view_if_needed()
    before, ranges = traces(page), figure_data(page, "chart_flow")["layout"]
    wire.hold("up")
    take_thumb(page, key)
    for value in values:
        move_thumb(page, key, value)
        moved = wait_for_thumb(page, key)
        stands = SMALL.replace(**set_to(key, slider(page, key).input_value()))
        wanted = before["delta_norm_first"]["y"][-1] * prediction(run(stands.replace(steps=0))).delta_norm_ratio
        assert moved["theory"]["x"] == list(range(1, stands.depth + 2))
        np.testing.assert_allclose(np.log10(moved["theory"]["y"]), np.log10(wanted), atol=0.1)
        assert moved["theory_band"]["visible"] is False
        assert moved["delta_norm_now"] == before["delta_norm_now"]
        axes = figure_data(page, "chart_flow")["layout"]
        assert axes["xaxis"]["range"] == [0.5, max(stands.depth, SMALL.depth) + 1.5]
        low, high = axes["yaxis"]["range"]
        assert low <= min(np.log10(wanted)) + 0.1 and max(np.log10(wanted)) - 0.1 <= high
        assert low <= ranges["yaxis"]["range"][0] and ranges["yaxis"]["range"][1] <= high
    assert wire.held["up"] == []
    page.mouse.up()
    wire.let_go("up")
    after = wait_for_answer(page)
    answer = run(stands.replace(steps=40))
    assert after["theory"]["y"][-1] == flow(answer, 0).delta[-1]
    np.testing.assert_array_equal(after["delta_norm_now"]["y"], flow(answer, 40).delta)
    assert after["theory_band"].get("visible", True) is True


def set_to(key: str, value: str) -> dict:
    """The setting that a slider stands on, as changes of a config."""
    return {"hidden": (6,) * int(value)} if key == "depth" else {key: float(value)}


def test_theory_line_goes_back_with_the_thumb(page: Page, app_url: str) -> None:
    opened(page, app_url)
    chart(page, "chart_flow").scroll_into_view_if_needed()
    before = figure_data(page, "chart_flow")
    take_thumb(page, "depth")
    move_thumb(page, "depth", 20)
    wait_for_thumb(page, "depth")
    move_thumb(page, "depth", SMALL.depth)
    page.wait_for_function("() => document.querySelector(`[data-testid='plot-chart_flow']`).dataset.thumb === ''")
    assert figure_data(page, "chart_flow") == before
    page.mouse.up()


def test_theory_line_follows_the_thumb_from_when_its_chart_is_in_sight(page: Page, app_url: str) -> None:
    wire = opened(page, app_url)
    flow_chart = chart(page, "chart_flow")
    page.set_viewport_size({"width": 1400, "height": 600})
    flow_chart.evaluate("graph => graph.scrollIntoView({block: 'center'})")
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")
    expect(flow_chart).not_to_be_in_viewport()
    wire.hold("up")
    take_thumb(page, "depth")
    move_thumb(page, "depth", 20)
    page.evaluate(
        """async () => { for (let turn = 0; turn < 3; turn++) {
            await new Promise(requestAnimationFrame); await new Promise(requestIdleCallback); } }"""
    )
    expect(flow_chart).to_have_attribute("data-thumb", "")
    flow_chart.evaluate("graph => graph.scrollIntoView({block: 'center'})")
    assert len(wait_for_thumb(page, "depth")["theory"]["x"]) == int(slider(page, "depth").input_value()) + 1
    page.mouse.up()
    wire.let_go("up")
    wait_for_answer(page)


def test_without_theory_nothing_follows_the_thumb(page: Page, app_url: str) -> None:
    wire = Wire(page)
    open_lab(page, app_url, why="false", parameters="false", theory="false")
    wait_painted(page, "chart_flow")
    wait_idle(page)
    before = figure_data(page, "chart_flow")
    wire.hold("up")
    take_thumb(page, "depth")
    move_thumb(page, "depth", 20)
    assert slider(page, "depth").input_value() != str(SMALL.depth)
    page.evaluate("() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
    assert figure_data(page, "chart_flow") == before
    page.mouse.up()
    wire.let_go("up")
