"""Seeded toy problems: shapes in the plane to be told apart, and curves to be followed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nncore.data.dataset import Dataset, Floats, Labels, Make


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


TOYS = (
    _toy("two_gaussians", _two_gaussians, 0.0, "Clouds at (-1, -1) and (1, 1): one straight line parts them."),
    _toy("circles", _circles, 0.08, "A ring inside a ring twice as wide: no straight line parts them."),
    _toy("moons", _moons, 0.1, "Half circles that reach into each other: the boundary has to bend twice."),
    _toy("xor", _xor, 0.0, "Opposite quadrants share a class: neither input says anything without the other."),
    _toy("spiral", _spiral, 0.02, "Two arms, wound 1.75 times around each other: hard for a small network."),
    _toy("blobs", _blobs, 0.0, "Clouds on a circle of radius 2, one a class: choose how many.", True),
    _grid("parabola", _curve(0.0, 1.5, np.square), 0.0, "The lecture's y = x² on [0, 1.5], as it is.", True),
    _grid("line", _curve(-1.0, 1.0, _line), 0.0, "y = 1 + 2x on [-1, 1]: linear activations are enough."),
    _grid("sine", _curve(-np.pi, np.pi, np.sin), 0.05, "One period of y = sin(x), from -π to π."),
    _grid("step", _curve(-1.0, 1.0, _jump), 0.05, "0 below x = 0 and 1 from there: only large weights follow it."),
)
