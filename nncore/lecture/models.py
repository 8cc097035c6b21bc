"""The lecture's own two models with every intermediate number named: logistic regression, and the 1-2-1 network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nncore.model.activations import ACTIVATIONS, Activation
from nncore.model.layout import Array, Layout
from nncore.model.losses import LOSSES
from nncore.model.network import MLP
from nncore.model.optimizers import sgd
from nncore.training import train

LOGISTIC = Layout((1, 1))
"""theta_0 is the bias, theta_1 the weight of the one input."""

ONE_TWO_ONE = Layout((1, 2, 1))
"""theta_0, theta_1: hidden biases; theta_2, theta_3: hidden weights; theta_4: output bias; theta_5, theta_6."""

OVERLAPPING = (
    np.array([-2.75, -2.25, -1.75, -1.25, -0.75, -0.25, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75]),
    np.array([0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]),
)
"""Twelve samples (x, y) of two classes that no threshold parts: the likelihood has a largest value."""

SEPARABLE = (OVERLAPPING[0], (OVERLAPPING[0] > 0).astype(float))
"""The same x, parted by a threshold at 0: the likelihood grows with theta_1 for ever."""


@dataclass(frozen=True)
class Logit:
    """P(y = 1 | x), 1 - P, the odds P / (1 - P), and their logarithm z = theta_0 + theta_1 x; each shaped like x."""

    p: Array
    q: Array
    odds: Array
    log_odds: Array


def logistic(theta: Array, x: Array) -> Logit:
    """Logistic regression's probability, odds and log-odds at x, any shape, for theta (2,).

    1 - P is taken as sigmoid(-z), so that the odds keep their digits where P rounds to 1; where sigmoid(-z)
    itself rounds to 0 they are infinite.

    >>> logit = logistic(np.array([0.0, 1.0]), np.array([0.0, 2.0]))
    >>> logit.p.round(6), logit.odds.round(6), logit.log_odds
    (array([0.5     , 0.880797]), array([1.      , 7.389056]), array([0., 2.]))
    """
    x = np.asarray(x, np.float64)
    z = MLP(LOGISTIC, ()).forward(np.asarray(theta, np.float64), x.reshape(-1, 1)).z[-1].reshape(x.shape)
    sigmoid = ACTIVATIONS["sigmoid"]
    p, q = sigmoid(z), sigmoid(-z)
    with np.errstate(divide="ignore", over="ignore"):
        return Logit(p, q, p / q, z)


@dataclass(frozen=True)
class LogisticFit:
    """Gradient descent on the mean cross-entropy: theta and gradient (steps + 1, 2), loss (steps + 1,)."""

    theta: Array
    grad: Array
    loss: Array


def fit_logistic(x: Array, y: Array, theta: Array, learning_rate: float, steps: int) -> LogisticFit:
    """Fit P(y = 1 | x) to x (n,) and y (n,) of 0 and 1 by full-batch gradient descent from theta (2,).

    On classes that overlap it converges to the maximum-likelihood answer; on classes that a threshold parts
    there is none, and theta_1 grows for ever.

    >>> fit = fit_logistic(*OVERLAPPING, np.zeros(2), learning_rate=1.0, steps=500)
    >>> bool(np.abs(fit.grad[-1]).max() < 1e-12)
    True
    """
    records = train(
        MLP(LOGISTIC, ()),
        LOSSES["bce"],
        sgd(learning_rate),
        np.asarray(theta, np.float64),
        np.asarray(x, np.float64)[:, None],
        np.asarray(y, np.float64)[:, None],
        steps,
    )
    theta_rows, grad_rows, losses = zip(*((s.theta, s.grad, float(s.loss)) for s in records), strict=True)
    return LogisticFit(np.array(theta_rows), np.array(grad_rows), np.array(losses))


@dataclass(frozen=True)
class ForwardPass:
    """The 1-2-1 network at x, in the lecture's symbols; each shaped like x.

    u11, u12: what the hidden units' sums put out; o11, o12: what the units put out; part_1, part_2: theta_5
    O11 and theta_6 O12, the units' contributions; f: theta_4 plus both. slope_1, slope_2: phi'(U11), phi'(U12).
    """

    u11: Array
    u12: Array
    o11: Array
    o12: Array
    slope_1: Array
    slope_2: Array
    part_1: Array
    part_2: Array
    f: Array


def forward(theta: Array, x: Array, activation: str | Activation = "sigmoid") -> ForwardPass:
    """The forward pass of the 1-2-1 network for theta (7,) at x, any shape.

    U11 = th0 + th2 x, U12 = th1 + th3 x, O = phi(U), f = th4 + th5 O11 + th6 O12.

    >>> step = forward(np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6]), np.array(1.0))
    >>> [round(float(number), 6) for number in (step.u11, step.u12, step.o11, step.o12, step.f)]
    [0.6, -0.6, 0.645656, 0.354344, 0.539353]
    """
    theta, x = np.asarray(theta, np.float64), np.asarray(x, np.float64)
    network = MLP(ONE_TWO_ONE, activation)
    tape = network.forward(theta, x.reshape(-1, 1))
    slope = network.activations[0].slope(tape.z[0])
    parts = tape.a[1] * ONE_TWO_ONE.split(theta)[1][0][:, 0]
    columns = [rows[:, unit] for rows in (tape.z[0], tape.a[1], slope, parts) for unit in (0, 1)]
    return ForwardPass(*(column.reshape(x.shape) for column in (*columns, tape.z[-1][:, 0])))


def collapsed(theta: Array) -> tuple[float, float]:
    """Intercept and slope of the one line that the 1-2-1 network is when phi(z) = z.

    th4 + th5 th0 + th6 th1 and th5 th2 + th6 th3: seven parameters, two of them effective.

    >>> intercept, slope = collapsed(np.array([0.1, -0.2, 0.5, -0.4, 0.3, 0.7, -0.6]))
    >>> round(intercept, 12), round(slope, 12)
    (0.49, 0.59)
    """
    (weight, bias), (readout, shift) = ONE_TWO_ONE.split(np.asarray(theta, np.float64))
    return float(shift[0] + bias @ readout[:, 0]), float(weight[0] @ readout[:, 0])


def symmetry(theta: Array) -> str:
    """How alike the 1-2-1 network's two hidden units are.

    "zero": every theta is 0. "twins": th0 = th1, th2 = th3 and th5 = th6, so that both units compute the same
    and receive the same gradient, for ever. "same input": th0 = th1 and th2 = th3 only: they compute the same,
    but their gradients differ. "": neither.

    >>> [symmetry(np.array(t)) for t in ([0.0] * 7, [0.5] * 7, [1, 1, 2, 2, 0, 3, 4], [1, 2, 3, 4, 5, 6, 7])]
    ['zero', 'twins', 'same input', '']
    """
    theta = np.asarray(theta, np.float64)
    if not theta.any():
        return "zero"
    if theta[0] != theta[1] or theta[2] != theta[3]:
        return ""
    return "twins" if theta[5] == theta[6] else "same input"
