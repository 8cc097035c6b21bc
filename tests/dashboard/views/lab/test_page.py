"""The lab page in Streamlit's test harness: what it opens on, every widget, every kind of run, every error."""

import itertools
import json
import re
from collections.abc import Sequence
from contextlib import contextmanager

import numpy as np
import pytest

from dashboard.charts import gradients
from dashboard.jobs.work import Training
from dashboard.state.address import FIRST_SIGHT, from_link, link
from dashboard.state.sidebar import CONTROLS
from dashboard.ui import card
from dashboard.views.lab import groups
from dashboard.words.numbers import number
from nncore import DATASETS, History, RunConfig, run
from nncore import measures as m
from nncore.diagnosis import flow, ledger, precision
from nncore.measures.by_parameter import by_tensor
from tests.conftest import decode, plots
from tests.dashboard.lab import SMALL, element, opened
from tests.dashboard.state.test_address import HOSTILE, KEYS
from tests.dashboard.state.test_sidebar import ENABLING, OTHER

CHARTS = {
    f"chart_{key}"
    for key in (
        "flow",
        "heatmap",
        "ledger",
        "precision",
        "activation",
        "delta",
        "weight_gradient",
        "signal",
        "updates",
        "saturation",
        "loss",
        "learned",
        "theta",
    )
}


def words(app) -> str:
    """All text on the page outside the sidebar and the charts."""
    texts = [text.value for kind in ("markdown", "caption", "error") for text in app.main.get(kind)]
    return " ".join([*texts, *(f"{metric.label} {metric.value} {metric.delta}" for metric in app.metric)])


def followed(app) -> list[dict]:
    """What the headline and the numbers are while the player plays: {"run", "at", "frames", "start", "kind"}."""
    found = [e.proto for e in app.get("bidi_component") if e.proto.component_name == "nncore_following"]
    return [json.loads(each.json) for each in found]


def check(app, what: object = "") -> None:
    """The page shows no exception, every chart, four numbers, and never the word nan."""
    assert not app.exception, what
    assert not app.error, (what, app.error[0].value)
    assert set(plots(app)) >= CHARTS, what
    assert len(app.metric) == (0 if followed(app) else 4), what
    assert not re.search(r"\bnan\b|\binf\b|None", words(app)), (what, words(app))


# First sight ------------------------------------------------------------------------------------------------


def test_first_sight_tells_of_vanishing_gradients_and_one_click_mends_them() -> None:
    app = opened()
    check(app)
    history = run(FIRST_SIGHT)
    sick = flow(history, len(history) - 1)
    assert sick.kind == "vanishing"
    assert "Gradients vanish" in words(app)
    assert number(sick.ratio) in words(app)
    drawn = {trace["name"]: trace for trace in plots(app)["chart_flow"]["figure"]["data"] if "name" in trace}
    np.testing.assert_array_equal(drawn["δ at step 400"]["y"], sick.delta)

    element(app, "mend").click().run()
    check(app)
    assert "Gradients flow" in words(app)
    settings = {key: app.session_state[key] for key in ("activation", "init", "depth", "normalization", "skip")}
    depth = settings.pop("depth")
    mended = FIRST_SIGHT.replace(**settings)
    assert depth == FIRST_SIGHT.depth
    assert mended != FIRST_SIGHT
    healthy = flow(run(mended), 400)
    assert 1e-3 < healthy.ratio < 1e3
    drawn = {trace["name"]: trace for trace in plots(app)["chart_flow"]["figure"]["data"] if "name" in trace}
    np.testing.assert_array_equal(drawn["δ at step 400"]["y"], healthy.delta)


# Every widget, every data set, every kind of run ------------------------------------------------------------


