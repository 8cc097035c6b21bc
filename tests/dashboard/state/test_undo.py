"""What has been set can be taken back, step by step, and set again."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dashboard.state import undo
from dashboard.state.address import FIRST_SIGHT, settings_of
from dashboard.state.undo import KEPT, MERGED_SECONDS, Trail
from tests.dashboard.lab import element, opened
from tests.dashboard.state.test_sidebar import config_of, sidebar

SLOW = 10 * MERGED_SECONDS


def walked(*settings: dict, apart: float = SLOW) -> Trail:
    """The trail after these settings, one after the other."""
    trail = Trail()
    for number, each in enumerate(settings):
        trail = trail.changed(each, number * apart)
    return trail


# The trail --------------------------------------------------------------------------------------------------


def test_first_set_up_is_no_change() -> None:
    trail = walked({"depth": 1})
    assert trail.past == trail.future == ()
    assert trail.undone() == trail.redone() == trail


def test_undo_and_redo_walk_the_same_way() -> None:
    ways = [{"depth": depth, "width": 8} for depth in range(5)]
    trail = walked(*ways)
    for expected in reversed(ways[:-1]):
        trail = trail.undone()
        assert trail.now == expected
    assert trail.undone() == trail
    for expected in ways[1:]:
        trail = trail.redone()
        assert trail.now == expected
    assert trail.redone() == trail


def test_a_change_after_an_undo_gives_up_what_was_undone() -> None:
    trail = walked({"depth": 1}, {"depth": 2}).undone().changed({"depth": 7}, 99)
    assert trail.future == ()
    assert trail.undone().now == {"depth": 1}


def test_the_same_set_up_again_is_no_change() -> None:
    trail = walked({"depth": 1}, {"depth": 2})
    assert trail.changed({"depth": 2}, 99) is trail
    undone = trail.undone()
    assert undone.changed({"depth": 1}, 99) is undone


def test_quick_moves_of_one_widget_are_one_change() -> None:
    trail = walked(*({"depth": depth} for depth in range(9)), apart=0.1)
    assert trail.undone().now == {"depth": 0}
    assert trail.undone().redone().now == {"depth": 8}


def test_quick_moves_of_two_widgets_are_two_changes() -> None:
    trail = walked({"a": 0, "b": 0}, {"a": 1, "b": 0}, {"a": 1, "b": 1}, apart=0.1)
    assert trail.undone().now == {"a": 1, "b": 0}


def test_slow_moves_of_one_widget_are_changes_each() -> None:
    assert walked(*({"depth": depth} for depth in range(3))).undone().now == {"depth": 1}


def test_many_settings_at_once_are_one_change_and_never_merged() -> None:
    trail = walked({"a": 0, "b": 0}, {"a": 1, "b": 1}, {"a": 2, "b": 2}, apart=0.1)
    assert trail.undone().now == {"a": 1, "b": 1}


def test_a_move_after_an_undo_is_not_merged_into_what_was_undone() -> None:
    trail = walked({"a": 0}, {"a": 1}).undone().changed({"a": 2}, SLOW + 0.1)
    assert trail.undone().now == {"a": 0}


def test_moving_back_at_once_leaves_nothing_to_undo() -> None:
    trail = walked({"a": 0}, {"a": 1}, {"a": 0}, apart=0.1)
    assert trail.past == ()


def test_at_least_twenty_changes_are_kept_and_memory_is_bounded() -> None:
    assert KEPT >= 20
    trail = walked(*({"a": number} for number in range(3 * KEPT)))
    assert len(trail.past) == KEPT
    for _ in range(KEPT):
        trail = trail.undone()
    assert trail.now == {"a": 2 * KEPT - 1}


@given(some.lists(some.sampled_from(["undo", "redo", 0, 1, 2, 3]), max_size=30))
def test_any_walk_agrees_with_a_list_and_a_place_in_it(moves: list) -> None:
    trail, shown, place = Trail({"a": 0}), [0], 0
    for number, move in enumerate(moves):
        if move == "undo":
            trail, place = trail.undone(), max(place - 1, 0)
        elif move == "redo":
            trail, place = trail.redone(), min(place + 1, len(shown) - 1)
        else:
            trail = trail.changed({"a": move}, SLOW * number)
            if move != shown[place]:
                shown = [*shown[: place + 1], move]
                place += 1
        assert trail.now == {"a": shown[place]}
        assert (len(trail.past), len(trail.future)) == (place, len(shown) - 1 - place)


# The buttons ------------------------------------------------------------------------------------------------


def test_buttons_take_back_and_set_again_every_kind_of_widget() -> None:
    app = opened(sidebar)
    assert element(app, "sidebar_undo").disabled and element(app, "sidebar_redo").disabled
    moves = {
        "depth": 3,
        "activation": "tanh",
        "gain": 2.5,
        "learning_rate": 3e-3,
        "skip": True,
        "clip_norm": 0.5,
        "steps": 33,
        "widths": "5, 4, 3",
        "layer_activations": "tanh, relu, selu",
        "layer_biases": "none, fixed, learned, learned",
    }
    configs = [config_of(app)]
    for key, value in moves.items():
        element(app, key).set_value(value).run()
        configs.append(app.session_state["config"])
        assert "nothing" in element(app, "sidebar_redo").help
    for config in reversed(configs[:-1]):
        element(app, "sidebar_undo").click().run()
        assert config_of(app) == config
    assert element(app, "sidebar_undo").disabled
    for config in configs[1:]:
        element(app, "sidebar_redo").click().run()
        assert config_of(app) == config
    assert element(app, "sidebar_redo").disabled


def test_twenty_changes_can_be_taken_back() -> None:
    app = opened(sidebar)
    for number in range(20):
        element(app, ("width", "depth")[number % 2]).set_value(20 - number // 2).run()
    for _ in range(20):
        element(app, "sidebar_undo").click().run()
    assert config_of(app) == FIRST_SIGHT
    assert element(app, "sidebar_undo").disabled


def test_set_up_that_cannot_run_is_taken_back() -> None:
    app = opened(sidebar, momentum="0.9", nesterov="true")
    element(app, "momentum").set_value(0.0).run()
    assert app.error
    element(app, "sidebar_undo").click().run()
    assert config_of(app).momentum == 0.9


def test_whole_set_up_applied_at_once_is_one_change() -> None:
    app = opened(sidebar)
    other = FIRST_SIGHT.replace(dataset="iris", hidden=(5, 4), activation=("tanh", "relu"), clip_norm=0.5, steps=9)
    app.session_state["to_apply"] = other
    assert config_of(app.run()) == other
    assert "settings" in element(app, "sidebar_undo").help
    element(app, "sidebar_undo").click().run()
    assert config_of(app) == FIRST_SIGHT
    element(app, "sidebar_redo").click().run()
    assert config_of(app) == other


@pytest.mark.parametrize(("key", "value", "label"), [("depth", 3, "Depth"), ("init", "orthogonal", "Initializer")])
def test_button_says_what_it_would_take_back(key: str, value: object, label: str) -> None:
    app = opened(sidebar)
    element(app, key).set_value(value).run()
    assert label in element(app, "sidebar_undo").help
    element(app, "sidebar_undo").click().run()
    assert label in element(app, "sidebar_redo").help


def test_settings_of_an_undo_are_those_that_apply_sets() -> None:
    assert set(settings_of(FIRST_SIGHT)) == set(opened(sidebar).session_state["session"].undo.now)


def test_values_that_the_browser_sent_before_it_heard_of_an_undo_do_not_undo_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(undo, "LATE_SECONDS", float("inf"))
    app = opened(sidebar)
    before = element(app, "depth").value
    element(app, "depth").set_value(3).run()
    element(app, "sidebar_undo").click().run()
    element(app, "depth").set_value(3).run()  # on its way while Undo was pressed
    assert element(app, "depth").value == before == config_of(app).depth
    element(app, "depth").set_value(4).run()
    assert element(app, "depth").value == 4
    element(app, "sidebar_undo").click().run()
    monkeypatch.setattr(undo, "LATE_SECONDS", 0.0)
    element(app, "depth").set_value(4).run()
    assert element(app, "depth").value == 4
