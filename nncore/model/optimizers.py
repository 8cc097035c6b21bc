"""An optimizer is an init and an update: theta, gradient and state in, the next theta out, as in PyTorch."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.model.layout import Array
from nncore.numerics.registry import Registry, check_name
from nncore.numerics.safe_norm import norm

State = dict[str, Any]

Schedule = Callable[[int], float]
"""Step number -> factor on the learning rate."""

NUMBERS = (int, float, np.integer, np.floating)


def constant(step: int) -> float:
    """The schedule of a learning rate that stays what it is."""
    return 1.0


@dataclass(frozen=True)
class Optimizer:
    """One update rule with its settings.

    `init(theta)` makes the state, a dict of arrays shaped like theta. `update(theta, grad, state,
    learning_rate, out)` writes the next theta into `out` and advances the state, which belongs to the caller;
    theta and grad are left alone. `schedule` is the factor on the learning rate in the update that follows a step.
    `clipped` and `scheduled` make another optimizer of one. Everything is elementwise, so theta may have leading axes.

    >>> optimizer = sgd(learning_rate=0.1)
    >>> theta, grad = np.array([1.0, 2.0]), np.array([10.0, -10.0])
    >>> optimizer.step(theta, grad, optimizer.init(theta))
    array([0., 3.])
    """

    name: str
    learning_rate: float
    init: Callable[[Array], State]
    update: Callable[[Array, Array, State, float, Array], None]
    schedule: Schedule = constant

    def step(self, theta: Array, grad: Array, state: State, factor: float = 1.0, out: Array | None = None) -> Array:
        """The next theta, with the learning rate times a schedule's factor."""
        out = np.empty_like(theta) if out is None else out
        self.update(theta, grad, state, self.learning_rate * factor, out)
        return out


def sgd(
    learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False, weight_decay: float = 0.0
) -> Optimizer:
    """Gradient descent: v <- momentum v + g, theta <- theta - learning_rate v; v starts as the first g.

    nesterov steps along g + momentum v; weight_decay adds weight_decay theta to g. Rule and defaults of
    torch.optim.SGD (Sutskever et al. 2013). Raises ValueError when nesterov is asked for without momentum.
    """
    _check(learning_rate=learning_rate, weight_decay=weight_decay)
    _check_fraction(momentum=momentum)
    if nesterov and momentum == 0:
        raise ValueError("nesterov needs a momentum above 0; got momentum 0")

    def init(theta: Array) -> State:
        return {"velocity": np.zeros_like(theta)} if momentum else {}

    def update(theta: Array, grad: Array, state: State, rate: float, out: Array) -> None:
        grad = _with_decay(grad, theta, weight_decay)
        if momentum:
            velocity = state["velocity"]
            velocity *= momentum
            velocity += grad
            grad = grad + momentum * velocity if nesterov else velocity
        np.multiply(grad, -rate, out=out)
        out += theta

    return Optimizer("sgd", learning_rate, init, update)


def rmsprop(
    learning_rate: float = 0.01, alpha: float = 0.99, epsilon: float = 1e-8, weight_decay: float = 0.0
) -> Optimizer:
    """v <- alpha v + (1 - alpha) g², theta <- theta - learning_rate g / (sqrt(v) + epsilon).

    weight_decay adds weight_decay theta to g, as in torch.optim.RMSprop. Tieleman & Hinton 2012.
    """
    _check(learning_rate=learning_rate, epsilon=epsilon, weight_decay=weight_decay)
    _check_fraction(alpha=alpha)

    def init(theta: Array) -> State:
        return {"square": np.zeros_like(theta), "work": np.empty_like(theta)}

    def update(theta: Array, grad: Array, state: State, rate: float, out: Array) -> None:
        square, work = state["square"], state["work"]
        grad = _with_decay(grad, theta, weight_decay)
        _decay_towards_square(square, grad, alpha, work)
        _scaled_step(theta, grad, square, epsilon, rate, work, out)

    return Optimizer("rmsprop", learning_rate, init, update)


