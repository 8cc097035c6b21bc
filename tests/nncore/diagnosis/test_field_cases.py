"""Cases of people, from threads and papers, with what is right to say of each."""

import numpy as np
import pytest

from nncore import RunConfig, run
from nncore.clinic import CASES
from nncore.diagnosis import Verdict, remedies_for, verdict
from tests.nncore.diagnosis.cases import xor


def grave(config: RunConfig) -> dict[str, Verdict]:
    """The verdicts of severity 2 and 3 at the last finite step, by rule; the gravest first."""
    return {each.rule: each for each in verdict(run(config)) if each.severity > 1}


def best(config: RunConfig) -> RunConfig:
    """The config that the gravest verdict's best remedy makes."""
    history = run(config)
    return remedies_for(verdict(history)[0], history)[0].config


CLINIC = {case.name: case.config for case in CASES}
PRICES, DIABETES = CLINIC["prices that nobody scaled"], CLINIC["diabetes as it is, relu"]


@pytest.mark.parametrize("config", [PRICES, DIABETES], ids=["sale prices", "diabetes"])
def test_a_loss_that_explodes_on_unscaled_targets_is_put_down_to_them(config: RunConfig) -> None:
    """The loss reaches powers of ten beyond 60, finite or not."""
    history, found = run(config), grave(config)
    assert history.loss[history.last_finite] > 1e60
    assert next(iter(found)) == "unscaled_targets" and {"grew", "diverged"} & found.keys()
    mended = best(config)
    assert mended.standardize and run(mended).loss[-1] < 0.5


def test_dead_units_after_a_loss_that_blew_up_are_no_cause() -> None:
    history = run(DIABETES)
    assert history.divergence is None
    (dead,) = [each for each in verdict(history) if each.rule == "dead"]
    assert dead.is_consequence and dead.severity == 1 and "did not cause" in dead.sentence


def test_two_linear_layers_on_large_targets_diverge_because_of_them() -> None:
    config = CLINIC["y = x² + 3, two linear layers"]
    found = grave(config)
    assert {"unscaled_targets", "diverged"} <= found.keys() and next(iter(found)) == "unscaled_targets"
    assert best(config).standardize


def test_the_fourth_power_is_mended_by_scaling_and_not_by_a_smaller_rate() -> None:
    config = CLINIC["y = x⁴ up to 10⁸, adam"].replace(hidden=(50, 50), steps=1000)
    assert {"unscaled_targets", "unscaled_inputs", "nothing_learned"} <= grave(config).keys()
    mended = best(config)
    assert mended == config.replace(standardize=True) and run(mended).loss[-1] < 0.2


def test_saturated_digits_are_put_down_to_the_inputs_and_scaled() -> None:
    config = CLINIC["raw digits, sigmoid, N(0, 1) weights"]
    found = grave(config)
    assert "unscaled_inputs" in found and "input column" in found["unscaled_inputs"].sentence
    history = run(config)
    assert any(each.config.standardize for each in remedies_for(found["unscaled_inputs"], history))


def test_small_normal_weights_are_called_poor_and_he_mends_them() -> None:
    config = RunConfig(n_samples=200, hidden=(32,) * 5, activation="relu", init="normal", init_scale=0.01, steps=400)
    assert "poor_initialization" in grave(config)
    assert run(best(config)).loss[-1] < 0.3


@pytest.mark.parametrize(("loss", "stuck"), [("bce", {23, 30, 31, 35, 38}), ("mse", {16, 17, 33, 35, 37})])
def test_every_stuck_exclusive_or_of_forty_seeds_is_found_and_no_other(loss: str, stuck: set[int]) -> None:
    found = {seed for seed in range(40) if grave(xor(seed, loss))}
    assert found == stuck


def test_a_penalty_that_flips_every_weight_is_named_and_lowered() -> None:
    config = RunConfig(hidden=(8, 8), l2=5.0, learning_rate=0.3, steps=200)
    history, found = run(config), grave(config)
    assert history.divergence is None and history.loss[-1] > 1e100
    assert next(iter(found)) == "penalty" and "flips its sign" in found["penalty"].sentence
    offered = remedies_for(found["penalty"], history)
    assert offered[0].config.l2 == 0 and offered[0].after.loss < 0.3
    assert not any(each.config.normalization != "none" for each in offered)


@pytest.mark.parametrize("rows", [1, 2])
def test_batch_norm_over_one_row_or_two_is_read_from_the_batches_that_trained(rows: int) -> None:
    config = RunConfig(
        hidden=(32,) * 8,
        activation="relu",
        init="he_normal",
        normalization="batch",
        batch_size=rows,
        learning_rate=0.1,
        steps=300,
    )
    found = grave(config)
    assert next(iter(found)) == "small_batches" and f"batches of {rows} row" in found["small_batches"].sentence
    mended = best(config)
    assert mended.batch_rows() >= 16 or mended.normalization != "batch"


def test_a_deep_network_of_batch_norm_and_relu_is_still_ill_at_the_end() -> None:
    """Yang et al. 2019: gradients explode, and the rate that this allows learns nothing.

    Steps of such a network hang on the last bit; so small a rate has a margin under every kernel of OpenBLAS.
    """
    config = RunConfig(
        hidden=(32,) * 60,
        activation="relu",
        init="he_normal",
        normalization="batch",
        n_samples=200,
        learning_rate=1e-4,
        steps=80,
    )
    found = grave(config)
    assert "exploding" in found and "nothing_learned" in found


def test_adam_under_a_large_epsilon_is_put_down_to_it() -> None:
    config = RunConfig(
        hidden=(32,) * 12, activation="sigmoid", optimizer="adam", epsilon=1e-3, learning_rate=0.01, steps=200
    )
    found = grave(config)
    assert {"vanishing", "epsilon"} <= found.keys() and "smaller than epsilon 0.001" in found["epsilon"].sentence


def test_dead_relus_on_seven_rows_are_found_where_a_run_ends_at_the_mean() -> None:
    for seed in range(12):
        config = CLINIC["relu 2-2, unlucky seed"].replace(seed=seed)
        ends_at_the_mean = bool(np.isclose(run(config).loss[-1], config.data().y_train.var(), rtol=1e-3))
        assert bool({"dead", "zero_gradient"} & grave(config).keys()) == ends_at_the_mean


@pytest.mark.parametrize("setting", [{"steps": 400}, {"learning_rate": 1e-4, "steps": 60}, {"learning_rate": 10.0}])
def test_no_run_at_a_guess_is_called_well(setting: dict) -> None:
    for activation in ("sigmoid", "tanh", "relu"):
        config = RunConfig(dataset="circles", hidden=(16,) * 12, activation=activation, **setting)
        history = run(config)
        if history.loss[-1] > 0.99 * np.log(2):
            assert grave(config)