def test_every_control_can_be_moved_one_after_another() -> None:
    app = opened(**SMALL)
    check(app, "at first")
    for key, value in (
        ("depth", 3),
        ("width", 5),
        ("large", True),
        ("widths", "5, 4, 3"),
        ("layer_activations", "relu, sign, elu"),
        ("layer_activations", ""),
        ("widths", ""),
    ):
        element(app, key).set_value(value).run()
        check(app, key)
    for field in CONTROLS:
        if field in ("hidden", "seed", "table", "theta"):
            continue
        default, choices = (
            getattr(FIRST_SIGHT, field),
            CONTROLS[field] and RunConfig.__dataclass_fields__[field].metadata["choices"],
        )
        value = OTHER.get(field, next((name for name in choices or () if name != default), not default))
        if field == "features":
            default, value = [], [value]
        widget = element(app, field)
        if widget.disabled:
            assert field in ENABLING or field in ("noise", "standardize", "gain", "momentum", "weight_decay"), field
            continue
        widget.set_value(value).run()
        check(app, field)
        widget = element(app, field)
        if field in ("dataset", "optimizer", "schedule", "init"):
            continue
        widget.set_value(default).run()
        check(app, f"{field} back")


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_data_set_is_shown(dataset: str) -> None:
    for place, activation in enumerate(("tanh", "relu", "linear")):
        app = opened(**SMALL, dataset=dataset, activation=activation, test_fraction="0" if place == 1 else "0.25")
        check(app, (dataset, activation))
    expected = "Accuracy" if DATASETS[dataset].task == "classification" else "loss"
    assert expected in app.metric[2].label


KINDS = {
    "no hidden layer": {"depth": "0"},
    "no step": {"steps": "0"},
    "threshold": {"activation": "sign"},
    "all zeros": {"init": "zeros"},
    "no learning": {"learning_rate": "0"},
    "diverging": {"dataset": "diabetes", "activation": "linear", "learning_rate": "5000", "steps": "200"},
    "diverging at once": {
        "dataset": "diabetes",
        "activation": "relu",
        "gain": "10",
        "learning_rate": "5000",
        "depth": "30",
    },
    "float32": {"dtype": "float32", "depth": "40", "activation": "sigmoid"},
    "batch normalization and skip": {"normalization": "batch", "skip": "true"},
    "layer normalization": {"normalization": "layer"},
    "one each": {"layer_activations": "sign, leaky_relu"},
    "mini-batches": {"batch_size": "7", "steps": "20", "record_every": "3"},
    "no noise": {"noise": "0"},
    "one unit": {"width": "1"},
    "fifty layers": {"depth": "50"},
    "lsuv": {"init": "lsuv"},
    "ten classes under mse": {"dataset": "blobs", "n_classes": "10", "loss": "mse"},
}


@pytest.mark.parametrize("query", KINDS.values(), ids=KINDS)
def test_every_kind_of_run_is_shown_at_every_step(query: dict) -> None:
    app = opened(**{**SMALL, **query})
    check(app)
    sliders = [slider for slider in app.slider if slider.key == "step"]
    for step in {0, int(sliders[0].max)} if sliders else ():
        app.slider(key="step").set_value(step).run()
        check(app, step)


def test_diverged_run_stands_on_the_last_finite_step_and_says_where_it_began() -> None:
    app = opened(**{**SMALL, **KINDS["diverging"]})
    history = run(
        RunConfig(
            **{
                **FIRST_SIGHT.to_dict(),
                "hidden": (4, 4),
                "n_samples": 40,
                "dataset": "diabetes",
                "activation": "linear",
                "learning_rate": 5000.0,
                "steps": 200,
            }
        )
    )
    where = history.divergence
    assert where is not None
    assert f"Diverged at step {where.step}" in words(app)
    assert f"layer {where.layer}, unit {where.unit}" in words(app)
    stands = int(history.step[history.last_finite])
    assert stands < where.step
    assert app.slider(key="step").value == stands
    element(app, "mend").click().run()
    assert app.session_state["learning_rate"] < 5000.0
    assert not app.exception


