"""The lab on a run and the page of own models on that run's measurement file show the same figures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.charts import gradients
from dashboard.state.address import link
from dashboard.views.own_model import charts
from nncore import RunConfig, run
from nncore.command.dashboard import RECORDED
from nncore.history.history import History
from nncore.measures import LAYER_QUANTITIES
from nncore.recorders import measures, of_history
from tests.conftest import plots
from tests.dashboard.lab import element, opened, opened_on

CONFIG = RunConfig(
    dataset="moons", n_samples=60, hidden=(6,) * 5, activation="tanh", gain=2.0, steps=12, learning_rate=0.5, seed=3
)
STEP = 7


@pytest.fixture(scope="module")
def history() -> History:
    return run(CONFIG)


@pytest.fixture
def own(history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The page of own models on the measurement file, at the step."""
    of_history(history).to_parquet(tmp_path / "run.parquet")
    monkeypatch.setenv(RECORDED, str(tmp_path))
    app = opened_on("own_model")
    app.select_slider(key="o_step").set_value(STEP).run()
    assert not app.exception
    return app


def lab(**query: str) -> dict[str, Any]:
    """The lab's figures at the step."""
    app = opened(**link(CONFIG), step=str(STEP), theory="false", **query)
    assert not app.exception
    return {key: plot["figure"] for key, plot in plots(app).items()}


def close(mine: Any, theirs: Any, what: str = "") -> None:
    np.testing.assert_allclose(np.asarray(mine, float), np.asarray(theirs, float), rtol=1e-9, err_msg=what)


def test_gradient_flow_updates_and_loss_are_the_same_figures(own: Any) -> None:
    theirs, mine = lab(), {key: plot["figure"] for key, plot in plots(own).items()}
    flows = [
        {trace["name"]: trace for trace in figures["data"]} for figures in (theirs["chart_flow"], mine["chart_o_flow"])
    ]
    names = {f"{what} at step {step}" for what in ("δ", "∂E/∂W") for step in (0, STEP)}
    assert names == set(flows[1]) == names & set(flows[0])
    for name in names:
        close(flows[1][name]["y"], flows[0][name]["y"], name)
        close(flows[1][name]["x"], flows[0][name]["x"], name)
        for look in ("color", "dash", "width"):
            assert flows[1][name]["line"][look] == flows[0][name]["line"][look]
    assert mine["chart_o_flow"]["layout"]["yaxis"]["range"] == pytest.approx(
        theirs["chart_flow"]["layout"]["yaxis"]["range"]
    )

    layers = np.stack([trace["y"] for trace in theirs["chart_updates"]["data"]]).astype(float)
    drawn = {trace["name"]: trace["y"] for trace in mine["chart_o_updates"]["data"]}
    for name, of in (("largest", np.max), ("median", np.median), ("smallest", np.min)):
        close(drawn[name], of(layers[:, :-1], axis=0), name)  # no step follows the last record

    (loss,) = mine["chart_o_loss"]["data"]
    training = next(trace for trace in theirs["chart_loss"]["data"] if trace["name"] == "training")
    close(loss["y"], training["y"])
    close(loss["x"], training["x"])


def test_every_heat_map_that_both_offer_is_the_same_figure(own: Any) -> None:
    menus = gradients.heat_maps()
    there = element(own, "o_quantity").options
    shared = [name for name in measures.NAMES if name in menus and charts.quantity(name).symbol in there]
    assert {"delta_norm", "weight_gradient_norm", "activation_std", "saturated_fraction", "update_ratio"} <= set(shared)
    for name in shared:
        (theirs,) = lab(heat=menus[name])["chart_heatmap"]["data"]
        element(own, "o_quantity").set_value(charts.quantity(name).symbol).run()
        (mine,) = plots(own)["chart_o_map"]["figure"]["data"]
        parts = ("x", "y", "customdata")
        if (
            charts.quantity(name).log == LAYER_QUANTITIES[name].log
        ):  # a residual stream's std spans decades, a's here does not
            parts += ("z", "zmin", "zmax")
        for part in parts:
            close(mine[part], theirs[part], f"{part} of {name}")


@pytest.mark.parametrize("quantity", ["activation", "delta", "weight_gradient"])
def test_distributions_are_the_same_but_for_their_bins(quantity: str, own: Any) -> None:
    """The lab counts in 96 bins, the file keeps 33 quantiles of a and octaves of magnitudes: the shares below are the same."""
    (theirs,) = lab()[f"chart_{quantity}"]["data"]
    (mine,) = plots(own)[f"chart_o_{quantity}"]["figure"]["data"]
    for row in range(len(theirs["customdata"])):
        fine, coarse = (np.asarray(figure["customdata"], float)[row] for figure in (theirs, mine))
        at = edges(mine)
        expected = np.interp(at, edges(theirs), share_below(fine), left=0, right=1)
        rounding = fine.max() / fine.sum() + (1 / 32 if quantity == "activation" else 0)
        np.testing.assert_allclose(share_below(coarse), expected, atol=rounding + 1e-9, err_msg=f"layer {row + 1}")


def edges(figure: dict[str, Any]) -> np.ndarray:
    """The ends of a histogram's bins, which are evenly spaced."""
    middles = np.asarray(figure["x"], float)
    half = 0.5 * (middles[1] - middles[0])
    return np.append(middles - half, middles[-1] + half)


def share_below(counts: np.ndarray) -> np.ndarray:
    """At each end of the bins, what share lies below."""
    return np.append(0, np.cumsum(counts) / counts.sum())
