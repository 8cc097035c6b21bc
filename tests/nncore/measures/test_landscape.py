"""The loss around a run: lines and planes agree with the loss, the gradient and the path that they are drawn through."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore.history.history import replay
from nncore.measures import landscape as ls
from nncore.model.initializers import StoppedEarly

SMALL = RunConfig(dataset="moons", n_samples=40, hidden=(5, 4), steps=30, learning_rate=0.5, test_fraction=0)
VANISHED = RunConfig(dataset="circles", n_samples=60, hidden=(8,) * 10, activation="sigmoid", steps=60)


def loss_of(history, theta) -> float:
    """E on the probe rows, straight from the network."""
    z = history.network.forward(theta, history.probe_x).z[-1]
    return float(history.config.loss_function().value(z, history.probe_y))


@pytest.fixture(scope="module")
def history():
    return run(SMALL)


def test_directions_are_orthonormal_and_hold_the_movement_of_numpys_svd(history) -> None:
    found = ls.path(history)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(2), atol=1e-12)
    centred = history.theta - history.theta.mean(axis=0)
    _, scales, vectors = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found.share, (scales**2 / (scales**2).sum())[:2], rtol=1e-9)
    np.testing.assert_allclose(np.abs((found.directions * vectors[:2]).sum(axis=1)), 1, rtol=1e-9)
    np.testing.assert_allclose(found.place, centred @ found.directions.T, atol=1e-12)


def test_plane_holds_the_loss_at_its_points(history) -> None:
    along = ls.path(history)
    measured = ls.plane(history, along)
    u, v = measured.axes["u"], measured.axes["v"]
    for i, j in ((0, 0), (3, 20), (len(u) - 1, len(v) // 2)):
        theta = along.origin + u[i] * along.directions[0] + v[j] * along.directions[1]
        assert measured["loss"][i, j] == pytest.approx(loss_of(history, theta), rel=1e-12)
    assert u[0] < along.place[:, 0].min() and u[-1] > along.place[:, 0].max()


def test_plane_follows_a_path_that_lies_within_it(history) -> None:
    along = ls.path(history)
    at_path = ls.loss_at(history, along.origin, along.directions, along.place)
    true = np.array([loss_of(history, theta) for theta in history.theta])
    assert along.share.sum() > 0.97
    assert np.abs(at_path - true).max() < 0.05 * np.ptp(true)


def test_a_straight_path_still_has_a_plane() -> None:
    history = run(SMALL.replace(steps=1))
    found = ls.path(history)
    np.testing.assert_allclose(found.directions @ found.directions.T, np.eye(2), atol=1e-12)
    assert found.share.tolist() == [1.0, 0.0]
    assert np.isfinite(ls.plane(history, found)["loss"]).all()


@pytest.mark.parametrize("changes", [{"steps": 0}, {"learning_rate": 0.0}], ids=str)
def test_a_run_that_never_moved_has_no_plane(changes: dict) -> None:
    with pytest.raises(ValueError, match="θ moved"):
        ls.path(run(SMALL.replace(**changes)))


def test_a_diverged_runs_path_ends_where_it_was_finite() -> None:
    history = run(SMALL.replace(activation="relu", learning_rate=1e6, loss="mse"))
    assert history.divergence is not None
    found = ls.path(history)
    assert 0 < found.step[-1] <= history.step[history.last_finite]
    assert np.isfinite(found.place).all()


@pytest.mark.parametrize("index", [0, 7, 38])
def test_tangent_is_the_slope_of_the_line(history, index: int) -> None:
    measured = ls.along_parameter(history, 10, index, reach=1e-3)
    theta, loss = measured.axes["theta"], measured["loss"]
    middle = len(theta) // 2
    assert theta[middle] == history.theta[10, index]
    assert loss[middle] == pytest.approx(loss_of(history, history.theta[10]), rel=1e-12)
    slope = (loss[middle + 1] - loss[middle - 1]) / (theta[middle + 1] - theta[middle - 1])
    tangent = np.diff(measured["tangent"]) / np.diff(theta)
    np.testing.assert_allclose(tangent, slope, rtol=1e-4, atol=1e-10)


def test_one_step_of_the_runs_own_rate_is_the_next_record(history) -> None:
    measured = ls.after_one_step(history, 4, np.array([0.0, history.config.learning_rate]))
    expected = [loss_of(history, history.theta[4]), loss_of(history, history.theta[5])]
    np.testing.assert_allclose(measured["loss"], expected, rtol=1e-12)


def test_layers_move_by_their_own_length_and_downhill_is_to_the_right(history) -> None:
    measured = ls.along_layers(history, 3)
    distance, loss = measured.axes["distance"], measured["loss"]
    middle = len(distance) // 2
    assert (np.diff(loss, axis=1)[:, middle] < 0).all()
    (block,) = replay(history, np.array([3]))
    theta, own = history.theta[3].copy(), slice(*history.layout.bounds[1])
    length, gradient = np.linalg.norm(theta[own]), block.grad[0][own]
    theta[own] -= length * gradient / np.linalg.norm(gradient)
    assert loss[1, -1] == pytest.approx(loss_of(history, theta), rel=1e-12)


def test_first_layers_of_a_vanished_network_stand_on_a_plateau_and_mended_ones_do_not() -> None:
    def reach(config: RunConfig) -> np.ndarray:
        history = run(config)
        return np.ptp(ls.along_layers(history, len(history) - 1)["loss"], axis=1)

    vanished = reach(VANISHED)
    assert vanished[0] < 1e-5 * vanished[-1]
    assert reach(VANISHED.replace(activation="tanh"))[0] > 1e-2


def test_a_layer_without_gradient_is_named_and_not_drawn() -> None:
    measured = ls.along_layers(run(SMALL.replace(activation="sign")), 0)
    assert np.isnan(measured["loss"][:2]).all() and np.isfinite(measured["loss"][2]).all()
    assert measured.caveats == ("The gradient of layer 1, 2 is exactly 0 or not finite.",)


@pytest.mark.parametrize(
    "changes",
    [
        {"dataset": "iris", "normalization": "batch"},
        {"dtype": "float32", "skip": True},
        {"hidden": ()},
        {"dataset": "diabetes", "hidden": (6,) * 30, "record_every": 7},
    ],
    ids=str,
)
def test_every_kind_of_run_has_its_pictures(changes: dict) -> None:
    history = run(SMALL.replace(**changes))
    record = len(history) - 1
    assert np.isfinite(ls.plane(history, ls.path(history))["loss"]).all()
    layers = ls.along_layers(history, record)
    assert len(layers.axes["layer"]) == min(ls.LAYERS, history.layout.n_layers)
    assert layers.axes["layer"][[0, -1]].tolist() == [1, history.layout.n_layers]
    assert np.isfinite(ls.along_parameter(history, record, 0)["loss"]).all()


def test_large_networks_get_coarser_pictures() -> None:
    small, large = run(SMALL.replace(steps=1)), run(SMALL.replace(hidden=(200,) * 12, steps=1))
    assert ls.LINE_LEAST <= ls.line_points(large, 9) < ls.line_points(small, 9) <= ls.LINE_MOST
    assert ls.SIDE_LEAST <= ls.plane_side(large) < ls.plane_side(small) == ls.SIDE_MOST


@pytest.mark.parametrize("picture", ["path", "plane", "along_layers", "along_parameter", "after_one_step"])
def test_a_picture_that_is_stopped_ends_before_its_next_block(picture: str) -> None:
    history = run(RunConfig(hidden=(4, 4), steps=5))
    arguments = {
        "path": (),
        "plane": (ls.path(history),),
        "along_layers": (0,),
        "along_parameter": (0, 0),
        "after_one_step": (0, np.ones(3)),
    }[picture]
    with pytest.raises(StoppedEarly):
        getattr(ls, picture)(history, *arguments, cancelled=lambda: True)


def test_the_plane_is_estimated_by_the_points_the_records_and_the_parameters_that_it_takes() -> None:
    small, wide, long = (
        run(RunConfig(hidden=hidden, steps=steps)) for hidden, steps in (((8,), 10), ((256, 256), 10), ((256, 256), 50))
    )
    assert 0 < ls.plane_seconds(small) < ls.plane_seconds(wide) < ls.plane_seconds(long)
    assert ls.plane_bytes(long) > 51 * long.layout.n_params * 4 > ls.plane_bytes(wide) > ls.plane_bytes(small)
    assert 0 < ls.layers_seconds(small) < ls.layers_seconds(wide)
