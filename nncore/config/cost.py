"""What a run will cost, said before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig

SECONDS_PER_LAYER = 7e-6
SECONDS_PER_ELEMENT = 4e-9
SECONDS_PER_PRODUCT = 3.5e-11
SECONDS_PER_BYTE = 5e-10
"""A layer's fixed cost in a step, a unit × row, a multiply-add and a byte of history: set by hand between the fits of
`python -m benchmarks --fit` on a busy machine with AVX2 and on an idle one with AVX-512; `make bench` lays the
estimate beside the same runs."""


SECONDS_PER_DRAW = 8e-9
SECONDS_PER_STREAM = 3e-5
SECONDS_PER_MATRIX = 7e-5
SECONDS_PER_ROTATION = 1.2e-10
"""Of initialization: a random number (between a uniform and a normal one) and a layer; for orthogonal weights another
part of a layer and each of its max × min² multiply-adds."""

LSUV_PASSES = 3
"""Times that lsuv takes the training rows through a layer, usually: before, after, and once more where biases are drawn."""


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

    seconds = initialization + steps × (layers, units × rows and multiply-adds, each times a measured constant) + the
    time it takes to touch the history's memory. For a fork also the seconds of its parent up to there, which `run` trains
    again where it is not given enough of the parent's history.
    """
    constants = (SECONDS_PER_LAYER, SECONDS_PER_ELEMENT, SECONDS_PER_PRODUCT, SECONDS_PER_BYTE)
    seconds = sum(constant * each for constant, each in zip(constants, amounts(config), strict=True))
    if isinstance(config, Fork):
        seconds += estimate(config.parent.replace(steps=config.at)).seconds
    else:
        seconds += initialization_seconds(config)
    return Cost(seconds, config.history_bytes())


def initialization_seconds(config: RunConfig) -> float:
    """Time of `config.initial_theta()`: the draws; for orthogonal and lsuv a QR decomposition of every layer; for lsuv
    also the training rows' way through every layer.
    """
    layout, init = config.layout(), config.init
    seconds = SECONDS_PER_DRAW * layout.n_params + SECONDS_PER_STREAM * layout.n_layers
    if init in ("orthogonal", "lsuv"):
        seconds += sum(SECONDS_PER_MATRIX + SECONDS_PER_ROTATION * max(fans) * min(fans) ** 2 for fans in layout.fans)
    if init == "lsuv":
        rows = config.n_train
        seconds += LSUV_PASSES * sum(
            SECONDS_PER_LAYER + rows * (SECONDS_PER_ELEMENT * fan_out + SECONDS_PER_PRODUCT * fan_in * fan_out)
            for fan_in, fan_out in layout.fans
        )
    return seconds


def pass_seconds(
    config: RunConfig, forward: int = 1, backward: int = 1, rows: int | None = None, at_once: int = 1
) -> float:
    """Time of so many ways of these rows forward and back at one record; all rows, training and test, unless said otherwise.

    One of each is about a training step on these rows, of which the way forward is a third. `at_once`: records that go
    together, and share what a layer costs however small it is.
    """
    fans, rows = config.layout().fans, config.n_samples if rows is None else rows
    elements = rows * sum(fan_out for _, fan_out in fans)
    products = rows * sum(fan_in * fan_out for fan_in, fan_out in fans)
    a_third = (
        SECONDS_PER_LAYER * len(fans) / at_once + SECONDS_PER_ELEMENT * elements
    ) / 3 + SECONDS_PER_PRODUCT * products
    return (forward + 2 * backward) * a_third


def units_seconds(config: RunConfig) -> float:
    """Time of what is shown of single units at one record: a forward pass of the probe rows for each picture, and its zones."""
    fans, rows = config.layout().fans, min(config.probe_size, config.n_train)
    elements = rows * sum(fan_out for _, fan_out in fans)
    products = rows * sum(fan_in * fan_out for fan_in, fan_out in fans)
    return (
        1e-3
        + 10 * SECONDS_PER_LAYER * len(fans)
        + 5 * SECONDS_PER_ELEMENT * elements
        + 4 * SECONDS_PER_PRODUCT * products
    )


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
        before = initialization_seconds(config)
        raise ValueError(
            f"the run would take {cost.sentence()} and {seconds:,.0f} s are allowed: "
            + _fewer_steps(config, (seconds - before) / (cost.seconds - before))
        )


def _fewer_steps(config: RunConfig, share: float) -> str:
    """What to reduce where only this share of the training is allowed; below 0 even the first weights take too long."""
    if share <= 0:
        return f"its first weights alone, {config.init}, take longer: make the network narrower, or choose another initializer"
    steps = max(config.first_step + 1, math.floor(config.steps * share))
    return f"take {steps:,} steps or fewer, use smaller batches, or make the network narrower or shallower"
