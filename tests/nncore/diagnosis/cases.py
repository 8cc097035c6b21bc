"""For each rule a config that triggers it and a near miss that does not."""

from nncore import RunConfig

BASE = RunConfig(dataset="moons", n_samples=100, hidden=(16,) * 8, steps=30)
SHALLOW = BASE.replace(hidden=(16,) * 3)
RELU = BASE.replace(activation="relu", init="he_normal")
SMALL_WEIGHTS = BASE.replace(activation="sigmoid", init="normal", init_scale=1e-4, steps=0)

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
    "symmetric": (BASE.replace(init="constant"), BASE.replace(init="normal", init_scale=0.1)),
    "poor_initialization": (BASE.replace(gain=0.3), BASE.replace(gain=0.5)),
    "saturated": (BASE.replace(gain=5.0, steps=0), BASE.replace(gain=3.0, steps=0)),
    "dead": (
        SHALLOW.replace(activation="relu", init="he_normal", learning_rate=10.0),
        SHALLOW.replace(activation="relu", init="he_normal", learning_rate=1.0),
    ),
    "flat_weight_gradient": (RELU.replace(gain=0.3, steps=0), BASE.replace(activation="sigmoid", steps=0)),
    "updates_too_small": (SHALLOW.replace(learning_rate=1e-6), SHALLOW.replace(learning_rate=1e-3)),
    "updates_too_large": (SHALLOW.replace(learning_rate=100.0), SHALLOW.replace(learning_rate=1.0)),
}
