"""The collection: runs that something is wrong with, of every kind, and runs that are well, over data and settings."""

from __future__ import annotations

from typing import Any

from nncore.clinic import tables
from nncore.clinic.case import Case, sick, well
from nncore.clinic.tables import on_table
from nncore.config.run_config import RunConfig

MOONS = RunConfig(dataset="moons", n_samples=200, hidden=(16, 16), steps=400)
DEEP = MOONS.replace(hidden=(24,) * 12, steps=300)
RELU = MOONS.replace(activation="relu", init="he_normal")
GOOD = MOONS.replace(learning_rate=0.5)
RATE_TOO_LARGE = ("updates_too_large", "diverged", "grew", "dead", "saturated", "nothing_learned", "got_worse")
RATE_TOO_SMALL = ("updates_too_small", "nothing_learned", "stands_still")


def exclusive_or(seed: int, loss: str) -> RunConfig:
    """The four rows of exclusive or on two sigmoid units: some seeds stay at half of the constant answer's loss."""
    return on_table(
        tables.EXCLUSIVE_OR,
        "classification",
        hidden=(2,),
        activation="sigmoid",
        init="uniform",
        init_scale=1.0,
        learning_rate=0.5,
        steps=6000,
        seed=seed,
        loss=loss,
    )


SICK: tuple[Case, ...] = (
    # Scale
    sick(
        "prices that nobody scaled",
        on_table(
            tables.prices(),
            "regression",
            hidden=(64, 32),
            activation="relu",
            init="he_normal",
            batch_size=16,
            steps=200,
        ),
        "The loss explodes at the first step because the target is 180,000.",
        "unscaled_targets",
    ),
    sick(
        "diabetes as it is, relu",
        RunConfig(
            dataset="diabetes", standardize=False, hidden=(64, 32), activation="relu", init="he_normal", steps=200
        ),
        "Targets of 150 give a first step that throws the units away.",
        "unscaled_targets",
        "unscaled_inputs",
    ),
    sick(
        "diabetes as it is, tanh",
        RunConfig(dataset="diabetes", standardize=False, hidden=(16, 16), learning_rate=0.3, steps=200),
        "Inputs and targets of 150: units saturate and the output jumps.",
        "unscaled_targets",
        "unscaled_inputs",
    ),
    sick(
        "y = x² + 3, two linear layers",
        on_table(
            tables.squares(),
            "regression",
            hidden=(1,),
            activation="linear",
            init="xavier_uniform",
            batch_size=32,
            learning_rate=0.01,
            steps=200,
        ),
        "The target reaches 9,804; the poster found that out himself.",
        "unscaled_targets",
    ),
    sick(
        "y = x⁴ up to 10⁸, adam",
        on_table(
            tables.powers(),
            "regression",
            hidden=(30, 30),
            activation=("sigmoid", "elu"),
            optimizer="adam",
            learning_rate=0.001,
            batch_size=32,
            steps=1500,
        ),
        "Inputs saturate the sigmoid and targets of 10⁸ are out of reach: worse than the mean.",
        "unscaled_targets",
        "unscaled_inputs",
    ),
    sick(
        "raw digits, sigmoid, N(0, 1) weights",
        RunConfig(
            dataset="digits",
            n_samples=300,
            standardize=False,
            hidden=(30,),
            activation="sigmoid",
            init="normal",
            init_scale=1.0,
            batch_size=10,
            steps=300,
        ),
        "Pixels up to 16 saturate the units at once.",
        "unscaled_inputs",
        "saturated",
    ),
    sick(
        "wine as it is",
        RunConfig(dataset="wine", standardize=False, hidden=(16, 16), steps=200),
        "One column is a thousand times the others: layer 1 saturates.",
        "unscaled_inputs",
        "saturated",
    ),
    sick(
        "tumours as they are, relu",
        RunConfig(
            dataset="breast_cancer", standardize=False, hidden=(16, 16), activation="relu", init="he_normal", steps=200
        ),
        "Inputs of a thousand make the first step kill the units.",
        "unscaled_inputs",
    ),
    sick(
        "inputs of a thousandth",
        on_table(tables.small_inputs(), "classification", hidden=(8, 8), steps=300),
        "z is as small as the inputs: nothing arrives.",
        "unscaled_inputs",
    ),
    sick(
        "a column that is 1,000 throughout",
        on_table(tables.offset(), "regression", hidden=(16,), steps=200),
        "A constant column of 1,000 saturates every unit and says nothing.",
        "constant_input",
        "unscaled_inputs",
    ),
    # The gradient's way
    sick(
        "sigmoid, 12 layers",
        DEEP.replace(activation="sigmoid"),
        "δ loses three quarters in each layer.",
        "vanishing",
        "poor_initialization",
    ),
    sick(
        "sigmoid, 30 layers",
        DEEP.replace(activation="sigmoid", hidden=(16,) * 30),
        "δ is gone before layer 1.",
        "vanishing",
        "poor_initialization",
    ),
    sick(
        "tanh, weights a third too small",
        DEEP.replace(gain=0.3),
        "Signal and δ shrink in each layer.",
        "vanishing",
        "poor_initialization",
    ),
    sick(
        "relu, weights half too small",
        DEEP.replace(activation="relu", init="he_normal", gain=0.5),
        "Signal and δ halve in each layer.",
        "vanishing",
        "poor_initialization",
    ),
    sick(
        "softsign, small weights",
        DEEP.replace(activation="softsign", gain=0.4),
        "Signal and δ shrink in each layer.",
        "vanishing",
        "poor_initialization",
    ),
    sick(
        "adam cannot save a sigmoid of 20 layers",
        DEEP.replace(activation="sigmoid", hidden=(16,) * 20, optimizer="adam", learning_rate=0.001),
        "The signal of the inputs is gone.",
        "vanishing",
        "poor_initialization",
    ),
    sick(
        "relu on 0.01 N(0, 1)",
        RELU.replace(hidden=(32,) * 5, init="normal", init_scale=0.01),
        "Weights of 0.01 carry nothing.",
        "poor_initialization",
        "vanishing",
        "zero_gradient",
    ),
    sick(
        "linear, gain 4",
        DEEP.replace(activation="linear", gain=4.0),
        "δ grows fourfold in each layer.",
        "exploding",
        "diverged",
        "poor_initialization",
    ),
    sick(
        "relu, gain 3",
        DEEP.replace(activation="relu", init="he_normal", gain=3.0),
        "δ grows threefold in each layer.",
        "exploding",
        "diverged",
        "grew",
        "poor_initialization",
    ),
    sick(
        "batch norm and relu, 50 layers",
        MOONS.replace(
            hidden=(32,) * 50,
            activation="relu",
            init="he_normal",
            normalization="batch",
            learning_rate=1e-3,  # at larger ones chance decides how far it comes
            steps=100,
        ),
        "δ grows by a fifth in each layer (Yang et al. 2019).",
        "exploding",
    ),
    sick("all weights equal", MOONS.replace(init="constant"), "All units of a layer learn the same.", "symmetric"),
    sick("all weights 0, relu", RELU.replace(init="zeros"), "relu passes nothing at 0.", "zero_gradient", "symmetric"),
    sick(
        "all weights 0, tanh",
        MOONS.replace(init="zeros"),
        "φ(0) = 0: only the last bias learns.",
        "zero_gradient",
        "symmetric",
    ),
    sick("sign units", MOONS.replace(activation="sign"), "The slope is 0 wherever it exists.", "zero_gradient"),
    sick(
        "float32 underflow",
        DEEP.replace(activation="sigmoid", init="normal", init_scale=1e-4, dtype="float32", hidden=(16,) * 20),
        "δ is smaller than float32 holds.",
        "underflow",
        "vanishing",
        "zero_gradient",
    ),
    sick(
        "tanh, gain 20",
        MOONS.replace(gain=20.0, hidden=(16,) * 6, learning_rate=0.01),
        "All units saturate from the start.",
        "saturated",
    ),
    # Units
    sick(
        "relu 2-2, unlucky seed",
        on_table(
            tables.line(),
            "regression",
            hidden=(2, 2),
            activation="relu",
            init="he_normal",
            optimizer="adam",
            learning_rate=0.01,
            steps=1500,
            seed=3,
        ),
        "The few units are dead.",
        "dead",
        "zero_gradient",
    ),
    *(
        sick(
            f"exclusive or, seed {seed}, {loss}",
            exclusive_or(seed, loss),
            "Two units are stuck between two answers.",
            "stands_still",
            "nothing_learned",
        )
        for seed, loss in ((23, "bce"), (31, "bce"), (38, "bce"), (17, "mse"), (35, "mse"))
    ),
    sick(
        "a linear network on circles",
        MOONS.replace(dataset="circles", activation="linear"),
        "No line parts circles.",
        "nothing_learned",
        "stands_still",
    ),
    sick(
        "a linear network on xor",
        MOONS.replace(dataset="xor", activation="linear"),
        "No line parts exclusive or.",
        "nothing_learned",
        "stands_still",
    ),
    sick(
        "one unit on circles",
        MOONS.replace(dataset="circles", hidden=(1,), steps=2000, learning_rate=0.5),
        "One unit cannot enclose a circle.",
        "nothing_learned",
        "stands_still",
    ),
    # Penalties
    sick(
        "l2 of 5 at a rate of 0.3",
        MOONS.replace(hidden=(8, 8), l2=5.0, learning_rate=0.3, steps=200),
        "The penalty alone flips and doubles every weight.",
        "penalty",
    ),
    sick("l2 of 0.5", MOONS.replace(l2=0.5), "The penalty pulls all weights to 0.", "penalty"),
    sick("l1 of 0.1", MOONS.replace(l1=0.1), "The penalty pulls all weights to 0.", "penalty"),
    sick("weight decay of 2", MOONS.replace(weight_decay=2.0), "Decay pulls all weights to 0.", "penalty"),
    sick(
        "adamw, weight decay of 10 at a rate of 0.01",
        MOONS.replace(optimizer="adamw", weight_decay=10.0, learning_rate=0.01),
        "Decay pulls all weights to 0.",
        "penalty",
    ),
    # Batches
    sick(
        "batch norm over two rows",
        RELU.replace(hidden=(32,) * 8, normalization="batch", batch_size=2, steps=300),
        "Two rows normalize to ±1 whatever they are.",
        "small_batches",
    ),
    sick(
        "batch norm over one row",
        RELU.replace(hidden=(32,) * 2, normalization="batch", batch_size=1, steps=300),
        "One row normalizes to 0: all outputs are the same.",
        "small_batches",
    ),
    sick(
        "batch norm over two rows, tanh",
        MOONS.replace(hidden=(16,) * 4, normalization="batch", batch_size=2, steps=300),
        "Two rows normalize to ±1 whatever they are.",
        "small_batches",
    ),
    # The update
    sick(
        "adam, epsilon of 1",
        MOONS.replace(optimizer="adam", epsilon=1.0, learning_rate=1e-4),
        "ε ends Adam's indifference to the gradient's size.",
        "epsilon",
    ),
    sick(
        "rmsprop, epsilon of 1",
        MOONS.replace(optimizer="rmsprop", epsilon=1.0, learning_rate=1e-4),
        "ε ends RMSProp's indifference to the gradient's size.",
        "epsilon",
    ),
    sick(
        "adam, epsilon of 0.001, 12 sigmoid layers",
        DEEP.replace(activation="sigmoid", optimizer="adam", epsilon=1e-3, learning_rate=0.01),
        "Gradients of 10⁻⁹ under an ε of 10⁻³.",
        "epsilon",
        "vanishing",
        "poor_initialization",
    ),
    sick("clipped at 0.0001", MOONS.replace(clip_norm=1e-4), "Every step is cut to nothing.", "clipped"),
    sick(
        "clipped at 0.001 with momentum",
        MOONS.replace(clip_norm=1e-3, momentum=0.5),
        "Every step is cut to nothing.",
        "clipped",
    ),
    sick(
        "a rate of 0.000001",
        MOONS.replace(dataset="circles", learning_rate=1e-6),
        "No step moves anything.",
        *RATE_TOO_SMALL,
    ),
    sick(
        "adam at 0.0000001",
        MOONS.replace(dataset="circles", optimizer="adam", learning_rate=1e-7),
        "No step moves anything.",
        *RATE_TOO_SMALL,
    ),
    sick("a rate of 0", MOONS.replace(dataset="circles", learning_rate=0.0), "There are no steps.", *RATE_TOO_SMALL),
    sick(
        "a rate that is cut to 0 at once",
        MOONS.replace(dataset="circles", schedule="step", schedule_every=1, schedule_factor=0.0),
        "There are no steps after the first.",
        *RATE_TOO_SMALL,
    ),
    sick("a rate of 100", MOONS.replace(learning_rate=100.0), "Each step replaces the weights.", *RATE_TOO_LARGE),
    sick("relu at a rate of 30", RELU.replace(learning_rate=30.0), "One step kills the units.", *RATE_TOO_LARGE),
    sick(
        "adam at a rate of 10",
        MOONS.replace(optimizer="adam", learning_rate=10.0),
        "Each step replaces the weights.",
        *RATE_TOO_LARGE,
    ),
    sick(
        "a linear network at a rate of 5",
        MOONS.replace(dataset="parabola", activation="linear", learning_rate=5.0),
        "Beyond the edge of stability.",
        *RATE_TOO_LARGE,
    ),
    sick(
        "momentum of 0.99 at a rate of 3",
        RELU.replace(momentum=0.99, learning_rate=3.0),
        "A hundred times the step.",
        *RATE_TOO_LARGE,
    ),
    sick(
        "deep relu at a rate of 1",
        RELU.replace(hidden=(32,) * 10, learning_rate=1.0, dataset="circles"),
        "One step kills the units.",
        *RATE_TOO_LARGE,
    ),
    sick(
        "adam at a rate of 1, relu",
        RELU.replace(hidden=(32,) * 6, optimizer="adam", learning_rate=1.0, dataset="circles"),
        "Steps too large kill the units.",
        *RATE_TOO_LARGE,
    ),
)

