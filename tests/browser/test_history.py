"""Back and Forward lead to what was seen: an entry for each visit and each committed change, with all that its page showed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from tests.browser.helpers import DEEP_LINK, wait_at_rest
from tests.browser.walk import Walk

ACTIONS_OF_A_TEST = 30
"""`python -m benchmarks.reliability history` walks further."""


@pytest.fixture
def reader(app_url: str, new_page: Callable[..., Page]) -> Walk:
    """A reader who has opened the lab."""
    return Walk(new_page(expected_errors=DEEP_LINK), app_url)


def test_each_entry_of_a_random_walk_is_found_again(reader: Walk) -> None:
    reader.wander(ACTIONS_OF_A_TEST)
    reader.retrace()
    assert len(reader.entries) > ACTIONS_OF_A_TEST / 5


def test_a_slider_on_its_way_is_one_change_for_back_and_for_undo(reader: Walk) -> None:
    first = reader.settled()
    depth = reader.page.locator(".st-key-depth input[type=range]")
    depth.focus()
    for _ in range(4):
        reader.page.keyboard.press("ArrowRight")
    reader.page.wait_for_function("() => location.search.includes('depth=7')")
    moved = reader.settled()
    assert (reader.number(), moved["widgets"]["depth"]) == (1, ["7"])
    assert moved["title"] == "sigmoid 7 × 4 · Gradient lab"

    wait_at_rest(reader.page)
    reader.page.keyboard.press("Alt+z")
    reader.page.wait_for_function("() => location.search.includes('depth=3')")
    assert reader.settled()["widgets"] == first["widgets"]
    assert reader.number() == 2

    reader.entries, reader.place = [first, moved, reader.settled()], 2
    reader.go(-1)
    reader.go(-1)
    reader.go(2)


def test_several_quick_backs_come_to_rest_on_the_last(reader: Walk) -> None:
    for name in ("gain", "neurons", "width", "lecture", "layers"):
        reader.act(name)
    for _ in range(4):
        reader.page.evaluate("history.back()")
    reader.page.wait_for_function("() => history.state.visit === 1")
    reader.place = 1
    reader.compare()


def test_steps_make_no_entry_and_an_entry_keeps_the_one_it_was_left_on(reader: Walk) -> None:
    reader.act("step")
    left_on = reader.settled()
    assert reader.page.locator(".st-key-visits").is_hidden()  # what keeps the history takes no room
    assert reader.number() == 0 and left_on["widgets"]["step"] == ["19"]
    reader.act("experiments")
    reader.go(-1)
    assert reader.settled() == left_on


def test_the_chosen_point_of_signal_propagation_comes_back(reader: Walk) -> None:
    reader.act("propagation")
    reader.act("weight variance")
    reader.act("gain")  # the fields follow the network
    reader.go(-1)
    reader.go(-1)
    reader.go(1)
    reader.act("lab")
    reader.retrace()


def test_the_steps_of_a_fork_follow_a_run_that_grows_and_shrinks(reader: Walk) -> None:
    for name in ("fork", "long run", "width", "short run"):
        reader.act(name)
    assert reader.settled()["widgets"]["f_step"] == ["15"]  # where it stands by itself: on the last step
    reader.act("fork's charts")
    reader.act("fork's learning rate")
    reader.act("long run")
    assert reader.settled()["widgets"]["f_step"] == ["14"]  # where it was moved to
    reader.act("lab")
    reader.retrace()


def test_what_the_form_of_a_fork_was_changed_to_comes_back(reader: Walk) -> None:
    for name in ("fork", "changed settings", "fork's learning rate", "lab"):
        reader.act(name)  # a setting more gives the learning rate another place
    reader.go(-1)
    reader.go(1)
    for name in ("fork", "neurons"):  # the menu brings along what the form was changed to
        reader.act(name)
    reader.go(-1)
    shown = reader.settled()["widgets"]
    assert shown["f_change"][1:] == ["Learning rate", "Optimizer"] and shown["f_optimizer"] == ["sgd"]
