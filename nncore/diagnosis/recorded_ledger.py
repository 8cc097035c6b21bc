"""Who killed the gradient of a recorded model, where its modules are a chain; and a network of nncore's that is like it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from nncore.config.run_config import RunConfig
from nncore.measures.measurement import Measurement
from nncore.recorders import Recorded

CHAIN_PARTS = ("weights", "slope", "normalization", "other")
"""What the factor of a layer is split into; `other` is what dropout, pooling and the like do."""

ACTIVATION_OF = {
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
    "SiLU": "silu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Mish": "mish",
    "Hardtanh": "hard_tanh",
}
"""Type of a module -> the activation of nncore that it is."""

SLOPES = {
    *ACTIVATION_OF,
    "CELU",
    "Hardsigmoid",
    "Hardswish",
    "LogSigmoid",
    "PReLU",
    "ReLU6",
    "RReLU",
    "Softshrink",
    "Tanhshrink",
}
WEIGHTS = ("Linear", "Conv", "LazyLinear", "LazyConv")
"""What the type of a module whose factor is its weights begins with."""


def chain(recorded: Recorded) -> tuple[int, ...]:
    """The modules with none inside, as indices, where each one's input is the output of the one before; () where not.

    One that something lies between, is used twice, or shares its input with another breaks it: gradient comes around it.
    """
    places = _leaves(recorded)
    weighted = sum(recorded.weight_of(place) is not None for place in places)
    return tuple(places) if weighted > 1 and not recorded.header.of_rows and not _break(recorded, places) else ()


def why_no_chain(recorded: Recorded) -> str:
    """A sentence that names the first module that breaks the chain; "" where there is one, or where a file tells nothing."""
    places = _leaves(recorded)
    if recorded.header.of_rows or not any(recorded.modules[place].follows for place in places):
        return ""
    return _break(recorded, places)


def _leaves(recorded: Recorded) -> list[int]:
    return [place for place, module in enumerate(recorded.modules) if module.leaf and module.order >= 0]


def _break(recorded: Recorded, places: list[int]) -> str:
    """Where the chain of these modules ends, as a sentence; "" where it does not."""
    for first, place in pairwise(places):
        before, now = recorded.modules[first], recorded.modules[place]
        if now.follows != before.name:
            why = f"{now.name} does not take the output of {before.name} as it stands"
        elif recorded.weight_of(place) is not None and not now.type.startswith(WEIGHTS):
            why = f"{now.name} has weights and more in one"
        else:
            continue
        return f"No ledger of causes: the modules are not a chain of simple ones, for {why}."
    return ""


def recorded_ledger(recorded: Recorded, record: int) -> Measurement:
    """log10 of ‖δ‖ of each module with weights over that of the next one, and the parts that it is the sum of. Axis: layer.

    δ is ∂E/∂(a module's output), so that the step across a module is its own: weights of a linear map or convolution, slope of an
    activation, normalization, other. `total` is the measured ratio, the column `name` the modules' names. The last one with
    weights, where it begins, has no row. NaN where a norm is 0 or not finite. Raises ValueError where the modules are no chain.
    """
    places = chain(recorded)
    if not places:
        raise ValueError(why_no_chain(recorded) or "the modules are not known to be a chain")
    with np.errstate(all="ignore"):
        size = recorded.quantity("delta_norm")[record, list(places)]
        logs = np.log10(np.where((size > 0) & np.isfinite(size), size, np.nan))
    weighted = [k for k, place in enumerate(places) if recorded.weight_of(place) is not None]
    values = {part: np.zeros(len(weighted) - 1) for part in CHAIN_PARTS}
    for row, (first, last) in enumerate(pairwise(weighted)):
        for k in range(first, last):
            values[_part(recorded, places[k + 1])][row] += logs[k] - logs[k + 1]
    rows = weighted[:-1]
    values["total"] = logs[rows] - logs[weighted[1:]]
    names = np.array([recorded.modules[places[k]].name for k in rows], object)
    return Measurement(
        "gradient ledger", {"layer": np.arange(1, len(rows) + 1)}, values, columns={"name": ("layer", names)}
    )


def _part(recorded: Recorded, place: int) -> str:
    """What the step of δ across a module is."""
    kind = recorded.modules[place].type
    if kind.startswith(WEIGHTS):
        return "weights"
    return "slope" if kind in SLOPES else "normalization" if "Norm" in kind else "other"


def stand_in(recorded: Recorded) -> RunConfig | None:
    """A network of nncore's with the depth, widths, activation and size of weights of a chain of linear maps; None for others.

    The size is the middle one over the layers, at the first record. Rows and loss are nncore's own: it is not the model.
    """
    places = chain(recorded)
    modules = [recorded.modules[place] for place in places]
    linear = [place for place in places if recorded.modules[place].type == "Linear"]
    kinds = {module.type for module in modules} - {"Linear"}
    if len(linear) < 2 or len(kinds) != 1 or not kinds <= ACTIVATION_OF.keys() or len(modules) != 2 * len(linear) - 1:
        return None
    weights = [weight for place in linear if (weight := recorded.weight_of(place)) is not None]
    shapes = [recorded.parameters[weight].shape for weight in weights]
    norms = recorded.quantity("weight_norm")[0, weights]
    gains = [norm / np.sqrt(shape[0]) for norm, shape in zip(norms, shapes, strict=True) if len(shape) == 2]
    gain = float(np.median(gains)) if len(gains) == len(linear) else np.nan
    if not 0 < gain <= 20:
        return None
    try:
        return RunConfig(
            dataset="circles",
            hidden=tuple(shape[0] for shape in shapes[:-1]),
            activation=ACTIVATION_OF[kinds.pop()],
            init="lecun_normal",
            gain=float(f"{gain:.3g}"),
            steps=100,
        )
    except ValueError:
        return None
