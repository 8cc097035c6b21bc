"""The quantities over records and layers: which records, in which blocks."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nncore import History, measures, run, sweep
from nncore.command import main
from nncore.history import history as history_module
from nncore.measures import LAYER_QUANTITIES, LayerView, Quantity
from nncore.model.layout import Array
from tests.nncore.measures.runs import CONFIGS, SMALL


@pytest.mark.parametrize("record_every", [1, 2, 4])
def test_update_ratio_is_the_weights_next_step_over_the_weights(history: History, record_every: int) -> None:
    whole = run(history.config.replace(record_every=1))
    thin = run(history.config.replace(record_every=record_every))
    found = measures.per_layer(thin, "update_ratio")["update_ratio"]
    for record, step in enumerate(thin.step):
        for index in range(thin.layout.n_layers):
            if step == thin.config.steps:
                assert np.isnan(found[record, index])
                continue
            before, after = (whole.layout.split(whole.theta[t])[index][0].astype(float) for t in (step, step + 1))
            expected = np.linalg.norm(after - before) / np.linalg.norm(before)
            assert found[record, index] == pytest.approx(expected, rel=1e-6 if thin.theta.dtype == "f4" else 1e-12)


def test_update_ratio_is_blank_where_the_weights_are_zero() -> None:
    history = run(SMALL.replace(hidden=(), init="zeros"))
    ratios = measures.per_layer(history, "update_ratio")["update_ratio"]
    assert history.update_norm[0] > 0 and np.isnan(ratios[0])
    assert np.isfinite(ratios[1:-1]).all()


@pytest.mark.parametrize("block_bytes", [1, 20_000, 40_000])
def test_no_number_depends_on_the_block_size(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    for config in (SMALL, CONFIGS["float32"], SMALL.replace(normalization="layer", activation="sigmoid", gain=1e-60)):
        history = run(config)
        reference = measures.summary(history), measures.performance(history)
        with monkeypatch.context() as patch:
            patch.setattr(history_module, "BLOCK_BYTES", block_bytes)
            blocks = [len(block.records) for block in history_module.replay(history)]
            assert len(blocks) > 1 and sum(blocks) == len(history)
            again = measures.summary(history), measures.performance(history)
            np.testing.assert_array_equal(run(config).update_norm, history.update_norm)
        for a, b in zip(reference, again, strict=True):
            for name, values in a.values.items():
                np.testing.assert_array_equal(b[name], values, err_msg=name)


def test_records_may_be_chosen_in_any_order() -> None:
    history = run(SMALL)
    whole = measures.per_layer(history, LAYER_QUANTITIES)
    some = measures.per_layer(history, LAYER_QUANTITIES, np.array([4, 0, 4]))
    assert some.axes["step"].tolist() == [4, 0, 4]
    for name, values in whole.values.items():
        np.testing.assert_array_equal(some[name], values[[4, 0, 4]], err_msg=name)


def test_over_time_spreads_its_records_and_says_so() -> None:
    history = run(SMALL.replace(steps=100))
    few = measures.over_time(history, "delta_norm", at_most=11)
    assert few.axes["step"].tolist() == list(range(0, 101, 10))
    assert few.caveats == ("11 of 101 records, evenly spread.",)
    whole = measures.over_time(history, "delta_norm")
    assert whole.caveats == () and len(whole.axes["step"]) == 101
    np.testing.assert_array_equal(few["delta_norm"], whole["delta_norm"][::10])


def test_gradient_flow_is_initialization_and_one_record() -> None:
    history = run(SMALL)
    flow = measures.gradient_flow(history, 4)
    assert flow.axes["step"].tolist() == [0, 4]
    assert measures.gradient_flow(history, 0).axes["step"].tolist() == [0]
    for name in ("delta_norm", "weight_gradient_norm", "bias_gradient_norm"):
        np.testing.assert_array_equal(flow[name], measures.per_layer(history, name)[name][[0, 4]])


def test_the_summary_has_every_measurement_and_fits_a_spreadsheet(monkeypatch: pytest.MonkeyPatch) -> None:
    history = run(SMALL.replace(steps=50))
    summary = measures.summary(history)
    frame = summary.frame()
    assert len(frame) == 51 * 4 and summary.caveats == ()
    scores = ["loss", "train_loss", "test_loss", "train_accuracy", "test_accuracy"]
    assert list(frame) == ["step", "layer", *scores, *LAYER_QUANTITIES]
    np.testing.assert_array_equal(frame["loss"], np.repeat(history.loss, 4))
    monkeypatch.setattr("nncore.measures.layers.SPREADSHEET_ROWS", 101)
    shortened = measures.summary(history)
    assert len(shortened.frame()) + 1 <= 101
    assert shortened.axes["step"][[0, -1]].tolist() == [0, 50]
    assert shortened.caveats == ("25 of 51 records, evenly spread.",)


def test_an_unknown_quantity_is_refused_with_the_choices() -> None:
    history = run(SMALL)
    with pytest.raises(ValueError, match=r"quantity must be one of delta_norm, .*; got 'delta_nrom' \(did you mean"):
        measures.per_layer(history, "delta_nrom")
    with pytest.raises(ValueError, match="activation, delta, weight_gradient; got 'theta'"):
        measures.distribution(history, 0, "theta")


# Quantities over two records --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradient_cosine_compares_each_recorded_gradient_with_the_one_before(dtype: str) -> None:
    history = run(SMALL.replace(batch_size=5, l2=0.01, record_every=2, steps=9, dtype=dtype))
    found = measures.per_layer(history, "gradient_cosine")["gradient_cosine"]
    assert np.isnan(found[0]).all() and (found[1:] < 0).any() and (found[1:] > 0).any()
    for record in range(1, len(history)):
        for index in range(history.layout.n_layers):
            before, now = (
                history.layout.split(history.grad[place].astype(float))[index][0].ravel()
                for place in (record - 1, record)
            )
            expected = before @ now / (np.linalg.norm(before) * np.linalg.norm(now))
            assert found[record, index] == pytest.approx(expected, abs=1e-12)


def test_gradient_cosine_is_one_straight_on_minus_one_back_and_blank_where_a_gradient_is_zero() -> None:
    history = run(SMALL.replace(steps=5))
    direction = np.linspace(-1.0, 2.0, history.layout.n_params)
    grad = np.stack([scale * direction for scale in (1.0, 1e-200, -1e200, 0.0, 3.0, 2.0)])
    found = measures.per_layer(replace(history, grad=grad), "gradient_cosine")["gradient_cosine"]
    assert np.isnan(found[[0, 3, 4]]).all()
    for record, expected in ((1, 1.0), (2, -1.0), (5, 1.0)):
        np.testing.assert_allclose(found[record], expected, rtol=1e-14)


def test_steps_beyond_the_edge_of_stability_turn_the_gradient_back() -> None:
    config = SMALL.replace(dataset="parabola", hidden=(), steps=6, init="zeros", test_fraction=0.0)
    calm = measures.per_layer(run(config.replace(learning_rate=0.01)), "gradient_cosine")["gradient_cosine"]
    assert (calm[1:] > 0.99).all()
    wild = measures.per_layer(run(config.replace(learning_rate=10.0)), "gradient_cosine")["gradient_cosine"]
    assert (wild[1:] < -0.99).all()


def travelled(layer: LayerView) -> Array:
    return np.sqrt(((layer.weight - layer.first_weight).astype(float) ** 2).sum(axis=-1))


def turned_on(before: LayerView, layer: LayerView) -> Array:
    """Change of the loudest unit's activation since the record before: looks at both forward passes."""
    return np.abs(layer.a).max(axis=-1) - np.abs(before.a).max(axis=-1)