def adagrad(learning_rate: float = 0.01, epsilon: float = 1e-10, weight_decay: float = 0.0) -> Optimizer:
    """v <- v + g², theta <- theta - learning_rate g / (sqrt(v) + epsilon). Duchi et al. 2011.

    weight_decay adds weight_decay theta to g, as in torch.optim.Adagrad.
    """
    _check(learning_rate=learning_rate, epsilon=epsilon, weight_decay=weight_decay)

    def init(theta: Array) -> State:
        return {"square": np.zeros_like(theta), "work": np.empty_like(theta)}

    def update(theta: Array, grad: Array, state: State, rate: float, out: Array) -> None:
        square, work = state["square"], state["work"]
        grad = _with_decay(grad, theta, weight_decay)
        np.multiply(grad, grad, out=work)
        square += work
        _scaled_step(theta, grad, square, epsilon, rate, work, out)

    return Optimizer("adagrad", learning_rate, init, update)


def adam(
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.0,
) -> Optimizer:
    """m and v are running means of g and g², both corrected for their start at zero. Kingma & Ba 2015.

    theta <- theta - learning_rate m_hat / (sqrt(v_hat) + epsilon), m_hat = m / (1 - beta_1^t), v_hat
    likewise. weight_decay adds weight_decay theta to g, as in torch.optim.Adam: the root divides the pull by the
    gradient's size as well, so that weights with large gradients are pulled less. `adamw` keeps the two apart.
    """
    _check(weight_decay=weight_decay)
    plain = adamw(learning_rate, beta_1, beta_2, epsilon, weight_decay=0.0, name="adam")

    def update(theta: Array, grad: Array, state: State, rate: float, out: Array) -> None:
        plain.update(theta, _with_decay(grad, theta, weight_decay), state, rate, out)

    return replace(plain, update=update) if weight_decay else plain


def adamw(
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
    weight_decay: float = 0.01,
    *,
    name: str = "adamw",
) -> Optimizer:
    """Adam after theta <- (1 - learning_rate weight_decay) theta: decay apart from the gradient.

    Loshchilov & Hutter 2019.
    """
    _check(learning_rate=learning_rate, epsilon=epsilon, weight_decay=weight_decay)
    _check_fraction(beta_1=beta_1, beta_2=beta_2)

    def init(theta: Array) -> State:
        return {"t": 0, "mean": np.zeros_like(theta), "square": np.zeros_like(theta), "work": np.empty_like(theta)}

    def update(theta: Array, grad: Array, state: State, rate: float, out: Array) -> None:
        state["t"] = t = state["t"] + 1
        mean, square, work = state["mean"], state["square"], state["work"]
        np.subtract(grad, mean, out=work)
        work *= 1.0 - beta_1
        mean += work
        _decay_towards_square(square, grad, beta_2, work)
        np.sqrt(square, out=work)
        work /= math.sqrt(1.0 - beta_2**t)
        work += epsilon
        np.divide(mean, work, out=work)
        work *= -rate / (1.0 - beta_1**t)
        if weight_decay:
            np.multiply(theta, 1.0 - rate * weight_decay, out=out)
            out += work
        else:
            np.add(theta, work, out=out)

    return Optimizer(name, learning_rate, init, update)


def _with_decay(grad: Array, theta: Array, weight_decay: float) -> Array:
    """The gradient of the loss with weight_decay / 2 |theta|^2 added to it."""
    return grad + weight_decay * theta if weight_decay else grad


