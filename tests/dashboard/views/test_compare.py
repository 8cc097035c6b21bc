"""The Compare page: what differs, how the runs ended, and every chart with one line a run."""

import re
from base64 import b64decode

import numpy as np
import pytest

from dashboard.jobs import limits, progress
from dashboard.jobs.registry import runs as shared
from dashboard.jobs.work import RunRequest
from dashboard.state.pins import Pin, encoded
from dashboard.ui import card
from dashboard.views.compare import pinned_runs
from dashboard.views.compare.charts import DASHES, MARKERS, SHAPES
from dashboard.words.numbers import number
from nncore import RunConfig, run
from nncore import measures as m
from nncore.config.cost import estimate
from nncore.diagnosis import flow
from nncore.experiments import EXPERIMENTS
from tests.conftest import plots
from tests.dashboard.lab import element
from tests.dashboard.state.test_pins import TINY, compare_page, in_address, opened_at
from tests.patience import until

CHARTS = ("flow", "loss", "ratio", "updates", "accuracy", "maps")
DEEP = TINY.replace(hidden=(5,) * 6, activation="tanh", steps=9)
OTHER_DATA = TINY.replace(dataset="iris", hidden=(6,), activation="relu", init="he_normal", steps=2)
REGRESSION = TINY.replace(dataset="parabola")
DIVERGING = TINY.replace(dataset="diabetes", activation="linear", learning_rate=5000.0, steps=200)
DARK = TINY.replace(activation="sign")


def traces(app, key: str) -> dict:
    drawn = plots(app)[f"chart_runs_{key}"]["figure"]["data"]
    return {trace["name"]: trace for trace in drawn if not trace["name"].endswith(", now")}


def rows(app) -> list[dict]:
    plain = app.table[0].value.map(lambda text: re.sub(r"\\(.)|\*\*", r"\1", text))
    return plain.to_dict("records")


def words(app) -> str:
    return " ".join(text.value for kind in ("markdown", "caption", "warning") for text in app.get(kind))


def check(app) -> None:
    assert not app.exception
    assert not app.error
    table = " ".join(value for row in rows(app) for value in row.values())
    assert not re.search(r"\bnan\b|\binf\b|None", f"{words(app)} {table}")


def test_empty_page_offers_an_example_that_is_one_click_away() -> None:
    app = opened_at()
    check_empty = words(app)
    assert "Pin up to eight runs" in check_empty
    assert not plots(app)
    element(app, "example").click().run()
    assert [pin.config for pin in in_address(app)] == list(pinned_runs.EXAMPLE)
    check(app)
    table = {row["run"]: row for row in rows(app)}
    assert table["sigmoid, Xavier"]["verdict"].startswith("Gradients vanish")
    histories = {pin.name: shared().by_request["", RunRequest(pin.config)].history for pin in in_address(app)}
    ratios = {name: flow(history, 400).ratio for name, history in histories.items()}
    assert ratios["sigmoid, Xavier"] < 1e-6 < 0.1 < min(ratios["tanh, Xavier"], ratios["relu, He"])
    assert number(ratios["sigmoid, Xavier"]) in words(app)


@pytest.mark.parametrize("name", pinned_runs.PAIRS)
def test_empty_page_offers_pairs_that_are_one_click_away(name: str) -> None:
    app = opened_at()
    assert EXPERIMENTS[name].claim[:40] in words(app).replace("\u00a0", " ")
    element(app, f"compare_{name}").click().run()
    assert not app.exception
    assert [pin.config for pin in in_address(app)] == [EXPERIMENTS[name].config, EXPERIMENTS[name].against]


def test_runs_of_other_depth_length_and_data_stand_on_the_same_axes() -> None:
    found = [Pin("base", TINY), Pin("deep", DEEP), Pin("iris", OTHER_DATA)]
    app = compare_page(*found)
    check(app)
    assert set(plots(app)) == {f"chart_runs_{key}" for key in CHARTS}
    histories = {pin.name: run(pin.config) for pin in found}
    for name, history in histories.items():
        record = len(history) - 1
        np.testing.assert_array_equal(
            traces(app, "flow")[name]["y"][: history.layout.n_layers], flow(history, record).delta
        )
        np.testing.assert_array_equal(traces(app, "loss")[name]["x"], history.step)
        np.testing.assert_array_equal(traces(app, "loss")[name]["y"], history.loss)
        layers = m.per_layer(history, ("delta_norm", "update_ratio"))
        np.testing.assert_array_equal(
            traces(app, "ratio")[name]["y"], layers["delta_norm"][:, 0] / layers["delta_norm"][:, -1]
        )
        np.testing.assert_array_equal(traces(app, "updates")[name]["y"], layers["update_ratio"][:, 0])
        np.testing.assert_array_equal(traces(app, "accuracy")[name]["y"], m.performance(history)["test_accuracy"])
        np.testing.assert_array_equal(traces(app, "maps")[name]["customdata"], layers["delta_norm"].T)
    maps = plots(app)["chart_runs_maps"]["figure"]
    assert {trace["coloraxis"] for trace in maps["data"]} == {"coloraxis"}
    axes = [value for name, value in maps["layout"].items() if name.startswith("xaxis")]
    assert len({tuple(axis["range"]) for axis in axes}) == 1
    assert "Their losses cannot be compared" in words(app)


