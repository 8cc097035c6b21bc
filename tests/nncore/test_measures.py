"""Every quantity against its definition, computed slowly: one record and one sample at a time."""

import math
from typing import Any

import numpy as np
import pytest

from nncore import ACTIVATIONS, History, RunConfig, measures, run
from nncore import history as history_module
from nncore.layout import Array
from nncore.measures import LAYER_QUANTITIES

SMALL = RunConfig(
    dataset="moons", n_samples=30, hidden=(5, 5, 4), steps=6, learning_rate=0.3, bias_std=0.3, gain=1.5
)
CONFIGS = {
    "tanh, bce": SMALL,
    "relu, cross entropy, adam": SMALL.replace(
        dataset="blobs", activation="relu", optimizer="adam", learning_rate=0.01, n_classes=4
    ),
    "sigmoid, mse, regression": SMALL.replace(dataset="diabetes", activation="sigmoid", gain=4.0),
    "mixed, skip, one column a class": SMALL.replace(
        dataset="iris", loss="mse", activation=("hard_tanh", "sign", "leaky_relu"), skip=True, gain=2.0
    ),
    "linear and elu, batches, probe of 7": SMALL.replace(
        activation=("linear", "elu", "softsign"), batch_size=4, l2=0.01, probe_size=7
    ),
    "float32": SMALL.replace(dtype="float32", activation="gelu"),
    "no hidden layer": SMALL.replace(hidden=()),
}
MAX_SLOPE = {"tanh": 1, "relu": 1, "sigmoid": 0.25, "hard_tanh": 1, "leaky_relu": 1, "elu": 1, "softsign": 1}
TWO_SIDED = {"tanh", "sigmoid", "hard_tanh", "softsign"}
ONE_SIDED = {"relu", "leaky_relu", "elu", "gelu"}


@pytest.fixture(scope="module", params=CONFIGS)
def history(request: pytest.FixtureRequest) -> History:
    return run(CONFIGS[request.param])


# The definitions of the glossary, slowly ------------------------------------------------------------------


def output_delta(history: History, z: Array, y: Any) -> Array:
    """dE_s/dz of one sample's own loss."""
    name = history.config.loss_name
    if name == "mse":
        return 2 * (z - y) / len(z)
    if name == "bce":
        return (1 / (1 + np.exp(-z)) - y) / len(z)
    e = np.exp(z - z.max())
    delta = e / e.sum()
    delta[y] -= 1
    return delta


def slow_layers(history: History, record: int) -> list[dict[str, Array]]:
    """Per layer each probe sample's z, a, delta, (n_samples, width), and input, (n_samples, fan_in)."""
    layers = history.layout.split(history.theta[record].astype(np.float64))
    phis, skips = history.network.activations, history.network.skips
    found: list[dict[str, list[Array]]] = [{key: [] for key in ("input", "z", "a", "delta")} for _ in layers]
    for x, y in zip(history.probe_x.astype(np.float64), history.probe_y, strict=True):
        inputs, zs, a = [], [], x
        for index, (weight, bias) in enumerate(layers):
            z = a @ weight + bias
            inputs.append(a)
            zs.append(z)
            if index < len(phis):
                a = phis[index](z) + (a if skips[index] else 0)
        deltas = [output_delta(history, zs[-1], y)]
        d_a = layers[-1][0] @ deltas[0]
        for index in range(len(phis) - 1, -1, -1):
            deltas.insert(0, d_a * phis[index].slope(zs[index]))
            d_a = layers[index][0] @ deltas[0] + (d_a if skips[index] else 0)
        for index in range(len(layers)):
            output = inputs[index + 1] if index + 1 < len(layers) else zs[index]
            for key, value in (
                ("input", inputs[index]),
                ("z", zs[index]),
                ("a", output),
                ("delta", deltas[index]),
            ):
                found[index][key].append(value)
    return [{key: np.array(values) for key, values in layer.items()} for layer in found]


