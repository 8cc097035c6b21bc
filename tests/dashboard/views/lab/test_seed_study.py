"""Many seeds in the lab: their bands on the charts, their words, and what happens when they are many or diverge."""

import dataclasses
import re

import numpy as np
import pytest

import nncore.seeds
from dashboard.charts import seed_bands as charts
from dashboard.charts import style
from dashboard.jobs import limits
from dashboard.jobs.registry import SEEDS, runs, wait
from dashboard.state.address import FIRST_SIGHT
from dashboard.ui import card
from dashboard.views.lab import headline
from dashboard.views.lab.seed_study import endings, ordinal, words
from dashboard.words.numbers import percent, ranges
from nncore import measures as m
from nncore import run
from nncore.seeds import SeedRuns, band, run_seeds
from nncore.theory import predict_config
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened
from tests.patience import PATIENCE, until

TINY = FIRST_SIGHT.replace(hidden=(4, 4), steps=4, n_samples=40)
BANDED = ("flow", "signal", "updates", "saturation", "loss")


def said(app) -> str:
    return " ".join(text.value for kind in ("markdown", "caption", "warning") for text in app.get(kind))


def lab(**query):
    """The lab after its seeds have ended."""
    app = opened(**{**SMALL, **query})
    for _ in range(400):
        if not app.get("progress"):
            break
        app.run()
    assert not app.exception
    return app


def traces(app, key: str) -> dict:
    return {trace["name"]: trace for trace in plots(app)[f"chart_{key}"]["figure"]["data"] if "name" in trace}


def test_one_seed_leaves_the_lab_as_it_is() -> None:
    app = lab()
    assert element(app, "seeds").value == 1
    assert "percentile" not in said(app)
    assert not any("seeds" in name for key in BANDED for name in traces(app, key))


@pytest.mark.parametrize("n_seeds", [2, 64])
def test_every_chart_per_layer_shows_median_and_band(n_seeds: int) -> None:
    app = lab(seeds=str(n_seeds))
    assert not app.error
    bands = band(run_seeds(SeedRuns(TINY, n_seeds)).layers)
    last = len(bands.axes["step"]) - 1
    flow = traces(app, "flow")
    for name, label in (("delta_norm", "δ"), ("weight_gradient_norm", "∂E/∂W")):
        median = flow[f"{label}, median of {n_seeds} seeds"]
        np.testing.assert_array_equal(median["y"], bands[f"{name}_median"][last])
    area = [
        trace
        for trace in plots(app)["chart_flow"]["figure"]["data"]
        if trace.get("name") == f"10–90 % of {n_seeds} seeds"
    ]
    expected = [
        bands[f"{name}_{part}"][last] for name in ("delta_norm", "weight_gradient_norm") for part in ("p10", "p90")
    ]
    drawn = np.sort(np.concatenate([trace["y"] for trace in area]))
    np.testing.assert_array_equal(drawn, np.sort(np.concatenate(expected)))
    np.testing.assert_array_equal(
        traces(app, "signal")[f"signal, median of {n_seeds} seeds"]["y"], bands["signal_median"][last]
    )
    np.testing.assert_array_equal(
        traces(app, "updates")[f"update ratio, median of {n_seeds} seeds"]["y"], bands["update_ratio_median"][last - 1]
    )
    shares = traces(app, "saturation")[f"saturated share, median of {n_seeds} seeds"]["y"]
    np.testing.assert_array_equal(shares, bands["saturated_fraction_median"][last])
    scores = band(run_seeds(SeedRuns(TINY, n_seeds)).scores)
    loss = traces(app, "loss")
    np.testing.assert_array_equal(loss[f"train loss, median of {n_seeds} seeds"]["y"], scores["train_loss_median"])
    (own,) = [
        trace
        for trace in plots(app)["chart_loss"]["figure"]["data"]
        if trace["name"] == "training" and trace["yaxis"] == "y"
    ]
    np.testing.assert_array_equal(own["y"], m.performance(run(TINY))["train_loss"])


def test_words_place_the_seed_shown_among_the_others() -> None:
    app = lab(seeds="9")
    delta = [m.per_layer(run(TINY.replace(seed=seed)), "delta_norm")["delta_norm"][-1, 0] for seed in range(9)]
    below = sum(each < delta[0] for each in delta)
    place = round(100 * (below + 0.5) / 9)
    assert f"Seed 0 is at the **{ordinal(place)} percentile** of 9 seeds in δ of layer 1 at step 4" in said(app)
    assert "None of the 9 diverged." in said(app)
    app.slider(key="step").set_value(0).run()
    assert "in δ of layer 1 at step 0" in said(app)


def test_seeds_count_how_many_lie_in_the_theory_band() -> None:
    app = lab(seeds="9")
    found, predicted = run_seeds(SeedRuns(TINY, 9)), predict_config(TINY, rows=48)
    delta = found.layers["delta_norm"][:, 0]
    low, high = predicted.delta_band
    share = np.mean([low[0] <= row[0] / row[-1] <= high[0] for row in delta])
    assert f"Of 9 seeds {percent(share)} lie inside the theory band at layer 1" in said(app)


def test_diverged_seeds_are_named() -> None:
    config = FIRST_SIGHT.replace(
        dataset="diabetes", n_samples=40, hidden=(4, 4), activation="linear", init="he_normal", steps=60
    )
    found = run_seeds(SeedRuns(config, 8))
    diverged = sorted(seed for seed in range(8) if run(config.replace(seed=seed)).divergence)
    assert 1 < len(diverged) < 8
    assert endings(found).startswith(f"**{len(diverged)} of 8 seeds ({ranges(np.array(diverged))}) diverged**")
    app = lab(dataset="diabetes", activation="linear", init="he_normal", steps="60", seeds="8")
    assert endings(found) in said(app)
    assert not re.search(r"\bnan\b|\binf\b|None ", said(app))


