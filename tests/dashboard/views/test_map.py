"""The trainability map's page: every pair of axes, every quantity, hostile links, clicks, marks, and the operator's sweeps."""

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import style
from dashboard.jobs import limits
from dashboard.state.address import check_reach
from dashboard.views.map import charts as charts
from dashboard.views.map import panel, sweeps
from dashboard.views.map.axes import AXES, axes_to_pair_with
from nncore import RunConfig
from nncore.sweep import CELL_QUANTITIES, VERDICTS, Cells, Folder, Grid, Limits, Report, Result, write
from tests.conftest import click, plots
from tests.dashboard.lab import SMALL, element, opened_on
from tests.patience import until

TINY = {"m_depth_low": "1", "m_depth_high": "3", "m_depth_n": "3", "m_gain_n": "3"}
"""A map of nine cells."""


@pytest.fixture(autouse=True)
def unset(monkeypatch) -> None:
    for name in (limits.SCHEDULER, limits.SWEEPS):
        monkeypatch.delenv(name, raising=False)


def page(**query: object) -> AppTest:
    """This page with these query parameters, once its map is complete."""
    query = {**SMALL, "activation": "tanh", **TINY, **query}
    return complete(opened_on("map", **{name: in_address(value) for name, value in query.items()}))


def in_address(value: Any) -> Any:
    """An axis or a quantity stands in the address by its label."""
    if isinstance(value, str) and value in {**AXES, **CELL_QUANTITIES}:
        return (AXES.get(value) or CELL_QUANTITIES[value]).label
    return value


def complete(app: AppTest) -> AppTest:
    until(lambda: not any(button.key == "m_stop" for button in app.button), app.run)
    return app


def words(app: AppTest) -> str:
    texts = [each.value for kind in ("markdown", "caption", "info", "error", "warning") for each in app.main.get(kind)]
    return " ".join(texts)


def check(app: AppTest, what: object = "") -> None:
    assert not app.exception, (what, app.exception)
    assert not app.error, (what, app.error[0].value)
    assert "chart_map" in plots(app), what
    assert not re.search(r"\bnan\b|\binf\b|None|undefined", words(app)), (what, words(app))


def heat(app: AppTest, key: str = "chart_map") -> dict[str, Any]:
    return plots(app)[key]["figure"]["data"][0]


def names(app: AppTest) -> list[str]:
    return [trace.get("name") for trace in plots(app)["chart_map"]["figure"]["data"]]


# Every pair, every quantity ---------------------------------------------------------------------------------


def few(name: str) -> dict[str, Any]:
    """Query parameters that leave two or three values of an axis."""
    axis = AXES[name]
    if axis.chosen:
        return {axis.key: list(axis.chosen[:2])}
    if axis.options:
        return {axis.key: ["0.1", "0.2"]}
    return {f"{axis.key}_n": "2"} | ({f"{axis.key}_high": "6"} if axis.whole else {})


@pytest.mark.parametrize("y", AXES)
def test_every_axis_makes_a_map_with_every_other(y: str) -> None:
    app = page(m_y=y, **{**few(y), **few("gain")})
    others = axes_to_pair_with(y)
    for place, x in enumerate(others if y == "depth" else others[:1] + others[-1:]):
        if place or element(app, "m_x").value != x:
            for key, value in few(x).items():
                app.query_params[key] = value
            complete(element(app, "m_x").set_value(x).run())
        check(app, (y, x))
        figure = plots(app)["chart_map"]["figure"]
        assert figure["layout"]["yaxis"]["title"]["text"] == charts.AXIS_TITLES.get(y, y.replace("_", " "))
        assert np.isfinite(heat(app)["z"]).all(), (y, x)
        assert str(element(app, "m_y").value) in str(heat(app)["customdata"])


@pytest.mark.parametrize("quantity", CELL_QUANTITIES)
@pytest.mark.parametrize("seeds", ["1", "2"])
def test_every_quantity_is_shown(quantity: str, seeds: str) -> None:
    app = page(m_colour=quantity, m_seeds=seeds)
    check(app)
    drawn = heat(app)
    assert drawn["z"].shape == (3, 3)
    assert np.isfinite(drawn["z"]).all()
    assert CELL_QUANTITIES[quantity].label in str(drawn["customdata"])
    assert "δ, layer 1 … L: " in str(drawn["customdata"])
    assert ("2 finished" in str(drawn["customdata"])) == (seeds == "2")
    assert ("Median of 2 seeds." in words(app)) == (seeds == "2" and CELL_QUANTITIES[quantity].over == "median")