def slow_quantities(history: History, record: int) -> list[dict[str, float]]:
    """Every quantity of every layer, by its definition."""
    rows = []
    first = history.layout.split(history.theta[0])
    for index, layer in enumerate(slow_layers(history, record)):
        (weight, _), n = history.layout.split(history.theta[record])[index], len(history.probe_x)
        own = [np.outer(a, delta) for a, delta in zip(layer["input"], layer["delta"], strict=True)]
        weight_gradient = sum(own) / n
        bias_gradient = sum(layer["delta"]) / n
        delta_norm = math.sqrt(sum(float(delta @ delta) for delta in layer["delta"]) / n)
        pooled, units = layer["a"].ravel(), layer["z"].T
        row = {
            "delta_norm": delta_norm,
            "delta_rms": delta_norm / math.sqrt(layer["z"].shape[1]),
            "weight_gradient_norm": math.sqrt((weight_gradient**2).sum()),
            "weight_gradient_rms": math.sqrt((weight_gradient**2).mean()),
            "bias_gradient_norm": math.sqrt((bias_gradient**2).sum()),
            "activation_mean": pooled.mean(),
            "activation_std": pooled.std(),
            "activation_p2": np.percentile(pooled, 2),
            "activation_p98": np.percentile(pooled, 98),
            "z_std": layer["z"].std(),
            "signal": math.sqrt(np.mean([np.var(unit) for unit in units])),
            "signal_floor": 8
            * np.finfo(history.theta.dtype).eps
            * math.sqrt(np.mean([np.mean(unit) ** 2 for unit in units])),
            "weight_norm": math.sqrt(sum(float(w) ** 2 for w in weight.ravel())),
            "distance": math.sqrt(((weight.astype(float) - first[index][0]) ** 2).sum()),
            "saturated_fraction": math.nan,
            "inactive_fraction": math.nan,
            "dead_fraction": math.nan,
        }
        if index < len(history.network.activations):
            phi = history.network.activations[index]
            slopes = phi.slope(layer["z"])
            flat = np.abs(slopes) < 0.01 * MAX_SLOPE.get(phi.name, phi.max_slope)
            if phi.name in TWO_SIDED:
                row["saturated_fraction"] = flat.mean()
            if phi.name in ONE_SIDED:
                row["inactive_fraction"] = flat.mean()
            if phi.name != "sign":
                row["dead_fraction"] = np.mean([(unit == 0).all() for unit in slopes.T])
        rows.append(row)
    return rows


def test_every_quantity_is_its_definition(history: History) -> None:
    found = measures.per_layer(history, LAYER_QUANTITIES)
    tolerance = 1e-10 if history.theta.dtype == np.float64 else 2e-4
    seen: dict[str, list[float]] = {name: [] for name in LAYER_QUANTITIES}
    for record in range(len(history)):
        for index, row in enumerate(slow_quantities(history, record)):
            assert set(row) == set(LAYER_QUANTITIES)
            for name, expected in row.items():
                value = found[name][record, index]
                np.testing.assert_allclose(
                    value, expected, rtol=tolerance, atol=tolerance * 1e-2, err_msg=name
                )
                seen[name].append(value)
    assert found.axes["step"].tolist() == history.step.tolist()
    assert found.axes["layer"].tolist() == list(range(1, history.layout.n_layers + 1))


def test_the_cases_above_have_flat_and_dead_units_to_count() -> None:
    counted = {
        name: np.concatenate(
            [measures.per_layer(run(config), name)[name].ravel() for config in CONFIGS.values()]
        )
        for name in ("saturated_fraction", "inactive_fraction", "dead_fraction")
    }
    for values in counted.values():
        assert (values[~np.isnan(values)] > 0).any() and (values[~np.isnan(values)] < 1).any()


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
            before, after = (
                whole.layout.split(whole.theta[t])[index][0].astype(float) for t in (step, step + 1)
            )
            expected = np.linalg.norm(after - before) / np.linalg.norm(before)
            assert found[record, index] == pytest.approx(
                expected, rel=1e-6 if thin.theta.dtype == "f4" else 1e-12
            )


def test_update_ratio_is_blank_where_the_weights_are_zero() -> None:
    history = run(SMALL.replace(hidden=(), init="zeros"))
    ratios = measures.per_layer(history, "update_ratio")["update_ratio"]
    assert history.update_norm[0] > 0 and np.isnan(ratios[0])
    assert np.isfinite(ratios[1:-1]).all()


