"""A run's cost is known before it starts, and a refusal says what to reduce."""

import re
import time

import pytest

from nncore import MLP, RunConfig, run, run_many
from nncore.config.cost import Cost, check_budget, estimate, initialization_seconds
from nncore.diagnosis import remedy
from nncore.diagnosis.candidates import Candidate
from nncore.diagnosis.trials import TRIAL_SECONDS
from nncore.measures import performance, summary
from nncore.measures.passes import seconds_per_record
from nncore.measures.spread import SECONDS
from nncore.model.initializers import StoppedEarly
from nncore.seeds import SeedRuns, run_seeds
from nncore.sweep import INITIAL_FLOW, Grid, Limits, estimated_seconds, results
from nncore.training import start

BASE = RunConfig(hidden=(16, 16), steps=100, n_samples=200)


@pytest.mark.parametrize(
    "changes",
    [
        {"steps": 200},
        {"hidden": (16, 16, 16)},
        {"hidden": (64, 64)},
        {"n_samples": 2000},
        {"dataset": "digits", "n_samples": 200},
    ],
)
def test_more_of_anything_costs_more_seconds(changes: dict) -> None:
    assert estimate(BASE.replace(**changes)).seconds > estimate(BASE).seconds


def test_smaller_batches_and_sparser_records_cost_less() -> None:
    assert estimate(BASE.replace(batch_size=10)).seconds < estimate(BASE).seconds
    assert estimate(BASE.replace(record_every=10)).bytes < estimate(BASE).bytes / 8


@pytest.mark.parametrize("changes", [{}, {"record_every": 7}, {"dtype": "float32"}, {"steps": 0}, {"hidden": ()}])
def test_bytes_are_those_of_the_history(changes: dict) -> None:
    config = BASE.replace(**changes)
    assert estimate(config).bytes == run(config).nbytes


def test_seconds_are_of_the_right_order() -> None:
    config = BASE.replace(hidden=(64,) * 6, steps=200)
    run(config)
    measured = []
    for _ in range(3):
        start = time.thread_time()  # of the processor: what else is running takes the time of the clock
        run(config)
        measured.append(time.thread_time() - start)
    assert estimate(config).seconds / 10 < min(measured) < 10 * estimate(config).seconds


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (Cost(0.2, 3 * 2**20), "under a second, 3 MB"),
        (Cost(12.3, 2**30), "about 12 s, 1,024 MB"),
        (Cost(45_000, 0), "about 45,000 s, 0 MB"),
    ],
)
def test_cost_is_said_in_words(cost: Cost, words: str) -> None:
    assert cost.sentence() == words


def test_run_within_budget_passes() -> None:
    check_budget(BASE, seconds=60, size=2**29)


def test_refusal_over_time_gives_the_estimate_and_steps_that_fit() -> None:
    config = BASE.replace(steps=100_000, record_every=1000)
    with pytest.raises(ValueError, match="use smaller batches, or make the network narrower") as caught:
        check_budget(config, seconds=1, size=2**29)
    assert estimate(config).sentence() in str(caught.value)
    assert "1 s are allowed" in str(caught.value)
    fitting = int(re.search(r"take ([\d,]+) steps", str(caught.value))[1].replace(",", ""))
    assert 1 < fitting < config.steps
    check_budget(config.replace(steps=fitting - 1), seconds=1, size=2**29)


def test_refusal_over_memory_gives_a_record_every_that_fits() -> None:
    config = BASE.replace(steps=5000)
    with pytest.raises(ValueError, match="the history would take") as caught:
        check_budget(config, seconds=1e9, size=2**20)
    every = int(re.search(r"record_every to (\d+)", str(caught.value))[1])
    check_budget(config.replace(record_every=every), seconds=1e9, size=2**20)


# The first weights --------------------------------------------------------------------------------------------

WIDE = RunConfig(hidden=(1024,) * 3, init="lsuv", steps=1)


