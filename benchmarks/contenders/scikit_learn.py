"""scikit-learn's MLPRegressor: the same steps, but nothing of them is kept except the last theta."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from threadpoolctl import threadpool_limits

from benchmarks.workloads import Problem, Recording


def prepare(problem: Problem) -> Callable[[], Recording]:
    work, layout = problem.workload, problem.workload.layout
    model = MLPRegressor(
        hidden_layer_sizes=work.hidden,
        activation="logistic" if work.activation == "sigmoid" else work.activation,
        solver="sgd",
        alpha=0.0,
        batch_size=work.n_rows,
        learning_rate_init=2.0 * work.learning_rate,  # its loss is half of ours
        max_iter=work.records,
        shuffle=False,
        tol=0.0,
        momentum=0.0,
        nesterovs_momentum=False,
        n_iter_no_change=work.records + 1,
        warm_start=True,
    )
    warnings.simplefilter("ignore", ConvergenceWarning)
    x, y = problem.x, problem.y.ravel()
    model.partial_fit(x, y)

    def train() -> Recording:
        fitted = copy.copy(model)
        layers = layout.split(problem.theta)
        fitted.coefs_ = [weight.copy() for weight, _ in layers]
        fitted.intercepts_ = [bias.copy() for _, bias in layers]
        fitted.n_iter_, fitted.t_ = 0, 0
        with threadpool_limits(work.threads):
            fitted.fit(x, y)
        theta = layout.join(list(zip(fitted.coefs_, fitted.intercepts_, strict=True)))
        return Recording(fitted.n_iter_, np.asarray(theta)[None])

    return train
