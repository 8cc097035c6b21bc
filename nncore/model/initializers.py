"""Each initializer in one entry: how a layer's first weights are drawn, and their standard deviation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nncore.numerics.registry import Registry, check_name

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int, int, float], Array]
Std = Callable[[int, int, float], float]


@dataclass(frozen=True)
class Initializer:
    """Draws a layer's weights, (fan_in, fan_out), and all of a network's parameters.

    `gain` multiplies the textbook standard deviation, and the weights themselves: twice the gain is twice the
    weights from the same rng. `scale` is constant's value, normal's standard deviation, uniform's half-width,
    `default_scale` where left out; the others take none.

    Fields
    ------
    name: what menus, files and errors call it.
    draw: (rng, fan_in, fan_out, scale) -> weights at gain 1.
    textbook_std: (fan_in, fan_out, scale) -> their standard deviation.
    latex: that standard deviation, for KaTeX.
    note: one sentence on when to use it.

    Your own needs name, draw and textbook_std; once `INITIALIZERS.register` has checked it, it works wherever a name does.

    >>> he = INITIALIZERS["he_normal"]
    >>> he(np.random.default_rng(0), fan_in=200, fan_out=3).shape, he.std(fan_in=200, fan_out=3)
    ((200, 3), 0.1)
    """

    name: str
    draw: Draw
    textbook_std: Std
    latex: str = r"\sigma_W"
    note: str = ""
    default_scale: float | None = None

    def __call__(
        self, rng: np.random.Generator, fan_in: int, fan_out: int, gain: float = 1.0, scale: float | None = None
    ) -> Array:
        """Weights (fan_in, fan_out), float64.

        Raises ValueError where gain or scale is negative or not finite, or scale is given but not taken.
        """
        _check_spread("gain", gain)
        return gain * self.draw(rng, fan_in, fan_out, self._scale(scale))

    def std(self, fan_in: int, fan_out: int, gain: float = 1.0, scale: float | None = None) -> float | None:
        """Standard deviation that the weights are drawn with; None where the data decides (lsuv)."""
        return gain * self.textbook_std(fan_in, fan_out, self._scale(scale))

    def theta(
        self,
        rng: np.random.Generator,
        network: Any,
        x: NDArray[np.floating] | None = None,
        gain: float = 1.0,
        scale: float | None = None,
        bias_std: float = 0.0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Array:
        """All of a network's parameters, flat; `network.layout.split(theta)` gives (weight, bias) views.

        Biases are drawn from N(0, bias_std^2), 0 by default. Each layer has its own stream, spawned from rng:
        what later layers look like never changes an earlier one, and gain, scale and bias_std keep the draws.
        `x`, (n_samples, n_features), is asked for by initializers that look at data (lsuv). `cancelled()` is asked before
        every layer; raises StoppedEarly, a ValueError, when it is true.
        """
        _check_rng(rng)
        _check_spread("bias_std", bias_std)
        theta = np.zeros(network.layout.n_params)
        streams = rng.spawn(network.layout.n_layers)
        for stream, (weight, bias) in zip(streams, network.layout.split(theta), strict=True):
            _go_on(cancelled)
            fan_in, fan_out = weight.shape
            weight[...] = self(stream, fan_in, fan_out, gain, scale)
            bias[...] = self.draw_bias(stream, fan_in, fan_out, gain)
            if bias_std:
                bias += bias_std * stream.standard_normal(fan_out)
        return theta

    def draw_bias(self, rng: np.random.Generator, fan_in: int, fan_out: int, gain: float) -> Array:
        """The biases (fan_out,) that bias_std comes on top of: 0, but for PyTorch's default."""
        return np.zeros(fan_out)

    def _scale(self, scale: float | None) -> float:
        if self.default_scale is None:
            if scale is not None:
                having = ", ".join(n for n, entry in INITIALIZERS.items() if entry.default_scale is not None)
                raise ValueError(f"{self.name} takes no scale ({having} do), use gain; got {scale!r}")
            return 1.0
        if scale is None:
            return self.default_scale
        _check_spread("scale", scale)
        return scale


class PyTorchDefault(Initializer):
    """What torch.nn.Linear does: weights and biases from U(-r, r), r = gain / sqrt(fan_in)."""

    def draw_bias(self, rng: np.random.Generator, fan_in: int, fan_out: int, gain: float) -> Array:
        return gain * (1.0 / sqrt(fan_in)) * rng.uniform(-1.0, 1.0, fan_out)


