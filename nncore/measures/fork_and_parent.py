"""How a fork parts from its parent: both laid over the same steps, and their difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nncore.config.fork import Fork
from nncore.history.history import History, weight_change_norms
from nncore.measures import OVER_TIME, per_layer, performance
from nncore.measures.learned import confusion, decision_regions, fitted_curve, predictions
from nncore.measures.measurement import Measurement
from nncore.numerics.safe_norm import norm
from nncore.numerics.spacing import evenly_spaced

RUNS = ("parent", "fork")
"""First word of every quantity that both have."""


def same_bits(parent: History, fork: History) -> bool:
    """Are theta, gradient, loss and the end of both the same, to the last bit, at every step recorded by both?

    The sizes of the updates count as well when both recorded the same steps, as does where a run diverged.

    >>> from nncore import RunConfig, run
    >>> parent = run(RunConfig(hidden=(3,), steps=8))
    >>> same_bits(parent, run(Fork(parent.config, at=5)))
    True
    >>> same_bits(parent, run(Fork(parent.config, at=5, learning_rate=0.1000001)))
    False
    """
    _check_related(parent, fork)
    _, ours, theirs = np.intersect1d(parent.step, fork.step, assume_unique=True, return_indices=True)
    if not len(ours) or (parent.stopped, parent.divergence) != (fork.stopped, fork.divergence):
        return False
    names = ["loss", "theta", "grad"]
    if len(ours) == len(fork) == np.count_nonzero(parent.step >= fork.step[0]):
        names.append("update_norm")
    return all(
        getattr(parent, name)[one].tobytes() == getattr(fork, name)[other].tobytes()
        for name in names
        for one, other in zip(ours, theirs, strict=True)
    )


def scores(parent: History, fork: History) -> Measurement:
    """Loss and accuracy of both, as `performance` measures them, and fork minus parent. Axis: step, from the fork on.

    NaN where a run has no record of a step.
    """
    steps = _steps(parent, fork)
    values = _laid_out(parent, fork, steps, lambda history, records: performance(history, records).values)
    for name in ("loss", "train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        with np.errstate(invalid="ignore"):  # of two infinite losses
            values[f"{name}_difference"] = values[f"fork_{name}"] - values[f"parent_{name}"]
    return Measurement("fork and parent scores", {"step": steps}, values)


def update_ratios(parent: History, fork: History) -> Measurement:
    """The update ratio of both, and fork over parent. Axes: step, from the fork on, and layer."""
    steps = _steps(parent, fork)
    values = _laid_out(parent, fork, steps, lambda history, records: per_layer(history, "update_ratio", records).values)
    values["factor"] = _factor(values, "update_ratio")
    layers = np.arange(1, parent.layout.n_layers + 1)
    return Measurement("fork and parent updates", {"step": steps, "layer": layers}, values)


def weight_distance(parent: History, fork: History) -> Measurement:
    """||W_fork - W_parent|| per layer at every step that both recorded, and as a share of ||W_parent||.

    Axes: step, layer. Weights only, at most `OVER_TIME` steps, evenly spread. 0 is exact: the same weights.
    """
    _check_related(parent, fork)
    steps, ours, theirs = np.intersect1d(parent.step, fork.step, assume_unique=True, return_indices=True)
    chosen = evenly_spaced(0, len(steps) - 1, OVER_TIME)
    steps, ours, theirs = steps[chosen], ours[chosen], theirs[chosen]
    before, after = parent.theta[ours], fork.theta[theirs]
    distance = weight_change_norms(before, after, parent.layout)
    weights = [weight.reshape(len(steps), -1) for weight, _ in parent.layout.split(before)]
    with np.errstate(all="ignore"):
        relative = distance / np.stack([norm(weight) for weight in weights], axis=-1)
    layers = np.arange(1, parent.layout.n_layers + 1)
    values = {"distance": distance, "relative_distance": relative}
    return Measurement("distance of the fork from its parent", {"step": steps, "layer": layers}, values)


def flows(parent: History, fork: History, step: int) -> Measurement:
    """δ and weight-gradient norms of both at one step, and fork over parent. Axis: layer.

    `step` is one of the fork's recorded steps; the parent is NaN where it has no record of it.
    """
    names = ("delta_norm", "weight_gradient_norm")
    values = _laid_out(
        parent, fork, np.array([step]), lambda history, records: per_layer(history, names, records).values
    )
    values = {name: rows[0] for name, rows in values.items()}
    for name in names:
        values[f"{name}_factor"] = _factor(values, name)
    layers = np.arange(1, parent.layout.n_layers + 1)
    return Measurement(f"fork and parent gradient flow at step {step}", {"layer": layers}, values)


def learned(parent: History, fork: History, step: int) -> Measurement:
    """What both have learned at one step that both recorded, and where they differ.

    With two inputs the regions of the plane (difference: 1 where another class wins), with one input the curves, with
    more the confusion table or the predictions; axes and other names are those of `nncore.measures.learned`.
    Raises ValueError when one of them has no record of the step.
    """
    _check_related(parent, fork)
    ours, theirs = (int(np.searchsorted(history.step, step)) for history in (parent, fork))
    for history, record in ((parent, ours), (fork, theirs)):
        if record == len(history) or history.step[record] != step:
            raise ValueError(f"step must be one that both runs recorded; got {step}")
    data = parent.config.data()
    if data.class_names:
        function = decision_regions if data.n_inputs == 2 else confusion
    else:
        function = fitted_curve if data.n_inputs == 1 else predictions
    one, other = function(parent, ours), function(fork, theirs)
    shared = ("actual", "is_test")
    values = {name: one[name] for name in one.values if name in shared}
    for name in one.values:
        if name not in shared:
            values |= {f"parent_{name}": one[name], f"fork_{name}": other[name]}
    main = next(name for name in one.values if name not in shared)
    if function is decision_regions:
        values["difference"] = (values["fork_class"] != values["parent_class"]).astype(np.int64)
    else:
        values["difference"] = values[f"fork_{main}"] - values[f"parent_{main}"]
    name = f"fork and parent {one.name} at step {step}"
    return Measurement(name, one.axes, values, caveats=one.caveats)


def _check_related(parent: History, fork: History) -> None:
    if not isinstance(fork.config, Fork) or fork.config.parent != parent.config:
        raise ValueError("fork must be the history of a fork of parent's config; got another run's")


def _steps(parent: History, fork: History) -> np.ndarray:
    """The steps from the fork on that either run recorded, at most OVER_TIME of them, evenly spread."""
    _check_related(parent, fork)
    steps = np.union1d(parent.step[parent.step >= fork.step[0]], fork.step)
    return steps[evenly_spaced(0, len(steps) - 1, OVER_TIME)]


def _laid_out(
    parent: History,
    fork: History,
    steps: np.ndarray,
    measure: Callable[[History, np.ndarray], Mapping[str, np.ndarray]],
) -> dict[str, np.ndarray]:
    """What `measure` finds for both runs, on the same steps, NaN where a run has no record."""
    _check_related(parent, fork)
    values: dict[str, np.ndarray] = {}
    for who, history in zip(RUNS, (parent, fork), strict=True):
        found, rows, records = np.intersect1d(steps, history.step, assume_unique=True, return_indices=True)
        if not len(found):
            rows, records = np.array([], int), np.array([], int)
        for name, measured in measure(history, records).items():
            laid = np.full((len(steps), *measured.shape[1:]), np.nan)
            laid[rows] = measured
            values[f"{who}_{name}"] = laid
    return values


def _factor(values: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Fork over parent; NaN where the parent is 0."""
    fork, parent = values[f"fork_{name}"], values[f"parent_{name}"]
    with np.errstate(all="ignore"):
        return np.where(parent == 0, np.nan, fork / parent)
