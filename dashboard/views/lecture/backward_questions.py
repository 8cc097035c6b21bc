"""What to predict about backpropagation, from students' own questions; every answer is computed when asked."""

from __future__ import annotations

import numpy as np

from dashboard.views.lecture.inputs import theta_settings
from dashboard.views.lecture.quiz import Question
from dashboard.views.lecture.worked_example import EXAMPLE_THETA, THETA, descent_from
from dashboard.words.numbers import digits
from nncore import ACTIVATIONS, MLP
from nncore.lecture.chain import output_slopes
from nncore.lecture.models import ONE_TWO_ONE

OWN = "my own"
SIGMOID = ACTIVATIONS["sigmoid"]


def situation(theta: tuple[float, ...], sample: str, k: int, x: float) -> dict[str, object]:
    """The widget values of a situation of the first part."""
    return {
        **theta_settings("b", theta),
        "b_sample": sample,
        "b_k": THETA[k],
        "b_x": x,
        "b_y": x * x,
        "b_part": "By hand",
    }


def zero() -> Question:
    path = descent_from((0.0,) * 7)
    tanh = descent_from((0.0,) * 7, phi="tanh")
    moved = [THETA[k] for k in range(7) if tanh.theta[-1][k] != 0]
    still = [k for k in range(7) if path.grad[0][k] == 0]
    end = path.theta[-1]
    return Question(
        "b_zero",
        "All seven θ start at 0 and the units are sigmoids. Does the network not train at all, or train partly?",
        ("nothing moves, ever", "only θ4 moves, ever", "it trains partly: like a network with one hidden unit"),
        2,
        f"O = ½ at zero, so θ4, θ5, θ6 have a gradient at once; only {', '.join(THETA[k] for k in still)} have exactly 0, for one "
        f"step. After 500 steps E is {digits(path.loss[-1], 4)} and θ5 = {digits(end[5])} = θ6: the units never part. "
        f"With tanh O would be 0 as well, and {', '.join(moved)} alone would ever move.",
        {
            **theta_settings("b", (0.0,) * 7),
            "b_part": "Descent",
            "b_step": 500,
            "b_steps": 500,
            "b_alpha": 0.1,
            "b_phi": "sigmoid",
        },
        "card_b_curve",
    )


def equal() -> Question:
    theta = (0.0, 0.0, 0.5, 0.5, 0.0, 0.7, 0.7)
    apart = descent_from((0.0, 0.0, 0.5, -0.4, 0.0, 0.7, -0.6)).theta[-1]
    same = descent_from(theta).theta[-1]
    return Question(
        "b_equal",
        "Why may the biases start at zero, but not the weights all alike? Both biases 0 and both units' weights equal: after "
        "500 steps, how far apart are θ2 and θ3?",
        ("far: descent finds the differences", "a little", "not at all"),
        2,
        f"θ2 = {digits(same[2])} = θ3: equal units get equal gradients. With biases 0 but different weights (0.5 and −0.4) they end at "
        f"{digits(apart[2])} and {digits(apart[3])}: the weights break the symmetry, the biases need not.",
        {
            **theta_settings("b", theta),
            "b_part": "Descent",
            "b_step": 500,
            "b_steps": 500,
            "b_alpha": 0.1,
            "b_phi": "sigmoid",
        },
        "card_b_curve",
    )


def flat() -> Question:
    theta = (0.0, 0.0, 8.0, -8.0, 0.3, 0.7, -0.6)
    network = MLP(ONE_TWO_ONE, "sigmoid")
    slopes = output_slopes(network, np.array(theta), np.array([[1.0]]))[0]
    moved = np.array(theta)
    moved[2] = 0.0
    before, after = (float(network.forward(t, np.array([[1.0]])).z[-1][0, 0]) for t in (np.array(theta), moved))
    return Question(
        "b_flat",
        "θ2 = 8 saturates unit 1 at x = 1: its gradient is tiny. Is f flat in θ2 everywhere, so that θ2 does not matter?",
        ("yes, θ2 is useless there", "no: flat here, steep elsewhere"),
        1,
        f"∂f/∂θ2 = {digits(slopes[2], 3)} here, yet moving θ2 from 8 to 0 changes f from {digits(before)} to {digits(after)}. A small "
        "gradient says that a *small* step changes little, not that the weight does not matter.",
        situation(theta, "3", 2, 1.0),
        "b_chain",
    )


def bounce() -> Question:
    path = descent_from(EXAMPLE_THETA, alpha=2.0)
    assert path.divergence is not None
    return Question(
        "b_bounce",
        "α = 0.3 learns faster than 0.1. What does α = 2 do from the same start?",
        ("learn faster still", "bounce, but arrive", "grow at every turn until it overflows"),
        2,
        f"E goes {', '.join(digits(v, 3) for v in path.loss[:4])}, …: each step lands further up the other side. "
        f"{path.divergence.sentence()}",
        {
            **theta_settings("b", EXAMPLE_THETA),
            "b_part": "Descent",
            "b_alpha": 2.0,
            "b_steps": 500,
            "b_step": 3,
            "b_phi": "sigmoid",
        },
        "card_b_loss",
    )


def saturation() -> Question:
    slope = float(SIGMOID.slope(np.array(6.0)))
    return Question(
        "b_saturation",
        "A unit has U = 6, so O = 0.9975: a confident unit. What share of the gradient does it let through?",
        ("nearly all", "about a quarter", "about 1 in 400"),
        2,
        f"O(1 − O) = {digits(slope)}: 1 − O is small exactly because O is near 1. It is the same in every layer: saturation stops the "
        "gradient wherever it happens, not only at the output.",
        {"b_part": "Slope", "b_u": 6.0},
        "card_b_slope",
    )


def ceiling() -> Question:
    return Question(
        "b_ceiling",
        "At best, what share of the signal is left after the slopes of ten sigmoid layers, weights aside?",
        ("a quarter", "one fortieth", "one millionth"),
        2,
        f"At most ¼ each: ¼¹⁰ = {digits(float(SIGMOID.slope(np.array(0.0)) ** 10), 3)}, and only if every U is exactly 0.",
        {"b_part": "Slope", "b_u": 0.0},
        "card_b_slope",
    )