def test_verdicts_have_letters_and_a_legend_with_titles() -> None:
    app = page(
        m_colour="verdict", m_depth_high="12", activation="sigmoid", m_gain_low="0.5", m_gain_high="2", m_gain_n="2"
    )
    check(app)
    entries = [name for name in names(app) if re.match(r"[A-Z·] ", name or "")]
    numbers = {int(value) for value in heat(app)["z"].ravel()}
    assert entries == [f"{charts.LETTERS[place]} {charts.verdict_name(place)}" for place in sorted(numbers)]
    letters = [trace["text"] for trace in plots(app)["chart_map"]["figure"]["data"] if trace.get("mode") == "text"]
    assert sum(map(len, letters)) == heat(app)["z"].size


def test_default_map_is_depth_against_gain_at_initialization_with_theory_and_a_star() -> None:
    app = complete(opened_on("map"))
    check(app)
    assert heat(app)["z"].shape == (15, 30)
    assert {"6 ξ, depth that trains", "you are here"} <= set(names(app))
    assert "m_y" not in app.query_params


def test_critical_line_is_drawn_in_the_plane_of_variances() -> None:
    app = page(m_y="sigma_b2", m_x="sigma_w2", m_sigma_w2_n="4", m_sigma_b2_n="3", init="lecun_normal")
    check(app)
    assert {"χ₁ = 1", "you are here"} <= set(names(app))


def test_reader_off_the_map_is_told_where() -> None:
    app = page(depth="9", gain="19", m_gain_high="2")
    check(app)
    assert "you are here" not in names(app)
    assert "You are off this map. Gain: the sidebar's run has 19; Depth: the sidebar's run has 9." in words(app)
    app = page(m_y="sigma_b2", m_x="sigma_w2", m_sigma_w2_n="2", m_sigma_b2_n="2", init="he_normal")
    assert "σ_w²: the sidebar's run has no place on this axis" in words(app)


def test_network_without_hidden_layers_is_a_marked_row() -> None:
    app = page(m_depth_low="0")
    check(app)
    assert np.isnan(heat(app)["z"][0]).all()
    (mark,) = [trace for trace in plots(app)["chart_map"]["figure"]["data"] if trace.get("text", [""])[0] == "–"]
    assert set(mark["y"]) == {0}
    assert "– is one without this number, such as the ratio of a single layer" in words(app)
    assert "depth 0" in heat(app)["customdata"][0][0]


def test_exact_zeros_and_divergence_are_marked_and_named() -> None:
    app = page(m_gain_low="0", m_gain_high="1")
    check(app)
    assert "0 is exactly 0" in words(app)
    assert "exactly 0" in str(heat(app)["customdata"])
    app = page(
        m_colour="final_loss",
        m_x="learning_rate",
        m_learning_rate=["1000", "5000"],
        activation="linear",
        steps="100",
        dataset="parabola",
    )
    check(app)
    assert "× is a run that diverged" in words(app)
    assert "1 diverged" in str(heat(app)["customdata"])


def test_combinations_that_cannot_run_are_marked_and_named() -> None:
    app = page(layer_activations="tanh, relu")
    check(app)
    assert "! is a set-up that cannot run" in words(app)
    assert "one for each of the" in str(heat(app)["customdata"][0])
    element(app, "m_cell_depth").set_value("1").run()
    assert "one for each of the" in words(app)
    element(app, "m_open").click().run()
    assert "This cell cannot be opened in the lab" in app.warning[0].value


# Hostile and costly -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["NaN", "1e400", "-1", "<script>", "9" * 3000, "", "../../etc"])
def test_hostile_links_show_the_page(value: str) -> None:
    keys = (
        "m_y",
        "m_x",
        "m_colour",
        "m_seeds",
        "m_depth_low",
        "m_gain_high",
        "m_cell_depth",
        "m_s_folder",
        "m_scheduler",
    )
    app = page(**dict.fromkeys(keys, value))
    check(app, value)
    app = page(**{"m_y": "activation", "m_activation": [value, "tanh", "tanh"], "m_learning_rate": value})
    check(app, value)


def test_ends_in_the_wrong_order_are_turned_round() -> None:
    app = page(m_depth_low="3", m_depth_high="1")
    check(app)
    assert heat(app)["y"].tolist() == [1, 2, 3]


