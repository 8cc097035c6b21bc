"""The quantities over records and layers: which records, in which blocks."""

import numpy as np
import pytest

from nncore import History, measures, run
from nncore.history import history as history_module
from nncore.measures import LAYER_QUANTITIES
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
    whole = measures.per_layer(history, (*LAYER_QUANTITIES, "update_ratio"))
    some = measures.per_layer(history, (*LAYER_QUANTITIES, "update_ratio"), np.array([4, 0, 4]))
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
    assert list(frame) == ["step", "layer", *scores, *LAYER_QUANTITIES, "update_ratio"]
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
