"""A reader at random: menu, links, buttons, sliders, Back and Forward, and what each page shows to be compared later."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, Page, TimeoutError, WebSocket
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from dashboard.state.visits import QUIET
from tests.browser.helpers import choose, wait_idle

UNFINISHED = ".st-key-training, .nncore-look-again, [data-testid=stSkeleton]"
FINISHED = (ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY)
SMALL = "depth=3&width=4&steps=20&n_samples=40"

SHOWN = """() => {
    const shown = {};
    for (const box of document.querySelectorAll('.stElementContainer[class*="st-key-"]')) {
        const key = [...box.classList].find(name => name.startsWith("st-key-")).slice(7);
        const inputs = [...box.querySelectorAll("input:not([type=file]), textarea")];
        const chosen = [...box.querySelectorAll("[aria-checked=true], [data-tag]")].map(each => each.textContent);
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
    def take(page: Page, rng: random.Random) -> bool:
        field = page.locator(f".st-key-{key} input[role=combobox]")
        if not field.count():
            return False
        choose(field, rng.choice([option for option in options if option != field.input_value()]))
        return True

    return take


def _number(key: str, values: range) -> Callable[[Page, random.Random], bool]:
    def type_in(page: Page, rng: random.Random) -> bool:
        field = page.locator(f".st-key-{key} input")
        if not field.count():
            return False
        others = [value for value in values if str(value) != field.input_value()]
        if others:
            field.fill(str(rng.choice(others)))
            field.press("Enter")
        return bool(others)

    return type_in


def _add(key: str, option: str) -> Callable[[Page, random.Random], bool]:
    def add(page: Page, rng: random.Random) -> bool:
        field = page.locator(f".st-key-{key}")
        if not field.count() or field.locator("[data-tag]").filter(has_text=option).count():
            return False
        choose(field.locator("input"), option, typed=option)
        page.keyboard.press("Escape")
        return True

    return add


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
    "short run": _number("steps", range(15, 16)),
    "long run": _number("steps", range(40, 41)),
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
    "layer": _slider("n_layer"),
    "changed settings": _add("f_change", "Optimizer"),
    "fork's learning rate": _slider("f_learning_rate"),
    "fork's charts": _slider("f_step"),
    "weight variance": _number("p_sigma_w2", range(2, 6)),
    "lab": _menu("Gradient lab"),
    "experiments": _menu("Experiments"),
    "compare": _menu("Compare", "Runs"),
    "fork": _menu("Fork", "Runs"),
    "landscape": _menu("Loss landscape", "Explore"),
    "propagation": _menu("Signal propagation", "Explore"),
    "neurons": _menu("Neurons on the curve", "Explore"),
    "lecture": _menu("4 · Why gradients vanish", "Lecture"),
}


# The walk ---------------------------------------------------------------------------------------------------


class Walk:
    """A reader, and what their browser's history should hold: a state for each entry, and the place that they stand on."""

    def __init__(self, page: Page, url: str, seed: int = 0) -> None:
        """Open the lab on a small network."""
        self.page, self.talk, self.rng = page, Talk(page), random.Random(seed)
        self.place, self.last, self.done = 0, "", []
        page.goto(f"{url}/?{SMALL}")
        page.locator('[data-testid="plot-chart_flow"][data-painted]').wait_for()
        self.entries = [self.settled()]
        assert self.number() == 0

    def settled(self) -> State:
        """What the page shows once every question has been answered, and it trains nothing more."""
        before = None
        while True:
            self.page.wait_for_timeout(200)
            if not self.talk.is_answered or self.page.locator(UNFINISHED).count():
                continue
            wait_idle(self.page)
            if (broken := self.page.get_by_test_id("stException")).count():
                raise AssertionError(f"{self.done[-8:]} broke the page: {broken.first.inner_text()}")
            now = self.page.evaluate(SHOWN)
            if now == before:
                return now
            before = now

    def number(self) -> int:
        """Which entry the page stands on, as the browser says."""
        return self.page.evaluate("history.state.visit")

    def first(self) -> int:
        """The oldest entry that the browser still has: Chromium drops those before its last fifty."""
        return self.place - self.page.evaluate("navigation.currentEntry.index")

    def act(self, name: str = "") -> None:
        """Do one thing, a random one unless named, and hold the history to what should have come of it."""
        before, address = self.settled(), self.page.url
        names = [name] if name else self.rng.sample(list(ACTIONS), len(ACTIONS))
        name = next(each for each in names if each != self.last and ACTIONS[each](self.page, self.rng))
        self.done.append(name)
        try:
            self.page.wait_for_function("address => location.href !== address", arg=address)
        except TimeoutError:
            raise AssertionError(f"{self.done[-8:]} left the address as it was: {address}") from None
        now = self.settled()
        self.entries[self.place] = before
        if _is_one_entry(before, now):
            self.entries[self.place] = now
        else:
            self.entries[self.place + 1 :] = [now]
            self.place += 1
            self.last = name  # the same slider moved on would be the same change
        assert self.number() == self.place, f"{self.done[-8:]} led to entry {self.number()}, not {self.place}"

    def go(self, steps: int) -> None:
        """So many entries back (below 0) or forth at once."""
        self.entries[self.place] = self.settled()
        self.place, self.last, self.talk.is_answered = self.place + steps, "", False
        self.done.append(f"{steps:+}")
        self.page.evaluate("steps => history.go(steps)", steps)
        self.compare()

    def compare(self) -> None:
        """The page shows what it showed when this entry was left."""
        self.page.wait_for_function("place => history.state.visit === place", arg=self.place)
        now, then = self.settled(), self.entries[self.place]
        different = {name: (then[name], now[name]) for name in then if name != "widgets" and then[name] != now[name]}
        before, shown = then["widgets"], now["widgets"]
        for key in before.keys() | shown.keys():
            if before.get(key) != shown.get(key):
                different[key] = (before.get(key), shown.get(key))
        assert not different, f"entry {self.place} of {len(self.entries)} after {self.done[-8:]}: {different}"

    def wander(self, actions: int) -> None:
        """Do so many things, one in five of them Back or Forward."""
        for _ in range(actions):
            ahead = len(self.entries) - 1 - self.place
            steps = max(self.first() - self.place, min(self.rng.choice([-3, -2, -1, 1, 2]), ahead))
            if steps and self.rng.random() < 0.2:
                self.go(steps)
            else:
                self.act()

    def retrace(self) -> None:
        """All the way back, entry by entry, and all the way forth again."""
        self.done.append("retrace")
        while self.place > self.first():
            self.go(-1)
        while self.place < len(self.entries) - 1:
            self.go(1)


def _is_one_entry(before: State, after: State) -> bool:
    """Do two states differ in nothing but the step that the page stands on?"""
    said = [[each for each in state["query"] if each.split(",")[0] not in QUIET] for state in (before, after)]
    return before["page"] == after["page"] and said[0] == said[1]
