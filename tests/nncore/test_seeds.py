"""Many seeds: their numbers are those of the runs one by one, their percentiles NumPy's, and who diverged is named."""

import numpy as np
import pytest

from nncore import Fork, Measurement, RunConfig, measures, run
from nncore import seeds as module
from nncore.seeds import (
    MEASURED_STEPS,
    MOST_SEEDS,
    SCORES,
    SEED_QUANTITIES,
    SeedRuns,
    band,
    inside_theory,
    run_seeds,
    standing,
)
from nncore.theory import predict_config

BASE = RunConfig(dataset="moons", n_samples=40, hidden=(5, 4), steps=12, seed=7)
DIVERGING = RunConfig(
    dataset="diabetes", n_samples=40, hidden=(4, 4), activation="linear", init="he_normal", steps=60, learning_rate=0.1
)
"""Of these seeds some diverge and some do not."""


@pytest.mark.parametrize(
    "settings",
    [{}, {"batch_size": 7, "optimizer": "adam"}, {"dtype": "float32", "activation": "relu"}, {"record_every": 5}],
    ids=lambda settings: "-".join(settings) or "plain",
)
def test_every_number_is_that_of_the_run_alone(settings: dict) -> None:
    config = BASE.replace(**settings)
    found = run_seeds(SeedRuns(config, 5))
    assert found.seeds.tolist() == [7, 8, 9, 10, 11]
    for place, seed in enumerate(found.seeds.tolist()):
        history = run(config.replace(seed=seed))
        np.testing.assert_array_equal(history.step, found.steps)
        layers, scores = measures.per_layer(history, SEED_QUANTITIES), measures.performance(history)
        for name in SEED_QUANTITIES:
            np.testing.assert_array_equal(found.layers[name][place], layers[name], err_msg=name)
        for name in SCORES:
            np.testing.assert_array_equal(found.scores[name][place], scores[name], err_msg=name)


def test_percentiles_are_numpys_over_an_explicit_list_of_runs() -> None:
    bands = band(run_seeds(SeedRuns(BASE, 6)).layers)
    alone = [measures.per_layer(run(BASE.replace(seed=7 + place)), "delta_norm") for place in range(6)]
    expected = np.percentile([each["delta_norm"] for each in alone], [10, 50, 90], axis=0)
    for label, values in zip(("p10", "median", "p90"), expected, strict=True):
        np.testing.assert_array_equal(bands[f"delta_norm_{label}"], values)
    assert (bands["delta_norm_seeds"] == 6).all()
    assert list(bands.axes) == ["step", "layer"]


def test_numbers_that_are_not_finite_are_left_out_of_the_percentiles_and_counted() -> None:
    values = np.array([[1.0, np.nan, np.inf], [2.0, 4.0, np.nan], [9.0, 5.0, -np.inf]])
    bands = band(Measurement("m", {"seed": np.arange(3), "step": np.arange(3)}, {"q": values}))
    np.testing.assert_array_equal(bands["q_seeds"], [3, 2, 0])
    np.testing.assert_allclose(bands["q_median"], [2.0, 4.5, np.nan])
    np.testing.assert_allclose(bands["q_p90"], [7.6, 4.9, np.nan])


def test_seeds_that_diverge_are_named_and_end_where_they_end_alone() -> None:
    found = run_seeds(SeedRuns(DIVERGING, 8))
    alone = {seed: run(DIVERGING.replace(seed=seed)) for seed in range(8)}
    diverged = {seed: history.divergence for seed, history in alone.items() if history.divergence}
    assert 0 < len(diverged) < 8
    assert found.diverged == diverged
    for seed, where in diverged.items():
        after = found.steps >= where.step
        assert np.isnan(found.layers["delta_norm"][seed, after]).all()
        assert np.isfinite(found.layers["delta_norm"][seed, ~after]).all()
    counts = band(found.layers)["delta_norm_seeds"][:, 0]
    assert counts[0] == 8
    assert counts[-1] == 8 - len(diverged)


def test_long_run_is_measured_at_some_of_its_own_steps_and_says_so() -> None:
    config = BASE.replace(steps=203, record_every=3)
    found = run_seeds(SeedRuns(config, 2))
    assert len(found.steps) <= MEASURED_STEPS + 2
    assert found.steps[0] == 0
    assert found.steps[-1] == 203
    assert np.isin(found.steps, run(config).step).all()
    assert found.layers.caveats == ("Seeds are measured every 6 steps, to save memory and time.",)