def test_no_name_at_all_is_a_sentence() -> None:
    app = page(m_y="activation", m_activation=["tanh"])
    element(app, "m_activation").set_value([]).run()
    assert not app.exception
    assert app.error[0].value == "No map: choose at least one activation for the map."


def test_map_over_budget_is_refused_with_what_to_reduce_and_a_button_that_does() -> None:
    app = page(m_colour="verdict", m_gain_n="60", m_seeds="64", steps="2000", width="64")
    assert not app.exception
    assert re.search(r"No map: these 11,520 runs would take about [\d,]+ s and 120 s are allowed", app.error[0].value)
    assert not plots(app)
    element(app, "m_fewer").click().run()
    assert element(app, "m_seeds").value == 1
    assert element(app, "m_gain_n").value == 30
    app.switch_page("views/experiments/page.py").run()  # nobody waits for the smaller map any more


def test_no_visitor_can_name_a_scheduler(monkeypatch) -> None:
    from dashboard.jobs import map_request

    asked: list[Any] = []
    real = map_request.results

    def noted(*arguments: Any, **named: Any) -> Any:
        asked.append(named["scheduler"])
        return real(*arguments, **named)

    monkeypatch.setattr(map_request, "results", noted)
    address = "tcp://203.0.113.9:8786"
    app = page(scheduler=address, NNCORE_SCHEDULER=address, m_scheduler=address, nncore_sweeps="/etc", seed="77")
    check(app)
    assert asked == [None]
    widgets = [w for kind in ("text_input", "text_area", "chat_input") for w in app.main.get(kind)]
    assert not widgets
    assert not any("scheduler" in str(each.label).lower() for each in (*app.selectbox, *app.number_input, *app.button))


def test_scheduler_that_does_not_answer_is_a_sentence(monkeypatch) -> None:
    from dashboard.jobs import map_request

    def unreachable(*arguments: Any, **named: Any) -> Any:
        raise ValueError("no Dask scheduler answers at tcp://10.9.8.7:1: refused")
        yield

    monkeypatch.setattr(map_request, "results", unreachable)
    monkeypatch.setenv(limits.SCHEDULER, "tcp://10.9.8.7:1")
    app = page(seed="78")
    assert not app.exception
    assert "does not answer, or has no workers" in app.error[0].value
    assert "10.9.8.7" not in words(app)
    monkeypatch.undo()
    monkeypatch.delenv(limits.SCHEDULER, raising=False)
    check(complete(element(app, "m_again").click().run()))


# To the lab -------------------------------------------------------------------------------------------------


def settings(app: AppTest, *keys: str) -> list[Any]:
    return [app.session_state[key] for key in keys]


def test_click_opens_the_cells_run_in_the_lab() -> None:
    app = page(learning_rate="0.3", seed="5")
    x, y = heat(app)["x"], heat(app)["y"]
    click(app, "chart_map", x=float(x[2]), y=float(y[0]), z=0.1, curve=0, point=[0, 2], customdata="")
    assert not app.exception
    assert "chart_flow" in plots(app)
    assert settings(app, "depth", "gain", "width", "learning_rate", "seed") == [1, 16.0, 4, 0.3, 5]


def test_click_on_names_opens_their_run() -> None:
    app = page(m_y="init", m_x="activation", m_activation=["relu", "tanh"], m_init=["he_normal", "lsuv"])
    assert heat(app)["x"] == ["tanh", "relu"]
    click(app, "chart_map", x="relu", y="lsuv", z=0.1, curve=0, point=[1, 1], customdata="")
    assert "chart_flow" in plots(app)
    assert settings(app, "activation", "init") == ["relu", "lsuv"]


def test_menus_and_a_button_open_a_run_without_a_pointer() -> None:
    app = page()
    before = plots(app)["chart_cell"]["figure"]["data"][0]["y"]
    assert len(before) == 3
    element(app, "m_cell_depth").set_value("3").run()
    element(app, "m_cell_gain").set_value("0.25").run()
    assert len(plots(app)["chart_cell"]["figure"]["data"][0]["y"]) == 4
    app = page(m_cell_depth="3", m_cell_gain="0.25")
    element(app, "m_open").click().run()
    assert "chart_flow" in plots(app)
    assert settings(app, "depth", "gain") == [3, 0.25]


