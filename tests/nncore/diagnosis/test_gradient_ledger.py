"""The ledger against its definitions, taken by differences; its sum against the measured δ norms; its zeros."""

import numpy as np
import pytest

from nncore import History, RunConfig, run
from nncore import measures as m
from nncore.diagnosis import PARTS, ledger

SMALL = RunConfig(dataset="moons", n_samples=30, hidden=(6,) * 5, steps=3, bias_std=0.3, learning_rate=0.5)
CONFIGS = {
    "tanh": SMALL,
    "rectangular, mixed": SMALL.replace(
        hidden=(6, 4, 4, 9), activation=("relu", "sigmoid", "elu", "leaky_relu"), gain=2.0
    ),
    "skip": SMALL.replace(skip=True),
    "batch normalization": SMALL.replace(normalization="batch", activation="gelu"),
    "layer normalization, skip": SMALL.replace(normalization="layer", skip=True, activation="softplus"),
    "cross entropy": SMALL.replace(dataset="blobs"),
    "float32": SMALL.replace(dtype="float32", activation="sigmoid"),
    "tiny": SMALL.replace(hidden=(6,) * 50, activation="sigmoid", gain=1e-4),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("record", [0, 3])
def test_parts_add_up_to_the_measured_ratio_of_delta_norms(config: RunConfig, record: int) -> None:
    history = run(config)
    found = ledger(history, record)
    norms = np.log10(m.per_layer(history, "delta_norm", np.array([record]))["delta_norm"][0])
    tolerance = 1e-6 if config.dtype == "float32" else 1e-10
    drawn = np.isfinite(found["total"])
    assert drawn.sum() >= 4
    np.testing.assert_allclose(found["total"][drawn], -np.diff(norms)[drawn], atol=tolerance)
    np.testing.assert_allclose(sum(found[part] for part in PARTS)[drawn], found["total"][drawn], atol=tolerance)
    assert found.axes["layer"].tolist() == list(range(1, history.layout.n_layers))


def loss_from(history: History, record: int, layer: int, kind: str, nudge: np.ndarray) -> float:
    """The probe's loss with a nudge (n_rows, width) added to a layer's a ("a") or normalized z ("z_hat")."""
    network, loss = history.network, history.config.loss_function()
    a = history.probe_x
    layers = history.layout.split(history.theta[record])
    for number, ((weight, bias), phi) in enumerate(zip(layers[:-1], network.activations, strict=True), 1):
        z = a @ weight + bias
        if network.normalization is not None:
            axis = 0 if network.normalization.name == "batch" else 1
            z = (z - z.mean(axis, keepdims=True)) / np.sqrt(z.var(axis, keepdims=True) + 1e-5)
        if (number, kind) == (layer, "z_hat"):
            z = z + nudge
        a = phi(z) + (a if network.skips[number - 1] else 0.0)
        if (number, kind) == (layer, "a"):
            a = a + nudge
    return float(loss.value(a @ layers[-1][0] + layers[-1][1], history.probe_y))


def gradient_norm(history: History, record: int, layer: int, kind: str) -> float:
    """‖∂E/∂a_l‖ or ‖∂E/∂ẑ_l‖ over samples × units, by central differences."""
    shape = (len(history.probe_x), history.layout.widths[layer])
    squares, h = 0.0, 1e-5
    for place in np.ndindex(shape):
        nudge = np.zeros(shape)
        nudge[place] = h
        ahead, behind = (loss_from(history, record, layer, kind, sign * nudge) for sign in (1, -1))
        squares += ((ahead - behind) / (2 * h)) ** 2
    return np.sqrt(squares)


@pytest.mark.parametrize(
    "config",
    [
        SMALL.replace(hidden=(3,) * 3, skip=True, n_samples=8),
        SMALL.replace(hidden=(3,) * 3, normalization="batch", n_samples=8),
        SMALL.replace(hidden=(3,) * 3, normalization="layer", skip=True, n_samples=8),
    ],
    ids=["skip", "batch", "layer and skip"],
)
def test_each_part_is_what_differences_say(config: RunConfig) -> None:
    history = run(config)
    found = ledger(history, 2)
    deltas = m.per_layer(history, "delta_norm", np.array([2]))["delta_norm"][0] / np.sqrt(len(history.probe_x))
    for layer in (1, 2, 3):
        row = layer - 1
        d_a, d_z_hat = (gradient_norm(history, 2, layer, kind) for kind in ("a", "z_hat"))
        up_to_skip = found["weights"][row] + found["skip"][row]
        assert up_to_skip == pytest.approx(np.log10(d_a / deltas[layer]), abs=1e-5)
        assert found["slope"][row] == pytest.approx(np.log10(d_z_hat / d_a), abs=1e-5)
        assert found["normalization"][row] == pytest.approx(np.log10(deltas[row] / d_z_hat), abs=1e-5)
    assert (found["skip"][-1] == 0) and (found["skip"][:-1] != 0).all() == config.skip
    assert (found["normalization"] != 0).all() == (config.normalization != "none")


def test_a_scaled_weight_shows_in_its_own_part_alone() -> None:
    linear = SMALL.replace(activation="linear", steps=0, bias_std=0.0)
    one, ten = (ledger(run(linear.replace(gain=gain)), 0) for gain in (1.0, 10.0))
    np.testing.assert_allclose(ten["weights"] - one["weights"], 1.0, atol=1e-12)
    assert (one["slope"] == 0).all() and (one["skip"] == 0).all() and (one["normalization"] == 0).all()


@pytest.mark.parametrize(
    ("changes", "layer", "part"),
    [({"activation": ("tanh", "tanh", "sign", "tanh", "tanh")}, 3, "slope"), ({"init": "zeros"}, 5, "weights")],
    ids=["slope", "weights"],
)
def test_a_zero_is_named_where_it_arises_and_not_drawn(changes: dict, layer: int, part: str) -> None:
    found = ledger(run(SMALL.replace(steps=0, bias_std=0.0, **changes)), 0)
    assert np.isnan(found[part][layer - 1]) and np.isnan(found["total"][:layer]).all()
    assert np.isfinite(found["total"][layer:]).all()
    first, second = found.caveats
    assert first.startswith(f"Layer {layer}, {part}: ") and "exactly 0" in first
    assert second.startswith(f"Layers 1 to {layer - 1} receive nothing")


def test_numbers_that_are_not_finite_are_named() -> None:
    found = ledger(run(SMALL.replace(activation="linear", gain=100.0, hidden=(6,) * 180, steps=0)), 0)
    assert any("not finite" in caveat for caveat in found.caveats)


def test_a_network_without_hidden_layers_has_an_empty_ledger() -> None:
    found = ledger(run(SMALL.replace(hidden=())), 0)
    assert len(found["total"]) == 0 and "no hidden layer" in found.caveats[0]


def test_a_record_that_does_not_exist_is_refused() -> None:
    with pytest.raises(IndexError):
        ledger(run(SMALL), 99)