def test_no_more_histories_are_held_than_the_budget_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    config = BASE.replace(steps=40)
    one_record = config.history_bytes() // config.n_records
    held: list[int] = []
    real = module.run_many

    def noted(configs, **options):
        histories = real(configs, **options)
        held.append(sum(history.nbytes for history in histories))
        return histories

    monkeypatch.setattr(module, "run_many", noted)
    budget = 32 * one_record + SeedRuns(config, 8).config.pass_bytes()
    found = run_seeds(SeedRuns(config, 8), memory_budget=budget)
    assert max(held) <= budget
    assert len(found) == 8
    assert len(found.steps) < 41


def test_history_that_fits_for_no_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="MB are allowed"):
        run_seeds(SeedRuns(BASE, 2), memory_budget=1000)


def test_stop_keeps_the_seeds_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "runs_at_once", lambda config: 2)
    taken: list[int] = []
    found = run_seeds(SeedRuns(BASE, 6), progress=taken.append, cancelled=lambda: bool(taken) and taken[-1] > 50)
    assert found.seeds.tolist() == [7, 8, 9, 10]
    assert found.asked == 6
    assert found.layers.caveats[0] == "Stopped by hand: 4 of 6 seeds are done."
    assert found.was_stopped and found.stopped == found.layers.caveats[0]
    assert taken == sorted(taken)
    nothing = run_seeds(SeedRuns(BASE, 6), cancelled=lambda: True)
    assert len(nothing) == 0
    assert np.isnan(band(nothing.layers)["delta_norm_median"]).all()


def test_progress_ends_at_all_steps_of_all_seeds() -> None:
    taken: list[int] = []
    request = SeedRuns(BASE, 3)
    run_seeds(request, progress=taken.append)
    assert taken[-1] == request.steps == 36


def test_budget_is_checked_over_all_seeds_and_says_how_many_fit() -> None:
    request = SeedRuns(RunConfig(steps=2000), 64)
    allowed = request.seconds() / 3
    with pytest.raises(ValueError, match=r"64 seeds would take about [\d,]+ s .* take 21 or fewer"):
        request.check_budget(allowed, 2**29)
    SeedRuns(RunConfig(steps=2000), 21).check_budget(allowed, 2**29)


@pytest.mark.parametrize("n_seeds", [0, MOST_SEEDS + 1])
def test_number_of_seeds_is_bounded(n_seeds: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 64; got {n_seeds}"):
        SeedRuns(BASE, n_seeds)


def test_after_the_largest_seed_comes_zero() -> None:
    assert SeedRuns(BASE.replace(seed=2**32 - 2), 4).seeds == (2**32 - 2, 2**32 - 1, 0, 1)


def test_standing_is_the_share_below_and_half_the_ties() -> None:
    assert standing(np.array([1.0])) == 50
    assert standing(np.array([3.0, 1.0, 2.0, 4.0])) == 62.5
    assert standing(np.array([0.0, 0.0, 0.0, 0.0])) == 50
    assert standing(np.array([5.0, np.nan, 1.0])) == 75
    assert np.isnan(standing(np.array([np.inf, 1.0])))


def test_share_inside_the_theory_band_is_counted_by_hand() -> None:
    config = RunConfig(dataset="circles", n_samples=60, hidden=(16,) * 4, activation="tanh", steps=0)
    predicted = predict_config(config)
    found = run_seeds(SeedRuns(config, 16))
    delta = found.layers["delta_norm"][:, 0]
    low, high = predicted.delta_band
    for layer in range(4):
        inside = [low[layer] <= row[layer] / row[-1] <= high[layer] for row in delta]
        assert inside_theory(found, predicted)[layer] == np.mean(inside)
    assert inside_theory(found, predicted).mean() > 0.7
    dark = run_seeds(SeedRuns(config.replace(activation="sign"), 2))
    assert np.isfinite(dark.layers["delta_norm"][:, 0, -1]).all()
    assert (inside_theory(dark, predicted) == 0).all()


def test_fork_is_refused_since_it_keeps_its_seed() -> None:
    with pytest.raises(ValueError, match="a fork keeps its parent's seed"):
        SeedRuns(Fork(RunConfig(hidden=(3,), steps=4), at=2), 3)
