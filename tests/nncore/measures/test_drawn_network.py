"""What a drawing of the network shows is what training recorded, for the units that stand for each layer."""

from itertools import pairwise

import numpy as np
import pytest

from nncore import Layout, RunConfig, run
from nncore import measures as m
from nncore.measures.drawn_network import MOST_EDGES, MOST_UNITS, drawn_network, drawn_networks, shown_units

CONFIG = RunConfig(dataset="moons", n_samples=60, hidden=(5, 12), activation="tanh", steps=4)


def test_weights_and_gradients_are_those_of_the_history_on_the_probe_rows() -> None:
    history = run(CONFIG)
    found = drawn_network(history, 3)
    layers = history.layout.split(history.theta[3])
    loss, network = CONFIG.loss_function(), history.network
    tape = network.forward(history.theta[3], history.probe_x)
    grad, delta = network.backward(history.theta[3], tape, loss.delta(tape.z[-1], history.probe_y))
    gradients = history.layout.split(grad)
    for edge in range(len(found.axes["edge"])):
        layer, first, second = (int(found.columns[name][1][edge]) for name in ("layer", "from", "to"))
        assert found["weight"][edge] == layers[layer - 1][0][first, second]
        np.testing.assert_allclose(found["gradient"][edge], gradients[layer - 1][0][first, second], rtol=1e-9)
        rows = delta[layer - 1][:, second] * len(history.probe_x)
        np.testing.assert_allclose(found["delta"][edge], np.sqrt(np.mean(rows**2)), rtol=1e-9)


def test_squares_of_the_units_deltas_add_up_to_the_layers() -> None:
    history = run(CONFIG.replace(hidden=(5, 7)))
    found = drawn_network(history, 4)
    norms = m.per_layer(history, "delta_norm", np.array([4]))["delta_norm"][0]
    for layer, norm in enumerate(norms, 1):
        here = found.columns["layer"][1] == layer
        units = {int(unit): d for unit, d in zip(found.columns["to"][1][here], found["delta"][here], strict=True)}
        np.testing.assert_allclose(np.sqrt(sum(d**2 for d in units.values())), norm, rtol=1e-12)
        np.testing.assert_array_equal(found["delta_norm"][here], norm)


def test_several_records_from_one_replay_are_each_records_own() -> None:
    history = run(CONFIG)
    for record, found in zip((0, 2, 4), drawn_networks(history, (0, 2, 4)), strict=True):
        alone = drawn_network(history, record)
        np.testing.assert_array_equal(found["weight"], alone["weight"])
        np.testing.assert_allclose(found["gradient"], alone["gradient"], rtol=1e-9)


@pytest.mark.parametrize(
    "widths", [(2, 1), (2, 8, 1), (2, *(256,) * 50, 1), (64, *(128,) * 30, 10), (1, *(3,) * 100, 1)]
)
def test_wide_layers_are_thinned_until_the_drawing_is_readable(widths: tuple[int, ...]) -> None:
    shown = shown_units(Layout(widths))
    edges = sum(len(first) * len(second) for first, second in pairwise(shown))
    assert edges <= MOST_EDGES and all(len(units) <= MOST_UNITS for units in shown)
    for units, width in zip(shown, widths, strict=True):
        assert units[0] == 0 and units[-1] == width - 1 and len(set(units.tolist())) == len(units)


def test_what_is_left_out_is_said() -> None:
    assert drawn_network(run(CONFIG), 0).caveats == ("8 of 12 units of the widest layer, evenly spread.",)
    assert drawn_network(run(CONFIG.replace(hidden=(4,))), 0).caveats == ()