def test_every_run_has_its_own_colour_dash_and_marker() -> None:
    app = compare_page(*(Pin(f"run {seed}", TINY.replace(seed=seed)) for seed in range(8)))
    check(app)
    drawn = traces(app, "flow").values()
    assert len({trace["line"]["color"] for trace in drawn}) == 8
    assert [trace["line"]["dash"] for trace in drawn] == list(DASHES)
    assert [trace["marker"]["symbol"] for trace in drawn] == list(MARKERS)


def test_table_is_the_legend_of_the_charts() -> None:
    app = opened_at()
    element(app, "example").click().run()
    drawn = traces(app, "flow")
    for row in rows(app):
        words, address = re.fullmatch(r"!\[(.*)\]\(data:image/svg\+xml;base64,(.*)\)", row["line"]).groups()
        trace, svg = drawn[row["run"]], b64decode(address).decode()
        assert words == f"{trace['line']['dash']}, {trace['marker']['symbol']}"
        assert svg.count(trace["line"]["color"]) == 2 and SHAPES[trace["marker"]["symbol"]] in svg


def test_table_shows_only_what_differs_and_how_the_runs_ended() -> None:
    app = compare_page(Pin("base", TINY), Pin("deep", DEEP), Pin("blown", DIVERGING))
    check(app)
    base, deep, blown = rows(app)
    assert set(base) == {
        "line",
        "run",
        "Data set",
        "Depth and width",
        "Activation",
        "Learning rate",
        "Steps",
        "ended",
        "loss",
        "accuracy",
        "δ first / last",
        "verdict",
        "first weights",
    }
    assert (base["Depth and width"], deep["Depth and width"]) == ("2 × 4", "6 × 5")
    assert base["ended"] == "finished at step 4"
    where = run(DIVERGING).divergence
    assert blown["ended"] == f"diverged at step {where.step}"
    assert blown["accuracy"] == "no classes"
    history = run(DEEP)
    assert deep["loss"] == f"{history.loss[-1]:.3g}"
    assert deep["first weights"] == "not comparable: 7 layers, not 3"
    assert "**blown** diverged." in words(app)


def test_same_first_weights_are_said_only_where_they_are_the_same() -> None:
    pins = [
        Pin("base", TINY),
        Pin("tanh", TINY.replace(activation="tanh")),
        Pin("twice", TINY.replace(gain=2.0)),
        Pin("other", TINY.replace(seed=4)),
    ]
    app = compare_page(*pins)
    assert [row["first weights"] for row in rows(app)] == [
        "what the others are compared with",
        "the same bits",
        "the same weights × 2",
        "other numbers",
    ]


def test_share_and_step_choose_each_runs_record() -> None:
    app = compare_page(Pin("base", TINY), Pin("deep", DEEP))
    short, long = run(TINY), run(DEEP)
    element(app, "at_share").set_value(50).run()
    np.testing.assert_array_equal(traces(app, "flow")["base"]["y"][:3], flow(short, 2).delta)
    np.testing.assert_array_equal(traces(app, "flow")["deep"]["y"], flow(long, 4).delta)
    element(app, "at").set_value("step").run()
    element(app, "at_step").set_value(6).run()
    check(app)
    np.testing.assert_array_equal(traces(app, "flow")["base"]["y"][:3], flow(short, 4).delta)
    np.testing.assert_array_equal(traces(app, "flow")["deep"]["y"], flow(long, 6).delta)


@pytest.mark.parametrize("quantity", ["weight_gradient_norm", "signal", "flat_fraction"])
def test_flow_chart_shows_the_quantity_that_is_chosen(quantity: str) -> None:
    app = compare_page(Pin("base", TINY), Pin("deep", DEEP))
    element(app, "flow").set_value(quantity).run()
    check(app)
    history = run(DEEP)
    name = "saturated_fraction" if quantity == "flat_fraction" else quantity
    expected = m.per_layer(history, name, np.array([len(history) - 1]))[name][0]
    np.testing.assert_array_equal(traces(app, "flow")["deep"]["y"], expected)


@pytest.mark.parametrize("config", [REGRESSION, DIVERGING, DARK, TINY.replace(hidden=()), TINY.replace(steps=0)])
def test_every_kind_of_run_is_shown_alone_and_beside_another(config: RunConfig) -> None:
    for found in ([Pin("odd", config)], [Pin("base", DEEP), Pin("odd", config)]):
        app = compare_page(*found)
        check(app)
        assert {"chart_runs_flow", "chart_runs_maps", "chart_runs_loss"} <= set(plots(app))
        assert len(rows(app)) == len(found)
        element(app, "maps").set_value("update_ratio").run()
        check(app)
        element(app, "at_share").set_value(0).run()
        check(app)


