"""The drawn network: its light is one scale for every run, and its still shows every edge."""

import numpy as np

from dashboard.charts.network import delta_norms, light, scene, still
from dashboard.charts.style import DARK, LIGHT
from nncore import RunConfig, run
from nncore.diagnosis import flow
from nncore.measures.drawn_network import drawn_network

CONFIG = RunConfig(dataset="moons", n_samples=60, hidden=(6,) * 9, activation="sigmoid", steps=2)


def drawn(config: RunConfig = CONFIG, **more: object) -> dict:
    history = run(config)
    return scene(drawn_network(history, 2), history.layout, LIGHT, "said", **more)


def test_light_does_not_depend_on_the_run() -> None:
    assert light(np.log10([1e-9, 1e-8, 1e-4, 1.0, 50.0])).tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert light(np.array([-np.inf, np.nan, np.inf])).tolist() == [0.0, 0.0, 1.0]


def test_first_layer_of_a_vanishing_network_is_darker_than_that_of_a_healthy_one() -> None:
    sick, healthy = drawn(), drawn(CONFIG.replace(activation="relu", init="he_normal"))
    bright = [light(each["data"][0]["log"][each["data"][0]["layer"] == 1]).mean() for each in (sick, healthy)]
    assert bright[0] + 0.3 < bright[1]


def test_scene_holds_the_layers_delta_norms_and_those_of_the_run_before() -> None:
    history = run(CONFIG)
    norms = flow(history, 2).delta
    np.testing.assert_allclose(delta_norms(drawn_network(history, 2)), norms)
    edges, units = drawn(ghost=np.array([1e-3, 0.0]))["data"]
    np.testing.assert_allclose(10 ** units["norms"], norms)
    assert units["ghost"].tolist() == [-3.0, -np.inf]
    assert len(units["log"]) == 9 * 6 + 1 and len(edges["log"]) == 2 * 6 + 8 * 36 + 6


def test_still_shows_every_edge_and_unit_and_is_said_in_words() -> None:
    for look in (LIGHT, DARK):
        figure = drawn()
        picture = still(figure, look)
        assert picture.count("<line") == len(figure["data"][0]["log"])
        assert picture.count("<circle") == 2 + 9 * 6 + 1
        assert 'aria-label="said"' in picture and '"nan' not in picture
