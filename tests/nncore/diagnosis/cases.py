"""For each rule a config that triggers it and a near miss that does not."""

from nncore import RunConfig, read_table
from nncore.clinic import SICK
from nncore.clinic.cases import exclusive_or

BASE = RunConfig(dataset="moons", n_samples=100, hidden=(16,) * 8, steps=30)
SHALLOW = BASE.replace(hidden=(16,) * 3)
CIRCLES = BASE.replace(dataset="circles")
"""Saturated units learn the moons on some processors and not on others within 200 steps; these on none."""
RELU = BASE.replace(activation="relu", init="he_normal")
SMALL_WEIGHTS = BASE.replace(activation="sigmoid", init="normal", init_scale=1e-4, steps=0)

(PRICES,) = [case.config for case in SICK if case.name == "diabetes as it is, relu"]
ROWS = "\n".join(["a,b,c,y", *(f"{i % 7},{i % 5},1000,{i % 7 - i % 5}" for i in range(60))])
TABLE = read_table(ROWS.encode())
OFFSET = RunConfig(
    dataset="table", table=TABLE.choose("y", ["a", "b", "c"], "regression"), hidden=(16,), standardize=False, steps=100
)


def xor(seed: int, loss: str = "bce") -> RunConfig:
    """The four rows of exclusive or, two sigmoid units: of 40 seeds these stay at half of the loss: 23, 30, 31, 35, 38."""
    return exclusive_or(seed, loss).replace(steps=8000)


WIDE = BASE.replace(hidden=(16, 16), steps=200)
BATCHES = WIDE.replace(normalization="batch", batch_size=2, activation="relu", init="he_normal", steps=300)

BEYOND_THE_EDGE = RunConfig(dataset="diabetes", hidden=(), init="zeros", learning_rate=0.25, steps=200)
"""A linear model whose steepest direction grows slowly while the others are learned: the same on every processor."""

CASES: dict[str, tuple[RunConfig, RunConfig]] = {
    "diverged": (
        SHALLOW.replace(dataset="parabola", activation="linear", learning_rate=5.0),
        SHALLOW.replace(dataset="parabola", activation="linear", learning_rate=0.03),
    ),
    "zero_gradient": (BASE.replace(activation="sign"), BASE.replace(activation=(*("tanh",) * 7, "relu"))),
    "underflow": (
        SMALL_WEIGHTS.replace(dtype="float32", hidden=(16,) * 20),
        SMALL_WEIGHTS.replace(dtype="float64", hidden=(16,) * 20),
    ),
    "vanishing": (BASE.replace(gain=0.4, steps=0), BASE.replace(gain=0.5, steps=0)),
    "exploding": (
        BASE.replace(activation="linear", gain=4.0, steps=0),
        BASE.replace(activation="linear", gain=2.0, steps=0),
    ),
    "symmetric": (BASE.replace(init="zeros"), BASE.replace(init="normal", init_scale=0.1)),
    "poor_initialization": (BASE.replace(gain=0.3), BASE.replace(gain=0.5)),
    "saturated": (CIRCLES.replace(gain=5.0, steps=0), CIRCLES.replace(gain=3.0, steps=0)),
    "dead": (
        SHALLOW.replace(activation="relu", init="he_normal", learning_rate=10.0),
        SHALLOW.replace(activation="relu", init="he_normal", learning_rate=1.0),
    ),
    "flat_weight_gradient": (RELU.replace(gain=0.3, steps=0), BASE.replace(activation="sigmoid", steps=0)),
    "updates_too_small": (SHALLOW.replace(learning_rate=1e-6), SHALLOW.replace(learning_rate=1e-3)),
    "updates_too_large": (SHALLOW.replace(learning_rate=100.0), SHALLOW.replace(learning_rate=1.0)),
    "unscaled_targets": (PRICES, PRICES.replace(standardize=True)),
    "unscaled_inputs": (PRICES, PRICES.replace(standardize=True)),
    "constant_input": (OFFSET, OFFSET.replace(table=TABLE.choose("y", ["a", "b"]))),
    "penalty": (WIDE.replace(l2=5.0, learning_rate=0.3), WIDE.replace(l2=1e-4, learning_rate=0.3)),
    "small_batches": (BATCHES, BATCHES.replace(batch_size=32)),
    "epsilon": (
        WIDE.replace(optimizer="adam", epsilon=1.0, learning_rate=1e-4),
        WIDE.replace(optimizer="adam", epsilon=1e-8, learning_rate=1e-2),
    ),
    "clipped": (WIDE.replace(clip_norm=1e-4), WIDE.replace(clip_norm=10.0)),
    "grew": (PRICES, PRICES.replace(standardize=True)),
    "nothing_learned": (BASE.replace(activation="sigmoid", steps=100), WIDE),
    "stands_still": (xor(31), xor(0)),
    "got_worse": (BEYOND_THE_EDGE, BEYOND_THE_EDGE.replace(learning_rate=0.1)),
}
