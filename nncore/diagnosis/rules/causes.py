"""Rules about settings and data: each fires where its own number is out of range and the loss has gone wrong."""

from __future__ import annotations

import numpy as np

from nncore.config.settings import TABLE
from nncore.diagnosis.rules.gradient import SATURATED
from nncore.diagnosis.rules.rule import NOTHING, Finding, named, rule, where
from nncore.diagnosis.snapshot import WINDOW, Snapshot
from nncore.model.layout import Array
from nncore.numerics.safe_norm import norm

FAR_FROM_1 = 10.0


@rule(
    "Targets are not scaled",
    "size of the targets, their root mean square",
    FAR_FROM_1,
    True,
    3,
    "loss",
    "The output starts near 0 and the gradient grows with the distance to the targets, the loss with its square. "
    "LeCun et al. 1998, Efficient BackProp, section 4.3.",
    kind="cause",
)
def unscaled_targets(seen: Snapshot) -> Finding:
    """Root mean square of the targets of a regression, the largest over outputs; wrong above 10 where the loss is ill."""
    config = seen.history.config
    if config.source.task != "regression" or not seen.course.is_ill:
        return NOTHING
    size = float(_size(config.data().y_train).max())
    return Finding(
        size,
        (seen.n_layers,),
        f"The targets are of size {size:.2g}, the network's first output is not: the first δ is as large, and so is the "
        "first step. Standardize them.",
    )


@rule(
    "Inputs are not scaled",
    "size of the largest input column, or 1 over it",
    FAR_FROM_1,
    True,
    3,
    "signal",
    "z of layer 1 is as large as the inputs: large ones saturate its units or blow up the step, small ones "
    "leave nothing to pass on. LeCun et al. 1998, Efficient BackProp, section 4.3.",
    kind="cause",
)
def unscaled_inputs(seen: Snapshot) -> Finding:
    """max(r, 1/r), r the largest root mean square of a column; wrong above 10 where the loss is ill or layer 1 saturates."""
    if not seen.course.is_ill and not seen.first("saturated_fraction")[0] > SATURATED:
        return NOTHING
    sizes = _size(seen.history.config.data().x_train)
    largest = float(sizes.max())
    column = _column_names(seen)[int(sizes.argmax())]
    return Finding(
        max(largest, 1 / largest) if largest > 0 else np.inf,
        (1,),
        f"The largest input column, {column}, is of size {largest:.2g}, and z of layer 1 grows with it. Standardize the inputs.",
    )


@rule(
    "Inputs that never vary",
    "input columns with the same value in every training row",
    0.0,
    True,
    1,
    "weight_gradient",
    "A constant column says nothing about the target: its weights do the bias's work, or receive no gradient where it is 0.",
    kind="cause",
)
def constant_input(seen: Snapshot) -> Finding:
    """Number of input columns without variation; wrong above 0 in somebody's own table, and where the loss is ill."""
    config = seen.history.config
    if config.dataset != TABLE and not seen.course.is_ill:
        return NOTHING
    constant = np.ptp(config.data().x_train, axis=0) == 0
    names = [name for name, is_constant in zip(_column_names(seen), constant, strict=True) if is_constant]
    listed = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
    verb = "has" if len(names) == 1 else "have"
    return Finding(float(len(names)), (1,), f"{listed} {verb} one value in all training rows: leave it out.")


SHRUNK = 0.3


@rule(
    "Penalty rules the weights",
    "decades between a layer's ‖W‖ and that at step 0",
    SHRUNK,
    True,
    3,
    "theta",
    "A factor of two, while the loss is no better for it. A step multiplies a weight by 1 - rate (2 l2 + weight decay): "
    "beyond a factor of -1 it flips and grows.",
    kind="cause",
)
def penalty(seen: Snapshot) -> Finding:
    """max over layers of |log10(‖W‖ / ‖W_0‖)|; wrong above 0.3 where a penalty acts so fast and the loss is ill."""
    config = seen.history.config
    decay = config.weight_decay or 0.0
    if not (config.l1 or config.l2 or decay) or not seen.course.is_ill:
        return NOTHING
    share = config.learning_rate * (2 * config.l2 + decay)
    change = np.log10(seen.now("weight_norm") / seen.first("weight_norm"))
    if share > 2 * (1 + config.momentum):
        return Finding(
            float(np.abs(change).max()) if np.isfinite(change).any() else np.inf,
            where(np.abs(change) > SHRUNK),
            f"A step multiplies every weight by 1 - {share:.2g} through the penalty alone: it flips its sign and grows, "
            "whatever the data say. Lower the penalty or the learning rate.",
        )
    shrunk = -change
    if np.isnan(shrunk).all():
        return NOTHING
    layers, worst = where(shrunk > SHRUNK), int(np.nanargmax(shrunk))
    return Finding(
        float(shrunk[worst]),
        layers,
        f"‖W‖ of layer {worst + 1} has fallen to {10.0 ** -shrunk[worst]:.2g} of that at step 0, and with it the "
        f"signal: the penalty pulls the weights of {named(layers)} to 0 faster than the data can hold them.",
    )