def test_choices_that_have_left_the_axis_do_not_stop_the_page() -> None:
    app = page(m_cell_gain="16")
    complete(element(app, "m_gain_n").set_value(2).run())
    check(app)
    complete(element(app, "m_gain_high").set_value(3.0).run())
    check(app)
    element(app, "m_x").set_value("activation").run()
    check(complete(app))
    element(app, "m_y").set_value("gain").run()
    check(complete(app))


def test_what_the_lab_cannot_show_is_said() -> None:
    config = RunConfig(hidden=(4,))
    check_reach(config)
    for changes, said in (
        ({"gain": 21.0}, "gain ends at 20 and this run has 21"),
        ({"bias_std": 6.0}, "bias deviation ends at 5"),
        ({"momentum": 0.995}, "momentum ends at 0.99"),
        ({"learning_rate": 0.123}, "no learning rate 0.123"),
    ):
        with pytest.raises(ValueError, match=said):
            check_reach(config.replace(**changes))


# Figures ----------------------------------------------------------------------------------------------------


def cells_of(values: Any, name: str = "initial_flow", endings: Any = None) -> Cells:
    values = np.asarray(values, dtype=object)
    grid = Grid(
        RunConfig(hidden=(4,)),
        {"depth": tuple(range(1, len(values) + 1)), "gain": tuple(np.geomspace(1, 8, values.shape[1]).tolist())},
        seeds=(0,),
    )
    cells = Cells(grid, CELL_QUANTITIES[name])
    for run, value in enumerate(values.ravel()):
        ending = "finished" if endings is None else np.ravel(endings)[run]
        if ending:
            cells.add(Result({run: {CELL_QUANTITIES[name].column: value, "ending": ending, "reason": ""}}))
    return cells


@pytest.mark.parametrize("look", [style.LIGHT, style.DARK], ids=["light", "dark"])
@pytest.mark.parametrize("name", CELL_QUANTITIES)
def test_figure_draws_what_the_measurement_holds(name: str, look: style.Style) -> None:
    value = {"verdict": "vanishing", "trained": True}.get(name, 0.5)
    cells = cells_of(
        [[value, value, value], [value, None, value]], name, [["finished"] * 3, ["finished", "", "diverged"]]
    )
    measured = cells.measurement()
    figure = charts.trainability(cells, measured, [], (1.0, 1), look)
    expected = np.log10(measured[name]) if name == "final_loss" else measured[name]
    np.testing.assert_array_equal(figure["data"][0]["z"], expected.astype(np.float32))
    assert figure["data"][0]["customdata"][1, 1].endswith("Not computed yet")
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert "type" not in figure["layout"]["yaxis"]


def test_each_mark_stands_on_its_cells_and_none_on_a_cell_that_is_not_computed() -> None:
    cells = cells_of(
        [[-np.inf, np.inf, 1.0, None, None, None]],
        endings=[["finished", "finished", "diverged", "failed", "finished", ""]],
    )
    found = charts.marks(cells.measurement(), "initial_flow")
    assert {mark: np.flatnonzero(mask).tolist() for mark, mask in found.items()} == {
        "0": [0],
        "∞": [1],
        "×": [2],
        "!": [3],
        "–": [4],
    }
    assert all(f"{mark} is " in charts.marks_in_words(cells.measurement(), "initial_flow") for mark in found)


@pytest.mark.parametrize("decades", [1.5, 2.99, 3.01, 7.0, 40.0])
@pytest.mark.parametrize("look", [style.LIGHT, style.DARK], ids=["light", "dark"])
def test_strong_colours_are_the_cells_that_are_counted(decades: float, look: style.Style) -> None:
    cells = cells_of(np.array([[-decades, decades], [0.0, 1.0]]))
    measured = cells.measurement()
    vanish, explode = (
        int(re.search(rf"{word} in (\d+)", panel.finding(cells, measured))[1]) for word in ("vanishes", "explodes")
    )
    trace = charts.trainability(cells, measured, [], None, look)["data"][0]
    places = (np.clip(trace["z"], trace["zmin"], trace["zmax"]) - trace["zmin"]) / (trace["zmax"] - trace["zmin"])
    strong = [place for place, colour in trace["colorscale"] if colour in (style.LIGHT.weight, style.LIGHT.delta)]
    expected = (1, 1) if strong else (0, 0)
    if strong:
        expected = int((places < min(strong)).sum()), int((places > max(strong)).sum())
    assert (vanish, explode) == expected


