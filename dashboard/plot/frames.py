"""A series of figures as the browser plays it: builds that stay, and packed arrays of what changes."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from dashboard.plot.encoding import encode

BYTES_A_CHART = 1_500_000
"""What one chart's frames may weigh on their way to the browser; beyond it every second figure is left out."""

Figure = dict[str, Any]
Path = tuple[str | int, ...]


def frames_of(figures: Sequence[Figure], places: Sequence[int] | None = None) -> dict[str, Any]:
    """Figures -> {"at", "builds"}: everything that `frames.js` needs to draw each of them again.

    Figures with the same number of traces share a build: {"figure", "changes"}, the figure once and, for every
    path into it that changes, the values of all its figures. `at[k]` is (build, row) of frame k; a frame
    shows the figure `places[k]`, by default the k-th. An axis whose range is given holds still: its range is
    the union over all figures. Arrays of one shape are stacked and compressed; see `pack` for what that keeps.

    >>> figures = [{"data": [{"x": np.arange(2), "y": np.full(2, float(k))}], "layout": {}} for k in range(3)]
    >>> frames = frames_of(figures)
    >>> frames["at"], [change["path"] for change in frames["builds"][0]["changes"]]
    ([(0, 0), (0, 1), (0, 2)], [('data', 0, 'y')])
    """
    figures = hold_axes(figures)
    groups: dict[int, list[int]] = {}
    for index, figure in enumerate(figures):
        groups.setdefault(len(figure["data"]), []).append(index)
    at = {index: (build, row) for build, group in enumerate(groups.values()) for row, index in enumerate(group)}
    builds = []
    for group in groups.values():
        alike = [figures[index] for index in group]
        found = list(_changes(alike, ()))
        template = alike[0]
        for path, _ in found:
            template = _without(template, path)
        changes = [{"path": path, "values": pack(values)} for path, values in found]
        builds.append({"figure": encode(template), "changes": changes})
    shown = range(len(figures)) if places is None else places
    return {"at": [at[place] for place in shown], "builds": builds}


def fitting(figure_of: Callable[[int], Figure], n_frames: int, budget: int = BYTES_A_CHART) -> dict[str, Any]:
    """`frames_of` so many frames, of which every second figure is left out until the rest fits the budget.

    A frame whose figure was left out shows the one before it; the last figure always stays.
    """
    figures, step = [figure_of(index) for index in range(n_frames)], 1
    while True:
        kept = sorted({*range(0, n_frames, step), n_frames - 1})
        places = [max(place for place, index in enumerate(kept) if index <= frame) for frame in range(n_frames)]
        frames = frames_of([figures[index] for index in kept], places)
        if step >= n_frames or weight(frames) <= budget:
            return frames
        step *= 2


def weight(frames: dict[str, Any]) -> int:
    """Bytes of the packed arrays, which is nearly all that frames weigh."""
    values = (change["values"] for build in frames["builds"] for change in build["changes"])
    return sum(len(packed["zlib"]) for packed in values if isinstance(packed, dict))


def hold_axes(figures: Sequence[Figure]) -> list[Figure]:
    """The figures with each axis' given range widened to all of theirs: a moving curve needs a still axis."""
    axes = {name for figure in figures for name in figure["layout"] if name[1:5] == "axis"}
    held: dict[str, dict[str, Any]] = {}
    for name in sorted(axes):
        ranges = [figure["layout"].get(name, {}).get("range") for figure in figures]
        if any(range is None or range[0] > range[1] for range in ranges):
            continue
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        ticks = [figure["layout"][name]["dtick"] for figure in figures if "dtick" in figure["layout"][name]]
        held[name] = {"range": [low, high]} | ({"dtick": max(ticks)} if len(ticks) == len(figures) else {})
    return [
        figure
        | {"layout": figure["layout"] | {name: figure["layout"][name] | changes for name, changes in held.items()}}
        for figure in figures
    ]


def pack(values: Sequence[Any]) -> Any:
    """The values of one path: numeric arrays of one shape as {"dtype", "shape", "zlib"}, others one by one.

    Whole numbers travel in the smallest type that holds them. Heat maps (two dimensions) travel as float32 where
    its range holds every value; lines stay as they are, since δ of a deep network falls below 1e-38.
    """
    arrays = [value for value in values if isinstance(value, np.ndarray) and value.dtype.kind in "biuf"]
    if len(arrays) < len(values) or len({array.shape for array in arrays}) > 1 or not arrays[0].size:
        return [encode(value) for value in values]
    stack = _small(np.stack(arrays))
    content = np.ascontiguousarray(stack, dtype=stack.dtype.newbyteorder("<")).tobytes()
    return {
        "dtype": f"{stack.dtype.kind}{stack.dtype.itemsize}",
        "shape": list(stack.shape),
        "zlib": base64.b64encode(zlib.compress(content, 1)).decode(),
    }


def _small(stack: np.ndarray) -> np.ndarray:
    """The same numbers in a smaller type, one of those that JavaScript has."""
    low, high = stack.min(), stack.max()  # NaN where there is one
    if stack.dtype.kind == "b" or (low >= 0 and high < 2**16 and np.array_equal(stack, np.floor(stack))):
        return stack.astype(np.uint8 if high < 2**8 else np.uint16)
    if stack.dtype.kind in "iu":
        return stack.astype(np.int32 if low >= -(2**31) and high < 2**31 else np.float64)
    if stack.ndim > 2:
        size = np.abs(stack[np.isfinite(stack) & (stack != 0)])
        limits = np.finfo(np.float32)
        if not size.size or (size.min() >= limits.tiny and size.max() <= limits.max):
            return stack.astype(np.float32)
    return stack if stack.dtype.itemsize >= 4 else stack.astype(np.float32)


def _changes(values: Sequence[Any], path: Path) -> Iterator[tuple[Path, list[Any]]]:
    """(path, its value in each figure) for the smallest parts that differ."""
    first = values[0]
    if all(_same(first, value) for value in values[1:]):
        return
    if all(isinstance(value, dict) and value.keys() == first.keys() for value in values):
        for key in first:
            yield from _changes([value[key] for value in values], (*path, key))
    elif all(_is_list_of_parts(value) and len(value) == len(first) for value in values):
        for index in range(len(first)):
            yield from _changes([value[index] for value in values], (*path, index))
    else:
        yield path, list(values)


def _is_list_of_parts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(part, dict) for part in value)


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return (
            isinstance(one, np.ndarray)
            and isinstance(other, np.ndarray)
            and one.dtype == other.dtype
            and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        )
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other


def _without(part: Any, path: Path) -> Any:
    """A copy of a figure with nothing at the path; what does not lie along it is shared."""
    if not path:
        return None
    copy = dict(part) if isinstance(part, dict) else list(part)
    copy[path[0]] = _without(copy[path[0]], path[1:])
    return copy