# Errors are sentences ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"dataset": "parabola", "loss": "bce"}, "loss for regression must be mse; got 'bce'"),
        ({"widths": "3, wide"}, "hidden must be widths such as 64,32x2, whole numbers separated by commas; got 'wide'"),
        ({"layer_activations": "tanh"}, "activation must be one name, or one for each of the 2 hidden layers; got 1"),
        ({"nesterov": "true"}, "nesterov needs a momentum above 0"),
        ({"steps": "100000"}, "set record_every to"),
        ({"steps": "1000000", "record_every": "1000000", "depth": "50", "width": "256"}, "steps or fewer"),
        ({"n_samples": "4", "test_fraction": "0.9"}, "at least 2 training rows are needed"),
    ],
)
def test_set_up_that_cannot_run_is_refused_in_a_sentence(query: dict, sentence: str) -> None:
    large = {} if "steps" not in query else {"depth": "12", "width": "64"}
    app = opened(**{**SMALL, **large, **query})
    assert not app.exception
    (error,) = app.error
    assert error.value.startswith("This set-up cannot run: ")
    assert sentence in error.value
    assert re.search(r"[^.]\.$", error.value)
    assert not plots(app)
    for key in ("dataset", "depth", "steps", "seed"):
        element(app, key)


def test_run_over_memory_is_mended_by_recording_less_often() -> None:
    app = opened(**{**SMALL, "steps": "3000", "depth": "10", "width": "64", "n_samples": "10"})
    assert "the history would take" in app.error[0].value
    element(app, "fewer")


# Links ------------------------------------------------------------------------------------------------------


def test_link_reopens_the_run_and_what_was_being_looked_at() -> None:
    config = FIRST_SIGHT.replace(
        dataset="iris", hidden=(5, 4), activation=("tanh", "relu"), steps=9, seed=3, clip_norm=0.5
    )
    app = opened(**link(config), step="4", heat="update", theta_index="3", theta_layer="2")
    check(app)
    history = run(config)
    shown = plots(app)
    drawn = {trace["name"]: trace for trace in shown["chart_flow"]["figure"]["data"] if "name" in trace}
    np.testing.assert_array_equal(drawn["δ at step 4"]["y"], flow(history, 4).delta)
    (heat,) = shown["chart_heatmap"]["figure"]["data"]
    np.testing.assert_array_equal(heat["customdata"], m.over_time(history, "update_ratio")["update_ratio"].T)
    np.testing.assert_array_equal(shown["chart_theta"]["figure"]["data"][0]["y"], history.theta[:, 3])


def test_a_quantity_with_a_short_name_is_a_choice_of_the_heat_map(monkeypatch: pytest.MonkeyPatch) -> None:
    def largest(before: m.LayerView, layer: m.LayerView) -> np.ndarray:
        return np.abs(layer.a).max(axis=-1) - np.abs(before.a).max(axis=-1)

    entry = m.Quantity(
        "largest", "change of the largest a", "Δ a", False, "About.", largest, 2, menu="Δ a", note="Note."
    )
    monkeypatch.setitem(m.LAYER_QUANTITIES, "largest", entry)
    config = FIRST_SIGHT.replace(hidden=(5, 4), steps=9)
    for name in ("gradient_cosine", "largest"):
        quantity = m.LAYER_QUANTITIES[name]
        app = opened(**link(config), heat=quantity.menu)
        check(app)
        (heat,) = plots(app)["chart_heatmap"]["figure"]["data"]
        np.testing.assert_array_equal(heat["customdata"], m.over_time(run(config), name)[name].T)
        assert f"{quantity.label}, every layer and step" in words(app) and quantity.note in words(app)