def test_empty_map_can_be_drawn() -> None:
    for name in CELL_QUANTITIES:
        cells = cells_of([[None, None]], name, [["", ""]])
        charts.trainability(cells, cells.measurement(), [], None, style.LIGHT)
        assert panel.finding(cells, cells.measurement()) == "No cell has a number yet."


def test_every_verdict_has_a_colour_and_a_letter_of_its_own() -> None:
    for look in (style.LIGHT, style.DARK):
        assert len(set(charts.verdict_colours(look))) == len(VERDICTS)
    assert len(set(charts.LETTERS)) == len(charts.LETTERS) >= len(VERDICTS)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("initial_flow", -np.inf, "exactly 0"),
        ("initial_flow", np.inf, "∞"),
        ("initial_flow", -8.5, "3.2 · 10⁻⁹"),
        ("final_flow", -310.4, "10^-310"),
        ("accuracy", 0.5, "50\u00a0%"),
        ("verdict", 0.0, "nothing wrong"),
        ("verdict", 1.0, "diverged"),
        ("final_loss", 3.2e-9, "3.2 · 10⁻⁹"),
        ("final_loss", np.nan, "none"),
    ],
)
def test_numbers_are_said_as_what_they_are(name: str, value: float, said: str) -> None:
    assert charts.value_words(name, value) == said


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1.0, 2.0, 4.0), "log"),
        ((1, 2, 3), None),
        ((3.0, 1.0), "category"),
        ((None, 1.0), "category"),
        (("a", "b"), "category"),
        ((True, False), "category"),
        ((2.0,), None),
    ],
)
def test_axis_fits_its_values(values: tuple[Any, ...], kind: str | None) -> None:
    axis = charts.axis_of("gain", np.array(values))
    assert axis.get("type") == kind
    assert kind == "category" or (np.diff(axis["range"]) > 0).all()
    assert len(charts.coordinates("gain", np.array(values))) == len(values)


def test_findings_count_cells() -> None:
    cells = cells_of([[-4.0, 0.0, 4.0, -np.inf, None]])
    assert panel.finding(cells, cells.measurement()).startswith(
        "Of 4 cells the gradient vanishes in 2, explodes in 1, and in 1 layer 1"
    )
    cells = cells_of([["vanishing", "vanishing", ""]], "verdict")
    assert panel.finding(cells, cells.measurement()) == "Gradients vanish: 2 cells; nothing wrong: 1 cells."
    cells = cells_of([[True, False, False, False]], "trained")
    assert panel.finding(cells, cells.measurement()) == "In 25\u00a0% of 4 cells every run trains, in 75\u00a0% none."


# The operator's sweeps --------------------------------------------------------------------------------------

