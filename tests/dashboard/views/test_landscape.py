"""The landscape page: every kind of run is drawn, the step and the chosen θ move the lines."""

import numpy as np
import pytest

from dashboard.charts import style
from dashboard.views.landscape import charts as charts
from nncore import RunConfig, run
from nncore.measures import landscape as ls
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened
from tests.patience import until


def landscape(**query: object):
    app = opened(**(SMALL | query))
    app.switch_page("views/landscape/page.py")
    app.run()
    assert not app.exception
    return app


KINDS = {
    "first": {},
    "linear": {"depth": "0"},
    "sign": {"activation": "sign"},
    "diverged": {"activation": "relu", "learning_rate": "1000", "dataset": "diabetes"},
    "regression": {"dataset": "sine"},
    "classes": {"dataset": "iris", "normalization": "batch"},
    "deep": {"depth": "50"},
}


@pytest.mark.parametrize("query", KINDS.values(), ids=KINDS)
def test_every_kind_of_run_is_drawn(query: dict) -> None:
    drawn = plots(landscape(**query))
    assert set(drawn) == {"chart_plane", "chart_along_layers", "chart_one_step", "chart_along_theta"}
    for chart in drawn.values():
        assert chart["figure"]["data"]


def test_a_run_that_never_moved_is_told_in_words() -> None:
    app = opened(**{**SMALL, "steps": "0"})
    app.switch_page("views/landscape/page.py")
    app.run()
    assert not app.exception
    assert "θ moved" in app.info[0].value
    assert "chart_plane" not in plots(app)


def test_step_moves_the_star_and_the_lines() -> None:
    app = landscape()
    before = plots(app)
    element(app, "step").set_value(1).run()
    after = plots(app)
    names = [trace["name"] for trace in after["chart_plane"]["figure"]["data"]]
    assert names == ["loss", "path", "step 0", "step 1"]
    layer = {
        key: charts["chart_along_layers"]["figure"]["data"][0]["y"] for key, charts in (("b", before), ("a", after))
    }
    assert not np.array_equal(layer["b"], layer["a"])


def test_chosen_parameter_is_the_one_drawn() -> None:
    app = landscape()
    element(app, "along_index").set_value(9).run()
    config = RunConfig(
        dataset="circles", hidden=(4, 4), activation="sigmoid", init="xavier_normal", steps=4, n_samples=40
    )
    history = run(config)
    expected = ls.along_parameter(history, len(history) - 1, 9)
    drawn = plots(app)["chart_along_theta"]["figure"]["data"][0]
    np.testing.assert_allclose(drawn["x"], expected.axes["theta"])
    middle = len(drawn["y"]) // 2
    np.testing.assert_allclose(drawn["y"], expected["loss"] - expected["loss"][middle], atol=1e-15)


def test_fields_of_one_parameter_come_from_the_link_and_stay_inside_a_smaller_network() -> None:
    app = landscape(along_index="30", reach="±10")
    drawn = plots(app)["chart_along_theta"]["figure"]["data"][0]["x"]
    assert (element(app, "along_index").value, element(app, "reach").value) == (30, "±10")
    assert np.ptp(drawn) == pytest.approx(20)
    element(app, "depth").set_value(1).run()
    assert not app.exception
    assert element(app, "along_index").value == 2 * 4 + 4 + 4 + 1 - 1
    captions = " ".join(caption.value for caption in app.caption)
    assert "θ16 is" in captions
    assert "∂E/∂θ16 is" in captions


@pytest.mark.parametrize("written", ["-1", "abc", "999999", "1e400", "²"])
def test_hostile_index_in_a_link_shows_the_first_parameter(written: str) -> None:
    app = landscape(along_index=written, reach="±7")
    assert element(app, "along_index").value == 0
    assert "θ0 is" in " ".join(caption.value for caption in app.caption)


def test_diverged_run_says_where_it_ended_and_draws_no_empty_picture() -> None:
    app = landscape(**KINDS["diverged"] | {"depth": "12", "width": "32", "steps": "50"})
    assert "step" in app.main.warning[0].value
    assert "chart_one_step" not in plots(app)
    assert "leaves the finite numbers" in " ".join(info.value for info in app.info)