_PLACES: dict[str, dict[str, Any]] = {
    "two_gaussians": {},
    "circles": {"activation": "relu", "init": "he_normal"},
    "moons": {"steps": 1500},
    "xor": {},
    "spiral": {
        "activation": "relu",
        "init": "he_normal",
        "hidden": (32, 32),
        "optimizer": "adam",
        "learning_rate": 0.01,
    },
    "blobs": {},
    "parabola": {"hidden": (8,), "learning_rate": 0.1, "steps": 1500},
    "line": {"learning_rate": 0.1},
    "sine": {"optimizer": "adam", "learning_rate": 0.01, "steps": 800},
    "step": {"optimizer": "adam", "learning_rate": 0.01},
    "iris": {},
    "wine": {},
    "breast_cancer": {},
    "digits": {"n_samples": 400, "batch_size": 32},
    "diabetes": {"learning_rate": 0.05},
}
_SMOOTH = (
    "sigmoid",
    "tanh",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "softsign",
    "mish",
    "erf",
    "hard_tanh",
    "relu",
    "leaky_relu",
)

_UPDATES: dict[str, dict[str, Any]] = {
    "momentum": {"momentum": 0.9},
    "nesterov on 32 rows": {"momentum": 0.9, "nesterov": True, "batch_size": 32},
    "rmsprop": {"optimizer": "rmsprop", "learning_rate": 0.003},
    "adagrad": {"optimizer": "adagrad", "learning_rate": 0.05},
    "adam on 16 rows": {"optimizer": "adam", "learning_rate": 0.003, "batch_size": 16},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.003, "weight_decay": 0.01},
}

