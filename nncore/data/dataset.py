"""A data set in the registry, and what a reader should know about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Make = Callable[[np.random.Generator, int, float, int], tuple[Floats, NDArray]]

TASKS = ("regression", "classification")
MAX_CLASSES = 10


@dataclass(frozen=True)
class Dataset:
    """A data set in the registry and what a reader should know about it.

    `make(rng, n_samples, noise, n_classes)` returns x (n, n_features) and y: class indices (n,) for
    classification, values (n, 1) for regression. Rows come shuffled, except on the even grid of the
    regression toys. `classes` are the class names, None where they have none; `lecture` marks the lecture's
    own data, which is never standardised; `uses_noise` and `uses_classes` say whether these two have an
    effect; `max_samples` is the size of a real set, None for a toy. `test_rows()` gives x and y of rows that are for
    testing alone, where the set has such; then all that `make` gives are for training. `n_targets` are the columns of
    y in regression.
    """

    name: str
    task: str
    make: Make
    note: str
    feature_names: tuple[str, ...]
    target_name: str
    classes: tuple[str, ...] | None = None
    real: bool = False
    lecture: bool = False
    uses_noise: bool = True
    uses_classes: bool = False
    default_noise: float = 0.0
    max_samples: int | None = None
    test_rows: Callable[[], tuple[Floats, NDArray]] | None = None
    n_targets: int = 1

    @property
    def n_features(self) -> int:
        """Columns of x."""
        return len(self.feature_names)

    @property
    def grid(self) -> bool:
        """Whether the rows are an even grid over one input, in order."""
        return self.task == "regression" and not self.real

    def check_features(self, features: tuple[str, ...]) -> None:
        """Raise ValueError when there are features and not two inputs to make them of."""
        if features and self.n_features != 2:
            raise ValueError(
                f"features need a data set with 2 inputs; {self.name} has {self.n_features}: choose another data "
                "set, or no features"
            )

    def count_classes(self, n_classes: int | None = None) -> int:
        """Classes of a run on this set: 0 for regression, `n_classes` where the set has a choice (3 if None).

        Raises ValueError on a choice outside 2 to 10.
        """
        if self.task == "regression":
            return 0
        if not self.uses_classes:
            return len(self.classes) if self.classes else 2
        return whole("n_classes", 3 if n_classes is None else n_classes, 2, MAX_CLASSES)


def whole(name: str, value: object, low: int, high: int | None) -> int:
    """The value as an int; raises ValueError when it is none, or outside `low` to `high`."""
    fits = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not fits or value < low or (high is not None and value > high):  # type: ignore[operator]
        limits = f"{low} or more" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be a whole number, {limits}; got {value!r}")
    return int(value)  # type: ignore[call-overload]
