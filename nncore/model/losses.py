"""Each loss as a value and a delta: a number, and its derivative with respect to the output layer's z."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import prod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nncore.numerics.dot import dot
from nncore.numerics.registry import Registry, check_name

Array = NDArray[np.floating]


class Loss(ABC):
    """What is minimized, as a function of the output layer's z.

    z_out: (..., n_samples, n_out). y: (n_samples, n_out), or class indices (n_samples,) for cross_entropy; it
    broadcasts over the leading axes of z_out, which every result keeps: one per run of an ensemble.
    Your own loss subclasses this with `name`, `per_sample`, `value_and_delta` and `check`; once `LOSSES.register` has
    checked it, it works wherever a name does.

    Fields
    ------
    name: what menus, files and errors call it.
    latex: the formula E = ..., for KaTeX.
    tasks: what it fits, regression, classification or both.
    targets: what y holds: "values", any numbers, one column a class for classes; "bits", 0 and 1, one column for two
        classes, else one a class; "classes", their indices (n_samples,).
    """

    name: ClassVar[str]
    latex: ClassVar[str] = "E"
    tasks: ClassVar[tuple[str, ...]] = ("regression", "classification")
    targets: ClassVar[Literal["values", "bits", "classes"]] = "values"

    @abstractmethod
    def value_and_delta(self, z_out: Array, y: NDArray[Any], out: Array | None = None) -> tuple[Any, Array]:
        """The mean loss (...) and dE/dz_out, shaped like z_out; the latter written into `out` where given."""

    @abstractmethod
    def per_sample(self, z_out: Array, y: NDArray[Any]) -> Array:
        """Each sample's own loss, (..., n_samples). Its mean over samples is the value."""

    @abstractmethod
    def check(self, z_shape: tuple[int, ...], y: ArrayLike) -> NDArray[Any]:
        """y as the loss computes with it; raises ValueError where it does not fit outputs of `z_shape`."""

    def accuracy(self, z_out: Array, y: NDArray[Any]) -> Any:
        """Share of samples classified correctly, (...); NaN where y holds no classes."""
        return np.full(z_out.shape[:-2], np.nan)[()]

    def constant(self, y: NDArray[Any]) -> float:
        """The least mean loss of an output that is the same for all samples, y being one run's targets.

        Searched for by scipy.optimize.minimize (BFGS) from the mean target; nncore's own losses know it in closed form.
        """
        from scipy.optimize import minimize

        n_out = int(y.max()) + 1 if y.ndim == 1 else y.shape[-1]
        start = y.mean(axis=0) if self.targets == "values" else np.zeros(n_out)

        def of(z: Array) -> tuple[float, Array]:
            value, delta = self.value_and_delta(np.tile(z, (len(y), 1)), y)
            return float(value), delta.sum(axis=0)

        with np.errstate(all="ignore"):
            return float(min(of(start)[0], minimize(of, start, jac=True).fun))

    def value(self, z_out: Array, y: NDArray[Any]) -> Any:
        """The mean loss, (...)."""
        return self.value_and_delta(z_out, y)[0]

    def delta(self, z_out: Array, y: NDArray[Any], out: Array | None = None) -> Array:
        """dE/dz_out, shaped like z_out; written into `out` where it is given."""
        return self.value_and_delta(z_out, y, out)[1]


class MeanSquaredError(Loss):
    """(z - y)^2, averaged over samples and outputs, as in the lecture.

    >>> loss = LOSSES["mse"]
    >>> z, y = np.array([[1.0], [3.0]]), np.array([[0.0], [1.0]])
    >>> float(loss.value(z, y)), loss.delta(z, y).tolist(), loss.per_sample(z, y).tolist()
    (2.5, [[1.0], [2.0]], [1.0, 4.0])
    """

    name = "mse"
    latex = r"E = \frac{1}{N\,n_L}\sum_{s=1}^{N}\sum_{k=1}^{n_L} (y_{sk} - z_{sk})^2"

    def value_and_delta(self, z_out: Array, y: NDArray[Any], out: Array | None = None) -> tuple[Any, Array]:
        out = np.empty_like(z_out) if out is None else out
        np.subtract(z_out, y, out=out)
        flat = _flat(out)
        size = flat.shape[-1]
        value = dot(flat, flat) / size
        out *= 2.0 / size
        return value, out

    def per_sample(self, z_out: Array, y: NDArray[Any]) -> Array:
        return np.square(z_out - y).mean(axis=-1)

    def constant(self, y: NDArray[Any]) -> float:
        """The variance of the targets, of the mean."""
        return float(y.astype(np.float64).var(axis=0).mean())

    def accuracy(self, z_out: Array, y: NDArray[Any]) -> Any:
        """Largest output against the one-hot y; NaN unless y has two or more columns, one 1 in each row."""
        one_hot = y.shape[-1] > 1 and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=-1) == 1).all())
        return _agreement(z_out, y) if one_hot else super().accuracy(z_out, y)

    def check(self, z_shape: tuple[int, ...], y: ArrayLike) -> NDArray[Any]:
        return _checked_targets(self.name, z_shape, y)


