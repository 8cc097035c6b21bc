"""From task and loss to what a network has to put out: output units, and targets as the loss wants them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nncore.data.dataset import TASKS
from nncore.model.losses import LOSSES
from nncore.numerics.choices import choose


def losses_for(task: str) -> list[str]:
    """The losses that fit a task, those registered included."""
    return [name for name, loss in LOSSES.items() if choose("task", task, TASKS) in loss.tasks]


def default_loss(task: str, n_classes: int) -> str:
    """The loss that fits a task: mse for regression, bce for two classes, cross_entropy for more."""
    if choose("task", task, TASKS) == "regression":
        return "mse"
    return "bce" if n_classes == 2 else "cross_entropy"


def n_outputs(task: str, loss_name: str, n_classes: int) -> int:
    """Units that the output layer needs: one for regression and for 0 and 1 on two classes, as in bce, else one a class.

    Raises ValueError where the loss does not fit the task.
    """
    fitting, targets = losses_for(task), choose("loss", loss_name, LOSSES).targets
    if loss_name not in fitting:
        raise ValueError(f"loss for {task} must be {' or '.join(fitting)}; got {loss_name!r}")
    if task == "regression" or (targets == "bits" and n_classes == 2):
        return 1
    return n_classes


def encode_targets(y: NDArray, task: str, loss_name: str, n_classes: int) -> NDArray:
    """Targets as the loss wants them, by its `targets`.

    Regression: y (n, 1) as it is. Classes (n,): "classes" (cross_entropy) takes the indices themselves; "bits" (bce) one
    column of 0 and 1 for two classes, one column a class for more; "values" (mse) always one column a class.
    Raises ValueError where the loss does not fit the task or an index is not a class.

    >>> encode_targets(np.array([0, 2]), "classification", "mse", 3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    columns = n_outputs(task, loss_name, n_classes)
    y = np.asarray(y)
    if task == "regression":
        return y
    if y.ndim != 1 or y.dtype.kind not in "iu" or (y.size and not 0 <= y.min() <= y.max() < n_classes):
        raise ValueError(f"y must be class indices (n,) from 0 to {n_classes - 1}; got {y.dtype} {y.shape}")
    if LOSSES[loss_name].targets == "classes":
        return y
    return y[:, None].astype(float) if columns == 1 else np.eye(n_classes)[y]
