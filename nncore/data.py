"""Data sets by name: seeded toy problems, real sets that scikit-learn ships, split and standardised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nncore.features import with_features
from nncore.names import choose

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]
Make = Callable[[np.random.Generator, int, float, int], tuple[Floats, NDArray]]

TASKS = ("regression", "classification")
LOSSES_FOR = {"regression": ("mse",), "classification": ("bce", "cross_entropy", "mse")}
MAX_CLASSES = 10
TOY_SAMPLES = 200


@dataclass(frozen=True)
class Dataset:
    """A data set in the registry and what a reader should know about it.

    `make(rng, n_samples, noise, n_classes)` returns x (n, n_features) and y: class indices (n,) for
    classification, values (n, 1) for regression. Rows come shuffled, except on the even grid of the
    regression toys. `classes` are the class names, None where they have none; `lecture` marks the lecture's
    own data, which is never standardised; `uses_noise` and `uses_classes` say whether these two have an
    effect; `max_samples` is the size of a real set, None for a toy.
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
        return _whole("n_classes", 3 if n_classes is None else n_classes, 2, MAX_CLASSES)


@dataclass(frozen=True, eq=False)
class Data:
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
    n_samples = _whole("n_samples", n_samples, max(2, classes), None)
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
    standardize_x: bool = True,
    standardize_y: bool = False,
    grid: bool = False,
) -> Data:
    """Split rows into a training and a test part and standardise both with the training part's mean and std.

    x: (n, n_features); y: class indices (n,), or values (n, 1). round(test_fraction * n) rows are for
    testing: the same share of every class, drawn with `rng`, at least one row a class staying in training;
    on a `grid` they are spread evenly between its ends, which stay in training, and nothing is drawn. A
    feature that is constant in the training rows has std 1. A missing value (NaN in x) becomes the mean of the
    training rows, 0 where they have none. Raises ValueError unless 0 <= test_fraction < 1.
    """
    choose("task", task, TASKS)
    if not 0 <= test_fraction < 1:
        raise ValueError(f"test_fraction must be 0 or more and below 1; got {test_fraction!r}")
    n_test = round(test_fraction * len(x))
    if grid:
        test = _evenly_between(len(x), n_test)
    else:
        test = _pick(rng, y if task == "classification" else np.zeros(len(x), int), n_test)

    x_mean, x_std = np.zeros(x.shape[1]), np.ones(x.shape[1])
    y_mean, y_std = np.zeros(1), np.ones(1)
    if standardize_x:
        x_mean, x_std = _mean_and_std(x[~test])
    if standardize_y:
        y_mean, y_std = _mean_and_std(y[~test])
    missing = np.isnan(x)
    if missing.any():
        x = np.where(missing, _mean_and_std(x[~test])[0], x)
    x = (x - x_mean) / x_std
    if task == "regression":
        y = (y - y_mean) / y_std
    return Data(
        x_train=_frozen(x[~test]),
        y_train=_frozen(y[~test]),
        x_test=_frozen(x[test]),
        y_test=_frozen(y[test]),
        task=task,
        n_classes=len(class_names) if task == "classification" else 0,
        feature_names=feature_names,
        target_name=target_name,
        class_names=class_names if task == "classification" else (),
        x_mean=_frozen(x_mean),
        x_std=_frozen(x_std),
        y_mean=float(y_mean[0]),
        y_std=float(y_std[0]),
        features=features,
    )


def default_loss(task: str, n_classes: int) -> str:
    """The loss that fits a task: mse for regression, bce for two classes, cross_entropy for more."""
    if choose("task", task, TASKS) == "regression":
        return "mse"
    return "bce" if n_classes == 2 else "cross_entropy"


def n_outputs(task: str, loss_name: str, n_classes: int) -> int:
    """Units that the output layer needs: one for regression and for bce on two classes, else one a class.

    Raises ValueError where the loss does not fit the task.
    """
    fitting = LOSSES_FOR[choose("task", task, TASKS)]
    if loss_name not in fitting:
        choose("loss", loss_name, LOSSES_FOR["classification"])
        raise ValueError(f"loss for {task} must be {' or '.join(fitting)}; got {loss_name!r}")
    if task == "regression" or (loss_name == "bce" and n_classes == 2):
        return 1
    return n_classes