class BinaryCrossEntropy(Loss):
    """-y ln p - (1 - y) ln(1 - p) with p = sigmoid(z), averaged over samples and outputs. z are logits.

    Computed as max(z, 0) - z y + ln(1 + exp(-|z|)); value and delta keep their digits in both tails.

    >>> loss = LOSSES["bce"]
    >>> z, y = np.array([[0.0], [40.0]]), np.array([[1.0], [1.0]])
    >>> loss.delta(z, y).tolist()
    [[-0.25], [-2.1241771276457944e-18]]
    """

    name = "bce"
    tasks = ("classification",)
    targets = "bits"
    latex = (
        r"E = -\frac{1}{N\,n_L}\sum_{s,k} "
        r"\bigl[y_{sk}\ln\sigma(z_{sk}) + (1 - y_{sk})\ln(1 - \sigma(z_{sk}))\bigr]"
    )

    def value_and_delta(self, z_out: Array, y: NDArray[Any], out: Array | None = None) -> tuple[Any, Array]:
        out = np.empty_like(z_out) if out is None else out
        loss, e, above, gap = self._parts(z_out, y)
        flat = _flat(loss)
        size = flat.shape[-1]
        value = np.add.reduce(flat, axis=-1) / size
        # with h = sigmoid(-|z|): sigmoid(z) is 1 - h above 0 and h elsewhere, without cancelling against y
        e /= e + 1.0
        e *= 1.0 - 2.0 * above
        e += gap
        np.multiply(e, 1.0 / size, out=out)
        return value, out

    def per_sample(self, z_out: Array, y: NDArray[Any]) -> Array:
        return self._parts(z_out, y)[0].mean(axis=-1)

    def constant(self, y: NDArray[Any]) -> float:
        """The entropy of each column's share of ones."""
        shares = np.stack([y.mean(axis=0), 1 - y.mean(axis=0)])
        return float(-_xlogx(shares).sum(axis=0).mean())

    def accuracy(self, z_out: Array, y: NDArray[Any]) -> Any:
        """z > 0 against y > 1/2 with one output; largest output against largest y with several."""
        if z_out.shape[-1] > 1:
            return _agreement(z_out, y)
        return ((z_out > 0.0) == (y > 0.5)).mean(axis=(-2, -1))

    def check(self, z_shape: tuple[int, ...], y: ArrayLike) -> NDArray[Any]:
        y = _checked_targets(self.name, z_shape, y)
        if not ((y >= 0.0) & (y <= 1.0)).all():
            raise ValueError(f"y for bce must lie between 0 and 1; got {_extremes(y)}")
        return y

    @staticmethod
    def _parts(z_out: Array, y: NDArray[Any]) -> tuple[Array, Array, Array, Array]:
        """Loss per entry, exp(-|z|), 1 where z > 0, and that minus y."""
        e = np.abs(z_out)
        np.negative(e, out=e)
        np.exp(e, out=e)
        above = (z_out > 0.0).astype(z_out.dtype)
        gap = np.subtract(above, y, dtype=z_out.dtype, casting="same_kind")
        loss = z_out * gap
        loss += np.log1p(e)
        return loss, e, above, gap