@pytest.mark.parametrize("block_bytes", [1, 2**26])
def test_a_new_quantity_is_one_entry_over_one_record_or_two(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, block_bytes: int
) -> None:
    for function, records in ((travelled, 1), (turned_on, 2)):
        entry = Quantity(function.__name__, "label", "symbol", False, "About.", function, records)
        monkeypatch.setitem(LAYER_QUANTITIES, function.__name__, entry)
    monkeypatch.setattr(history_module, "BLOCK_BYTES", block_bytes)
    names, history = ("travelled", "turned_on"), run(SMALL)
    found = measures.per_layer(history, names)
    for record, theta in enumerate(history.theta):
        loudest = [
            [np.abs(a).max() for a in history.network.forward(each, history.probe_x).a[1:]]
            for each in (history.theta[max(record - 1, 0)], theta)
        ]
        expected = np.subtract(loudest[1], loudest[0]) if record else np.full(history.layout.n_layers, np.nan)
        np.testing.assert_allclose(found["turned_on"][record], expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found["travelled"], measures.per_layer(history, "distance")["distance"], rtol=1e-9)
    assert set(names) <= set(measures.over_time(history, names).values)
    assert set(names) <= set(measures.summary(history).values)
    report = sweep.Report(quantities=names, steps=(0, 3, sweep.LAST), verdict=False)
    (result,) = sweep.results([SMALL], report, workers=1)
    for name in names:
        for step, record in ((0, 0), (3, 3), ("last", -1)):
            np.testing.assert_array_equal(np.array(result.rows[0][f"{name}_at_{step}"], float), found[name][record])
    arguments = [
        "sweep",
        str(tmp_path / "s"),
        "--seeds",
        "2",
        "--steps",
        "3",
        "--hidden",
        "3",
        "--quiet",
        "--workers",
        "1",
    ]
    assert main([*arguments, "--quantity", "turned_on"]) == 0
    assert "turned_on_at_last" in sweep.table(tmp_path / "s").column_names