def test_steps_that_all_leap_up_stay_in_sight_on_decades() -> None:
    rates, loss = np.array([1.0, 10.0, 100.0]), np.array([1e3, 1e5, np.inf])
    measured = ls.Measurement("loss after one step", {"learning_rate": rates}, {"loss": loss})
    axis = charts.one_step(measured, 1.0, 0.1, style.LIGHT)["layout"]["yaxis"]
    assert axis["type"] == "log"
    low, high = axis["range"]
    assert low < 0 < 5 < high
    finding = charts.one_step_finding(measured, 1.0, 0.1)
    assert finding == "No learning rate from 1 to 100 lowers the loss of 1 in one step."


def test_minor_direction_of_the_plane_is_said_in_words() -> None:
    measured = ls.Measurement("plane", {"u": np.arange(2), "v": np.arange(2)}, {"loss": np.ones((2, 2))})
    way = ls.Path(np.zeros(1), np.ones((2, 1)), np.arange(2), np.eye(2), np.array([0.99995, 5e-5]))
    title = charts.plane(measured, way, 0, style.LIGHT)["layout"]["yaxis"]["title"]["text"]
    assert title == "across: less than 0.01\u00a0%"


def test_a_theta_that_changes_next_to_nothing_is_drawn_level_and_said_to_be() -> None:
    theta = np.linspace(-3, 3, 61)
    steep = ls.Measurement("along", {"theta": theta}, {"loss": 0.693 + 1e-12 * theta, "tangent": 0.693 + 1e-12 * theta})
    low, high = charts.one_parameter(steep, style.LIGHT)["layout"]["yaxis"]["range"]
    assert high - low > 1e-3
    assert "of it: level." in charts.one_parameter_finding(steep, 4)
    wide = ls.Measurement("along", {"theta": theta}, {"loss": 0.7 + theta**2, "tangent": 0.7 + 0 * theta})
    assert charts.one_parameter_finding(wide, 4).endswith("Over the whole width E changes by as much as 9.")


def test_a_direction_that_is_magnified_says_how_much() -> None:
    measured = ls.Measurement("plane", {"u": np.arange(2), "v": np.arange(2)}, {"loss": np.ones((2, 2))})
    way = ls.Path(
        np.zeros(1), np.ones((2, 1)), np.arange(2), np.array([[0.0, 0.0], [2.0, 0.01]]), np.array([0.99, 5e-5])
    )
    title = charts.plane(measured, way, 0, style.LIGHT)["layout"]["yaxis"]["title"]["text"]
    assert title == "across: less than 0.01\u00a0%, drawn 200 × as large"


# What a picture may take ------------------------------------------------------------------------------------

DRAWN = {
    "plane": "chart_plane",
    "draw_layers": "chart_along_layers",
    "draw_rates": "chart_one_step",
    "draw_theta": "chart_along_theta",
}


def test_what_would_take_far_too_long_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ls, "seconds_per_point", lambda history: 1e4)
    app = landscape()
    assert not plots(app)
    said = [each.value for each in app.main.info]
    assert len(said) == len(DRAWN)
    assert all("would take about" in each and "120 s are allowed: take fewer records" in each for each in said)


def test_what_would_take_too_much_memory_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ls, "plane_bytes", lambda history: 2**40)
    app = landscape()
    assert set(plots(app)) == set(DRAWN.values()) - {"chart_plane"}
    (said,) = [each.value for each in app.main.info]
    assert said.startswith("The plane would take 1,048,576 MB and 512 MB are allowed: take fewer records")


def test_what_takes_long_is_drawn_once_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ls, "seconds_per_point", lambda history: 0.9)
    app = landscape()
    assert not plots(app)
    for key, chart in DRAWN.items():
        element(app, key).set_value(True).run()
        until(lambda chart=chart: chart in plots(app), app.run)
        assert not app.exception
    element(app, "plane").set_value(False).run()
    assert set(plots(app)) == set(DRAWN.values()) - {"chart_plane"}


def test_a_run_that_never_moved_is_told_in_words_where_that_takes_long_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ls, "plane_seconds", lambda history: 50.0)
    app = landscape(steps="0", plane="true")
    until(lambda: any("θ moved" in each.value for each in app.main.info), app.run)
    assert not app.exception