SWEPT = Grid(
    RunConfig(hidden=(4,), n_samples=40, steps=2, activation="tanh"),
    {"depth": (1, 2, 3), "gain": (0.5, 1.0, 25.0), "learning_rate": (0.1, 1.0)},
    seeds=range(2),
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a finished sweep, one that was stopped, one that is broken, and a link that leads out."""
    root = tmp_path_factory.mktemp("site")
    outside = root / "elsewhere"
    inside = root / "sweeps"
    for path in (inside / "done", outside / "secret"):
        path.parent.mkdir(exist_ok=True)
        for _ in write(path, SWEPT, workers=1):
            pass
    running = (
        Folder.create(inside / "more" / "running", SWEPT, Report(), Limits())
        if (inside / "more").mkdir() is None
        else None
    )
    assert running is not None
    done = Folder.open(inside / "done")
    part = done.parts()[0]
    (running.path / "runs" / part.name).write_bytes(part.read_bytes())
    import pyarrow.parquet as pq

    rows = pq.read_table(part)
    pq.write_table(rows.slice(0, 20), running.path / "runs" / part.name)
    broken = Folder.create(inside / "broken", SWEPT, Report(), Limits())
    (broken.path / "runs" / "part-00000000.parquet").write_bytes(b"PAR1 not at all")
    (inside / "nonsense").mkdir()
    (inside / "nonsense" / "sweep.json").write_text(json.dumps({"format": 99}))
    for _ in write(inside / "listed", [SWEPT[0], SWEPT[1]], workers=1):
        pass
    for _ in write(inside / "one axis", Grid(SWEPT.base, {"gain": (0.5, 1.0)}), workers=1):
        pass
    os.symlink(outside / "secret", inside / "link")
    return inside


def test_without_a_directory_there_is_no_part_about_sweeps() -> None:
    app = page(m_s_folder="done")
    assert "Sweeps kept on this site" not in [each.value for each in app.subheader]
    assert not any(each.key == "m_s_folder" for each in app.selectbox)


def test_finished_sweep_is_seen_as_a_map_and_a_click_opens_its_run(kept: Path, monkeypatch) -> None:
    monkeypatch.setenv(limits.SWEEPS, str(kept))
    app = page()
    assert element(app, "m_s_folder").options == ["broken", "done", "listed", "more/running", "nonsense", "one axis"]
    assert "chart_sweep_map" not in plots(app)
    element(app, "m_s_folder").set_value("done").run()
    check(app)
    drawn = heat(app, "chart_sweep_map")
    assert drawn["z"].shape == (3, 3)
    direct = sweeps.read(Folder.open(kept / "done"), "initial_flow", ("depth", "gain"), {"learning_rate": 0.1})
    np.testing.assert_array_equal(drawn["z"], direct.measurement()["initial_flow"].astype(np.float32))
    assert np.isfinite(drawn["z"]).all()
    assert "Median of 2 seeds." in words(app)
    element(app, "m_s_at_learning_rate").set_value("all together").run()
    assert "Median of 4 runs." in words(app)
    element(app, "m_s_x").set_value("learning_rate").run()
    element(app, "m_s_colour").set_value("verdict").run()
    check(app)
    assert heat(app, "chart_sweep_map")["z"].shape == (3, 2)
    click(app, "chart_sweep_map", x=1.0, y=2.0, z=0.1, curve=0, point=[1, 1], customdata="")
    assert "chart_flow" in plots(app)
    assert settings(app, "depth", "gain", "learning_rate", "n_samples", "steps") == [2, 0.5, 1.0, 40, 2]


def test_cell_that_the_lab_cannot_be_set_to_is_refused_in_a_sentence(kept: Path, monkeypatch) -> None:
    monkeypatch.setenv(limits.SWEEPS, str(kept))
    app = page(m_s_folder="done")
    element(app, "m_s_cell_gain").set_value("25").run()
    element(app, "m_s_open").click().run()
    assert not app.exception
    assert "the lab's gain ends at 20 and this run has 25" in app.warning[0].value


def test_sweep_that_is_not_complete_shows_what_is_there(kept: Path, monkeypatch) -> None:
    monkeypatch.setenv(limits.SWEEPS, str(kept))
    app = page(m_s_folder="more/running", m_s_at_learning_rate="all together")
    check(app)
    z = heat(app, "chart_sweep_map")["z"]
    assert np.isfinite(z).any()
    assert np.isnan(z).any()
    assert app.get("progress")[0].proto.text == "20 of 36 runs are in"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "a file in it cannot be read"),
        ("nonsense", "format 99 is not 1"),
        ("listed", "it is a list of runs, which has no axes for a map"),
        ("one axis", "a map needs two axes with several values and this sweep has 1"),
    ],
)
def test_broken_folder_is_said_in_a_sentence(kept: Path, monkeypatch, name: str, said: str) -> None:
    monkeypatch.setenv(limits.SWEEPS, str(kept))
    app = page(m_s_folder=name)
    assert not app.exception
    assert app.error[0].value.startswith(f"The sweep {name} cannot be shown: ")
    assert said in app.error[0].value.replace("\\", "")
    assert str(kept) not in words(app)
    assert "chart_map" in plots(app)


@pytest.mark.parametrize(
    "name", ["../elsewhere/secret", "link", "/etc", "..", "done/../../elsewhere/secret", "done\x00"]
)
def test_no_link_leads_out_of_the_directory(kept: Path, monkeypatch, name: str) -> None:
    assert name not in sweeps.names(kept)
    monkeypatch.setenv(limits.SWEEPS, str(kept))
    app = page(m_s_folder=name)
    check(app)
    assert "chart_sweep_map" not in plots(app)


def test_directory_without_sweeps_or_that_is_not_there_is_said(tmp_path: Path, monkeypatch) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        monkeypatch.setenv(limits.SWEEPS, str(path))
        app = page()
        check(app)
        assert "no sweep in the directory" in words(app)


def test_map_of_too_many_runs_says_what_to_do(kept: Path, monkeypatch) -> None:
    monkeypatch.setattr(sweeps, "MOST_READ", 10)
    with pytest.raises(ValueError, match="give one of the other axes a single value"):
        sweeps.read(Folder.open(kept / "done"), "verdict", ("depth", "gain"), {})
