"""The claims of the experiments in code: what has to be measured on the two runs for each to be true."""

from __future__ import annotations

import numpy as np

from nncore import measures
from nncore.diagnosis.divergence import turning
from nncore.diagnosis.hessian import curvature
from nncore.diagnosis.snapshot import Snapshot

GUESS = float(np.log(2.0))
"""Cross-entropy of a fair guess between two classes."""


# What the claims speak of -----------------------------------------------------------------------------------


def ratio(run: Snapshot) -> float:
    """δ norm of layer 1 over that of the last layer at step 0."""
    delta = run.first("delta_norm")
    return float(delta[0] / delta[-1])


def rate(run: Snapshot) -> float:
    """The factor on δ from one layer back to the one before it, at step 0."""
    return ratio(run) ** (1 / (run.n_layers - 1))


def loss(run: Snapshot) -> float:
    """The loss at the last finite record."""
    return float(run.history.loss[run.record])


def accuracy(run: Snapshot) -> float:
    """Share of training rows put into the right class at the last finite record."""
    return float(measures.performance(run.history, np.array([run.record]))["train_accuracy"][0])


def first_update(run: Snapshot) -> float:
    """‖ΔW‖ / ‖W‖ of layer 1 in the first update."""
    return float(measures.per_layer(run.history, "update_ratio", np.array([0]))["update_ratio"][0, 0])


def distance(run: Snapshot) -> np.ndarray:
    """‖W − W₀‖ of every layer at the last finite record."""
    return measures.per_layer(run.history, "distance", np.array([0, run.record]))["distance"][1]


def spread(values: np.ndarray) -> float:
    """Largest over smallest."""
    return float(values.max() / values.min())


def diverged_by(run: Snapshot, step: int) -> bool:
    """Did the run stop being finite at this step or before?"""
    found = run.history.divergence
    return found is not None and found.step <= step


def stuck(run: Snapshot) -> bool:
    """Does the loss end where a fair guess between two classes has it?"""
    return loss(run) > 0.99 * GUESS


def learned(run: Snapshot) -> bool:
    """Are more than 95 % of the training rows right, in a run that stayed finite?"""
    return run.history.divergence is None and accuracy(run) > 0.95


# One claim an experiment: run is what it shows, other what it is compared with; the words stand in `entries` --


