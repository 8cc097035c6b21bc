"""Training and test rows: drawn apart, and standardised on the training rows alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nncore.data.dataset import TASKS, Floats, Labels
from nncore.data.features import with_features
from nncore.numerics.choices import choose
from nncore.numerics.read_only import KeepsArrays


@dataclass(frozen=True, eq=False, repr=False)
class Data(KeepsArrays):
    """Training and test rows as a network sees them, and the way back to the original units.

    x_train, x_test: (n, n_features); y_train, y_test: class indices (n,) or values (n, 1); all read-only.
    `n_classes` is 0 for regression and `class_names` empty. x is (original - x_mean) / x_std, and y likewise
    for regression; mean 0 and std 1 where nothing was standardised. `features` are the extra inputs, in the
    last columns of x.
    """

    x_train: Floats
    y_train: NDArray
    x_test: Floats
    y_test: NDArray
    task: str
    n_classes: int
    feature_names: tuple[str, ...]
    target_name: str
    class_names: tuple[str, ...]
    x_mean: Floats
    x_std: Floats
    y_mean: float
    y_std: float
    features: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """How many rows of what, in a line."""
        of = f"classes {', '.join(self.class_names[:5])}" if self.class_names else self.target_name
        return (
            f"<Data: {len(self.x_train):,} training and {len(self.x_test):,} test rows of {len(self.feature_names)} inputs, "
            f"{self.task}: {of}>"
        )

    @property
    def n_targets(self) -> int:
        """Columns of y: 1 for classes."""
        return self.y_train.shape[1] if self.y_train.ndim > 1 else 1

    @property
    def n_inputs(self) -> int:
        """Inputs that the data set itself has: columns of x without the features."""
        return len(self.feature_names) - len(self.features)

    def inputs(self, x: NDArray) -> NDArray:
        """What the network is given for places x (..., n_inputs) in the plane that it sees: x and its features.

        Only the first `n_inputs` columns count: rows that have their features already stay as they are.
        """
        if not self.features:
            return x
        plain = x[..., : self.n_inputs] * self.x_std[: self.n_inputs] + self.x_mean[: self.n_inputs]
        return (with_features(plain, self.features) - self.x_mean) / self.x_std

    @property
    def nbytes(self) -> int:
        """Memory of the rows."""
        return sum(rows.nbytes for rows in (self.x_train, self.y_train, self.x_test, self.y_test))

    def to_original_x(self, x: NDArray) -> NDArray:
        """Inputs (..., n_features) in the data set's own units."""
        return x * self.x_std + self.x_mean

    def to_original_y(self, y: NDArray) -> NDArray:
        """Regression targets or predictions in the data set's own units."""
        return y * self.y_std + self.y_mean