@pytest.mark.parametrize("why", ["false", "true"])
def test_only_what_charts_show_is_measured_over_time(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[set[str]] = []

    def over_time(history: History, names: Sequence[str]) -> m.Measurement:
        asked.append(set(names))
        return measure(history, names)

    measure = m.over_time
    monkeypatch.setattr(m, "over_time", over_time)
    new = {**SMALL, "seed": "77" if why == "true" else "78"}  # that no other test has measured
    for name in ("delta_norm", "saturated_fraction"):
        app = opened(**new, why=why, heat=m.LAYER_QUANTITIES[name].menu)
        assert not app.exception
        (heat,) = plots(app)["chart_heatmap"]["figure"]["data"]
        np.testing.assert_array_equal(
            heat["customdata"], measure(run(from_link({key: [text] for key, text in new.items()})), name)[name].T
        )
    everything = {*gradients.heat_maps(), "inactive_fraction", "dead_fraction", "sure_fraction"}
    alone = [{"delta_norm"}, {"saturated_fraction", "inactive_fraction"}]
    assert asked == ([everything] if why == "true" else alone)


@pytest.mark.parametrize("theory", ["false", "true"])
def test_link_says_whether_theory_is_drawn(theory: str) -> None:
    app = opened(**SMALL, theory=theory)
    names = [trace.get("name", "") for trace in plots(app)["chart_flow"]["figure"]["data"]]
    assert any("theory" in name for name in names) == (theory == "true")


def test_theory_is_sent_ahead_along_the_sliders_of_depth_and_gain() -> None:
    chart = plots(opened(**SMALL, gain="1.5"))["chart_flow"]
    sent, traces = decode(chart["ahead"]), {trace["uid"]: trace for trace in chart["figure"]["data"] if "uid" in trace}
    depth, gain = sent["sliders"]["depth"], sent["sliders"]["gain"]
    assert (depth["at"], gain["at"]) == (2, 1.5)
    assert (depth["stops"], len(depth["logs"])) == ([*range(51)], 51)
    drawn = np.log10(traces[sent["line"]]["y"])
    np.testing.assert_allclose(depth["logs"][2][:3], drawn, atol=2e-3)
    np.testing.assert_allclose(gain["logs"][gain["stops"].index(1.5)], drawn, atol=2e-3)
    assert sent["hidden"] in traces
    assert len(json.dumps(chart["ahead"])) < 40_000


@pytest.mark.parametrize(
    "query",
    [
        {"theory": "false"},
        {"init": "zeros"},
        {"init": "lsuv"},
        {"normalization": "batch"},
        {"depth": "0"},
        {"widths": "4, 8"},
        {"lesson": "Widths", "only": "width", "show": "flow"},
    ],
)
def test_nothing_is_sent_ahead_where_no_line_could_follow(query: dict[str, str]) -> None:
    assert plots(opened(**SMALL | query))["chart_flow"]["ahead"] is None


def test_a_lesson_that_hides_a_slider_sends_nothing_along_it() -> None:
    app = opened(**SMALL, lesson="Depth", only="depth", show="flow")
    assert plots(app)["chart_flow"]["ahead"]["sliders"].keys() == {"depth"}


@pytest.mark.parametrize("place", range(0, len(HOSTILE), 4))
def test_hostile_links_never_show_an_exception(place: int) -> None:
    for value in HOSTILE[place : place + 4]:
        app = opened(**{**dict.fromkeys(KEYS, value), **SMALL})
        assert not app.exception, value
        app = opened(**SMALL, step=value, heat=value, theta_index=value, theta_layer=value, theory=value, unknown=value)
        assert not app.exception, value
        assert "chart_flow" in plots(app), value


# Groups of charts -------------------------------------------------------------------------------------------


def test_a_folded_group_is_neither_drawn_nor_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    real = Training.measured

    def noted(self, measure, *arguments):
        measured.append(measure)
        return real(self, measure, *arguments)

    monkeypatch.setattr(Training, "measured", noted)
    app = opened(**SMALL, why="false", parameters="false")
    assert {"chart_flow", "chart_loss", "chart_heatmap", "chart_total"} <= set(plots(app))
    assert not {"chart_ledger", "chart_saturation", "chart_activation", "chart_theta"} & set(plots(app))
    assert not {ledger, precision, m.distribution, m.layer_parameters, by_tensor} & set(measured)


def test_every_chart_of_the_lab_is_in_one_group_in_its_order_under_its_title(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}

    @contextmanager
    def noted(key, text, measurement):
        shown[key] = text.title
        yield

    monkeypatch.setattr(card, "frame", noted)
    opened(**SMALL)
    del shown["network"], shown["learned"]
    assert [*itertools.chain.from_iterable(group.charts.items() for group in groups.ALL)] == [*shown.items()]


def test_a_lesson_shows_its_charts_without_unfolding_a_group() -> None:
    app = opened(**SMALL, lesson="Flat", show="saturation,flow", why="false")
    assert {"chart_saturation", "chart_flow"} <= set(plots(app))
    assert "chart_ledger" not in plots(app)


def test_a_link_that_leads_to_a_chart_unfolds_its_group_once() -> None:
    app = opened(**SMALL, why="false", see="card_saturation")
    assert "chart_saturation" in plots(app)
    app.session_state["why"] = False
    assert "chart_saturation" not in plots(app.run())


def test_a_chosen_weight_unfolds_the_chart_of_it() -> None:
    app = opened(**SMALL, parameters="false")
    state = app.session_state
    assert "chart_theta" not in plots(app)
    state["parameters"], state["theta_layer"], state["theta_index"] = True, 1, 5
    assert "chart_theta" in plots(app.run())


# Every chart is its measurement -----------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", ["moons", "iris", "parabola", "diabetes"])
def test_what_a_chart_draws_stands_in_its_csv(dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    real = card.show

    def noted(key, text, measurement, figure, **options):
        shown[key] = (text, measurement, figure)
        real(key, text, measurement, figure, **options)

    monkeypatch.setattr(card, "show", noted)
    check(opened(**{**SMALL, "n_samples": "60"}, dataset=dataset))
    assert {f"chart_{key}" for key in shown} == {*CHARTS, "chart_network", "chart_total"}
    del shown["network"]  # drawn as lights: tests/dashboard/charts/test_network.py
    for key, (text, measurement, figure) in shown.items():
        table = measurement.frame().select_dtypes("number").to_numpy(dtype=float).ravel()
        numbers = np.sort(table[np.isfinite(table)])
        assert text.title
        assert text.note.endswith(".")
        traces = figure["data"]
        if key == "learned" and dataset in ("moons", "parabola"):
            traces = [trace for trace in traces if trace.get("name") == "network"]
        for trace in traces:
            drawn = np.asarray(trace["customdata"] if trace["type"] == "heatmap" else trace["y"], dtype=float).ravel()
            drawn = drawn[np.isfinite(drawn)]
            if trace.get("name") == "perfect":
                continue
            near = numbers[np.searchsorted(numbers, drawn).clip(0, len(numbers) - 1)]
            assert np.array_equal(near, drawn), (key, trace.get("name"))


def test_step_slider_moves_every_chart_that_shows_one_step() -> None:
    app = opened(**{**SMALL, "steps": "12"})
    before = plots(app)
    app.slider(key="step").set_value(5).run()
    after = plots(app)
    for key in (
        "chart_flow",
        "chart_activation",
        "chart_delta",
        "chart_weight_gradient",
        "chart_signal",
        "chart_learned",
    ):
        assert str(before[key]["figure"]["data"]) != str(after[key]["figure"]["data"]), key
    for key in ("chart_heatmap", "chart_updates", "chart_saturation", "chart_loss", "chart_theta"):
        shapes = after[key]["figure"]["layout"]["shapes"]
        assert {shape["x0"] for shape in shapes if shape.get("x0") == shape.get("x1")} == {5}, key
    assert before["chart_flow"]["alt"] != after["chart_flow"]["alt"]