class Optimizers(Registry[Callable[..., Optimizer]]):
    """Name -> function that makes an optimizer; `register` adds one of your own."""

    kind = "optimizer"

    def register(self, make: Callable[..., Optimizer]) -> Callable[..., Optimizer]:
        """Let an optimizer of your own be named, by its function's name, wherever a name is: it also decorates the function.

        `make(learning_rate, ...)` returns an Optimizer. Arguments called like a setting (momentum, beta_1, epsilon,
        weight_decay, ...) take that setting's value, the others keep their default. It is for this process, as
        `ACTIVATIONS.register` says. Tried on two runs of four parameters, it must move each by its own numbers alone,
        leave theta and gradient as they are, and not climb at its first step. Raises ValueError, one sentence, where it
        does otherwise, and on a name that is taken or is no word.

        >>> def signs(learning_rate: float = 0.01) -> Optimizer:
        ...     def update(theta, grad, state, rate, out):
        ...         np.add(theta, rate * np.sign(grad), out=out)
        ...     return Optimizer("signs", learning_rate, lambda theta: {}, update)
        >>> Optimizers().register(signs)
        Traceback (most recent call last):
        ValueError: signs climbs: its first step adds 0.01 to a theta whose gradient is 0.12573
        """
        name = getattr(make, "__name__", None)
        if not callable(make) or isinstance(make, Optimizer) or name is None:
            raise ValueError(f"optimizer must be a function of learning_rate that makes an Optimizer; got {make!r}")
        check_name(self.kind, name)
        moved = _checked_steps(name, make)
        return self.enter(name, make, lambda other: np.array_equal(_steps(other)[1], moved))


def _steps(make: Callable[..., Optimizer], row: int | slice = slice(None)) -> tuple[Array, Array]:
    """theta (2, 4) of two runs, or of one of them, after each of three steps from 0; and the gradients."""
    gradients = np.random.default_rng(0).standard_normal((3, 2, 4))[:, row]
    optimizer = make(learning_rate=0.01)
    theta, found = np.zeros_like(gradients[0]), []
    state = optimizer.init(theta)
    for gradient in gradients:
        kept = (theta.copy(), gradient.copy())
        out = np.full_like(theta, np.nan)
        optimizer.step(theta, gradient, state, out=out)
        if not all(np.array_equal(*each, equal_nan=True) for each in zip(kept, (theta, gradient), strict=True)):
            raise ValueError("must leave theta and gradient as they are, and write the next theta into out")
        found.append(out)
        theta = out
    return gradients, np.stack(found)


def _checked_steps(name: str, make: Callable[..., Optimizer]) -> Array:
    """theta after each of three steps; raises ValueError where the optimizer is not as it should be."""
    arguments = inspect.signature(make).parameters
    needed = [each for each, facts in arguments.items() if facts.default is facts.empty and each != "learning_rate"]
    if "learning_rate" not in arguments or needed:
        got = ", ".join(arguments)
        raise ValueError(f"{name} must take learning_rate, and have defaults for what else it takes; got {name}({got})")
    made = make(learning_rate=0.01)
    if not isinstance(made, Optimizer):
        raise ValueError(f"{name}(learning_rate=0.01) must return an Optimizer; got {made!r}")
    try:
        gradients, moved = _steps(make)
        alone = _steps(make, 0)[1]
    except ValueError as error:
        raise ValueError(f"{name} {error}") from error
    if not np.isfinite(moved).all():
        raise ValueError(f"{name} must write a finite theta into all of out; got {moved[~np.isfinite(moved)][0]}")
    if not np.array_equal(moved[:, 0], alone):
        raise ValueError(f"{name} must move each run by its own numbers alone: beside another one it moved otherwise")
    climbs = moved[0] * gradients[0] > 0
    if climbs.any():
        step, gradient = moved[0][climbs][0], gradients[0][climbs][0]
        raise ValueError(f"{name} climbs: its first step adds {step:.6g} to a theta whose gradient is {gradient:.6g}")
    return moved


OPTIMIZERS = Optimizers({"sgd": sgd, "rmsprop": rmsprop, "adagrad": adagrad, "adam": adam, "adamw": adamw})


def clip(grad: Array, clip_norm: float | None = None, clip_value: float | None = None) -> Array:
    """The gradient an optimizer is given: scaled to a norm of at most clip_norm, then cut to ±clip_value.

    The norm runs over all parameters of a run (the last axis). The array given is left alone. Pascanu et
    al. 2013.
    """
    if clip_norm is not None:
        factor = np.minimum(1.0, clip_norm / (norm(grad) + 1e-6))
        grad = (grad * factor[..., None]).astype(grad.dtype)
    if clip_value is not None:
        grad = np.clip(grad, -clip_value, clip_value)
    return grad


