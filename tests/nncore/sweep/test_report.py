"""A row says of a run what the measurements say of its history, whatever block it was in."""

from typing import Any

import numpy as np
import pytest

from nncore import History, RunConfig, measures, run, sweep
from nncore.diagnosis import flow, verdict
from nncore.measures import LAYER_QUANTITIES, constant_loss
from nncore.sweep import INITIAL_FLOW, LAST, Grid, Report, column, results
from nncore.sweep.report import DEFAULT_REPORT, TRAINED

BASE = RunConfig(n_samples=60, hidden=(5, 4), steps=12, probe_size=20)
DIVERGING = RunConfig(
    dataset="diabetes", n_samples=60, hidden=(4, 3), activation="linear", learning_rate=0.02, steps=60
)
ALL = Report(quantities=tuple(LAYER_QUANTITIES), steps=(0, 7, LAST))


def rows(runs: Any, report: Report = DEFAULT_REPORT, **how: Any) -> list[dict[str, Any]]:
    """The rows in the order of the runs."""
    found: dict[int, dict[str, Any]] = {}
    for result in results(runs, report, workers=1, **how):
        found |= result.rows
    return [found[run] for run in range(len(found))]


def expected_row(history: History, report: Report) -> dict[str, Any]:
    """The same row, from the measurements of one history."""
    last = history.last_finite
    found = verdict(history)
    scores = measures.performance(history, np.array([last]))
    row: dict[str, Any] = {
        "ending": "diverged" if history.divergence else "finished",
        "reason": history.stopped,
        "last_step": history.step[-1],
        "loss_first": history.loss[0],
        "loss_last": history.loss[last],
        **{name: values[0] for name, values in scores.values.items() if name != "loss"},
        "trained": scores["train_loss"][0] < TRAINED * constant_loss(history.config),
        "verdict": found[0].rule if found else "",
        "severity": found[0].severity if found else 0,
        "verdicts": [each.rule for each in found],
    }
    for step in report.steps:
        record = last if step == LAST else step
        ratio = None
        if record <= last:
            with np.errstate(divide="ignore"):
                ratio = np.log10(flow(history, record).ratio)
            measured = measures.per_layer(history, report.quantities, np.array([record]))
        for name in report.quantities:
            row[column(name, step)] = None if record > last else measured[name][0].tolist()
        row["log10_delta_ratio_at_last" if step == LAST else f"log10_delta_ratio_at_{step}"] = ratio
    return row


@pytest.mark.parametrize(
    "grid",
    [
        Grid(BASE, {"gain": (0.0, 0.5, 3.0), "init": ("normal", "orthogonal")}, seeds=range(3)),
        Grid(
            BASE.replace(activation="relu", skip=True, dtype="float32"), {"normalization": ("none", "batch", "layer")}
        ),
        Grid(BASE.replace(dataset="blobs", batch_size=7), {"loss": ("mse", "cross_entropy")}, seeds=range(2)),
        Grid(DIVERGING, {"gain": (0.1, 30.0, 0.2)}),
        Grid(BASE.replace(test_fraction=0.0, hidden=()), {}, seeds=range(2)),
        Grid(BASE.replace(steps=0), {"gain": (0.5, 1.0)}),
    ],
    ids=["gains", "normalization", "classes", "diverging", "no test rows", "initialization"],
)
def test_a_row_says_what_the_measurements_say(grid: Grid) -> None:
    for found, config in zip(rows(grid, ALL), grid, strict=True):
        expected = expected_row(run(config), ALL)
        assert found.keys() == expected.keys() == ALL.columns().keys()
        for name, value in expected.items():
            if name != "verdicts" and isinstance(value, (list, float, np.floating)):
                np.testing.assert_array_equal(np.array(found[name], float), np.array(value, float), name)
            else:
                assert found[name] == value, name


def test_a_delta_that_is_too_small_for_its_type_is_found_in_the_run_that_has_it() -> None:
    small = BASE.replace(activation="sigmoid", init="normal", dtype="float32", hidden=(5,) * 20, steps=3)
    grid = Grid(small, {"init_scale": (1e-3, 1.0)}, seeds=range(2))
    found = [row["verdicts"] for row in rows(grid)]
    assert found == [[each.rule for each in verdict(run(config))] for config in grid]
    assert ["underflow" in rules for rules in found] == [True, True, False, False]


def test_a_step_after_the_end_of_a_run_is_empty() -> None:
    (row,) = rows([DIVERGING.replace(gain=30.0)], Report(steps=(0, 59)))
    assert row["ending"] == "diverged" and row["last_step"] < 59
    assert row["delta_norm_at_59"] is None and row["log10_delta_ratio_at_59"] is None
    assert len(row["delta_norm_at_0"]) == 3


def test_what_is_noted_at_initialization_needs_no_training() -> None:
    grid = Grid(BASE.replace(steps=1000), {"depth": (1, 3), "gain": (0.5, 2.0)}, seeds=range(2))
    quick = rows(grid, INITIAL_FLOW)
    for found, config in zip(quick, grid, strict=True):
        history = run(config.replace(steps=0))
        assert found["delta_norm_at_0"] == measures.per_layer(history, "delta_norm")["delta_norm"][0].tolist()
        assert found["log10_delta_ratio_at_0"] == np.log10(flow(history, 0).ratio)
        assert (found["ending"], found["last_step"]) == ("finished", 0)
        assert found.keys() == INITIAL_FLOW.columns().keys()


def test_the_loss_of_the_best_constant_is_what_a_network_without_weights_comes_to() -> None:
    for config in (
        RunConfig(dataset="diabetes"),
        RunConfig(dataset="moons", n_samples=45),
        RunConfig(dataset="iris"),
        RunConfig(dataset="iris", loss="mse"),
    ):
        alone = config.replace(hidden=(), init="zeros", steps=3000, learning_rate=0.3, record_every=3000)
        x, y = alone.data().x_train * 0.0, alone.targets(alone.data().y_train)
        from nncore import sgd, train

        *_, last = train(alone.network(), alone.loss_function(), sgd(0.3), alone.initial_theta(), x, y, 400)
        assert constant_loss(config) == pytest.approx(float(last.loss), rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"quantities": ("delta_nrom",)}, "did you mean 'delta_norm'"),
        ({"steps": (-2,)}, "steps must be whole numbers from 0 on, or -1 for the last; got -2"),
        ({"training": False}, "without training a row has the quantities at step 0"),
    ],
)
def test_a_report_that_cannot_be_made_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Report(**settings)


def test_a_report_travels_as_json() -> None:
    for report in (DEFAULT_REPORT, INITIAL_FLOW, ALL):
        assert Report.from_dict(report.to_dict()) == report


def test_the_public_names_exist() -> None:
    assert all(hasattr(sweep, name) for name in sweep.__all__)
