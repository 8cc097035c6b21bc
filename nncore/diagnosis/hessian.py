"""Sharpness and trace of the Hessian over training, and the line above which descent is unstable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import numpy as np

from nncore.config.cost import estimate, initialization_seconds
from nncore.config.fork import Fork
from nncore.config.run_config import RunConfig
from nncore.history.history import History
from nncore.measures.measurement import Measurement
from nncore.model.initializers import StoppedEarly
from nncore.model.layout import Array
from nncore.numerics.blas import blas_threads

LANCZOS_VECTORS, RESTARTS = 20, 12
"""Krylov vectors that ARPACK keeps, and how often it may start again: at most about 250 products a record."""

TOLERANCE = 1e-3
"""Relative accuracy asked of the sharpness: a line on a log axis shows no more."""

PROBES = 16
"""Random vectors for the trace."""

PRODUCTS = 38
"""Hessian-vector products that a record usually takes: PROBES, and 22 for a Lanczos that converges at once."""

QUANTITIES = ("sharpness", "trace", "trace_error", "stability")


def curvature(
    history: History, records: np.ndarray | None = None, *, at_most: int = 12, n_probes: int = PROBES, seed: int = 0
) -> Measurement:
    """Largest Hessian eigenvalue and trace of the training loss over training. Axis: step.

    `sharpness`: the algebraically largest eigenvalue, by Lanczos (ARPACK's eigsh), to a relative 1e-3.
    `trace`: mean of vᵀHv over `n_probes` random ±1 vectors (Hutchinson 1989), `trace_error` its standard error;
    exact, with error 0, for networks of at most `n_probes` parameters. `stability`: see `stability_line`.
    `products` counts the Hessian-vector products. Each one is a central difference of gradients,

        H v = (g(θ + h v) - g(θ - h v)) / 2h,    h = ε^(1/3) max(1, ‖θ‖),  ‖v‖ = 1,

    in float64 whatever the run's type, on all training rows, the l2 penalty included; an l1 penalty has no
    curvature. A product costs two forward and backward passes over the training rows, a record about 20 to 40
    products for the sharpness, 250 at most, and n_probes for the trace.

    `records` are indices into the history; by default at most `at_most`, evenly spread. NaN where θ or a
    gradient is not finite, or Lanczos does not converge; a caveat says so. Source: Cohen et al. 2021,
    Gradient descent on neural networks typically occurs at the edge of stability.

    >>> from nncore import RunConfig, run
    >>> found = curvature(run(RunConfig(hidden=(8,), steps=20)), at_most=2)
    >>> found["sharpness"].shape, bool((found["sharpness"] > 0).all())
    ((2,), True)
    """
    records = history.even_records(at_most) if records is None else np.asarray(records)
    found = _measurement(history, records[:0], {name: [] for name in QUANTITIES}, [])
    for found in curvature_so_far(history, records, n_probes=n_probes, seed=seed):  # noqa: B007
        pass
    return found


def curvature_so_far(
    history: History,
    records: Sequence[int] | np.ndarray,
    *,
    n_probes: int = PROBES,
    seed: int = 0,
    cancelled: Callable[[], bool] = lambda: False,
) -> Iterator[Measurement]:
    """`curvature` as it grows: after each record the measurement of those done; it ends as soon as `cancelled()`."""
    with suppress(StoppedEarly):
        yield from _so_far(history, np.asarray(records), n_probes, seed, cancelled)


def _so_far(
    history: History, records: np.ndarray, n_probes: int, seed: int, cancelled: Callable[[], bool]
) -> Iterator[Measurement]:
    values: dict[str, list[float]] = {name: [] for name in QUANTITIES}
    counts: list[int] = []
    start: Array = np.random.default_rng(seed).standard_normal(history.layout.n_params)
    gradient = _gradient_of(history)
    for row, record in enumerate(records):
        with blas_threads(1), np.errstate(all="ignore"):
            hessian = _Hessian(gradient, history.theta[record].astype(np.float64), cancelled)
            trace, error = _trace(hessian, n_probes, np.random.default_rng((seed, row)))
            sharpness = np.nan
            if np.isfinite(trace):
                sharpness, start = _sharpness(hessian, start)
        line = stability_line(history.config, int(history.step[record]))
        for name, value in zip(QUANTITIES, (sharpness, trace, error, line), strict=True):
            values[name].append(value)
        counts.append(hessian.products)
        yield _measurement(history, records[: row + 1], values, counts)


def curvature_seconds(config: RunConfig, n_records: int) -> float:
    """What `curvature` of so many records costs, to a factor of about three, from shapes alone."""
    plain = config.from_the_start() if isinstance(config, Fork) else config
    whole = plain.replace(steps=1, record_every=1, batch_size=0, dtype="float64")
    per_pass = (estimate(whole).seconds - initialization_seconds(whole)) / 2
    return n_records * PRODUCTS * 2 * per_pass


def _measurement(
    history: History, records: np.ndarray, values: dict[str, list[float]], counts: list[int]
) -> Measurement:
    """The numbers of some records with what a reader has to know about them."""
    steps = history.step[records]
    caveats = [] if len(records) == len(history) else [f"{len(records)} of {len(history):,} records."]
    missing = [str(step) for step, value in zip(steps, values["sharpness"], strict=True) if np.isnan(value)]
    if missing:
        caveats.append(f"No sharpness at step {', '.join(missing)}: not finite, or not converged.")
    if reason := without_line(history.config):
        caveats.append(f"No stability line: {reason}.")
    return Measurement(
        "curvature",
        {"step": steps},
        {name: np.array(numbers, np.float64) for name, numbers in values.items()},
        {"products": ("step", np.array(counts, np.int64))},
        tuple(caveats),
    )


def stability_line(config: RunConfig, step: int = 0) -> float:
    """The sharpness above which full-batch gradient descent diverges on a quadratic; NaN where there is none.

        2/α,  with momentum 2(1 + β)/α,  with Nesterov's 2(1 + β)/(α(1 + 2β)),  minus the weight decay

    with α the learning rate of the step that follows, its schedule included. Source: Cohen et al. 2021;
    the decay because sgd adds it to the gradient, not to the loss.

    >>> stability_line(RunConfig(learning_rate=0.1)), stability_line(RunConfig(optimizer="adam"))
    (20.0, nan)
    """
    schedule = config.make_schedule()
    rate = config.learning_rate * (schedule(step) if schedule else 1.0)
    if without_line(config) or rate == 0:
        return np.nan
    beta = config.momentum
    span = 1 + 2 * beta if config.nesterov else 1.0
    return 2 * (1 + beta) / (rate * span) - (config.weight_decay or 0.0)


def without_line(config: RunConfig) -> str:
    """Why there is no stability line: a phrase, or "" where there is one."""
    if config.optimizer != "sgd":
        return f"2/α holds for gradient descent, not for {config.optimizer}"
    if config.batch_rows() < config.n_train:
        return "2/α holds for the full batch, not for mini-batches"
    if config.clip_norm is not None or config.clip_value is not None:
        return "2/α does not hold for clipped gradients"
    return ""


class _Hessian:
    """v -> H v at one theta, counting."""

    def __init__(self, gradient: Callable[[Array], Array], theta: Array, cancelled: Callable[[], bool]) -> None:
        self.gradient, self.theta, self.products, self.cancelled = gradient, theta, 0, cancelled
        self.step = np.cbrt(np.finfo(np.float64).eps) * max(1.0, float(np.linalg.norm(theta)))

    def __call__(self, vector: Array) -> Array:
        """H v by central differences; v need not be of length 1. Raises StoppedEarly as soon as `cancelled()`."""
        if self.cancelled():
            raise StoppedEarly("the curvature was stopped by hand")
        self.products += 1
        vector = np.ravel(vector)
        length = float(np.linalg.norm(vector))
        if length == 0:
            return np.zeros_like(vector)
        ahead, behind = self.gradient(self.theta + np.outer((self.step, -self.step), vector / length))
        return (ahead - behind) * (length / (2 * self.step))


def _gradient_of(history: History) -> Callable[[Array], Array]:
    """theta (2, n_params) -> gradient of the training loss and the l2 penalty, float64."""
    config, network, loss = history.config, history.network, history.config.loss_function()
    data = config.data()
    x, y = data.x_train.astype(np.float64), config.targets(data.y_train)
    y = y.astype(np.float64) if y.dtype.kind == "f" else y

    tape = network.tape(np.empty((2, network.layout.n_params)), x)

    def gradient(theta: Array) -> Array:
        network.forward(theta, x, tape)
        grad, _ = network.backward(theta, tape, loss.delta(tape.z[-1], y))
        if config.l2:
            for (d_weight, _), (weight, _) in zip(network.layout.split(grad), network.layout.split(theta), strict=True):
                d_weight += 2 * config.l2 * weight
        return grad

    return gradient


def _sharpness(hessian: _Hessian, start: Array) -> tuple[float, Array]:
    """(largest eigenvalue, its eigenvector as the next record's start); NaN without convergence."""
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

    n = len(start)
    if not hessian(start).any():
        return 0.0, start
    operator = LinearOperator((n, n), matvec=hessian, dtype=np.float64)
    try:
        largest, vectors = eigsh(
            operator, k=1, which="LA", v0=start, ncv=min(n, LANCZOS_VECTORS), maxiter=RESTARTS, tol=TOLERANCE
        )
    except ArpackError:
        return np.nan, start
    return float(largest[0]), vectors[:, 0]


def _trace(hessian: _Hessian, n_probes: int, rng: np.random.Generator) -> tuple[float, float]:
    """(trace, standard error) from ±1 vectors, or exactly from the unit vectors where those are fewer."""
    n = len(hessian.theta)
    if n <= n_probes:
        return float(sum(hessian(unit)[place] for place, unit in enumerate(np.eye(n)))), 0.0
    probes = rng.choice((-1.0, 1.0), size=(n_probes, n))
    samples = np.array([probe @ hessian(probe) for probe in probes])
    return float(samples.mean()), float(samples.std(ddof=1) / np.sqrt(n_probes))