def encode_targets(y: NDArray, task: str, loss_name: str, n_classes: int) -> NDArray:
    """Targets as the loss wants them.

    Regression (mse): y (n, 1) as it is. Classes (n,): cross_entropy takes the indices themselves; bce one
    column of 0 and 1 for two classes, one column a class for more; mse always one column a class.
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
    if loss_name == "cross_entropy":
        return y
    return y[:, None].astype(float) if columns == 1 else np.eye(n_classes)[y]


def _whole(name: str, value: object, low: int, high: int | None) -> int:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):  # type: ignore[operator]
        limits = f"{low} or more" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be a whole number, {limits}; got {value!r}")
    return int(value)  # type: ignore[call-overload]


def _frozen(array: NDArray) -> NDArray:
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


def sampled(rng: np.random.Generator, labels: Labels | None, n_rows: int, n: int) -> NDArray[np.int64]:
    """The places of about n of n_rows rows in random order; with labels (n_rows,) the same share of every label."""
    labels = np.zeros(n_rows, np.int64) if labels is None else labels
    return rng.permutation(np.flatnonzero(~_pick(rng, labels, n_rows - n)))


def _in_classes(n: int, k: int) -> tuple[Labels, Floats, Floats]:
    """Balanced labels 0, 1, ..., k-1, 0, 1, ...; each row's rank in its class and that class's size, (n,)."""
    y = np.arange(n, dtype=np.int64) % k
    return y, (np.arange(n) // k).astype(float), np.bincount(y, minlength=k)[y].astype(float)


def _shuffled(rng: np.random.Generator, x: Floats, y: Labels, noise: float) -> tuple[Floats, Labels]:
    x = x + noise * rng.standard_normal(x.shape)
    order = rng.permutation(len(x))
    return x[order], y[order]


def _two_gaussians(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, Labels]:
    y, _, _ = _in_classes(n, 2)
    x = (2.0 * y - 1.0)[:, None] + 0.5 * rng.standard_normal((n, 2))
    return _shuffled(rng, x, y, noise)


def _circles(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, Labels]:
    y, rank, size = _in_classes(n, 2)
    angle, radius = 2 * np.pi * rank / size, np.where(y == 0, 1.0, 0.5)
    return _shuffled(rng, np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), y, noise)


def _moons(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, Labels]:
    y, rank, size = _in_classes(n, 2)
    angle = np.pi * rank / np.maximum(size - 1, 1)
    upper = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    lower = np.stack([1 - np.cos(angle), 0.5 - np.sin(angle)], axis=1)
    return _shuffled(rng, np.where(y[:, None] == 0, upper, lower), y, noise)


def _xor(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, Labels]:
    y, rank, _ = _in_classes(n, 2)
    sign = np.where(rank % 2 == 0, 1.0, -1.0)
    x = rng.uniform(0.1, 1.0, (n, 2)) * np.stack([sign, np.where(y == 0, sign, -sign)], axis=1)
    return _shuffled(rng, x, y, noise)


def _spiral(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, Labels]:
    y, rank, size = _in_classes(n, 2)
    radius = (rank + 1) / size
    angle = 3.5 * np.pi * radius + np.pi * y
    return _shuffled(rng, np.stack([radius * np.sin(angle), radius * np.cos(angle)], axis=1), y, noise)


def _blobs(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, Labels]:
    y, _, _ = _in_classes(n, k)
    angle = 2 * np.pi * y / k
    x = 2.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.3 * rng.standard_normal((n, 2))
    return _shuffled(rng, x, y, noise)


def _curve(low: float, high: float, f: Callable[[Floats], Floats]) -> Make:
    """y = f(x) + noise on an even grid from low to high."""

    def make(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, Floats]:
        x = np.linspace(low, high, n)[:, None]
        return x, f(x) + noise * rng.standard_normal((n, 1))

    return make


def _shipped(loader: str) -> Make:
    """A real set of sklearn.datasets, or a part of it with the same share of every class."""

    @lru_cache(maxsize=1)
    def whole() -> tuple[Floats, NDArray]:
        from sklearn import datasets

        unscaled = {"scaled": False} if loader == "load_diabetes" else {}
        x, y = getattr(datasets, loader)(return_X_y=True, **unscaled)
        return _frozen(x.astype(np.float64)), _frozen(y.astype(np.float64 if unscaled else np.int64))

    def make(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, NDArray]:
        x, y = whole()
        rows = sampled(rng, y if k else None, len(x), n)
        return x[rows], y[rows] if k else y[rows, None]

    return make


def _line(x: Floats) -> Floats:
    return 1.0 + 2.0 * x


def _jump(x: Floats) -> Floats:
    return np.where(x >= 0, 1.0, 0.0)


def _toy(name: str, make: Make, default_noise: float, note: str, uses_classes: bool = False) -> Dataset:
    return Dataset(
        name=name,
        task="classification",
        make=make,
        note=note,
        feature_names=("x1", "x2"),
        target_name="class",
        uses_classes=uses_classes,
        default_noise=default_noise,
    )


def _grid(name: str, make: Make, default_noise: float, note: str, lecture: bool = False) -> Dataset:
    return Dataset(
        name=name,
        task="regression",
        make=make,
        note=note,
        feature_names=("x",),
        target_name="y",
        lecture=lecture,
        default_noise=default_noise,
    )


def _real(
    name: str, note: str, rows: int, features: tuple[str, ...], target: str, classes: tuple[str, ...] | None
) -> Dataset:
    return Dataset(
        name=name,
        task="classification" if classes else "regression",
        make=_shipped(f"load_{name}"),
        note=note,
        feature_names=features,
        target_name=target,
        classes=classes,
        real=True,
        uses_noise=False,
        max_samples=rows,
    )


_CELL = (
    *("radius", "texture", "perimeter", "area", "smoothness"),
    *("compactness", "concavity", "concave points", "symmetry", "fractal dimension"),
)

_ENTRIES = (
    _toy(
        "two_gaussians", _two_gaussians, 0.0, "Clouds at (-1, -1) and (1, 1): one straight line parts them."
    ),
    _toy("circles", _circles, 0.08, "A ring inside a ring twice as wide: no straight line parts them."),
    _toy("moons", _moons, 0.1, "Half circles that reach into each other: the boundary has to bend twice."),
    _toy(
        "xor", _xor, 0.0, "Opposite quadrants share a class: neither input says anything without the other."
    ),
    _toy("spiral", _spiral, 0.02, "Two arms, wound 1.75 times around each other: hard for a small network."),
    _toy("blobs", _blobs, 0.0, "Clouds on a circle of radius 2, one a class: choose how many.", True),
    _grid("parabola", _curve(0.0, 1.5, np.square), 0.0, "The lecture's y = x² on [0, 1.5], as it is.", True),
    _grid("line", _curve(-1.0, 1.0, _line), 0.0, "y = 1 + 2x on [-1, 1]: linear activations are enough."),
    _grid("sine", _curve(-np.pi, np.pi, np.sin), 0.05, "One period of y = sin(x), from -π to π."),
    _grid(
        "step",
        _curve(-1.0, 1.0, _jump),
        0.05,
        "0 below x = 0 and 1 from there: only large weights follow it.",
    ),
    _real(
        "iris",
        "Lengths and widths of 150 iris flowers, three species.",
        150,
        ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
        "species",
        ("setosa", "versicolor", "virginica"),
    ),
    _real(
        "wine",
        "Thirteen chemical measurements of 178 Italian wines from three cultivars.",
        178,
        (
            *(
                "alcohol",
                "malic_acid",
                "ash",
                "alcalinity_of_ash",
                "magnesium",
                "total_phenols",
                "flavanoids",
            ),
            *("nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue"),
            *("od280/od315_of_diluted_wines", "proline"),
        ),
        "cultivar",
        ("class_0", "class_1", "class_2"),
    ),
    _real(
        "breast_cancer",
        "Thirty shape measurements of cell nuclei from 569 tumours, malignant or benign.",
        569,
        tuple(f"mean {cell}" for cell in _CELL)
        + tuple(f"{cell} error" for cell in _CELL)
        + tuple(f"worst {cell}" for cell in _CELL),
        "diagnosis",
        ("malignant", "benign"),
    ),
    _real(
        "digits",
        "1797 handwritten digits as 8 × 8 grey images, ten classes.",
        1797,
        tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8)),
        "digit",
        tuple("0123456789"),
    ),
    _real(
        "diabetes",
        "Ten measurements of 442 patients, and how far their diabetes had gone a year later.",
        442,
        ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
        "disease progression",
        None,
    ),
)

DATASETS: dict[str, Dataset] = {dataset.name: dataset for dataset in _ENTRIES}
