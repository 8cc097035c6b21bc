"""`python -m benchmarks.page [--rounds N] [--out FILE] [--playback]`: key press to painted in the real app, beside an app of one line of text.

Both servers and both pages stay open, and take turns within each round. FILE holds what was measured as JSON, for
`python -m benchmarks --page FILE`. With --playback only the frames a second are measured, N times.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright
from streamlit.proto.BackMsg_pb2 import BackMsg

from benchmarks.page_parts import NOTE_TOLD, Replay, Told, replay, with_seed
from benchmarks.reliability import server
from benchmarks.report import Milliseconds, page_table
from benchmarks.uninspected import Chromium, uninspected
from nncore.history.whole_file import write_whole_text
from tests.browser import chromium
from tests.browser.helpers import set_speed, show_all, wait_idle

FLOOR = Path(__file__).with_name("page_floor.py")
SIZE = {"width": 1400, "height": 900}
CHARTS = ("learned", "flow", "heatmap", "loss", "total")
"""The lab's charts that are drawn at first sight."""

WATCH = """() => {
  const look = () => {
    const chart = document.querySelector("[data-testid=plot-chart_flow]");
    return {
      headline: document.querySelector(".st-key-headline")?.textContent,
      chart,
      painted: chart?.dataset.painted,
      isRunning: document.querySelector("[data-testid=stApp]").dataset.testScriptState !== "notRunning",
    };
  };
  const isNew = {
    headline: (now, before) => now.headline && now.headline !== before.headline,
    flow: (now, before) => now.painted && (now.painted !== before.painted || now.chart !== before.chart),
  };
  const bench = (window.bench = { at: {} });
  addEventListener("keydown", () => {
    const from = (bench.from = performance.now()), before = look(), at = (bench.at = {});
    let hasBegun = false;
    const frame = () => {
      if (at !== bench.at) return;
      const now = look(), seen = [];
      for (const name of ["headline", "flow"]) if (isNew[name](now, before)) seen.push(name);
      hasBegun ||= now.isRunning || seen.includes("headline"); // the browser may draw the flow chart by itself
      if (hasBegun && !now.isRunning) seen.push("idle");
      setTimeout(() => {  // a task after the frame: it has been painted
        for (const name of seen) at[name] ??= performance.now() - from;
        if (Object.keys(at).length < 3) requestAnimationFrame(frame);
      });
    };
    requestAnimationFrame(frame);
  }, true);
}"""
"""Keeps in `bench.at` how long after the last key press the headline, the flow chart and the end of the run were painted."""

OPENED = {
    "headline": ".st-key-headline",
    "network": ".nncore-network",
    **{f"chart_{key}": f"[data-testid=plot-chart_{key}][data-painted]" for key in CHARTS},
}
"""What is waited for while a page is opened -> its elements."""

WATCH_OPENED = """(() => {
  const opened = (window.opened = {}), elements = %s;
  const frame = () => {
    const seen = Object.keys(elements).filter(name => document.querySelector(elements[name]));
    setTimeout(() => {  // a task after the frame: it has been painted
      for (const name of seen) opened[name] ??= performance.now();
      if (seen.length < Object.keys(elements).length) requestAnimationFrame(frame);
    });
  };
  requestAnimationFrame(frame);
})()"""
"""Keeps in `window.opened` when each of some elements was painted first."""

Note = Callable[[str, float], None]
"""Takes what was waited for, and its milliseconds."""


