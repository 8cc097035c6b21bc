"""A reader at random: menu, links, buttons, sliders, Back and Forward, and what each page shows to be compared later."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import Locator, Page, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.state.visits import QUIET
from tests.browser.helpers import wait_idle

FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
SMALL = "depth=3&width=4&steps=20&n_samples=40"

SHOWN = """() => {
    const shown = {};
    for (const box of document.querySelectorAll('.stElementContainer[class*="st-key-"]')) {
        const key = [...box.classList].find(name => name.startsWith("st-key-")).slice(7);
        const inputs = [...box.querySelectorAll("input:not([type=file]), textarea")];
        const chosen = [...box.querySelectorAll("[aria-checked=true]")].map(each => each.textContent);
        const values = inputs.map(each => ["checkbox", "radio"].includes(each.type) ? each.checked : each.value);
        if (values.length + chosen.length) shown[key] = [...values, ...chosen];
    }
    const flow = document.querySelector('[data-testid="plot-chart_flow"]')?.data?.find(trace => trace.name === "δ");
    return {
        page: location.pathname, title: document.title, widgets: shown,
        query: [...new URLSearchParams(location.search)].map(String).sort(),
        delta: flow ? JSON.stringify(Array.from(flow.y?._inputArray ?? flow.y)) : "",
    };
}"""
"""What a reader sees of a page's state: its name, its widgets, its address, and δ in the chart of the gradient flow."""

State = dict[str, Any]


class Talk:
    """What a page that is about to be opened says to the server: has each question been answered?"""

    def __init__(self, page: Page) -> None:
        self.is_answered = False
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        socket.on("framesent", self._ask)
        socket.on("framereceived", self._hear)

    def _ask(self, frame: bytes | str) -> None:
        if isinstance(frame, bytes) and BackMsg.FromString(frame).WhichOneof("type") == "rerun_script":
            self.is_answered = False

    def _hear(self, frame: bytes | str) -> None:
        message = ForwardMsg.FromString(frame) if isinstance(frame, bytes) else ForwardMsg()
        if message.WhichOneof("type") == "script_finished" and message.script_finished in FINISHED:
            self.is_answered = True


def settled(page: Page, talk: Talk) -> State:
    """What the page shows once every question has been answered, and it trains nothing more."""
    before = None
    while True:
        page.wait_for_timeout(200)
        if not talk.is_answered or page.locator(".st-key-training").count():
            continue
        wait_idle(page)
        now = page.evaluate(SHOWN)
        if now == before:
            return now
        before = now


def number(page: Page) -> int:
    """Which entry of the history the page stands on, counted from the first."""
    return page.evaluate("history.state.visit")


# What a reader may do ---------------------------------------------------------------------------------------


def _slider(key: str) -> Callable[[Page, random.Random], bool]:
    def move(page: Page, rng: random.Random) -> bool:
        slider = page.locator(f".st-key-{key} input[type=range]")
        if not slider.count() or not slider.is_enabled():
            return False
        slider.focus()
        value, low, high = (float(slider.get_attribute(name) or 0) for name in ("value", "min", "max"))
        page.keyboard.press("ArrowLeft" if value >= high or (value > low and rng.random() < 0.5) else "ArrowRight")
        return True

    return move


def _select(key: str, *options: str) -> Callable[[Page, random.Random], bool]:
    def choose(page: Page, rng: random.Random) -> bool:
        field = page.locator(f".st-key-{key} input[role=combobox]")
        if not field.count():
            return False
        field.click()
        others = [option for option in options if option != field.input_value()]
        page.get_by_role("option", name=rng.choice(others), exact=True).click()
        return True

    return choose


def _number(key: str, values: range) -> Callable[[Page, random.Random], bool]:
    def type_in(page: Page, rng: random.Random) -> bool:
        field = page.locator(f".st-key-{key} input")
        if not field.count():
            return False
        field.fill(str(rng.choice([value for value in values if str(value) != field.input_value()])))
        field.press("Enter")
        return True

    return type_in


def _press(found: Callable[[Page], Locator]) -> Callable[[Page, random.Random], bool]:
    def press(page: Page, rng: random.Random) -> bool:
        buttons = found(page).locator("visible=true")
        enabled = [place for place in range(buttons.count()) if buttons.nth(place).is_enabled()]
        if enabled:
            buttons.nth(rng.choice(enabled)).click()
        return bool(enabled)

    return press


def _menu(title: str, section: str = "") -> Callable[[Page, random.Random], bool]:
    def go(page: Page, rng: random.Random) -> bool:
        if title in page.title():
            return False
        if section:
            page.get_by_test_id("stTopNavSection").filter(has_text=section).click()
        link = "stTopNavDropdownLink" if section else "stTopNavLink"
        page.get_by_test_id(link).filter(has_text=title).click()
        return True

    return go


