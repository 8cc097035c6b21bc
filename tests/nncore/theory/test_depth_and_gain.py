"""The line of delta at other depths and gains beside a prediction of each."""

import numpy as np
import pytest

from nncore import ACTIVATIONS, RunConfig
from nncore.theory import delta_lines, predict, predict_config
from nncore.theory.of_config import probe_rows, variances

ROWS = 12
TABLE = 2e-3
"""Decades that interpolation in the table of moments may cost over 50 layers."""
WEIGHTS = 0.1
"""Decades that the rows' weights may cost, which are those of another network's output layer."""

DEEP = RunConfig(dataset="circles", hidden=(16,) * 12, activation="tanh", init="xavier_normal")
KINDS = {
    "tanh": {},
    "sigmoid": {"activation": "sigmoid"},
    "relu": {"activation": "relu", "init": "he_normal"},
    "selu": {"activation": "selu", "init": "pytorch_default", "bias_std": 0.3},
    "gelu": {"activation": "gelu", "gain": 1.5},
    "skip": {"skip": True, "hidden": (2,) * 12},
    "layer": {"normalization": "layer", "dataset": "digits"},
    "orthogonal": {"init": "orthogonal", "gain": 2.5, "dataset": "digits"},
    "no gain": {"gain": 0.0},
}


def one_by_one(config: RunConfig, output_gram: np.ndarray) -> np.ndarray:
    """The line that `predict` makes for a config, its rows weighed as in the output layer of another."""
    x = probe_rows(config, ROWS)[0]
    found = predict(
        config.layout(),
        config.activations(),
        *variances(config),
        x @ x.T / x.shape[1],
        skip=config.skip,
        normalization=config.normalization,
        output_gram=output_gram,
        input_mean=x.mean(axis=1),
        n_draws=2,
    )
    return found.log_delta2 / np.log(100)


@pytest.mark.parametrize("depth", [1, 2, 7, 50])
@pytest.mark.parametrize("kind", KINDS)
def test_each_depth_is_what_its_own_prediction_says(kind: str, depth: int) -> None:
    config = DEEP.replace(**KINDS[kind])
    lines = delta_lines(config, (0, depth, 50), (config.gain,), probe_rows(config, ROWS))
    other = config.replace(hidden=config.hidden[:1] * depth)
    own = one_by_one(other, probe_rows(config, ROWS)[1])
    np.testing.assert_allclose(lines[0, 1, : depth + 1], own, atol=TABLE)
    assert lines.shape == (1, 3, 51)
    assert np.isnan(lines[0, 1, depth + 1 :]).all() and np.isfinite(lines[0, 1, depth])
    assert lines[0, 0, 0] == 0 and np.isnan(lines[0, 0, 1:]).all()


@pytest.mark.parametrize("gain", [0.1, 0.95, 1.7, 20.0])
@pytest.mark.parametrize("kind", KINDS)
def test_each_gain_is_what_its_own_prediction_says(kind: str, gain: float) -> None:
    config = DEEP.replace(**KINDS[kind])
    line = delta_lines(config, (config.depth,), (0.5, gain), probe_rows(config, ROWS))[1, 0]
    np.testing.assert_allclose(line, one_by_one(config.replace(gain=gain), probe_rows(config, ROWS)[1]), atol=TABLE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "no gain"])
def test_lines_of_a_neighbour_are_close_to_its_prediction(kind: str) -> None:
    config = DEEP.replace(**KINDS[kind])
    for depth, gain in ((12, config.gain), (5, config.gain), (30, config.gain), (12, 1.2 * config.gain)):
        other = config.replace(hidden=config.hidden[:1] * depth, gain=gain)
        line = delta_lines(config, (depth,), (gain,), probe_rows(config, ROWS))[0, 0]
        wanted = np.log10(predict_config(other, ROWS, n_draws=2).delta_norm_ratio)
        np.testing.assert_allclose(line, wanted, atol=TABLE if other == config else WEIGHTS, err_msg=f"{depth} {gain}")


@pytest.mark.parametrize("activation", [name for name, phi in ACTIVATIONS.items() if phi.kind != "threshold"])
def test_every_activation_has_its_lines(activation: str) -> None:
    config = DEEP.replace(activation=activation)
    wanted = one_by_one(config, probe_rows(config, ROWS)[1])
    np.testing.assert_allclose(delta_lines(config, (12,), (1.0,), probe_rows(config, ROWS))[0, 0], wanted, atol=TABLE)


def test_activations_of_each_layer_have_lines_at_other_gains_only() -> None:
    config = DEEP.replace(activation=("tanh", "relu") * 6)
    line = delta_lines(config, (12,), (1.3,), probe_rows(config, ROWS))[0, 0]
    wanted = one_by_one(config.replace(gain=1.3), probe_rows(config, ROWS)[1])
    np.testing.assert_allclose(line, wanted, atol=TABLE)
    with pytest.raises(ValueError, match="activation"):
        delta_lines(config, (12, 13), (1.3,), probe_rows(config, ROWS))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"hidden": (4, 8)}, "widths must be equal"),
        ({"hidden": ()}, "widths must be equal"),
        ({"init": "lsuv"}, "LSUV"),
        ({"activation": "sign"}, "no gradient passes"),
        ({"normalization": "batch"}, "batch normalization"),
        ({"init": "zeros"}, "must draw at random"),
    ],
)
def test_where_lines_are_not_known_it_says_so(changes: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        delta_lines(DEEP.replace(**changes), (3,), (1.0,))