def test_with_batch_normalization_delta_is_that_of_the_batchs_loss() -> None:
    history = run(SMALL.replace(normalization="batch", probe_size=9))
    found = measures.per_layer(history, ("delta_norm", "weight_gradient_norm", "saturated_fraction"))
    loss, n = history.config.loss_function(), len(history.probe_x)
    for record in range(len(history)):
        tape = history.network.forward(history.theta[record], history.probe_x)
        grad, deltas = history.network.backward(
            history.theta[record], tape, loss.delta(tape.z[-1], history.probe_y)
        )
        for index, delta in enumerate(deltas):
            own = [math.hypot(*(n * row)) for row in delta]
            assert found["delta_norm"][record, index] == pytest.approx(math.sqrt(np.mean(np.square(own))))
            weight, _ = history.layout.split(grad)[index]
            assert found["weight_gradient_norm"][record, index] == pytest.approx(np.linalg.norm(weight))
        for index in range(3):
            slopes = 1 - np.tanh(tape.z_hat[index]) ** 2
            assert found["saturated_fraction"][record, index] == pytest.approx((slopes < 0.01).mean())


def test_delta_norm_does_not_depend_on_the_number_of_probe_rows() -> None:
    # The same rows twice over: a mean over samples stays, a norm of the batch's delta would not.
    config = SMALL.replace(steps=0, test_fraction=0)
    history = run(config)
    doubled = History(
        config, history.step, history.loss, history.theta, history.grad, history.update_norm,
        np.tile(history.probe_x, (2, 1)), np.tile(history.probe_y, (2, 1)),
    )  # fmt: skip
    for name in ("delta_norm", "weight_gradient_norm", "bias_gradient_norm", "signal"):
        once, twice = (measures.per_layer(h, name)[name] for h in (history, doubled))
        np.testing.assert_allclose(once, twice, rtol=1e-12)


# Numbers at the ends of the range -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "scale", "depth", "below"), [("float64", 1e-18, 11, 1e-190), ("float32", 1e-8, 4, 1e-27)]
)
def test_norms_of_vanishing_numbers_do_not_underflow(
    dtype: str, scale: float, depth: int, below: float
) -> None:
    config = SMALL.replace(
        hidden=(5,) * depth, init="normal", init_scale=scale, gain=1.0, bias_std=0, dtype=dtype, steps=0
    )
    history = run(config)
    found = measures.per_layer(history, LAYER_QUANTITIES)
    layers, n = slow_layers(history, 0), len(history.probe_x)
    for index, layer in enumerate(layers):
        delta_norm = math.hypot(*layer["delta"].ravel()) / math.sqrt(n)
        centred = layer["z"] - layer["z"].mean(axis=0)
        gradient = sum(np.outer(a, d) / n for a, d in zip(layer["input"], layer["delta"], strict=True))
        assert found["delta_norm"][0, index] == pytest.approx(delta_norm, rel=1e-5)
        assert found["weight_gradient_norm"][0, index] == pytest.approx(
            math.hypot(*gradient.ravel()), rel=1e-5
        )
        assert found["signal"][0, index] == pytest.approx(
            math.hypot(*centred.ravel()) / math.sqrt(centred.size), rel=1e-5
        )
    assert 0 < found["delta_norm"][0, 0] < below
    assert 0 < found["signal"][0, -1] < below * 1e8


def with_theta(history: History, theta: Array) -> History:
    """The same history with another theta, its early end kept."""
    return History(
        history.config, history.step, history.loss, theta, history.grad, history.update_norm, history.probe_x,
        history.probe_y, history.stopped, history.divergence,
    )  # fmt: skip


def diverged(**changes: Any) -> History:
    """A run that ends early, its last theta but one made huge, its last made infinite or NaN in places."""
    history = run(SMALL.replace(dataset="diabetes", learning_rate=50.0, steps=300, **changes))
    assert history.divergence is not None
    theta, rng = history.theta.copy(), np.random.default_rng(0)
    theta[-2] *= 0.5 * np.finfo(theta.dtype).max / np.abs(theta[-2]).max()
    theta[-1] = np.where(rng.uniform(size=theta.shape[1]) < 0.3, np.inf, theta[-2])
    theta[-1, -1] = np.nan
    return with_theta(history, theta)


@pytest.mark.parametrize("activation", ["tanh", "relu", "linear", "gelu", "sign"])
@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_diverged_history_is_measured_without_a_warning(
    activation: str, normalization: str, dtype: str
) -> None:
    history = diverged(activation=activation, normalization=normalization, dtype=dtype, record_every=7)
    summary = measures.summary(history)
    assert summary["delta_norm"].shape == (len(history), 4)
    assert np.isfinite(summary["delta_norm"][0]).all()
    assert not np.isfinite(summary["delta_norm"][-1]).any()
    summary.frame()
    for record in (len(history) - 2, len(history) - 1):
        for quantity in ("activation", "delta", "weight_gradient"):
            measured = measures.distribution(history, record, quantity)
            assert measured.columns is not None
            assert np.isfinite(measured.columns["low"][1]).all()
        measures.gradient_flow(history, record)
        measures.response(history, record, history.probe_x)
    measures.performance(history)
    for layer in range(1, 5):
        measures.layer_parameters(history, layer)
    measures.parameter(history, 0)