ACTIONS: dict[str, Callable[[Page, random.Random], bool]] = {
    "depth": _slider("depth"),
    "width": _slider("width"),
    "gain": _slider("gain"),
    "step": _slider("step"),
    "activation": _select("activation", "relu", "tanh", "sigmoid"),
    "init": _select("init", "he_normal", "orthogonal", "zeros"),
    "seed": _number("seed", range(5)),
    "heat": _press(lambda page: page.locator(".st-key-heat [aria-checked=false]")),
    "pin": _press(lambda page: page.locator(".st-key-pin_this button")),
    "undo": _press(lambda page: page.locator(".st-key-sidebar_undo button")),
    "redo": _press(lambda page: page.locator(".st-key-sidebar_redo button")),
    "experiment": _press(
        lambda page: page.locator(".st-key-card_linear a, .st-key-card_adam a, .st-key-card_constant a")
    ),
    "counterpart": _press(
        lambda page: page.locator(":is(.st-key-experiment_run, .st-key-experiment_against) button[kind=secondary]")
    ),
    "close": _press(lambda page: page.locator(".st-key-leave_experiment button")),
    "θ of every layer": _slider("v_theta"),
    "layers": _slider("v_depth"),
    "layer": _slider("layer"),
    "lab": _menu("Gradient lab"),
    "experiments": _menu("Experiments"),
    "compare": _menu("Compare", "Runs"),
    "propagation": _menu("Signal propagation", "Explore"),
    "neurons": _menu("Neurons on the curve", "Explore"),
    "lecture": _menu("4 · Why gradients vanish", "Lecture"),
}


# The walk ---------------------------------------------------------------------------------------------------


@dataclass
class Walk:
    """What a browser's history should hold: a state for each entry, and which one the page stands on."""

    page: Page
    talk: Talk
    rng: random.Random
    entries: list[State] = field(default_factory=list)
    place: int = 0
    last: str = ""
    done: list[str] = field(default_factory=list)

    def begin(self, url: str) -> None:
        """Open the lab on a small network."""
        self.page.goto(f"{url}/?{SMALL}")
        self.page.locator('[data-testid="plot-chart_flow"][data-painted]').wait_for()
        self.entries, self.place = [settled(self.page, self.talk)], number(self.page)
        assert self.place == 0

    def go(self, steps: int) -> None:
        """So many entries back (below 0) or forth at once, and compare."""
        self.talk.is_answered = False
        self.page.evaluate("steps => history.go(steps)", steps)
        self.page.wait_for_function("place => history.state.visit === place", arg=self.place + steps)
        self.place += steps
        self.compare()

    def compare(self) -> None:
        """The page shows what it showed when this entry was left."""
        now, then = settled(self.page, self.talk), self.entries[self.place]
        different = {
            name: (then[name], now[name]) for name in then if name not in ("widgets",) and then[name] != now[name]
        }
        keys = then["widgets"].keys() | now["widgets"].keys()
        widgets = {
            key: (then["widgets"].get(key), now["widgets"].get(key))
            for key in keys
            if then["widgets"].get(key) != now["widgets"].get(key)
        }
        assert not different and not widgets, f"entry {self.place} after {self.done[-8:]}: {different} {widgets}"

    def act(self) -> None:
        """Do one thing, and hold its entry to what should have come of it."""
        before = settled(self.page, self.talk)
        if self.rng.random() < 0.2 and len(self.entries) > 1:
            steps = self.rng.choice([-3, -2, -1, 1, 2])
            steps = max(-self.place, min(steps, len(self.entries) - 1 - self.place))
            if steps:
                self.entries[self.place] = before
                self.done.append(f"history {steps:+}")
                self.go(steps)
                self.last = ""
                return
        names = [name for name in ACTIONS if name != self.last]
        self.rng.shuffle(names)
        address = self.page.url
        name = next(name for name in names if ACTIONS[name](self.page, self.rng))
        self.done.append(name)
        self.page.wait_for_function("address => location.href !== address", arg=address)
        now = settled(self.page, self.talk)
        self.entries[self.place] = before
        if _without_steps(now) != _without_steps(before):
            self.entries[self.place + 1 :] = [now]
            self.place += 1
            self.last = name
        found = number(self.page)
        assert found == self.place, f"{name} ({self.done[-8:]}): entry {found}, expected {self.place}"


def _without_steps(state: State) -> tuple[str, list[str]]:
    return state["page"], [each for each in state["query"] if each.split(",")[0] not in QUIET]


def walk(page: Page, url: str, actions: int, seed: int = 0) -> Walk:
    """Walk, then all the way back and forth again, comparing each entry with what it showed when it was left."""
    talk = Talk(page)
    taken = Walk(page, talk, random.Random(seed))
    taken.begin(url)
    for _ in range(actions):
        taken.act()
    taken.entries[taken.place] = settled(page, talk)
    taken.done.append("the way back")
    while taken.place:
        taken.go(-1)
    while taken.place < len(taken.entries) - 1:
        taken.go(1)
    return taken
