"""Forensics: the steps before the end, and the ratio that tipped, on runs whose end is known."""

from itertools import pairwise

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore.diagnosis import forensics, turning
from nncore.diagnosis.divergence import TURNED
from nncore.experiments import EXPERIMENTS
from nncore.history.history import TAIL
from nncore.numerics.safe_norm import norm

BURST = RunConfig(dataset="parabola", n_samples=20, hidden=(6,) * 3, activation="linear", learning_rate=5.0)


def test_the_last_steps_are_those_before_the_first_bad_one() -> None:
    history = run(BURST.replace(record_every=50))
    found = forensics(history)
    assert history.divergence is not None and found.divergence == history.divergence
    steps = found.measurement.axes["step"]
    assert steps[-1] == history.divergence.step and len(steps) <= TAIL
    assert (np.diff(steps) == 1).all()
    bad = found.divergence
    before = {name: values[:-1] for name, values in found.measurement.values.items()}
    assert all(np.isfinite(values).all() for values in before.values()) or bad.step < 2
    assert not np.isfinite(found.measurement[bad.quantity][-1, bad.layer - 1])
    assert found.sentence().startswith(bad.sentence())


def test_values_are_the_largest_of_theta_z_and_each_rows_own_delta() -> None:
    history = run(BURST)
    found = forensics(history).measurement
    record = int(np.flatnonzero(history.step == found.axes["step"][0])[0])
    theta, data = history.theta[record], history.config.data()
    tape = history.network.forward(theta, data.x_train)
    _, deltas = history.network.backward(
        theta, tape, history.config.loss_function().delta(tape.z[-1], history.config.targets(data.y_train))
    )
    for layer, (weight, bias) in enumerate(history.layout.split(theta)):
        assert found["theta"][0, layer] == max(np.abs(weight).max(), np.abs(bias).max())
        assert found["z"][0, layer] == np.abs(tape.z[layer]).max()
        assert found["delta"][0, layer] == pytest.approx(len(data.x_train) * np.abs(deltas[layer]).max())


def test_the_tipping_ratio_is_the_largest_between_finite_steps() -> None:
    found = forensics(run(BURST))
    tipping, measured = found.largest_growth, found.measurement
    assert tipping is not None
    ratios = []
    for values in measured.values.values():
        for before, after in pairwise(values):
            with np.errstate(all="ignore"):
                ratios += [ratio for ratio in after / before if np.isfinite(ratio)]
    losses = measured.columns["loss"][1]
    with np.errstate(all="ignore"):
        ratios += [ratio for ratio in losses[1:] / losses[:-1] if np.isfinite(ratio)]
    assert tipping.factor == max(ratios) > 10
    row = int(np.flatnonzero(measured.axes["step"] == tipping.step)[0])
    if tipping.layer is not None:
        column = measured[tipping.quantity][:, tipping.layer - 1]
        assert column[row] / column[row - 1] == tipping.factor
    assert f"{tipping.factor:.2g}-fold" in tipping.sentence()


def test_a_run_that_is_lost_from_the_start_has_no_tipping_ratio() -> None:
    found = forensics(run(BURST.replace(hidden=(16,) * 180, gain=100.0)))
    assert found.divergence.step == 0 and found.largest_growth is None
    assert "from the start" in found.sentence()


def test_mini_batches_are_a_caveat() -> None:
    found = forensics(run(BURST.replace(batch_size=4)))
    assert any("mini-batch" in caveat for caveat in found.measurement.caveats)


def test_a_run_that_stayed_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a run that diverged"):
        forensics(run(BURST.replace(learning_rate=0.001, steps=2)))


def test_a_run_that_learned_first_turns_up_in_the_order_of_its_own_numbers() -> None:
    experiment = EXPERIMENTS["fell_first"]
    history = run(experiment.config)
    found = turning(history)
    assert found is not None and found.lowest == history.step[np.nanargmin(history.loss)]
    sizes = {"gradient": norm(history.grad), "loss": history.loss, "theta": norm(history.theta)}
    lowest = history.nearest(found.lowest)
    assert [each.step for each in found.turns] == sorted(each.step for each in found.turns)
    for each in found.turns:
        size = np.asarray(sizes[each.quantity], np.float64)
        ratio, record = size / size[lowest], history.nearest(each.step)
        np.testing.assert_allclose(found.measurement[each.quantity][: record + 1], ratio[: record + 1], rtol=1e-12)
        assert ratio[record - 1] <= TURNED and (ratio[record : history.last_finite + 1] > TURNED).all()
        assert f"from step {each.step}" in found.sentence()
    assert turning(run(experiment.against)) is None


def test_a_run_that_never_learned_has_no_turn() -> None:
    assert turning(run(BURST)) is None