def test_shares_of_units_are_blank_where_z_is_not_a_number() -> None:
    history = run(SMALL)
    theta = history.theta.copy()
    theta[-1] = np.nan
    found = measures.per_layer(with_theta(history, theta), ("saturated_fraction", "dead_fraction"))
    for name in ("saturated_fraction", "dead_fraction"):
        assert np.isfinite(found[name][:-1, :-1]).all()
        assert np.isnan(found[name][-1]).all()


@pytest.mark.parametrize("block_bytes", [1, 20_000, 40_000])
def test_no_number_depends_on_the_block_size(monkeypatch: pytest.MonkeyPatch, block_bytes: int) -> None:
    for config in (
        SMALL,
        CONFIGS["float32"],
        SMALL.replace(normalization="layer", activation="sigmoid", gain=1e-60),
    ):
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


# What the product wants to show ---------------------------------------------------------------------------


def test_in_a_deep_sigmoid_network_the_spread_stays_and_the_signal_is_gone() -> None:
    config = RunConfig(
        dataset="moons", hidden=(32,) * 30, activation="sigmoid", init="xavier_normal", steps=0
    )
    found = measures.per_layer(run(config), ("z_std", "signal", "signal_floor", "delta_norm"))
    z_std, signal, floor = found["z_std"][0], found["signal"][0], found["signal_floor"][0]
    assert z_std[1:30].min() > 0.2 and z_std[1:30].max() < 1.0
    assert signal[0] > 0.3
    assert signal[23] < 1e-12
    assert (signal[5:20] / signal[4:19]).max() < 0.6
    assert signal[29] < floor[29] < 1e-13
    assert found["delta_norm"][0, 0] < 1e-12 * found["delta_norm"][0, -1]


def test_delta_vanishes_in_a_deep_sigmoid_network_and_not_in_an_orthogonal_tanh_network() -> None:
    deep = RunConfig(hidden=(32,) * 20, steps=0)
    sigmoid = measures.per_layer(run(deep.replace(activation="sigmoid")), "delta_norm")["delta_norm"][0]
    tanh = measures.per_layer(run(deep.replace(activation="tanh", init="orthogonal")), "delta_norm")[
        "delta_norm"
    ][0]
    assert (np.diff(np.log(sigmoid[:-1])) > math.log(2)).all()
    assert tanh[0] > 0.05 * tanh[-2]


# Over time, summary, flow ---------------------------------------------------------------------------------


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
    monkeypatch.setattr(measures, "SPREADSHEET_ROWS", 101)
    shortened = measures.summary(history)
    assert len(shortened.frame()) + 1 <= 101
    assert shortened.axes["step"][[0, -1]].tolist() == [0, 50]
    assert shortened.caveats == ("25 of 51 records, evenly spread.",)


def test_every_quantity_says_what_it_is() -> None:
    for name, quantity in LAYER_QUANTITIES.items():
        assert quantity.name == name
        assert quantity.label and quantity.symbol
        assert quantity.about.endswith(".") and "  " not in quantity.about


def test_an_unknown_quantity_is_refused_with_the_choices() -> None:
    history = run(SMALL)
    with pytest.raises(
        ValueError, match=r"quantity must be one of delta_norm, .*; got 'delta_nrom' \(did you mean"
    ):
        measures.per_layer(history, "delta_nrom")
    with pytest.raises(ValueError, match="activation, delta, weight_gradient; got 'theta'"):
        measures.distribution(history, 0, "theta")


# Performance and response ---------------------------------------------------------------------------------


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
@pytest.mark.parametrize(("dataset", "loss"), [("moons", "bce"), ("blobs", "cross_entropy"), ("iris", "mse")])
def test_performance_is_loss_and_share_of_right_answers(dataset: str, loss: str, normalization: str) -> None:
    config = SMALL.replace(dataset=dataset, loss=loss, normalization=normalization, l2=0.1, test_fraction=0.4)
    history = run(config)
    data, found = config.data(), measures.performance(history)
    np.testing.assert_array_equal(found["loss"], history.loss)
    for record in range(len(history)):
        statistics = history.network.forward(history.theta[record], data.x_train).statistics
        for part, x, y in (("train", data.x_train, data.y_train), ("test", data.x_test, data.y_test)):
            z = history.network.forward(history.theta[record], x, statistics=statistics).z[-1]
            value = config.loss_function().value(z, config.targets(y))
            assert found[f"{part}_loss"][record] == pytest.approx(float(value), rel=1e-12)
            answers = [int(row[0] > 0) if len(row) == 1 else int(np.argmax(row)) for row in z]
            right = np.mean([answer == truth for answer, truth in zip(answers, y, strict=True)])
            assert found[f"{part}_accuracy"][record] == pytest.approx(right)
    assert (found["loss"] > found["train_loss"] + 0.1).all()


