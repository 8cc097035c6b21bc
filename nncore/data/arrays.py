"""Arrays and DataFrames as a Table, with target and inputs chosen: a data set without a file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.data.read_csv import LARGEST, categories
from nncore.data.table import Column, Table, TableChoice, labels, listed, remember, shortened


def choice_of(x: Any, y: Any, task: str | None = None, test: tuple[Any, Any] | None = None) -> TableChoice:
    """The choice of a table that holds these rows: y from every column of x.

    x (n_rows, n_inputs): an array of numbers, or a DataFrame, whose columns of text become columns of 0 and 1. y (n_rows,) or
    (n_rows, 1): numbers or text. Rows go together by their place, not by an index. `test` is an x and a y of further rows,
    with the same columns and classes, for testing alone. `task` is regression or
    classification; None follows from y as for a file, `Table.task_of`. The table is found again by its digest while
    something holds it, and the last eight are held. Raises ValueError, one sentence, on shapes that do not fit, on values
    that are missing or not finite, and on what cannot be learned.

    >>> choice = choice_of([[0.0, 1.0], [1.0, 0.0], [2.0, 5.0], [3.0, 1.0]], [0.0, 1.0, 4.0, 9.5])
    >>> choice.task, [column.name for column in choice.input_columns], choice.target_column.name
    ('regression', ['x1', 'x2'], 'y')
    """
    parts = _inputs("x", x)
    target_name, targets = _target("y", y, len(parts[0][1]), [name for name, _ in parts])
    n_test = 0
    if test is not None:
        more = _test_rows(test, parts)
        n_test, targets = len(more[-1]), _joined(targets, more[-1])
        parts = [(name, _joined(part, rows)) for (name, part), rows in zip(parts, more[:-1], strict=True)]
    n_rows = len(targets)
    columns = (*(_column("x", name, part) for name, part in parts), _column("y", target_name, targets))
    table = Table(
        digest=_digest(columns, n_test),
        columns=columns,
        n_rows=n_rows,
        rows_in_file=n_rows,
        separator="",
        encoding="",
        head=(),
        n_test=n_test,
    )
    choice = table.choose(target_name, [name for name, _ in parts], task)
    if n_test and choice.task == "classification":
        _check_classes(columns[-1], n_test)
    remember(table)
    return choice


def _test_rows(test: Any, parts: list[tuple[str, NDArray]]) -> list[NDArray]:
    """The columns of the test rows' x, as those of x, and their y; raises ValueError where they are others."""
    if not isinstance(test, (tuple, list)) or len(test) != 2:
        raise ValueError(
            f"test must be the x and the y of the test rows, test=(x_test, y_test); got {type(test).__name__}"
        )
    found = _inputs("the test rows' x", test[0])
    names, expected = [name for name, _ in found], [name for name, _ in parts]
    if names != expected:
        raise ValueError(
            f"the test rows' x must have the columns of x, {listed(expected)} ({len(expected)}); got {listed(names)} ({len(names)})"
        )
    y = _target("the test rows' y", test[1], len(found[0][1]), names)[1]
    return [*(part for _, part in found), y]


def _check_classes(target: Column, n_test: int) -> None:
    """Raise ValueError where a test row is of a class that no training row is of."""
    codes, classes = labels(target)
    unknown = np.setdiff1d(codes[-n_test:], codes[:-n_test])
    if len(unknown):
        raise ValueError(f"the test rows' y holds the class {shortened(classes[unknown[0]])}, which y does not")


def _joined(one: NDArray, other: NDArray) -> NDArray:
    """Both as one column, text beside numbers as text."""
    texts = {one.dtype.kind in "OUT", other.dtype.kind in "OUT"}
    return np.concatenate([one.astype(object), other.astype(object)] if texts == {True} else [one, other])


def _inputs(which: str, x: Any) -> list[tuple[str, NDArray]]:
    if _is_frame(x):
        names = [str(name) for name in x.columns]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise ValueError(
                f"{shortened(twice)} is the name of several columns of {which}: give each a name of its own"
            )
        parts: Sequence[Any] = [x.iloc[:, place] for place in range(len(names))]
    else:
        rows = np.asarray(x)
        if rows.ndim != 2:
            way = ": x[:, None] makes one input of it" if rows.ndim == 1 else ""
            raise ValueError(f"{which} must have shape (n_rows, n_inputs); got {rows.shape}{way}")
        if rows.dtype.kind not in "biuf":
            raise ValueError(f"{which} must be real numbers, or a DataFrame with columns of text; got {rows.dtype}")
        parts, names = list(rows.T), [f"x{place}" for place in range(1, rows.shape[1] + 1)]
    if not parts or not len(parts[0]):
        raise ValueError(f"{which} must have rows and columns; got shape {np.shape(x)}")
    return [(name, np.asarray(part)) for name, part in zip(names, parts, strict=True)]


def _target(which: str, y: Any, n_rows: int, taken: list[str]) -> tuple[str, NDArray]:
    frame = _is_frame(y)
    name = str(y.columns[0]) if frame and len(y.columns) else getattr(y, "name", None)
    name = "y" if name is None else str(name)
    values = np.asarray(y)
    if values.shape not in ((n_rows,), (n_rows, 1)):
        way = ": y.argmax(axis=1) makes class numbers of one column a class" if len(values.shape) == 2 else ""
        raise ValueError(
            f"{which} must have one value for each of the {n_rows:,} rows of x; got shape {values.shape}{way}"
        )
    values = values.ravel()
    while name in taken:
        name += " (target)"
    return name, values.astype(str).astype(object) if values.dtype.kind == "b" else values


def _is_frame(values: Any) -> bool:
    return hasattr(values, "columns") and hasattr(values, "iloc")


def _column(which: str, name: str, values: NDArray) -> Column:
    """Numbers, or categories for text; raises ValueError on anything else and on gaps."""
    where = f"column {shortened(name)} of {which}" if which == "x" else "y"
    if values.dtype.kind == "O" and all(isinstance(each, (int, float, np.number)) for each in values):
        values = values.astype(np.float64)
    if values.dtype.kind in "biuf":
        numbers = values.astype(np.float64)
        _check_none(where, ~np.isfinite(numbers))
        if np.abs(numbers).max() > LARGEST:
            raise ValueError(f"the numbers of {where} must be at most {LARGEST:.0e}; got {np.abs(numbers).max():.1e}")
        return Column(name, numbers)
    if values.dtype.kind not in "OUT":
        raise ValueError(f"{where} must be numbers or text; got {values.dtype}")
    import pandas as pd

    _check_none(where, pd.isna(values.astype(object)))
    levels, codes = np.unique(values.astype(str), return_inverse=True)
    return categories(name, levels.astype(object), codes)


def _check_none(where: str, bad: NDArray[np.bool_]) -> None:
    count = np.count_nonzero(bad)
    if count:
        are = "1 value that is" if count == 1 else f"{count:,} values that are"
        raise ValueError(
            f"{where} must be finite and without gaps; got {are} not, the first in row {np.argmax(bad)}: "
            "fill them in, or leave those rows out"
        )


def _digest(columns: tuple[Column, ...], n_test: int) -> str:
    content = hashlib.sha256(b"arrays\n" + (b"test rows %d\n" % n_test if n_test else b""))
    for column in columns:
        content.update(repr((column.name, column.levels, column.values.dtype.str, len(column.values))).encode())
        content.update(np.ascontiguousarray(column.values).tobytes())
    return content.hexdigest()[:32]
