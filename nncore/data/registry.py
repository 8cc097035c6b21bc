"""DATASETS, and load(): a data set by name, split and standardised."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from nncore.data.dataset import Dataset, whole
from nncore.data.features import with_features
from nncore.data.real import REAL
from nncore.data.rows import Data, prepare
from nncore.data.toys import TOYS
from nncore.numerics.choices import choose

TOY_SAMPLES = 200

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in (*TOYS, *REAL)}


def load(
    name: str | Dataset,
    rng: np.random.Generator,
    *,
    n_samples: int | None = None,
    noise: float | None = None,
    test_fraction: float = 0.25,
    standardize: bool = True,
    n_classes: int | None = None,
    features: Iterable[str] = (),
) -> Data:
    """The data set `name` (or a Dataset itself), split into training and test rows and standardised on the training rows.

    `n_samples` counts both parts: a toy has that many rows (200 by default), a real set at most that many
    (all by default). `noise` is a standard deviation, in the units of x for classification and of y for
    regression; `n_classes` is the number of blobs. Both are ignored where they have no effect. Noise moves
    the same points: a seed draws the same ones at every noise level. The lecture's data is never
    standardised, the targets of a toy neither. `features` are further inputs for a set that has two.

    Raises ValueError on an unknown name and on numbers out of range.

    >>> data = load("parabola", np.random.default_rng(0), n_samples=4, noise=0.0, test_fraction=0.0)
    >>> data.x_train.ravel().tolist(), data.y_train.ravel().tolist()
    ([0.0, 0.5, 1.0, 1.5], [0.0, 0.25, 1.0, 2.25])
    """
    dataset = name if isinstance(name, Dataset) else choose("dataset", name, DATASETS)
    noise = dataset.default_noise if noise is None else noise
    if not (isinstance(noise, (int, float)) and np.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise must be a finite number, 0 or more; got {noise!r}")
    classes = dataset.count_classes(n_classes)
    if n_samples is None:
        n_samples = dataset.max_samples or TOY_SAMPLES
    n_samples = whole("n_samples", n_samples, max(2, classes), None)
    if dataset.max_samples is not None:
        n_samples = min(n_samples, dataset.max_samples)

    features = tuple(features)
    dataset.check_features(features)
    x, y = dataset.make(rng, n_samples, noise, classes)
    names = dataset.classes or tuple(f"class {label}" for label in range(classes))
    return prepare(
        rng,
        with_features(x, features),
        y,
        task=dataset.task,
        class_names=names,
        feature_names=(*dataset.feature_names, *features),
        features=features,
        target_name=dataset.target_name,
        test_fraction=test_fraction,
        standardize_x=standardize and not dataset.lecture,
        standardize_y=standardize and dataset.real and dataset.task == "regression",
        grid=dataset.grid,
    )