class CrossEntropy(Loss):
    """-ln softmax(z)[y], averaged over samples. z are logits, y class indices.

    The true class is kept apart from the sum of the others, so that value and delta keep their digits when
    it is nearly certain.

    >>> loss = LOSSES["cross_entropy"]
    >>> z, y = np.array([[40.0, 0.0], [0.0, 0.0]]), np.array([0, 1])
    >>> loss.per_sample(z, y).tolist()
    [4.248354255291589e-18, 0.6931471805599453]
    >>> loss.delta(z, y).tolist()
    [[-2.1241771276457944e-18, 2.1241771276457944e-18], [0.25, -0.25]]
    """

    name = "cross_entropy"
    tasks = ("classification",)
    targets = "classes"
    latex = r"E = -\frac{1}{N}\sum_{s=1}^{N} \ln\frac{e^{z_{s,y_s}}}{\sum_k e^{z_{sk}}}"

    def value_and_delta(self, z_out: Array, y: NDArray[Any], out: Array | None = None) -> tuple[Any, Array]:
        loss, e, true, others, total = self._parts(z_out, y)
        n_samples = loss.shape[-1]
        value = np.add.reduce(loss, axis=-1) / n_samples
        rate = 1.0 / (total * n_samples)
        e *= rate[..., None, :]
        e.reshape(-1)[true] = -others * rate
        delta = e.swapaxes(-1, -2)
        if out is None:
            return value, delta
        out[...] = delta
        return value, out

    def per_sample(self, z_out: Array, y: NDArray[Any]) -> Array:
        return self._parts(z_out, y)[0]

    def constant(self, y: NDArray[Any]) -> float:
        """The entropy of the class frequencies."""
        return float(-_xlogx(np.bincount(y) / len(y)).sum())

    def accuracy(self, z_out: Array, y: NDArray[Any]) -> Any:
        """Largest output against y."""
        return (z_out.argmax(axis=-1) == y).mean(axis=-1)

    def check(self, z_shape: tuple[int, ...], y: ArrayLike) -> NDArray[Any]:
        n_samples, n_out = z_shape[-2:]
        y = np.asarray(y)
        if n_out < 2:
            raise ValueError(f"cross_entropy needs one output per class, at least 2; got {n_out}")
        if y.shape[-1:] != (n_samples,) or not _broadcasts(y.shape, tuple(z_shape[:-1])):
            raise ValueError(f"y for cross_entropy must be class indices of shape ({n_samples},); got shape {y.shape}")
        if y.dtype.kind not in "iuf" or not (np.isfinite(y) & (y == np.floor(y))).all():
            raise ValueError(f"y for cross_entropy must be whole-numbered class indices; got {_extremes(y)}")
        if not ((y >= 0) & (y < n_out)).all():
            raise ValueError(
                f"y for cross_entropy must be class indices from 0 to {n_out - 1}, one output per class; "
                f"got {_extremes(y)}"
            )
        return y.astype(np.intp)

    @staticmethod
    def _parts(z_out: Array, y: NDArray[Any]) -> tuple[Array, Array, NDArray[np.intp], Array, Array]:
        """Loss per sample; exp(z - max), (..., n_out, n_samples), with the true class set to 0; where those
        zeros stand when it is flat; its sum over classes; that sum with the true class.
        """
        *lead, n_samples, n_out = z_out.shape
        e = np.empty((*lead, n_out, n_samples), z_out.dtype)
        np.subtract(z_out.swapaxes(-1, -2), np.maximum.reduce(z_out, axis=-1)[..., None, :], out=e)
        runs = np.arange(prod(lead)).reshape(*lead, 1) * (n_out * n_samples)
        true = runs + (y * n_samples + np.arange(n_samples))
        flat = e.reshape(-1)
        s_true = flat[true]
        np.exp(e, out=e)
        e_true = flat[true]
        flat[true] = 0.0
        others = np.add.reduce(e, axis=-2)
        loss = np.log1p(others + (e_true - 1.0))
        loss -= s_true
        return loss, e, true, others, others + e_true


def _xlogx(shares: Array) -> Array:
    return shares * np.log(np.where(shares > 0, shares, 1.0))


def _flat(terms: Array) -> Array:
    """One axis for samples and outputs, so that each run is summed the same way alone and in an ensemble."""
    return terms.reshape(-1) if terms.ndim == 2 else terms.reshape(*terms.shape[:-2], -1)


def _agreement(z_out: Array, y: NDArray[Any]) -> Any:
    return (z_out.argmax(axis=-1) == y.argmax(axis=-1)).mean(axis=-1)


def _checked_targets(name: str, z_shape: tuple[int, ...], y: ArrayLike) -> NDArray[Any]:
    """y as floats, (..., n_samples, n_out), finite."""
    y = np.asarray(y)
    if y.shape[-2:] != tuple(z_shape[-2:]) or not _broadcasts(y.shape, tuple(z_shape)):
        n_samples, n_out = z_shape[-2:]
        raise ValueError(f"y for {name} must have shape ({n_samples}, {n_out}), samples by outputs; got {y.shape}")
    if y.dtype.kind not in "biuf":
        raise ValueError(f"y for {name} must be numbers; got {y.dtype}")
    y = y if y.dtype.kind == "f" else y.astype(np.float64)
    if not np.isfinite(y).all():
        raise ValueError(f"y for {name} must be finite; got {int((~np.isfinite(y)).sum())} values that are not")
    return y


def _broadcasts(shape: tuple[int, ...], onto: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, onto) == onto
    except ValueError:
        return False