def deep_sigmoid(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio below 1e-7 and stuck; other: above 0.1 and learned."""
    return ratio(run) < 1e-7 and stuck(run) and ratio(other) > 0.1 and learned(other)


def depth(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio below 0.01 and stuck; other: above 0.1, and more than 90 % of the rows right."""
    return ratio(run) < 0.01 and stuck(run) and ratio(other) > 0.1 and accuracy(other) > 0.9


def cross_entropy(run: Snapshot, other: Snapshot) -> bool:
    """Both: ratio below 1e-4, rates equal to 10 %, stuck; ‖δ_L‖ of other is above 1.3 times run's."""
    same_rate = abs(rate(run) / rate(other) - 1) < 0.1
    is_stuck = stuck(run) and loss(other) > 0.99 * 0.25  # a guess of 1/2 is wrong by 1/2: squared, 1/4
    at_the_output = float(other.first("delta_norm")[-1] / run.first("delta_norm")[-1])
    return at_the_output > 1.3 and same_rate and max(ratio(run), ratio(other)) < 1e-4 and is_stuck


def flat_weight_gradients(run: Snapshot, other: Snapshot) -> bool:
    """Both: ‖∂E/∂W‖ within a factor 2 over the layers; ratio below 0.1 in run, above 0.5 in other."""
    weights = spread(run.first("weight_gradient_norm")), spread(other.first("weight_gradient_norm"))
    return ratio(run) < 0.1 and ratio(other) > 0.5 and max(weights) < 2


def float_types(run: Snapshot, other: Snapshot) -> bool:
    """run: δ is exactly 0 in layers 1 to 5; other: in none, and ‖δ_1‖ is below 1e-45."""
    zero, small = run.first("delta_norm"), other.first("delta_norm")
    return bool((zero[:5] == 0).all() and (small > 0).all() and small[0] < 1e-45)


def exploding(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio above 1e3, first update above 1; other: below 1, and below 0.01."""
    return ratio(run) > 1e3 and first_update(run) > 1 and ratio(other) < 1 and first_update(other) < 0.01


def relu_explodes(run: Snapshot, other: Snapshot) -> bool:
    """run: rate 1.4 to 1.8, diverged by step 10; other: rate 0.9 to 1.1, not diverged by step 50."""
    return 1.4 < rate(run) < 1.8 and diverged_by(run, 10) and 0.9 < rate(other) < 1.1 and not diverged_by(other, 50)


def saturated(run: Snapshot, other: Snapshot) -> bool:
    """run: three quarters saturated, ratio above 50, loss above 0.5; other: a tenth at most, and learned."""
    flat = [float(each.first("saturated_fraction")[:-1].mean()) for each in (run, other)]
    return flat[0] > 0.75 and ratio(run) > 50 and loss(run) > 0.5 and flat[1] < 0.1 and learned(other)


def sure_output(run: Snapshot, other: Snapshot) -> bool:
    """run: over half of every hidden layer saturated at step 0; other: below a fifth at the end, most outputs sure, learned."""
    sure = measures.per_layer(other.history, "sure_fraction", np.array([other.record]))["sure_fraction"][0, -1]
    everywhere = bool((run.first("saturated_fraction")[:-1] > 0.5).all())
    return everywhere and bool((other.now("saturated_fraction")[:-1] < 0.2).all()) and sure > 0.5 and learned(other)


def fell_first(run: Snapshot, other: Snapshot) -> bool:
    """run: its loss fell below a tenth of its first, where the sharpness was above 2/α; then the gradient turned up, with it
    the loss, at last θ, and by step 300 it was not finite; other: fell at every step, and ends lower than run ever was.
    """
    found = turning(run.history)
    if found is None or not diverged_by(run, 300):
        return False
    record = run.history.nearest(found.lowest)
    sharpness = curvature(run.history, np.array([record]))["sharpness"][0]
    order = {each.quantity: each.step for each in found.turns}
    lowest = float(np.nanmin(run.history.loss))
    fell = lowest < run.history.loss[0] / 10
    in_order = len(order) == 3 and order["gradient"] <= order["loss"] < order["theta"]
    overshoots = sharpness > 2 / run.history.config.learning_rate
    calm = bool((np.diff(other.history.loss) < 0).all()) and loss(other) < lowest
    return in_order and overshoots and fell and calm


def activation_decides(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio above 0.1, more than 95 % right; other: ratio below 1e-6, less than 65 % right."""
    return ratio(run) > 0.1 and learned(run) and ratio(other) < 1e-6 and accuracy(other) < 0.65


def batch_normalization(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio above 1e4, at a rate of 1.15 to 1.35; other: ratio below 1."""
    return ratio(run) > 1e4 and 1.15 < rate(run) < 1.35 and ratio(other) < 1


def xavier_tanh(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio above 0.1 and learned; other: below 1e-10, and its loss moved by less than 1e-6."""
    unmoved = abs(loss(other) - float(other.history.loss[0])) < 1e-6
    return ratio(run) > 0.1 and learned(run) and ratio(other) < 1e-10 and unmoved


def he_relu(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio 0.1 to 10, more than 90 % right; other: ratio within a factor 10 of 2⁻¹⁵, and stuck."""
    halved = 0.1 < ratio(other) / 2**-15 < 10
    return 0.1 < ratio(run) < 10 and halved and accuracy(run) > 0.9 and stuck(other)


def zeros(run: Snapshot, other: Snapshot) -> bool:
    """run: of theta only biases moved, the loss fell, less than 65 % of the rows right; other: learned."""
    moved = run.history.layout.split(run.history.theta[run.record])[-1][1]
    only_the_bias = not distance(run).any() and bool(moved.any())
    return only_the_bias and loss(run) < float(run.history.loss[0]) and accuracy(run) < 0.65 and learned(other)


def sigmoid_zeros(run: Snapshot, other: Snapshot) -> bool:
    """run: the last layer moved in the first step, the one before it in the second, in the end all, hidden units twins; other:
    no weight moved; both less than 65 % right.
    """
    steps = measures.per_layer(run.history, "distance", np.array([1, 2]))["distance"] > 0
    one_by_one = steps[0].tolist() == [*[False] * (run.n_layers - 1), True] and bool(steps[1, -2])
    moved = one_by_one and bool(distance(run).all()) and not distance(other).any()
    return moved and bool((run.twins[:-1] == 1).all()) and max(accuracy(run), accuracy(other)) < 0.65


def near_zero(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio above 0.1 and learned; other: below 1e-4 and stuck."""
    return ratio(run) > 0.1 and learned(run) and ratio(other) < 1e-4 and stuck(other)


def constant(run: Snapshot, other: Snapshot) -> bool:
    """run: every hidden unit a twin, every layer moved, less than 70 % right; other: no twins, learned."""
    twins = bool((run.twins[:-1] == 1).all() and not other.twins.any())
    return twins and bool(distance(run).all()) and accuracy(run) < 0.7 and learned(other)


def skip(run: Snapshot, other: Snapshot) -> bool:
    """run: ratio 1 to 20 and learned; other: below 1e-4 and stuck."""
    return 1 < ratio(run) < 20 and learned(run) and ratio(other) < 1e-4 and stuck(other)


def adaptive(run: Snapshot, other: Snapshot) -> bool:
    """The same ratio below 1e-3; run: first update above 0.01, loss below 0.65; other: below 1e-5, stuck."""
    moved = first_update(run) > 0.01 and first_update(other) < 1e-5
    return ratio(run) == ratio(other) < 1e-3 and moved and loss(run) < 0.65 and stuck(other)


def clipping(run: Snapshot, other: Snapshot) -> bool:
    """run: finite, more than 90 % of the rows right; other: diverged by step 5."""
    return run.history.divergence is None and accuracy(run) > 0.9 and diverged_by(other, 5)


def dying_relu(run: Snapshot, other: Snapshot) -> bool:
    """run: most hidden units dead, a whole layer, ‖δ_1‖ = 0, stuck; other: less than a fifth, learned."""
    dead = run.now("dead_fraction")[:-1]
    gone = dead.mean() > 0.5 and dead.max() == 1 and run.now("delta_norm")[0] == 0 and stuck(run)
    return bool(gone) and float(other.now("dead_fraction")[:-1].mean()) < 0.2 and learned(other)


def linear(run: Snapshot, other: Snapshot) -> bool:
    """run: less than 60 % of the rows right; other: learned."""
    return accuracy(run) < 0.6 and learned(other)


def two_units(run: Snapshot, other: Snapshot) -> bool:
    """The loss of run is below a quarter of other's."""
    return loss(run) < 0.25 * loss(other)