PARTED = 2.0


@rule(
    "Batches are too small for batch normalization",
    "decades between the shape of training's gradient and the probe's",
    PARTED,
    True,
    3,
    "weight_gradient",
    "Two decades. Over two rows every normalized z is ±1 whatever the weights are, and over one row it is 0: no gradient "
    "passes. Ioffe 2017, Batch Renormalization, section 1. All other readings are taken on the probe rows.",
    kind="cause",
)
def small_batches(seen: Snapshot) -> Finding:
    """max over l of |log10 of ‖∂E/∂W_l‖ / ‖∂E/∂W_L‖ in the batches over the same on the probe|; wrong above 2."""
    config = seen.history.config
    if config.normalization != "batch" or config.batch_rows() == config.n_train or not seen.history.config.depth:
        return NOTHING
    training, probe = seen.training_gradient, seen.now("weight_gradient_norm")
    decades = np.abs(np.log10((training / training[-1]) / (probe / probe[-1])))
    decades[(training == 0) & (probe > 0)] = np.inf
    if np.isnan(decades).all():
        return NOTHING
    layers, worst = where(decades > PARTED), int(np.nanargmax(decades))
    return Finding(
        float(decades[worst]),
        layers,
        f"In training's batches of {config.batch_rows()} rows ‖∂E/∂W‖ of layer {worst + 1} is {training[worst]:.2g}, on "
        f"the {len(seen.history.probe_x)} probe rows {probe[worst]:.2g}: normalized over so few rows, z loses what tells them apart.",
    )


@rule(
    "Epsilon outweighs the gradient",
    "epsilon over a layer's gradient, its root mean square",
    1.0,
    True,
    3,
    "updates",
    "The step is rate · m / (√v + ε): above √v, ε ends the invariance to the gradient's scale, and a small gradient "
    "gets a small step again. Kingma & Ba 2015, section 2.1.",
    kind="cause",
)
def epsilon(seen: Snapshot) -> Finding:
    """max over layers of ε / rms ∂E/∂W; wrong above 1 for an adaptive optimizer where the loss is ill."""
    config = seen.history.config
    value = config.used_epsilon
    if value is None or not seen.course.is_stuck:
        return NOTHING
    sizes = np.sqrt([fan_in * fan_out for fan_in, fan_out in seen.history.layout.fans])
    ratios = value / (seen.training_gradient / sizes)
    ratios[~np.isfinite(ratios)] = np.nan
    if np.isnan(ratios).all():
        return NOTHING
    layers, worst = where(ratios > 1), int(np.nanargmax(ratios))
    return Finding(
        float(ratios[worst]),
        layers,
        f"In {named(layers)} the gradient is smaller than epsilon {value:g}, in layer {worst + 1} {ratios[worst]:.2g} times: "
        f"{config.optimizer} steps there as little as plain gradient descent would.",
    )


CLIPPED = 0.9


@rule(
    "Clipping holds the run back",
    f"share of the last {WINDOW} steps that were clipped",
    CLIPPED,
    True,
    3,
    "loss",
    "Clipping is for the rare long gradient (Pascanu et al. 2013). Where it cuts nine steps in ten, it sets the length "
    "of the steps instead of the learning rate.",
    kind="cause",
)
def clipped(seen: Snapshot) -> Finding:
    """Share of the last steps whose gradient was longer than clip_norm; wrong above 0.9 where a run stands still."""
    limit = seen.history.config.clip_norm
    if limit is None or not seen.course.is_stuck:
        return NOTHING
    first = max(seen.record + 1 - WINDOW, 0)
    norms = norm(seen.history.grad[first : seen.record + 1])
    return Finding(
        float((norms > limit).mean()),
        tuple(range(1, seen.n_layers + 1)),
        f"The gradient's norm is {np.median(norms):.2g} and is clipped at {limit:g} in every step: no step is as long as "
        "the learning rate would have it.",
    )


def _size(columns: Array) -> Array:
    """Root mean square of each column."""
    return np.sqrt(np.square(columns.astype(np.float64)).mean(axis=0))


def _column_names(seen: Snapshot) -> tuple[str, ...]:
    config = seen.history.config
    return (*config.source.feature_names, *config.features)