def test_every_seed_diverged_is_still_a_page() -> None:
    app = lab(dataset="diabetes", activation="linear", learning_rate="5000", steps="200", seeds="3")
    assert "**3 of 3 seeds (0–2) diverged**" in said(app)


@pytest.mark.parametrize(
    "query",
    [
        {"depth": "0"},
        {"steps": "0"},
        {"activation": "sign"},
        {"init": "zeros"},
        {"activation": "relu"},
        {"record_every": "3", "batch_size": "7", "steps": "20"},
        {"dataset": "parabola", "test_fraction": "0"},
    ],
    ids=str,
)
def test_every_kind_of_run_has_its_seeds(query: dict) -> None:
    app = lab(seeds="3", **query)
    assert not app.error
    assert "of 3 seeds" in said(app) or "None of the 3 diverged." in said(app)
    assert not re.search(r"\bnan\b|\binf\b", said(app))
    steps = [slider for slider in app.slider if slider.key == "step"]
    for step in {0, 1} if steps else ():
        app.slider(key="step").set_value(step).run()
        assert not app.exception


def test_what_the_banded_charts_draw_stands_in_their_csv(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    real = card.show

    def noted(key, text, measurement, figure, **options):
        shown[key] = (measurement, figure)
        real(key, text, measurement, figure, **options)

    monkeypatch.setattr(card, "show", noted)
    lab(seeds="5")
    for key in BANDED:
        measurement, figure = shown[key]
        numbers = measurement.frame().select_dtypes("number").to_numpy(dtype=float).ravel()
        for trace in figure["data"]:
            drawn = np.ravel(trace["y"])
            assert np.isin(drawn[np.isfinite(drawn)], numbers).all(), (key, trace["name"])


def test_seeds_over_budget_are_refused_in_a_sentence_and_the_run_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "seconds_allowed", lambda: SeedRuns(TINY, 20).seconds())
    app = lab(seeds="64")
    assert re.search(r"No seed bands: 64 seeds would take about .* take (19|20) or fewer\.", said(app))
    assert "chart_flow" in plots(app)


def test_long_seeds_train_beside_the_charts_and_stop_keeps_those_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nncore.seeds, "runs_at_once", lambda config: 1)
    monkeypatch.setattr(headline, "AT_FIRST_SECONDS", 0.0)  # else the seeds go on while remedies are tried out
    app = opened(**SMALL | {"steps": "3000", "record_every": "100", "seeds": "64"})
    (bar,) = app.get("progress")
    assert re.fullmatch(r"Training 64 seeds: \d+ are done", bar.proto.text)
    (work,) = runs().by_session["test session id"][SEEDS]
    assert wait(work, PATIENCE, lambda: setattr(work, "last_step", 3000 * 4))
    app.run()
    assert not app.exception
    assert re.search(r"Stopped by hand: \d+ of 64 seeds are done", said(app))
    element(app, "again_seeds")
    element(app, "seeds").set_value(1).run()
    assert SEEDS not in runs().by_session["test session id"]
    assert "percentile" not in said(app)


def test_stop_button_ends_the_seeds_and_not_the_run() -> None:
    app = opened(**SMALL | {"steps": "3000", "record_every": "100", "seeds": "64", "seed": "5"})
    element(app, "stop_seeds").click().run()
    until(lambda: not app.get("progress"), app.run)
    assert "Stopped" in said(app)
    assert app.slider(key="step").max == 3000
    element(app, "seeds").set_value(1).run()


@pytest.mark.parametrize("value", ["nan", "1e400", "-1", "0", "65", "9" * 5000, "<script>"])
def test_hostile_numbers_of_seeds_are_one_seed(value: str) -> None:
    app = opened(**SMALL, seeds=value)
    assert not app.exception
    assert element(app, "seeds").value == 1


def test_seeds_come_along_to_other_pages_and_back() -> None:
    app = lab(seeds="3")
    for page in ("views/compare/page.py", "views/lab/page.py"):
        for name in list(app.query_params):
            del app.query_params[name]
        app.switch_page(page)
        app.run()
    assert element(app, "seeds").value == 3


# Words and figures ------------------------------------------------------------------------------------------


def test_nothing_done_is_said_so() -> None:
    nothing = run_seeds(SeedRuns(TINY, 3), cancelled=lambda: True)
    assert words(nothing, 4) == "Stopped before the first seeds were done."


def test_band_has_gaps_where_a_log_axis_has_no_place() -> None:
    measured = m.gradient_flow(run(TINY), 4)
    values = {f"delta_norm_{part}": np.array([[0.0, 1.0, 2.0]] * 2) for part in ("p10", "median", "p90")}
    values["delta_norm_seeds"] = np.full((2, 3), 7)
    banded = dataclasses.replace(measured, values={**measured.values, **values})
    line = charts.Line("delta_norm", "δ", "#D9480F", "circle")
    area, median = charts.bands(banded, line, style.LIGHT, 1, log=True, legend=True)
    np.testing.assert_array_equal(area["x"], [2, 3, 3, 2])
    np.testing.assert_array_equal(median["y"], [np.nan, 1, 2])
    assert area["name"] == "10–90 % of 7 seeds"
    assert charts.bands(measured, line, style.LIGHT, 1, log=True, legend=True) == []