def _extremes(y: NDArray[Any]) -> str:
    return f"values from {y.min()} to {y.max()}" if y.size and y.dtype.kind in "biuf" else f"{y.dtype}"


class Losses(Registry[Loss]):
    """Name -> loss; `register` adds one of your own."""

    kind = "loss"

    def register(self, loss: Loss) -> Loss:
        """Let a loss of your own be named wherever a name is: in a config, a sweep, a file, a command, a menu.

        It is for this process, as `ACTIVATIONS.register` says. Its delta is compared with central differences of its value,
        and the value with the mean of per_sample, on random z (2, 5, n_out) of one and of three outputs. Raises
        ValueError, one sentence, on a name that is taken or is no word, and on what is wrong, with the place.

        >>> class Twice(MeanSquaredError):
        ...     name = "twice_mse"
        ...     def per_sample(self, z_out, y):
        ...         return 2 * super().per_sample(z_out, y)
        ...     def value_and_delta(self, z_out, y, out=None):
        ...         value, delta = super().value_and_delta(z_out, y, out)
        ...         return 2 * value, delta
        >>> Losses().register(Twice())
        Traceback (most recent call last):
        ValueError: the delta of twice_mse is wrong at z = 0.125730, y = -0.623274: it says 0.299602, the differences of value 0.599204
        """
        if not isinstance(loss, Loss):
            raise ValueError(f"loss must be an instance of a class that subclasses nncore.Loss; got {loss!r}")
        check_name(self.kind, getattr(loss, "name", None))
        for n_out in (1, 3):
            if n_out > 1 or loss.targets != "classes":
                _check_loss(loss, n_out)
        z, y = _examples(loss, 3)
        return self.enter(loss.name, loss, lambda other: _equal_losses(other, loss, z, y))


def _examples(loss: Loss, n_out: int) -> tuple[Array, NDArray[Any]]:
    """Random z (2, 5, n_out) and targets for 5 samples."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((2, 5, n_out))
    if loss.targets == "classes":
        return z, rng.integers(0, n_out, 5)
    y = rng.standard_normal((5, n_out))
    return z, y if loss.targets == "values" else (y > 0).astype(float)


def _equal_losses(one: Loss, other: Loss, z: Array, y: NDArray[Any]) -> bool:
    return one.targets == other.targets and np.array_equal(one.per_sample(z, y), other.per_sample(z, y))


def _check_loss(loss: Loss, n_out: int, step: float = 1e-5) -> None:
    """Raise ValueError, with the place, where value, delta and per_sample do not go together."""
    name, (z, y) = loss.name, _examples(loss, n_out)
    y = loss.check(z.shape, y)
    value, delta = loss.value_and_delta(z.copy(), y)
    each = loss.per_sample(z.copy(), y)
    shapes = (("value", value, z.shape[:1]), ("delta", delta, z.shape), ("per_sample", each, z.shape[:2]))
    for what, got, expected in shapes:
        if np.shape(got) != expected:
            raise ValueError(
                f"the {what} of {name} must have shape {expected} for z {z.shape}, one for each run; got {np.shape(got)}"
            )
        if not np.isfinite(got).all():
            raise ValueError(
                f"the {what} of {name} must be finite; got {np.ravel(got)[~np.isfinite(np.ravel(got))][0]}"
            )
    if not np.allclose(each.mean(axis=-1), value, rtol=1e-9):
        raise ValueError(
            f"the value of {name} must be the mean of per_sample, {each[0].mean():.6g}; got {value[0]:.6g}"
        )
    written = np.empty_like(z)
    loss.value_and_delta(z.copy(), y, out=written)
    if not np.array_equal(written, delta):
        raise ValueError(f"the delta of {name} must be written into out where it is given")
    for place in np.ndindex(z.shape):
        ahead, behind = z.copy(), z.copy()
        ahead[place] += step
        behind[place] -= step
        measured = float((loss.value(ahead, y) - loss.value(behind, y))[place[0]]) / (2 * step)
        says = float(delta[place])
        rounding = 64 * np.finfo(np.float64).eps * (1 + abs(float(value[place[0]]))) / step
        if not abs(says - measured) < 1e-4 * max(abs(says), abs(measured)) + rounding:
            target = y[place[1]] if y.ndim == 1 else y[place[1:]]
            raise ValueError(
                f"the delta of {name} is wrong at z = {z[place]:.6f}, y = {target:.6g}: it says {says:.6g}, the "
                f"differences of value {measured:.6g}"
            )


LOSSES = Losses({loss.name: loss for loss in (MeanSquaredError(), BinaryCrossEntropy(), CrossEntropy())})
