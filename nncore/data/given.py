"""A few rows that a config itself holds: the one sample of a textbook, with as many targets as it has."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from nncore.data.dataset import Dataset, Floats

GIVEN = "given"
"""What a config calls the data set whose rows it holds."""

MOST_ROWS = 200

LARGEST = 1e6

Row = tuple[tuple[float, ...], tuple[float, ...]]
"""Inputs and targets."""


def given_rows(text: str) -> tuple[Row, ...]:
    """The rows in a text: inputs, a colon, targets, and a semicolon before the next row; raises ValueError on others.

    >>> given_rows("0.05, 0.1 : 0.01, 0.99")
    (((0.05, 0.1), (0.01, 0.99)),)
    """
    rows = [_row(part) for part in text.split(";") if part.strip()]
    if not rows or len(rows) > MOST_ROWS:
        raise ValueError(f"rows must be 1 to {MOST_ROWS}, such as 0.05, 0.1 : 0.01, 0.99; got {len(rows)}")
    shapes = {(len(inputs), len(targets)) for inputs, targets in rows}
    if len(shapes) > 1:
        raise ValueError("rows must all have as many inputs, and as many targets, as the first one")
    return tuple(rows)


def _row(text: str) -> Row:
    sides = text.split(":")
    try:
        inputs, targets = (tuple(float(each) for each in side.split(",")) for side in sides)
    except ValueError:
        raise ValueError(
            f"a row must be inputs : targets, such as 0.05, 0.1 : 0.01, 0.99; got {text.strip()[:60]!r}"
        ) from None
    if not all(math.isfinite(each) and abs(each) <= LARGEST for each in (*inputs, *targets)):
        raise ValueError(f"the numbers of rows must be from {-LARGEST:g} to {LARGEST:g}; got {text.strip()[:60]!r}")
    return inputs, targets


def rows_as_text(rows: tuple[Row, ...]) -> str:
    """The text that `given_rows` reads as these rows.

    >>> rows_as_text(given_rows("1,2:3;4,5:6.5"))
    '1,2:3;4,5:6.5'
    """
    return ";".join(":".join(",".join(_written(each) for each in side) for side in row) for row in rows)


def _written(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


@lru_cache(maxsize=64)
def given_dataset(text: str) -> Dataset:
    """The rows of a text as a data set: all for training, in their order, as they are; raises ValueError on no rows."""
    if not text:
        raise ValueError("the data set given needs rows: give some, such as 0.05, 0.1 : 0.01, 0.99")
    rows = given_rows(text)
    x, y = (np.array(side, np.float64) for side in zip(*rows, strict=True))

    def make(rng: np.random.Generator, n_samples: int, noise: float, n_classes: int) -> tuple[Floats, NDArray]:
        return x, y

    count = y.shape[1]
    return Dataset(
        name=GIVEN,
        task="regression",
        make=make,
        note="A few rows of your own.",
        feature_names=tuple(f"x{place}" for place in range(1, x.shape[1] + 1)),
        target_name="y" if count == 1 else f"y1 to y{count}",
        lecture=True,
        uses_noise=False,
        max_samples=len(x),
        test_rows=lambda: (x[:0], y[:0]),
        n_targets=count,
    )