def prepare(
    rng: np.random.Generator,
    x: Floats,
    y: NDArray,
    *,
    task: str,
    class_names: tuple[str, ...] = (),
    feature_names: tuple[str, ...],
    features: tuple[str, ...] = (),
    target_name: str,
    test_fraction: float = 0.25,
    test: tuple[Floats, NDArray] | None = None,
    standardize_x: bool = True,
    standardize_y: bool = False,
    grid: bool = False,
) -> Data:
    """Split rows into a training and a test part and standardise both with the training part's mean and std.

    x: (n, n_features); y: class indices (n,), or values (n, 1). round(test_fraction * n) rows are for
    testing: the same share of every class, drawn with `rng`, at least one row a class staying in training;
    on a `grid` they are spread evenly between its ends, which stay in training, and nothing is drawn. With `test`, x and y
    of test rows, all others are for training. A
    feature that is constant in the training rows has std 1. A missing value (NaN in x) becomes the mean of the
    training rows, 0 where they have none. Raises ValueError unless 0 <= test_fraction < 1.
    """
    choose("task", task, TASKS)
    if not 0 <= test_fraction < 1:
        raise ValueError(f"test_fraction must be 0 or more and below 1; got {test_fraction!r}")
    n_test = round(test_fraction * len(x))
    if test is not None:
        for_testing = np.arange(len(x) + len(test[0])) >= len(x)
        x, y = np.concatenate([x, test[0]]), np.concatenate([y, test[1]])
    elif grid:
        for_testing = _evenly_between(len(x), n_test)
    else:
        for_testing = _pick(rng, y if task == "classification" else np.zeros(len(x), int), n_test)

    x_mean, x_std = np.zeros(x.shape[1]), np.ones(x.shape[1])
    y_mean, y_std = np.zeros(1), np.ones(1)
    if standardize_x:
        x_mean, x_std = _mean_and_std(x[~for_testing])
    if standardize_y:
        y_mean, y_std = _mean_and_std(y[~for_testing])
    missing = np.isnan(x)
    if missing.any():
        x = np.where(missing, _mean_and_std(x[~for_testing])[0], x)
    x = (x - x_mean) / x_std
    if task == "regression":
        y = (y - y_mean) / y_std
    return Data(
        x_train=frozen(x[~for_testing]),
        y_train=frozen(y[~for_testing]),
        x_test=frozen(x[for_testing]),
        y_test=frozen(y[for_testing]),
        task=task,
        n_classes=len(class_names) if task == "classification" else 0,
        feature_names=feature_names,
        target_name=target_name,
        class_names=class_names if task == "classification" else (),
        x_mean=frozen(x_mean),
        x_std=frozen(x_std),
        y_mean=float(y_mean[0]),
        y_std=float(y_std[0]),
        features=features,
    )


def sampled(rng: np.random.Generator, labels: Labels | None, n_rows: int, n: int) -> NDArray[np.int64]:
    """The places of about n of n_rows rows in random order; with labels (n_rows,) the same share of every label."""
    labels = np.zeros(n_rows, np.int64) if labels is None else labels
    return rng.permutation(np.flatnonzero(~_pick(rng, labels, n_rows - n)))


def frozen(array: NDArray) -> NDArray:
    """A read-only copy, rows one after the other."""
    array = np.array(array, order="C")
    array.flags.writeable = False
    return array


def _mean_and_std(rows: Floats) -> tuple[Floats, Floats]:
    """Per column, of the values that are not NaN; 0 and 1 where there are none."""
    missing = np.isnan(rows)
    if missing.any():
        count = np.maximum(np.count_nonzero(~missing, axis=0), 1)
        rows = np.where(missing, np.where(missing, 0.0, rows).sum(axis=0) / count, rows)
    else:
        count = np.full(rows.shape[1], len(rows))
    std = rows.std(axis=0) * np.sqrt(len(rows) / count)
    constant = (np.ptp(rows, axis=0) == 0) | (std == 0)  # squares of the smallest differences are 0
    return rows.mean(axis=0), np.where(constant, 1.0, std)


def _evenly_between(n: int, n_test: int) -> NDArray[np.bool_]:
    """Mask (n,) of n_test rows (at most n - 2) evenly spread between the first and the last."""
    n_test = min(n_test, n - 2)
    mask = np.zeros(n, bool)
    gaps = n_test + 1
    mask[(2 * np.arange(1, gaps) * (n - 1) + gaps) // (2 * gaps)] = True
    return mask


def _pick(rng: np.random.Generator, labels: Labels, n: int) -> NDArray[np.bool_]:
    """Mask of about n random rows, the same share of every label, leaving at least one row of each.

    Rows that do not divide evenly go to the labels with the largest remainders.
    """
    mask = np.zeros(len(labels), bool)
    values, counts = np.unique(labels, return_counts=True)
    quota = counts * n / len(labels)
    take = np.floor(quota).astype(int)
    take[np.argsort(take - quota, kind="stable")[: n - take.sum()]] += 1
    for value, number, available in zip(values, take, counts, strict=True):
        rows = rng.permutation(np.flatnonzero(labels == value))
        mask[rows[: min(number, available - 1)]] = True
    return mask
