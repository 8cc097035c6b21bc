"""Who moved before the loss jumped: found in made-up runs, and not where nothing led."""

import io
from collections.abc import Callable

import numpy as np
import pytest

from nncore.diagnosis.loss_spike import LEAD, LEAST, last_spike
from nncore.recorders import Recorded

RECORDS, JUMP_AT = 40, 30


def training(
    loss: Callable[[int, float], float] = lambda k, noise: 1 + 0.05 * noise,
    a: Callable[[int, float], float] = lambda k, noise: 1e-3 * (1 + 0.2 * noise),
    b: Callable[[int, float], float] = lambda k, noise: 1e-3 * (1 + 0.2 * noise),
    quantity: str = "update_norm",
    rate: Callable[[int], float] = lambda k: 0.1,
) -> Recorded:
    """Forty records of two weights with noise from -1 to 1."""
    noise = np.random.default_rng(0).uniform(-1, 1, (RECORDS, 3))
    rows = ["step,layer,quantity,value"]
    for k in range(RECORDS):
        rows += [f"{k},,loss,{loss(k, noise[k, 0])}", f"{k},,learning_rate,{rate(k)}"]
        rows += [f"{k},a.weight,{quantity},{a(k, noise[k, 1])}", f"{k},b.weight,{quantity},{b(k, noise[k, 2])}"]
    return Recorded(io.BytesIO("\n".join([*rows, ""]).encode()))


def jumps(k: int, noise: float) -> float:
    return 1 + 0.05 * noise + (k >= JUMP_AT)


def grows(since: int, times: float = 3.0) -> Callable[[int, float], float]:
    return lambda k, noise: 1e-3 * (1 + 0.2 * noise) * (times if k >= since else 1)


@pytest.mark.parametrize("quantity", ["update_norm", "gradient_norm"])
@pytest.mark.parametrize("lead", [1, 4, LEAD])
def test_the_one_that_grew_before_the_loss_is_named(lead: int, quantity: str) -> None:
    spike = last_spike(training(jumps, a=grows(JUMP_AT), b=grows(JUMP_AT - lead), quantity=quantity), RECORDS - 1)
    assert spike is not None and spike.record == JUMP_AT and spike.first == JUMP_AT - lead
    assert spike.movers == (1,) and spike.growth == pytest.approx(3, rel=0.3)
    assert spike.before == pytest.approx(1, rel=0.05) and spike.loss > 1.9


def test_both_are_named_where_both_grew_at_once_the_most_grown_first() -> None:
    spike = last_spike(training(jumps, a=grows(JUMP_AT - 2), b=grows(JUMP_AT - 2, 9)), RECORDS - 1)
    assert spike is not None and spike.movers == (1, 0)


@pytest.mark.parametrize(
    "weights",
    [{}, {"a": grows(JUMP_AT), "b": grows(JUMP_AT)}, {"a": lambda k, noise: 1e-3 if k != JUMP_AT - 4 else 1.0}],
)
def test_nobody_leads_where_none_grew_or_with_the_loss_or_only_for_a_moment(weights: dict) -> None:
    spike = last_spike(training(jumps, **weights), RECORDS - 1)
    assert spike is not None and spike.movers == ()


def test_without_a_jump_there_is_none() -> None:
    assert last_spike(training(a=grows(JUMP_AT)), RECORDS - 1) is None
    assert last_spike(training(lambda k, noise: 1 + 0.03 * k + 0.05 * noise), RECORDS - 1) is None
    assert last_spike(training(jumps), JUMP_AT - 1) is None
    assert last_spike(training(lambda k, noise: 1.0 + (k >= LEAD + LEAST - 1)), RECORDS - 1) is None


def test_a_loss_that_is_not_finite_is_a_jump_of_the_record_where_it_began() -> None:
    spike = last_spike(training(lambda k, noise: np.inf if k >= JUMP_AT else 1.0, a=grows(JUMP_AT - 3)), RECORDS - 1)
    assert spike is not None and spike.record == JUMP_AT and spike.movers == (0,)


def test_a_learning_rate_that_rises_moves_nobody() -> None:
    def risen(k: int, noise: float) -> float:
        return 1e-3 * (1 + 0.2 * noise) * (5 if k >= JUMP_AT - 3 else 1)

    spike = last_spike(training(jumps, risen, risen, rate=lambda k: 0.5 if k >= JUMP_AT - 3 else 0.1), RECORDS - 1)
    assert spike is not None and spike.movers == ()