def clipped(optimizer: Optimizer, norm: float | None = None, value: float | None = None) -> Optimizer:
    """The optimizer on gradients that `clip` has cut to a norm, then entry by entry; itself where both are None."""
    if norm is None and value is None:
        return optimizer

    def update(theta: Array, grad: Array, state: State, rate: float, out: Array) -> None:
        optimizer.update(theta, clip(grad, norm, value), state, rate, out)

    return replace(optimizer, update=update)


def holding(optimizer: Optimizer, held: NDArray[np.bool_] | None) -> Optimizer:
    """The optimizer that leaves the parameters of a mask (n_params,) alone, and does not see their gradient.

    >>> optimizer = holding(sgd(0.1), np.array([True, False]))
    >>> optimizer.step(np.ones(2), np.ones(2), {})
    array([1. , 0.9])
    """
    if held is None:
        return optimizer

    def update(theta: Array, grad: Array, state: State, rate: float, out: Array) -> None:
        optimizer.update(theta, np.where(held, grad.dtype.type(0), grad), state, rate, out)
        np.copyto(out, theta, where=held)

    return replace(optimizer, update=update)


def scheduled(optimizer: Optimizer, schedule: Schedule | None) -> Optimizer:
    """The optimizer with its learning rate times the schedule's factor at every step; itself where it is None.

    >>> [scheduled(sgd(0.1), step_decay(1, 0.5)).schedule(step) for step in range(3)]
    [1.0, 0.5, 0.25]
    """
    return optimizer if schedule is None else replace(optimizer, schedule=schedule)


def step_decay(every: int, factor: float) -> Schedule:
    """The learning rate times `factor` after every `every` steps.

    >>> [step_decay(2, 0.5)(step) for step in range(5)]
    [1.0, 1.0, 0.5, 0.5, 0.25]
    """
    _check_steps("every", every, low=1)
    return lambda step: float(factor) ** (step // every)


def cosine(steps: int, floor: float = 0.0) -> Schedule:
    """Half a cosine from 1 at step 0 to `floor` at the last step. Loshchilov & Hutter 2017."""
    _check_steps("steps", steps, low=0)
    return lambda step: floor + (1.0 - floor) * 0.5 * (1.0 + math.cos(math.pi * min(step / max(steps, 1), 1.0)))


def warmup(steps: int, then: Schedule) -> Schedule:
    """A linear rise over the first `steps` steps, times another schedule.

    >>> [warmup(4, lambda step: 1.0)(step) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    _check_steps("steps", steps, low=1)
    return lambda step: min((step + 1) / steps, 1.0) * then(step)


def _decay_towards_square(square: Array, grad: Array, decay: float, work: Array) -> None:
    """square <- decay square + (1 - decay) grad², in place."""
    square *= decay
    np.multiply(grad, grad, out=work)
    work *= 1.0 - decay
    square += work


def _scaled_step(
    theta: Array, grad: Array, square: Array, epsilon: float, rate: float, work: Array, out: Array
) -> None:
    """out = theta - rate grad / (sqrt(square) + epsilon)."""
    np.sqrt(square, out=work)
    work += epsilon
    np.divide(grad, work, out=work)
    work *= -rate
    np.add(theta, work, out=out)


def _check(**values: object) -> None:
    for name, value in values.items():
        if not (isinstance(value, NUMBERS) and 0 <= value < math.inf):
            raise ValueError(f"{name} must be a finite number, 0 or more; got {value!r}")


def _check_fraction(**values: object) -> None:
    for name, value in values.items():
        if not (isinstance(value, NUMBERS) and 0 <= value < 1):
            raise ValueError(f"{name} must be at least 0 and below 1; got {value!r}")


def _check_steps(name: str, value: object, low: int) -> None:
    if not (isinstance(value, (int, np.integer)) and value >= low):
        raise ValueError(f"{name} must be a whole number, {low} or more; got {value!r}")
