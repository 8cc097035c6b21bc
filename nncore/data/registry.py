"""DATASETS, and load(): a data set by name, split and standardised."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable

import numpy as np

from nncore.data.dataset import TASKS, Dataset, whole
from nncore.data.features import with_features
from nncore.data.given import GIVEN
from nncore.data.real import REAL
from nncore.data.rows import Data, prepare
from nncore.data.toys import TOYS
from nncore.numerics.choices import choose
from nncore.numerics.registry import Registry, check_name

TOY_SAMPLES = 200

RESERVED = ("table", GIVEN)
"""What a config calls the data sets that are a person's own rows: no other may have such a name."""


class Datasets(Registry[Dataset]):
    """Name -> data set; `register` adds one of your own."""

    kind = "data set"

    def register(self, dataset: Dataset) -> Dataset:
        """Let a data set of your own be named wherever a name is: in a config, a sweep, a file, a command, a menu.

        It is for this process, as `ACTIVATIONS.register` says. For rows that are there already, `nncore.fit` needs no
        registration. `make` must give finite x (n, n_features) and y as `Dataset` says, the same from the same rng.
        Raises ValueError, one sentence, where it does not, and on a name that is taken or is no word.

        >>> def ring(rng, n_samples, noise, n_classes):
        ...     x = rng.normal(size=(n_samples, 2))
        ...     return x, (x[:, 0] ** 2 + x[:, 1] ** 2 > 1).astype(int)
        >>> mine = Dataset("ring", "classification", ring, "A ring.", ("x1", "x2"), "outside", uses_noise=False)
        >>> Datasets().register(mine).n_features
        2
        """
        if not isinstance(dataset, Dataset):
            raise ValueError(f"a data set must be a Dataset with a name, a task and make; got {reprlib.repr(dataset)}")
        check_name(self.kind, dataset.name)
        if dataset.name in RESERVED:
            raise ValueError(f"{dataset.name} is the data set of one's own rows: choose another name")
        made = _checked_rows(dataset)
        return self.enter(dataset.name, dataset, lambda other: all(map(np.array_equal, _rows(other), made)))


def _rows(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """x and y of seed 0, as many as are easily looked at."""
    count = max(40, 10 * dataset.count_classes())
    n_samples = min(count, dataset.max_samples or count)
    x, y = dataset.make(np.random.default_rng(0), n_samples, dataset.default_noise, dataset.count_classes())
    return np.asarray(x), np.asarray(y)


def _checked_rows(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The rows of seed 0; raises ValueError where they are not what the data set says."""
    name, classes = dataset.name, 0 if dataset.task == "regression" else dataset.count_classes()
    choose(f"task of {name}", dataset.task, TASKS)
    x, y = _rows(dataset)
    expected = (len(x), dataset.n_features)
    if x.shape != expected or not dataset.n_features:
        raise ValueError(f"x of {name} must have shape {expected}, a column for each of feature_names; got {x.shape}")
    if y.shape != ((len(x),) if classes else (len(x), dataset.n_targets)):
        shape = "(n,), class indices" if classes else f"(n, {dataset.n_targets}), values"
        raise ValueError(f"y of {name} must have shape {shape}, for {len(x)} rows of x; got {y.shape}")
    if classes and (y.dtype.kind not in "iu" or not 0 <= y.min() <= y.max() < classes):
        got = f"{y.min()} to {y.max()}" if y.dtype.kind in "iu" else f"{y.dtype}"
        raise ValueError(f"y of {name} must be class indices from 0 to {classes - 1}; got {got}")
    for which, values in (("x", x), ("y", y)):
        if values.dtype.kind not in "biuf" or not np.isfinite(values).all():
            raise ValueError(f"{which} of {name} must be finite numbers; got {values.dtype} with others among them")
    if not all(map(np.array_equal, _rows(dataset), (x, y))):
        raise ValueError(f"make of {name} must take everything random from rng: the same one gave other rows")
    return x, y


DATASETS = Datasets({dataset.name: dataset for dataset in (*TOYS, *REAL)})


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

    Where the set has test rows of its own, `test_fraction` is ignored. `n_samples` counts both parts: a toy has that many rows (200 by default), a real set at most that many
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
    own = dataset.test_rows() if dataset.test_rows else None
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
        test=None if own is None else (with_features(own[0], features), own[1]),
        standardize_x=standardize and not dataset.lecture,
        standardize_y=standardize and dataset.real and dataset.task == "regression",
        grid=dataset.grid,
    )