@pytest.mark.parametrize("config", [WIDE, WIDE.replace(init="orthogonal"), WIDE.replace(hidden=(32,) * 100)])
def test_first_weights_that_take_long_are_in_the_estimate(config: RunConfig) -> None:
    quick = config.replace(init="he_normal")
    assert initialization_seconds(config) > 3 * initialization_seconds(quick)
    more = estimate(config).seconds - estimate(quick).seconds
    assert more == pytest.approx(initialization_seconds(config) - initialization_seconds(quick))


def test_seeds_and_maps_of_slow_first_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="64 seeds would take"):
        SeedRuns(WIDE, 64).check_budget(5, 2**30)
    grid = Grid(WIDE, {"gain": (0.5, 1.0)})
    assert estimated_seconds(grid, INITIAL_FLOW) > 2 * initialization_seconds(WIDE)
    found = results(grid, INITIAL_FLOW, workers=1, limits=Limits(2**30, 0.1))
    reasons = [row["reason"] for result in found for row in result.rows.values()]
    assert len(reasons) == 2 and all("its first weights alone, lsuv, take longer" in reason for reason in reasons)


def test_a_run_whose_first_weights_alone_are_too_much_is_refused_so() -> None:
    with pytest.raises(ValueError, match="its first weights alone, lsuv, take longer: make the network narrower"):
        check_budget(WIDE, 0.1, 2**30)


def test_a_trial_never_takes_first_weights_that_take_long() -> None:
    deep = RunConfig(hidden=(2048, 2048, 2048), steps=1)
    lsuv = Candidate("lsuv", {"init": "lsuv"})
    assert initialization_seconds(deep.replace(init="lsuv")) > TRIAL_SECONDS
    assert remedy._screened(lsuv, deep, 1, set(), lambda: False) is None


@pytest.mark.parametrize("init", ["lsuv", "orthogonal", "he_normal"])
def test_first_weights_that_take_long_stop_between_two_layers(init: str) -> None:
    asked = iter([False, False, True])
    config = WIDE.replace(init=init, hidden=(16,) * 50)
    with pytest.raises(StoppedEarly, match="stopped by hand while the first weights were drawn"):
        config.initial_theta(lambda: next(asked))


def test_a_run_stops_while_its_first_weights_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "PATIENT_SECONDS", 0.0)
    with pytest.raises(StoppedEarly):
        run(BASE, cancelled=lambda: True)
    with pytest.raises(StoppedEarly):
        run_many([BASE], cancelled=lambda: True)
    assert len(run_seeds(SeedRuns(BASE, 3), cancelled=lambda: True)) == 0
    assert not [row for each in results([BASE], INITIAL_FLOW, cancelled=lambda: True) for row in each.rows]


def test_quick_first_weights_are_there_however_early_a_run_is_stopped() -> None:
    assert len(run(BASE, cancelled=lambda: True)) == 1


def test_lsuv_sends_the_rows_through_each_layer_a_few_times_however_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = 0

    def counted(self: MLP, *arguments: object) -> None:
        nonlocal passes
        passes += 1
        layer_pass(self, *arguments)

    layer_pass = MLP.layer_pass
    monkeypatch.setattr(MLP, "layer_pass", counted)
    config = RunConfig(hidden=(8,) * 40, init="lsuv", n_samples=40)
    config.initial_theta()
    assert passes <= 4 * config.layout().n_layers


# What is measured on all rows -----------------------------------------------------------------------------------


def test_a_measurement_on_many_rows_takes_fewer_records() -> None:
    few = run(RunConfig(hidden=(4,), n_samples=40, steps=300))
    many = run(RunConfig(hidden=(64,) * 3, n_samples=20_000, steps=300, batch_size=4, record_every=2))
    assert len(performance(few).axes["step"]) == 200
    steps = performance(many).axes["step"]
    assert len(steps) * seconds_per_record(many, "performance") < 2 * SECONDS and steps[-1] == 300
    assert len(summary(many, seconds=0.1).axes["step"]) < len(many)
