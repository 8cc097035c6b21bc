"""A verdict on the gradient, and remedies that were tried out."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore import measures as m
from nncore.diagnosis import EXPLODED, VANISHED, flow, flow_of, initial_flow, remedies

DEEP = RunConfig(dataset="circles", hidden=(16,) * 12, activation="sigmoid", steps=3, n_samples=80)


@pytest.mark.parametrize(
    ("delta", "kind"),
    [
        ([0.9 * VANISHED, 0.5, 1.0], "vanishing"),
        ([1.1 * VANISHED, 0.5, 1.0], "flowing"),
        ([0.9 * EXPLODED, 0.5, 1.0], "flowing"),
        ([1.1 * EXPLODED, 0.5, 1.0], "exploding"),
        ([5e-324, 1.0], "vanishing"),
        ([1e300, 1e-300], "exploding"),
        ([1e-300, 1e300], "vanishing"),
        ([0.0, 0.0, 1.0], "zero"),
        ([0.0, 0.0, 0.0], "zero"),
        ([1.0, 0.0], "zero"),
        ([np.nan, 1.0], "not finite"),
        ([1.0, np.inf], "not finite"),
        ([np.nan], "not finite"),
        ([0.3], "single"),
    ],
)
def test_delta_norms_amount_to(delta: list[float], kind: str) -> None:
    assert flow_of(np.array(delta)).kind == kind


def test_ratio_is_first_over_last_and_rate_its_root() -> None:
    found = flow_of(np.array([1e-8, 3e-4, 7e-3, 1e-2, 1.0]))
    assert found.ratio == pytest.approx(1e-8)
    assert found.rate**4 == pytest.approx(found.ratio)
    assert found.n_layers == 5


def test_flow_is_the_measured_delta_norm_of_its_record() -> None:
    history = run(DEEP)
    for record in (0, 2):
        measured = m.per_layer(history, "delta_norm")["delta_norm"][record]
        np.testing.assert_array_equal(flow(history, record).delta, measured)
    assert initial_flow(DEEP).ratio == flow(history, 0).ratio


SICK = {
    "vanishing": DEEP,
    "exploding": DEEP.replace(activation="linear", init="normal", init_scale=1.0),
    "relu too small": DEEP.replace(activation="relu", gain=0.4),
    "all zeros": DEEP.replace(init="zeros"),
    "threshold": DEEP.replace(activation="sign"),
    "per layer": DEEP.replace(activation=("sigmoid", "tanh") * 6),
    "float32": DEEP.replace(dtype="float32"),
    "regression": DEEP.replace(dataset="parabola"),
    "hard sigmoid slopes": DEEP.replace(activation="tanh", gain=0.2, bias_std=1.0),
}


@pytest.mark.parametrize("config", SICK.values(), ids=SICK)
def test_every_remedy_lets_the_gradient_flow_and_the_network_learn(config: RunConfig) -> None:
    assert initial_flow(config).kind in ("vanishing", "exploding", "zero")
    found = remedies(config)
    assert found, "at least one remedy helps"
    assert len({remedy.label for remedy in found}) == len({remedy.config for remedy in found}) == len(found)
    for remedy in found:
        assert remedy.config != config and remedy.after.beats_a_guess
        assert remedy.after.share < remedy.before.share