def test_what_a_regression_or_a_run_without_test_rows_has_not_is_blank() -> None:
    regression = measures.performance(run(SMALL.replace(dataset="sine")))
    assert np.isnan(regression["train_accuracy"]).all() and np.isfinite(regression["test_loss"]).all()
    untested = measures.performance(run(SMALL.replace(test_fraction=0)))
    assert np.isnan(untested["test_loss"]).all() and np.isnan(untested["test_accuracy"]).all()
    np.testing.assert_allclose(untested["train_loss"], untested["loss"], rtol=1e-12)


@pytest.mark.parametrize("normalization", ["none", "batch", "layer"])
def test_response_is_the_network_with_the_training_rows_statistics(normalization: str) -> None:
    history = run(SMALL.replace(normalization=normalization))
    data = history.config.data()
    tape = history.network.forward(history.theta[3], data.x_train)
    np.testing.assert_allclose(measures.response(history, 3, data.x_train), tape.z[-1], rtol=1e-12)
    first = measures.response(history, 3, data.x_test[:1])
    np.testing.assert_allclose(first, measures.response(history, 3, data.x_test)[:1], rtol=1e-12)


# Distributions --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("quantity", ["activation", "delta", "weight_gradient"])
def test_the_bins_count_every_value_once(name: str, quantity: str) -> None:
    history = run(CONFIGS[name])
    found, layers, n = (
        measures.distribution(history, 2, quantity),
        slow_layers(history, 2),
        len(history.probe_x),
    )
    assert found.columns is not None
    low, high = found.columns["low"][1], found.columns["high"][1]
    assert (low < high).all()
    np.testing.assert_array_equal(low[1:], high[:-1])
    if quantity == "activation":
        values = [layer["a"].ravel() for layer in layers[:-1] or layers]
    elif quantity == "delta":
        values = [layer["delta"].ravel() for layer in layers]
    else:
        values = [
            (sum(np.outer(a, d) for a, d in zip(layer["input"], layer["delta"], strict=True)) / n).ravel()
            for layer in layers
        ]
    assert found.axes["layer"].tolist() == list(range(1, len(values) + 1))
    for index, each in enumerate(values):
        zeros = int(found.columns["exact_zeros"][1][index])
        assert zeros == np.count_nonzero(each == 0)
        assert found.columns["not_finite"][1][index] == 0
        drawn = each if quantity == "activation" else np.log10(np.abs(each[each != 0]))
        counted = found["count"][index]
        assert counted.sum() == len(drawn)
        width = high[0] - low[0]
        # up to rounding at an edge the counts are those of the slowly computed values
        below = np.array([np.count_nonzero(drawn < edge - 1e-4 * width) for edge in high])
        above = np.array([np.count_nonzero(drawn < edge + 1e-4 * width) for edge in high])
        assert (below <= counted.cumsum()).all() and (counted.cumsum() <= above).all()


def test_what_is_not_finite_is_counted_apart() -> None:
    history = diverged(activation="tanh")
    found = measures.distribution(history, len(history) - 1, "weight_gradient")
    assert found.columns is not None
    sizes = [weight.size for weight, _ in history.layout.split(history.theta[0])]
    total = found["count"].sum(axis=1) + found.columns["exact_zeros"][1] + found.columns["not_finite"][1]
    assert total.tolist() == sizes
    assert found.columns["not_finite"][1].sum() > 0


@pytest.mark.parametrize("value", [0.0, 1e-300, 3.0, -1e300, 1.7e308])
def test_a_single_value_gets_a_bin_around_it(value: float) -> None:
    edges = measures._edges([np.full(5, value)])
    assert np.isfinite(edges).all() and (np.diff(edges) >= 0).all()
    assert np.histogram(np.full(5, value), edges)[0].sum() == 5