WELL: tuple[Case, ...] = (
    *(
        well(f"{name} with a set-up that fits", GOOD.replace(dataset=name, **changes), "It learns.")
        for name, changes in _PLACES.items()
    ),
    *(
        well(
            f"{name}, adam",
            MOONS.replace(activation=name, optimizer="adam", learning_rate=0.01, dataset="circles"),
            "It learns.",
        )
        for name in _SMOOTH
    ),
    *(
        well(f"{name} as it is used", RELU.replace(dataset="two_gaussians", **settings), "It learns.")
        for name, settings in _UPDATES.items()
    ),
    well(
        "a linear network on two clouds",
        GOOD.replace(dataset="two_gaussians", activation="linear", learning_rate=0.05),
        "A line is enough.",
    ),
    well("no hidden layer on two clouds", GOOD.replace(dataset="two_gaussians", hidden=()), "A line is enough."),
    well("cross-entropy on two classes", GOOD.replace(loss="cross_entropy", steps=1500), "It learns."),
    well("squared error on classes", GOOD.replace(loss="mse", dataset="blobs"), "It learns."),
    well("batch norm, full batch", RELU.replace(normalization="batch", hidden=(16,) * 4), "It learns."),
    well("batch norm, 32 rows", RELU.replace(normalization="batch", hidden=(16,) * 4, batch_size=32), "It learns."),
    well("layer norm", RELU.replace(normalization="layer", hidden=(16,) * 4), "It learns."),
    well(
        "20 layers with skip connections",
        RELU.replace(hidden=(16,) * 20, skip=True, init="lecun_normal", gain=0.3),
        "It learns.",
    ),
    well("20 relu layers on He", RELU.replace(hidden=(32,) * 20, optimizer="adam", learning_rate=0.001), "It learns."),
    well(
        "noise at its floor",
        MOONS.replace(noise=0.6, learning_rate=0.3, steps=1500),
        "The classes overlap: more cannot be had.",
    ),
    well(
        "diabetes at its floor, adam",
        MOONS.replace(dataset="diabetes", optimizer="adam", learning_rate=0.001),
        "Half of the variance is noise.",
    ),
    well(
        "a large rate that shakes and learns", GOOD.replace(learning_rate=2.0, steps=1500), "It shakes on its way down."
    ),
    well(
        "slow and steady",
        MOONS.replace(dataset="two_gaussians", learning_rate=0.01, steps=600),
        "It goes down all the way.",
    ),
    well(
        "the lecture's network",
        RunConfig(dataset="parabola", hidden=(2,), n_samples=20, test_fraction=0.0, steps=3000),
        "Seven parameters do what they can.",
    ),
    well(
        "digits with pixels that never vary",
        GOOD.replace(dataset="digits", n_samples=400),
        "Constant pixels do no harm.",
    ),
    well("float32", GOOD.replace(dtype="float32", steps=1500), "It learns."),
    well("clipped where it is rare", GOOD.replace(clip_norm=5.0, steps=1500), "The clip hardly acts."),
    well("a small penalty", GOOD.replace(l2=1e-4, steps=1500), "The penalty hardly acts."),
    well(
        "cosine with warm-up",
        GOOD.replace(schedule="cosine", warmup_steps=50, optimizer="adam", learning_rate=0.01),
        "It learns.",
    ),
    well(
        "single rows", GOOD.replace(batch_size=1, learning_rate=0.05, steps=1500, dataset="two_gaussians"), "It learns."
    ),
    well(
        "diabetes as it is, adam",
        RunConfig(
            dataset="diabetes",
            standardize=False,
            hidden=(16,),
            optimizer="adam",
            learning_rate=0.03,
            activation="relu",
            init="he_normal",
            steps=2500,
        ),
        "Unscaled, and it learns all the same.",
    ),
    *(
        well(f"exclusive or, seed {seed}", exclusive_or(seed, "bce"), "Two units are enough with luck.")
        for seed in (0, 1, 2)
    ),
)

CASES = (*SICK, *WELL)
"""All of them, the sick ones first; the names are unique."""
