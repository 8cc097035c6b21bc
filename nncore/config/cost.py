"""What a run will cost, said before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig

SECONDS_PER_LAYER = 10e-6
SECONDS_PER_ELEMENT = 6e-9
SECONDS_PER_PRODUCT = 4e-11
SECONDS_PER_BYTE = 6e-10
"""A layer's fixed cost in a step, a unit × row, a multiply-add and a byte of history: set by hand between the fits of
`python -m benchmarks --fit` on a busy machine with AVX2 and on an idle one with AVX-512; `make bench` lays the
estimate beside the same runs."""


@dataclass(frozen=True)
class Cost:
    """Seconds of training on one core, to a factor of about three, and bytes of history."""

    seconds: float
    bytes: int

    def sentence(self) -> str:
        """The cost in words: about 12 s, 85 MB."""
        return f"{seconds_in_words(self.seconds)}, {self.bytes / 2**20:,.0f} MB"


def seconds_in_words(seconds: float) -> str:
    """An estimated time: under a second, about 12 s."""
    return "under a second" if seconds < 1 else f"about {seconds:,.0f} s"


def estimate(config: RunConfig) -> Cost:
    """Time and memory of `run(config)`, from its shapes alone.

    seconds = steps × (layers, units × rows and multiply-adds, each times a measured constant) + the time it
    takes to touch the history's memory. For a fork also the seconds of its parent up to there, which `run` trains
    again where it is not given enough of the parent's history.
    """
    constants = (SECONDS_PER_LAYER, SECONDS_PER_ELEMENT, SECONDS_PER_PRODUCT, SECONDS_PER_BYTE)
    seconds = sum(constant * each for constant, each in zip(constants, amounts(config), strict=True))
    if isinstance(config, Fork):
        seconds += estimate(config.parent.replace(steps=config.at)).seconds
    return Cost(seconds, config.history_bytes())


def seconds_per_step(config: RunConfig) -> float:
    """Time of one training step and its record, from the config's shapes alone."""
    constants = (SECONDS_PER_LAYER, SECONDS_PER_ELEMENT, SECONDS_PER_PRODUCT, SECONDS_PER_BYTE)
    record = config.history_bytes() / config.n_records
    return sum(constant * each for constant, each in zip(constants, (*_of_a_step(config), record), strict=True))


def amounts(config: RunConfig) -> tuple[float, float, float, float]:
    """What the constants multiply, of a whole run: layers, units × rows, multiply-adds, bytes of history."""
    records = config.steps - config.first_step + 1
    layers, elements, products = _of_a_step(config)
    return records * layers, records * elements, records * products, config.history_bytes()


def _of_a_step(config: RunConfig) -> tuple[int, int, int]:
    """Layers, units × rows and multiply-adds of one step."""
    fans, rows = config.layout().fans, config.batch_rows()
    elements = rows * sum(fan_out for _, fan_out in fans)
    return len(fans), elements, 3 * rows * sum(fan_in * fan_out for fan_in, fan_out in fans)


def check_budget(config: RunConfig, seconds: float, size: int) -> None:
    """Raise ValueError, with the estimate and what to reduce, when a run would cost more than is allowed."""
    config.check_memory(size)
    cost = estimate(config)
    if cost.seconds > seconds:
        steps = max(config.first_step + 1, math.floor(config.steps * seconds / cost.seconds))
        raise ValueError(
            f"the run would take {cost.sentence()} and {seconds:,.0f} s are allowed: take {steps:,} steps or fewer, "
            "use smaller batches, or make the network narrower or shallower"
        )
