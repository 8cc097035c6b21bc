"""A run's cost is known before it starts, and a refusal says what to reduce."""

import re
import time

import pytest

from nncore import RunConfig, run
from nncore.config.cost import Cost, check_budget, estimate

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