def measure(rounds: int) -> Milliseconds:
    """Everything, the floor and the lab in turns."""
    found: Milliseconds = {}

    def note(name: str, milliseconds: float) -> None:
        found.setdefault(name, []).append(milliseconds)

    executable = chromium.find()
    with (
        server() as (lab_port, _),
        server(FLOOR) as (floor_port, _),
        sync_playwright() as playwright,
        replay(floor_port, "floor") as floor_reader,
        replay(lab_port, "lab") as lab_reader,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=list(chromium.FLAGS))
        ports = {"floor": floor_port, "lab": lab_port}
        openings = {name: _opening(browser, port) for name, port in ports.items()}  # the server has been asked before
        with uninspected(executable) as bare:
            for _ in range(max(2, rounds // 3)):
                for name, port in ports.items():
                    _first(bare, name, port, openings[name], note)
        apps = {
            "floor": App(browser, "floor", floor_port, floor_reader),
            "lab": App(browser, "lab", lab_port, lab_reader),
        }
        for turn in range(rounds):
            for app in apps.values():
                app.press("ArrowLeft", "depth", note)
            apps["lab"].take_seed(turn + 1)  # with which no run of the next depth has been asked for
            apps["floor"].press("ArrowRight", "depth", note)
            apps["lab"].press("ArrowRight", "new depth", note, seed=rounds + turn + 1)
            apps["lab"].follow_step("ArrowRight" if turn % 2 else "ArrowLeft", note)
        for seed in range(2 * max(2, rounds // 3)):
            _drag(browser, lab_port, seed + 2 * rounds + 1, "dragged" if seed % 2 else "jumped", note)
        note("lab frames a second", _frames(_opened(browser, lab_port)))  # that nobody watches
        browser.close()
    return found


class App:
    """An open page of the lab or of the floor, and beside it a reader of the same server who has no browser."""

    def __init__(self, browser: Browser, name: str, port: int, reader: Replay) -> None:
        self.name = name
        self.awaited = ("headline", "idle") if name == "floor" else ("headline", "flow", "idle")
        self.page = _blank(browser)
        self.told = Told(self.page)
        _open(self.page, port)
        self.page.evaluate(WATCH)
        self.reader = reader
        reader.ask(self.told.messages[0])
        for key in ("ArrowLeft", "ArrowRight"):
            _press(self.page, "depth", key, self.awaited)

    def press(self, key: str, what: str, note: Note, seed: int | None = None) -> None:
        """Move the depth slider by a key, in the browser and without it; there under another seed, where one is given."""
        before = len(self.told.messages)
        self._move("depth", key, self.awaited, what, note)
        told = "() => window.told.find(at => at > window.bench.from) - window.bench.from"
        note(f"{self.name} {what} told", self.page.evaluate(told))
        _settled(self.page)
        depth = float(self.page.locator(".st-key-depth input[type=range]").input_value())
        message = next(each for each in self.told.messages[before:] if _depths(each) == [depth])
        answers = self.reader.ask(message if seed is None else with_seed(message, seed))
        for name in self.awaited:
            note(f"{self.name} {what} {name} sent", answers[name])

    def take_seed(self, seed: int) -> None:
        """Set another seed, and wait until its run is shown."""
        _settled(self.page)
        field = self.page.locator(".st-key-seed input")
        field.fill(str(seed))
        field.press("Enter")
        self.page.wait_for_url(f"**seed={seed}*")

    def follow_step(self, key: str, note: Note) -> None:
        """Move the step slider by a key, where the browser has the frames that follow it."""
        _load_frames(self.page)
        self._move("step", key, ("flow", "idle"), "step", note)

    def _move(self, slider: str, key: str, awaited: tuple[str, ...], what: str, note: Note) -> None:
        _press(self.page, slider, key, awaited)
        for name, milliseconds in self.page.evaluate("() => window.bench.at").items():
            note(f"{self.name} {what} {name}", milliseconds)


def _settled(page: Page) -> None:
    """Wait for the page and for what it measures in the background."""
    page.locator(".st-key-headline").wait_for()
    wait_idle(page)
    page.wait_for_timeout(500)
    page.wait_for_function("() => !document.querySelector('.nncore-look-again')")
    wait_idle(page)


def _blank(browser: Browser) -> Page:
    page = browser.new_context(viewport=SIZE).new_page()
    page.set_default_timeout(300_000)
    return page


def _open(page: Page, port: int, query: str = "") -> None:
    page.goto(f"http://127.0.0.1:{port}/{query}")
    _settled(page)


def _opened(browser: Browser, port: int) -> Page:
    page = _blank(browser)
    _open(page, port)
    return page


def _opening(browser: Browser, port: int) -> bytes:
    """What a page first tells its server."""
    page = _blank(browser)
    told = Told(page)
    _open(page, port)
    page.context.close()
    return told.messages[0]


def _first(browser: Chromium, name: str, port: int, opening: bytes, note: Note) -> None:
    """Milliseconds from the request of the page to its headline, and on the lab to its network and to all its charts."""
    elements = OPENED if name == "lab" else {"headline": OPENED["headline"]}
    script = NOTE_TOLD + ";" + WATCH_OPENED % json.dumps(elements)
    value = f"Object.keys(opened).length === {len(elements)} ? {{ ...opened, told: told[0] }} : null"
    opened = browser.measure(f"http://127.0.0.1:{port}", SIZE, script, value)
    for what in ("told", "headline", "network"):
        if what in opened:
            note(f"{name} opened {what}", opened[what])
    if name == "lab":
        note("lab opened charts", max(opened[f"chart_{key}"] for key in CHARTS))
    with replay(port, name) as reader:
        for what, milliseconds in reader.ask(opening).items():
            note(f"{name} opened {what} sent", milliseconds)


def _drag(browser: Browser, port: int, seed: int, how: str, note: Note) -> None:
    """Take the depth slider's thumb from one end to the other within a second, or put it there at once, in a run that nobody has asked for.

    What is noted counts from letting it go; and how many depths the server was told, each of which begins a training.
    """
    page = _blank(browser)
    told = Told(page)
    _open(page, port, f"?seed={seed}")
    page.get_by_test_id("plot-chart_flow").scroll_into_view_if_needed()
    _settled(page)
    page.evaluate(
        """() => {
            addEventListener("pointerup", () => (window.letGo = performance.now()), true);
            window.flows = [];
            new MutationObserver((changes) => {
                for (const { target } of changes)
                    if (target.dataset.testid === "plot-chart_flow") window.flows.push([target.layout.meta.layers, performance.now()]);
            }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["data-painted"] }); }"""
    )
    box = page.locator(".st-key-depth [role=group]").bounding_box()
    assert box
    shares = np.linspace(0.1, 0.9, 41) if how == "dragged" else [0.9]
    places = [(box["x"] + box["width"] * share, box["y"] + 0.75 * box["height"]) for share in shares]
    page.mouse.move(*places[0])
    told.messages.clear()
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place)
        page.wait_for_timeout(25)
    page.mouse.up()
    page.wait_for_function(
        """() => { const depth = Number(document.querySelector(".st-key-depth input[type=range]").value);
            window.painted = window.flows.find(([layers, at]) => layers === depth + 1 && at > window.letGo)?.[1];
            return window.painted; }"""
    )
    _settled(page)
    note(f"lab depth {how} told", len({depth for message in told.messages for depth in _depths(message)}))
    note(f"lab depth {how} flow", page.evaluate("() => window.painted - window.letGo"))
    page.context.close()


def _depths(message: bytes) -> list[float]:
    """The depth in what the browser tells the server: one, or none where it tells something else."""
    states = BackMsg.FromString(message).rerun_script.widget_states.widgets
    return [state.double_array_value.data[0] for state in states if state.id.endswith("-depth")]


def _press(page: Page, slider: str, key: str, awaited: tuple[str, ...]) -> None:
    """Press a key on a slider of a page that stands still, and wait for what it changes."""
    _settled(page)
    page.bring_to_front()
    page.locator(f".st-key-{slider} [role=slider], .st-key-{slider} input[type=range]").first.focus()
    page.keyboard.press(key)
    page.wait_for_function("awaited => awaited.every(name => name in window.bench.at)", arg=list(awaited))


def _load_frames(page: Page) -> None:
    """Bring the flow chart into sight and the step slider under the keyboard, and wait for the frames that follow it."""
    _settled(page)
    page.get_by_test_id("plot-chart_flow").scroll_into_view_if_needed()
    page.locator(".st-key-step input[type=range]").evaluate("input => input.focus({preventScroll: true})")
    page.locator(".nncore-player:not([data-ahead=''])").wait_for()


def playback(rounds: int) -> list[float]:
    """Frames a second of as many playbacks on one page."""
    executable = chromium.find()
    with server() as (port, _), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(chromium.FLAGS))
        page = _opened(browser, port)
        found = [_frames(page) for _ in range(rounds)]
        browser.close()
    return found


def _frames(page: Page) -> float:
    """Frames that the flow chart draws in a second, from the first to the last of a playback at its fastest.

    The window is as high as the page: all charts are in sight.
    """
    _settled(page)
    page.bring_to_front()
    show_all(page)
    _settled(page)
    page.evaluate(
        """() => { window.drawn = [];
            window.drawing?.disconnect();
            const chart = document.querySelector("[data-testid=plot-chart_flow]");
            window.drawing = new MutationObserver(() => chart.dataset.frame && window.drawn.push(performance.now()));
            window.drawing.observe(chart, { attributes: true, attributeFilter: ["data-frame"] }); }"""
    )
    set_speed(page, "8")
    player = page.get_by_role("group", name="Play the training")
    player.get_by_role("button", name="Play", exact=True).press("Enter")
    player.get_by_role("button", name="Pause", exact=True).wait_for()
    player.get_by_role("button", name="Play", exact=True).wait_for()  # it has come to the last record
    drawn = page.evaluate("() => window.drawn")
    return 1000 * (len(drawn) - 1) / (drawn[-1] - drawn[0])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--playback", action="store_true")
    arguments = parser.parse_args()
    if arguments.playback:
        print(*(f"{frames:.1f} frames a second" for frames in playback(arguments.rounds)), sep="\n")
        return
    found = measure(arguments.rounds)
    print("\n".join(page_table(found)))
    if arguments.out:
        write_whole_text(arguments.out, json.dumps(found))


if __name__ == "__main__":
    main()