def test_values_over_the_whole_range_of_floats_get_bins() -> None:
    values = np.array([-1.7e308, 0.0, 1.7e308])
    edges = measures._edges([values])
    assert np.isfinite(edges).all() and (np.diff(edges) > 0).all()
    assert np.histogram(values, edges)[0].sum() == 3


def test_without_any_value_there_are_still_bins() -> None:
    history = run(SMALL.replace(activation="sign"))
    found = measures.distribution(history, 0, "delta")
    assert found.columns is not None
    assert found["count"][:-1].sum() == 0
    assert found.columns["exact_zeros"][1][:-1].tolist() == [5 * 24, 5 * 24, 4 * 24]
    assert len(measures._edges([np.array([])])) == len(found.axes["bin"]) + 1


# Parameters -----------------------------------------------------------------------------------------------


def test_one_parameter_over_time_is_its_column_of_the_history() -> None:
    history = run(SMALL)
    found = measures.parameter(history, 7)
    np.testing.assert_array_equal(found["theta"], history.theta[:, 7])
    np.testing.assert_array_equal(found["gradient"], history.grad[:, 7])
    with pytest.raises(ValueError, match=f"theta index must be between 0 and {history.layout.n_params - 1}"):
        measures.parameter(history, history.layout.n_params)


def test_a_layers_parameters_are_percentiles_over_its_weights() -> None:
    history = run(SMALL)
    found = measures.layer_parameters(history, 2)
    assert list(found.axes) == ["step", "percentile"]
    for record in range(len(history)):
        weight, _ = history.layout.split(history.theta[record])[1]
        gradient, _ = history.layout.split(history.grad[record])[1]
        percentiles = found.axes["percentile"]
        np.testing.assert_allclose(found["theta"][record], np.percentile(weight, percentiles), rtol=1e-12)
        np.testing.assert_allclose(
            found["gradient"][record], np.percentile(gradient, percentiles), rtol=1e-12
        )
    for layer in (0, 5):
        with pytest.raises(ValueError, match=f"layer must be between 1 and 4; got {layer}"):
            measures.layer_parameters(history, layer)


def test_every_activation_can_be_measured() -> None:
    for name in ACTIVATIONS:
        found = measures.per_layer(run(SMALL.replace(activation=name, steps=1)), LAYER_QUANTITIES)
        assert np.isfinite(found["delta_norm"]).all()
        defined = {quantity for quantity in LAYER_QUANTITIES if np.isfinite(found[quantity][:, :-1]).all()}
        kind = ACTIVATIONS[name].kind
        assert ("saturated_fraction" in defined) == (kind == "two-sided")
        assert ("inactive_fraction" in defined) == (kind == "one-sided")
        assert ("dead_fraction" in defined) == (kind != "threshold")


# Several records at once -------------------------------------------------------------------------------------


def assert_identical(one: measures.Measurement, other: measures.Measurement) -> None:
    """The same bits under the same names."""
    assert (one.name, one.caveats) == (other.name, other.caveats)
    for part in ("axes", "values"):
        mine, theirs = getattr(one, part), getattr(other, part)
        assert mine.keys() == theirs.keys()
        for name in mine:
            np.testing.assert_array_equal(mine[name], theirs[name], err_msg=name)
    for name, (axis, facts) in (one.columns or {}).items():
        assert other.columns is not None
        assert axis == other.columns[name][0]
        np.testing.assert_array_equal(facts, other.columns[name][1], err_msg=name)


@pytest.mark.parametrize(
    "change", [{}, {"normalization": "batch"}, {"activation": "relu", "dtype": "float32"}]
)
def test_several_records_are_measured_bit_for_bit_as_each_of_them(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    history = run(RunConfig(hidden=(5, 4), steps=9, n_samples=40).replace(**change))
    records, x = (0, 2, 3, 9), history.probe_x
    flows = measures.gradient_flows(history, records)
    seen = {
        quantity: measures.distributions(history, records, quantity) for quantity in measures.DISTRIBUTIONS
    }
    answers = measures.responses(history, records, x)
    for place, record in enumerate(records):
        assert_identical(flows[place], measures.gradient_flow(history, record))
        for quantity, found in seen.items():
            assert_identical(found[place], measures.distribution(history, record, quantity))
        np.testing.assert_array_equal(answers[place], measures.response(history, record, x))
    monkeypatch.setattr("nncore.history.BLOCK_BYTES", 1)
    np.testing.assert_array_equal(measures.responses(history, records, x), answers)