def test_diverged_run_does_not_press_the_others_flat() -> None:
    blown = TINY.replace(activation="linear", gain=3.0, learning_rate=1000.0, hidden=(4,) * 8, steps=40)
    assert run(blown).divergence
    largest = float(np.nanmax(m.gradient_flow(run(blown), run(blown).last_finite)["delta_norm"]))
    app = compare_page(Pin("base", TINY), Pin("deep", DEEP), Pin("blown", blown))
    check(app)
    tame = np.concatenate([m.per_layer(run(config), "delta_norm")["delta_norm"].ravel() for config in (TINY, DEEP)])
    for key in ("flow", "ratio", "updates", "loss"):
        low, high = plots(app)[f"chart_runs_{key}"]["figure"]["layout"]["yaxis"]["range"]
        assert high - low < 12, key
    layout = plots(app)["chart_runs_flow"]["figure"]["layout"]
    assert layout["annotations"][0]["text"] == f"blown goes on to {number(largest)}"
    scale = plots(app)["chart_runs_maps"]["figure"]["layout"]["coloraxis"]
    assert scale["cmax"] <= np.log10(tame.max()) + 3.1
    assert "layer 1 of **blown**" not in words(app)


def test_regressions_have_no_accuracy_chart() -> None:
    app = compare_page(Pin("a", REGRESSION), Pin("b", REGRESSION.replace(seed=1)))
    assert "chart_runs_accuracy" not in plots(app)
    assert "Their settings" not in words(app)
    assert "They differ in seed." in words(app)


def test_run_over_budget_is_named_and_the_others_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    large = TINY.replace(steps=900_000, hidden=(256,) * 20, record_every=100_000)
    app = compare_page(Pin("too large", large), Pin("base", TINY))
    check(app)
    assert "'too large' cannot run: " in words(app).replace("\\", "")
    assert [row["run"] for row in rows(app)] == ["base"]
    monkeypatch.setattr(limits, "seconds_allowed", lambda: 1.5 * estimate(DEEP).seconds)
    app = compare_page(Pin("one", DEEP.replace(seed=91)), Pin("two", DEEP.replace(seed=92)))
    assert "'two' cannot run: with the runs before it" in words(app).replace("\\", "")
    assert [row["run"] for row in rows(app)] == ["one"]


def test_long_runs_show_progress_and_stop_keeps_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INLINE_SECONDS", 0.6)
    long = TINY.replace(hidden=(4,), steps=900_000, record_every=1000, learning_rate=0.001)
    app = opened_at(pin=[encoded(Pin("quick", TINY)), encoded(Pin("long", long))])
    assert not plots(app)
    until(lambda: app.get("progress")[0].proto.text == "Training: 1 of 2 runs are done", app.run)
    element(app, "stop_pins").click().run()
    until(lambda: plots(app), app.run)
    check(app)
    quick, stopped = rows(app)
    assert quick["ended"] == "finished at step 4"
    assert re.fullmatch(r"stopped at step [\d,]+", stopped["ended"])
    element(app, "again_pins").click().run()
    assert not plots(app)
    for name in list(app.query_params):
        del app.query_params[name]
    app.switch_page("views/lecture/vanishing.py")
    app.run()
    from dashboard.jobs.registry import runs

    assert not any(
        work.request == RunRequest(long) and not work.done and work.waiting for work in runs().by_request.values()
    )


def test_what_a_chart_draws_stands_in_its_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    real = card.show

    def noted(key, text, measurement, figure, **options):
        shown[key] = (text, measurement, figure)
        real(key, text, measurement, figure, **options)

    monkeypatch.setattr(card, "show", noted)
    check(compare_page(Pin("base", TINY), Pin("deep", DEEP)))
    assert set(shown) == {f"runs_{key}" for key in CHARTS}
    for key, (text, measurement, figure) in shown.items():
        assert text.note.endswith(".")
        table = measurement.frame()
        assert set(table["run"]) == {"base", "deep"}
        for trace in figure["data"]:
            if trace["name"].endswith(", now"):
                continue
            own = table[table["run"] == trace["name"]].select_dtypes("number").to_numpy(dtype=float).ravel()
            drawn = np.ravel(trace["customdata"] if trace["type"] == "heatmap" else trace["y"])
            drawn = drawn[np.isfinite(drawn)]
            assert np.isin(drawn, own).all(), key


@pytest.mark.parametrize(
    ("other", "comparable"), [(DEEP, True), (OTHER_DATA, False), (TINY.replace(loss="mse"), False)]
)
def test_losses_that_cannot_be_compared_are_not_compared_below_their_chart_either(
    other: RunConfig, comparable: bool
) -> None:
    app = opened_at(pin=[encoded(Pin("one", TINY)), encoded(Pin("other", other))])
    check(app)
    assert ("cannot be compared: they are" in words(app)) != comparable
    assert ("The lowest line at the right has learned most" in words(app)) == comparable
