"""Real data sets that scikit-learn ships, read when they are first asked for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nncore.data.dataset import Dataset, Floats, Make
from nncore.data.rows import frozen, sampled


def _shipped(loader: str) -> Make:
    """A real set of sklearn.datasets, or a part of it with the same share of every class."""

    @lru_cache(maxsize=1)
    def whole() -> tuple[Floats, NDArray]:
        from sklearn import datasets

        unscaled = {"scaled": False} if loader == "load_diabetes" else {}
        x, y = getattr(datasets, loader)(return_X_y=True, **unscaled)
        return frozen(x.astype(np.float64)), frozen(y.astype(np.float64 if unscaled else np.int64))

    def make(rng: np.random.Generator, n: int, noise: float, k: int) -> tuple[Floats, NDArray]:
        x, y = whole()
        rows = sampled(rng, y if k else None, len(x), n)
        return x[rows], y[rows] if k else y[rows, None]

    return make


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

REAL = (
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
            *("alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids"),
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
