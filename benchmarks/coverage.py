"""How often theory's 95 % bands hold: networks of every initializer and activation that theory accepts, drawn and counted.

    python -m benchmarks.coverage [--docs]

prints the table, or writes it to docs/theory-coverage.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nncore import ACTIVATIONS, INITIALIZERS, MLP, Layout
from nncore.history.whole_file import write_whole_text
from nncore.model.initializers import Initializer, LayerSequentialUnitVariance
from nncore.theory import predict
from nncore.theory.of_config import SAME_UNITS, initial_variances

WIDTHS = (20, *(32,) * 8, 1)
ROWS = 32
NETWORKS = 200
DOCUMENT = Path(__file__).parents[1] / "docs" / "theory-coverage.md"


@dataclass(frozen=True)
class Coverage:
    """Shares of networks inside the bands of δ and ∂E/∂W: mean over the hidden layers, and the lowest of them."""

    delta: float
    lowest_delta: float
    gradient: float
    lowest_gradient: float
    flags: tuple[str, ...]


def coverage(
    activation: str,
    init: str,
    widths: tuple[int, ...] = WIDTHS,
    normalization: str = "none",
    skip: bool = False,
    networks: int = NETWORKS,
    seed: int = 1,
    drawn_gain: float = 1.0,
) -> Coverage:
    """Draw networks over fixed rows and a fixed δ of the output, the theory's own conditions, and count.

    `drawn_gain`: the gain of the drawn networks, which the prediction takes for 1.
    """
    rng = np.random.default_rng(seed)
    layout, initializer = Layout(widths), INITIALIZERS[init]
    x = rng.standard_normal((ROWS, widths[0]))
    output = rng.choice([-1.0, 1.0], (ROWS, widths[-1]))
    network = MLP(layout, activation, normalization, skip)
    lsuv = isinstance(initializer, LayerSequentialUnitVariance)
    weight, bias = initial_variances(initializer, layout)
    predicted = predict(
        layout,
        activation,
        weight,
        bias,
        x @ x.T / widths[0],
        skip=skip,
        normalization=normalization,
        orthogonal=lsuv or init == "orthogonal",
        output_gram=output @ output.T,
        input_mean=x.mean(axis=1),
        target_q=1.0 if lsuv else None,
    )
    found = np.array(
        [_logarithms(network, initializer, drawn_gain, x, output, (seed, each)) for each in range(networks)]
    )
    shares = []
    for measured, band in zip(found.swapaxes(0, 1), (predicted.delta_band, predicted.weight_grad_band), strict=True):
        ratio = np.exp((measured - measured[:, -1:])[:, :-1])
        inside = ((band[0, :-1] <= ratio) & (ratio <= band[1, :-1])).mean(axis=0)
        shares += [float(inside.mean()), float(inside.min())]
    return Coverage(*shares, predicted.flags)


def _logarithms(
    network: MLP, initializer: Initializer, gain: float, x: np.ndarray, output: np.ndarray, seed: tuple[int, int]
) -> list[list[float]]:
    """ln of the norms of δ and ∂E/∂W of every layer in one network."""
    theta = initializer.theta(np.random.default_rng(seed), network, x, gain)
    grad, deltas = network.backward(theta, network.forward(theta, x), output / len(x))
    with np.errstate(divide="ignore"):
        return [
            [float(np.log(np.sqrt(len(x)) * np.linalg.norm(delta))) for delta in deltas],
            [float(np.log(np.linalg.norm(weight))) for weight, _ in network.layout.split(grad)],
        ]


def accepted() -> Iterator[tuple[str, str]]:
    """(activation, initializer) of every pair that theory accepts."""
    for activation, phi in ACTIVATIONS.items():
        if phi.kind != "threshold":
            yield from ((activation, init) for init in INITIALIZERS if init not in SAME_UNITS)


def cases() -> Iterator[tuple[str, str, dict[str, object]]]:
    """(activation, initializer, options of `coverage`): every pair, and normalization and skip over few inputs and many."""
    yield from ((activation, init, {}) for activation, init in accepted())
    for features in (2, 4, 20):
        for options in ({"normalization": "batch"}, {"normalization": "layer"}, {"skip": True}):
            for activation, init in (("relu", "he_normal"), ("tanh", "xavier_normal"), ("sigmoid", "xavier_normal")):
                yield activation, init, {"widths": (features, *WIDTHS[1:]), **options}


def row(activation: str, init: str, options: dict[str, object]) -> str:
    """One line of the table."""
    found = coverage(activation, init, **options)  # type: ignore[arg-type]
    widths = options.get("widths", WIDTHS)
    what = options.get("normalization") or ("skip" if options.get("skip") else "plain")
    shares = (found.delta, found.lowest_delta, found.gradient, found.lowest_gradient)
    cells = " | ".join(f"{share:.0%}" for share in shares)
    return f"| {activation} | {init} | {what} | {widths[0]} | {cells} | {'yes' if found.flags else ''} |"  # type: ignore[index]


HEAD = f"""# How often theory's bands hold

The theory line of the lab has a band that is to hold 95 % of networks of the same widths. Here networks were drawn
and counted: {NETWORKS} of each kind, {ROWS} rows and a δ of the output that stay the same, {len(WIDTHS) - 2} hidden layers of
{WIDTHS[1]} units. "mean" is over the hidden layers, "lowest" the layer that holds least; the standard error of one layer's
share is 1.5 %. A flag is a sentence that the lab shows beside the line. Written by `python -m benchmarks.coverage --docs`.

| activation | initializer | network | inputs | δ mean | δ lowest | ∂E/∂W mean | ∂E/∂W lowest | flagged |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def main() -> None:
    """Print the table or write the document."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description="How often theory's bands hold.")
    parser.add_argument("--docs", action="store_true", help=f"write docs/{DOCUMENT.name}")
    lines = [row(*case) for case in cases()]
    text = HEAD + "\n".join(lines) + "\n"
    if parser.parse_args().docs:
        write_whole_text(DOCUMENT, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
