"""A history or a pass over the budget is refused, with an offer that fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nncore import RunConfig, run
from tests.nncore.training.runs import SMALL


def refusal(config: RunConfig, budget: int) -> str:
    with pytest.raises(ValueError) as caught:
        run(config, memory_budget=budget)
    return str(caught.value)


def test_a_history_over_budget_is_refused_before_anything_is_allocated() -> None:
    config = RunConfig(hidden=(1024,) * 200, n_samples=100, steps=1_000_000)
    message = refusal(config, 2**30)
    assert message.startswith("the history would take ") and "1,024 MB are allowed" in message


def test_a_pass_over_too_many_rows_is_refused_too() -> None:
    message = refusal(RunConfig(hidden=(256,) * 50, n_samples=20_000, steps=1), 2**30)
    assert message.startswith("one pass over the 16,000 training rows would take 4,689 MB and 1,024 MB are allowed")


@given(st.integers(1, 1000), st.integers(1, 4), st.integers(1, 50))
def test_the_record_every_that_a_refusal_offers_fits(steps: int, depth: int, n_fitting: int) -> None:
    config = SMALL.replace(hidden=(40,) * depth, steps=steps, n_samples=4, test_fraction=0.5)
    budget = n_fitting * 2 * 8 * config.layout().n_params
    if config.history_bytes() <= budget:
        config.check_memory(budget)
        return
    with pytest.raises(ValueError) as caught:
        config.check_memory(budget)
    message = str(caught.value)
    if n_fitting == 1:
        assert "set record_every" not in message and "fewer steps or narrower layers" in message
        return
    offer = int(message.split("set record_every to ")[1].split()[0].replace(",", ""))
    thinner = config.replace(record_every=offer)
    thinner.check_memory(budget)
    with pytest.raises(ValueError):
        config.replace(record_every=offer - 1).check_memory(budget)


def test_the_offer_of_a_refusal_runs() -> None:
    config = SMALL.replace(hidden=(40, 40))
    budget = 6 * 2 * 8 * config.layout().n_params
    message = refusal(config, budget)
    assert "set record_every to 6 or more" in message
    assert run(config.replace(record_every=6), memory_budget=budget).step.tolist() == [0, 6, 12, 18, 24, 30]


def test_without_a_budget_nothing_is_refused() -> None:
    assert len(run(SMALL, memory_budget=None)) == 31