class LayerSequentialUnitVariance(Initializer):
    """Orthogonal weights, rescaled layer by layer until z has standard deviation `gain` on the data.

    Mishkin & Matas 2015, All you need is a good init. It initializes a network on a data batch, not a matrix.
    """

    def __call__(
        self, rng: np.random.Generator, fan_in: int, fan_out: int, gain: float = 1.0, scale: float | None = None
    ) -> Array:
        raise ValueError("lsuv initializes a whole network on data, not one matrix: use lsuv.theta(rng, network, x)")

    def std(self, fan_in: int, fan_out: int, gain: float = 1.0, scale: float | None = None) -> float | None:
        return None

    def theta(
        self,
        rng: np.random.Generator,
        network: Any,
        x: NDArray[np.floating] | None = None,
        gain: float = 1.0,
        scale: float | None = None,
        bias_std: float = 0.0,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Array:
        """All of a network's parameters, flat: Var(z) = gain^2 in each layer, over samples of x and units.

        Each weight is divided by std(z)/gain, up to ten times where biases keep one division from being
        exact. A layer whose z does not vary at all is left as it is. Raises ValueError without x, and StoppedEarly as
        soon as `cancelled()`, which is asked before every pass through a layer.
        """
        _check_rng(rng)
        if x is None:
            raise ValueError("lsuv looks at data: x must be a batch (n_samples, n_features); got None")
        _check_spread("gain", gain)
        self._scale(scale)
        theta = INITIALIZERS["orthogonal"].theta(rng, network, bias_std=bias_std, cancelled=cancelled)
        transposed, tape = network.begun(theta, x)
        for index, (weight, _) in enumerate(network.layout.split(theta)):
            network.layer_pass(index, transposed, tape)
            before = inf
            for _ in range(10):
                _go_on(cancelled)
                std = float(np.std(tape.z[index], dtype=np.float64))
                close = abs(std - gain) <= 1e-6 * gain
                if std == 0.0 or not np.isfinite(std) or close or std == before:
                    break
                weight *= gain / std
                network.layer_pass(index, transposed, tape)
                before = std
        return theta


class StoppedEarly(ValueError):
    """Somebody asked to stop before there was anything to keep."""


def _go_on(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise StoppedEarly("stopped by hand while the first weights were drawn")


def _check_rng(rng: object) -> None:
    if not isinstance(rng, np.random.Generator):
        raise ValueError(f"rng must be a numpy Generator, such as np.random.default_rng(0); got {rng!r}")


def _check_spread(name: str, value: float) -> None:
    if not (isinstance(value, (int, float, np.integer, np.floating)) and 0.0 <= value < inf):
        raise ValueError(f"{name} must be a finite number that is not negative; got {value!r}")


def _normal(name: str, textbook_std: Std, latex: str, note: str, default_scale: float | None = None) -> Initializer:
    def draw(rng: np.random.Generator, fan_in: int, fan_out: int, scale: float) -> Array:
        return textbook_std(fan_in, fan_out, scale) * rng.standard_normal((fan_in, fan_out))

    return Initializer(name, draw, textbook_std, latex, note, default_scale)


def _uniform(
    name: str,
    limit: Std,
    latex: str,
    note: str,
    default_scale: float | None = None,
    make: type[Initializer] = Initializer,
) -> Initializer:
    """U(-limit, limit), whose standard deviation is limit / sqrt(3)."""

    def draw(rng: np.random.Generator, fan_in: int, fan_out: int, scale: float) -> Array:
        return limit(fan_in, fan_out, scale) * rng.uniform(-1.0, 1.0, (fan_in, fan_out))

    def std(fan_in: int, fan_out: int, scale: float) -> float:
        return limit(fan_in, fan_out, scale) / sqrt(3.0)

    return make(name, draw, std, latex, note, default_scale)


def uniform_between(low: float, high: float) -> Initializer:
    """U(low, high), whatever the layer's width: textbooks' first weights.

    >>> drawn = uniform_between(-0.5, 1.5)(np.random.default_rng(0), 200, 300)
    >>> float(drawn.min()).__round__(2), float(drawn.max()).__round__(2)
    (-0.5, 1.5)
    """

    def draw(rng: np.random.Generator, fan_in: int, fan_out: int, scale: float) -> Array:
        return low + (high - low) * rng.random((fan_in, fan_out))

    def std(fan_in: int, fan_out: int, scale: float) -> float:
        return (high - low) / sqrt(12.0)

    return Initializer("uniform", draw, std, r"W_{ij} \sim U(a, b)", "Textbooks' first weights.", default_scale=1.0)


def _constant(rng: np.random.Generator, fan_in: int, fan_out: int, scale: float) -> Array:
    return np.full((fan_in, fan_out), float(scale))


def _zeros(rng: np.random.Generator, fan_in: int, fan_out: int, scale: float) -> Array:
    return np.zeros((fan_in, fan_out))


def _no_spread(fan_in: int, fan_out: int, scale: float) -> float:
    return 0.0


def _orthogonal(rng: np.random.Generator, fan_in: int, fan_out: int, scale: float) -> Array:
    """Uniformly distributed (semi-)orthogonal matrix: Q of a Gaussian's QR, R's diagonal made positive."""
    tall = rng.standard_normal((max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q *= np.where(np.diagonal(r) < 0.0, -1.0, 1.0)
    return q if fan_in >= fan_out else np.ascontiguousarray(q.T)


def _orthogonal_std(fan_in: int, fan_out: int, scale: float) -> float:
    return 1.0 / sqrt(max(fan_in, fan_out))


_ENTRIES = (
    Initializer(
        "zeros",
        _zeros,
        _no_spread,
        r"\sigma_W = 0",
        "To see why it fails: all units of a layer stay identical for ever, and no gradient passes.",
    ),
    Initializer(
        "constant",
        _constant,
        _no_spread,
        r"\sigma_W = 0,\quad W_{ij} = c",
        "To see symmetry that is never broken: all units of a layer start equal and learn equally.",
        0.1,
    ),
    _normal(
        "normal",
        lambda fan_in, fan_out, scale: float(scale),
        r"\sigma_W = c",
        "One standard deviation for every layer, whatever its width: signals vanish or explode with depth.",
        0.05,
    ),
    _uniform(
        "uniform",
        lambda fan_in, fan_out, scale: float(scale),
        r"\sigma_W = c/\sqrt{3},\quad W_{ij} \sim U(-c, c)",
        "One half-width for every layer, whatever its width: signals vanish or explode with depth.",
        0.05,
    ),
    _normal(
        "xavier_normal",
        lambda fan_in, fan_out, scale: sqrt(2.0 / (fan_in + fan_out)),
        r"\sigma_W = \sqrt{\frac{2}{n_{\mathrm{in}} + n_{\mathrm{out}}}}",
        "Also Glorot (Glorot & Bengio 2010): for tanh and its kin, a compromise of both directions.",
    ),
    _uniform(
        "xavier_uniform",
        lambda fan_in, fan_out, scale: sqrt(6.0 / (fan_in + fan_out)),
        r"\sigma_W = \sqrt{\frac{2}{n_{\mathrm{in}} + n_{\mathrm{out}}}},\quad "
        r"r = \sqrt{\frac{6}{n_{\mathrm{in}} + n_{\mathrm{out}}}}",
        "Also Glorot (Glorot & Bengio 2010): the default of Keras, for tanh and its kin.",
    ),
    _normal(
        "he_normal",
        lambda fan_in, fan_out, scale: sqrt(2.0 / fan_in),
        r"\sigma_W = \sqrt{\frac{2}{n_{\mathrm{in}}}}",
        "Also Kaiming (He et al. 2015): for relu, which passes half of the variance on.",
    ),
    _uniform(
        "he_uniform",
        lambda fan_in, fan_out, scale: sqrt(6.0 / fan_in),
        r"\sigma_W = \sqrt{\frac{2}{n_{\mathrm{in}}}},\quad r = \sqrt{\frac{6}{n_{\mathrm{in}}}}",
        "Also Kaiming (He et al. 2015): for relu, with bounded weights.",
    ),
    _normal(
        "lecun_normal",
        lambda fan_in, fan_out, scale: sqrt(1.0 / fan_in),
        r"\sigma_W = \sqrt{\frac{1}{n_{\mathrm{in}}}}",
        "LeCun et al. 1998: keeps the variance of z forward for slopes near 1, and what selu asks for.",
    ),
    _uniform(
        "lecun_uniform",
        lambda fan_in, fan_out, scale: sqrt(3.0 / fan_in),
        r"\sigma_W = \sqrt{\frac{1}{n_{\mathrm{in}}}},\quad r = \sqrt{\frac{3}{n_{\mathrm{in}}}}",
        "LeCun et al. 1998: lecun_normal with bounded weights.",
    ),
    Initializer(
        "orthogonal",
        _orthogonal,
        _orthogonal_std,
        r"\sigma_W = \sqrt{\frac{1}{\max(n_{\mathrm{in}}, n_{\mathrm{out}})}}",
        "Saxe et al. 2013: a square layer keeps every length: linear and tanh networks can be very deep.",
    ),
    _uniform(
        "pytorch_default",
        lambda fan_in, fan_out, scale: sqrt(1.0 / fan_in),
        r"\sigma_W = \sqrt{\frac{1}{3\,n_{\mathrm{in}}}},\quad r = \sqrt{\frac{1}{n_{\mathrm{in}}}}",
        "What torch.nn.Linear does when nobody chooses, biases included: deep networks vanish with it.",
        make=PyTorchDefault,
    ),
    LayerSequentialUnitVariance(
        "lsuv",
        _orthogonal,
        _orthogonal_std,
        r"\sigma_W:\ \operatorname{Var}(z^l) = 1\ \text{on the data}",
        "Mishkin & Matas 2015: where no formula fits the activation; it measures z on data and rescales.",
    ),
)


class Initializers(Registry[Initializer]):
    """Name -> initializer; `register` adds one of your own."""

    kind = "initializer"

    def register(self, initializer: Initializer) -> Initializer:
        """Let an initializer of your own be named wherever a name is: in a config, a sweep, a file, a command, a menu.

        It is for this process, as `ACTIVATIONS.register` says. What it draws must be finite weights (fan_in, fan_out), the
        same from the same rng, with the standard deviation that `textbook_std` says, within 10 %: theory is computed
        from that. Raises ValueError, one sentence, where they are not, and on a name that is taken or is no word.

        >>> def draw(rng, fan_in, fan_out, scale):
        ...     return rng.laplace(0, 1 / fan_in**0.5, (fan_in, fan_out))
        >>> laplace = Initializer("laplace", draw, lambda fan_in, fan_out, scale: 1 / fan_in**0.5)
        >>> Initializers().register(laplace)
        Traceback (most recent call last):
        ValueError: textbook_std of laplace is wrong at fan_in = 200, fan_out = 300: it says 0.0707107, the weights drawn have 0.100292
        """
        if not isinstance(initializer, Initializer):
            raise ValueError(
                f"initializer must be an Initializer with a name, draw and textbook_std; got {initializer!r}"
            )
        check_name(self.kind, initializer.name)
        drawn = _checked_draw(initializer)
        return self.enter(
            initializer.name,
            initializer,
            lambda other: np.array_equal(other(np.random.default_rng(0), 200, 300), drawn),
        )


def _checked_draw(initializer: Initializer, fan_in: int = 200, fan_out: int = 300) -> Array:
    """Weights (fan_in, fan_out) from seed 0; raises ValueError where they are not what they should be."""
    name, place = initializer.name, f"at fan_in = {fan_in}, fan_out = {fan_out}"
    drawn = np.asarray(initializer(np.random.default_rng(0), fan_in, fan_out))
    if drawn.shape != (fan_in, fan_out):
        raise ValueError(f"draw of {name} must give weights of shape {(fan_in, fan_out)}; got {drawn.shape}")
    if not np.isfinite(drawn).all():
        raise ValueError(f"draw of {name} must give finite weights; got {drawn[~np.isfinite(drawn)][0]} {place}")
    if not np.array_equal(initializer(np.random.default_rng(0), fan_in, fan_out), drawn):
        raise ValueError(
            f"draw of {name} must take everything random from rng: the same one gave other weights {place}"
        )
    says, has = initializer.std(fan_in, fan_out), float(drawn.std())
    if says is not None and not abs(says - has) <= 0.1 * max(says, has) + 1e-12:
        raise ValueError(
            f"textbook_std of {name} is wrong {place}: it says {says:.6g}, the weights drawn have {has:.6g}"
        )
    return drawn


INITIALIZERS = Initializers({entry.name: entry for entry in _ENTRIES})
