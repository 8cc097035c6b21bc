"""The network of a textbook: a given theta, one sample, several targets, an output activation, held biases, U(a, b)."""

import io
import json
from pathlib import Path

import numpy as np
import pytest

import nncore
from nncore import History, RunConfig, check_gradient, measures, run
from nncore.command import main
from nncore.diagnosis import ledger, verdict
from nncore.measures.learned import predictions
from nncore.sweep import Grid, config_of, table, write
from nncore.theory import predict_config, standing
from nncore.theory.diagrams import gained

TEXTBOOK = RunConfig(
    dataset="given",
    rows="0.05, 0.1 : 0.01, 0.99",
    hidden=(2,),
    activation="sigmoid",
    output="sigmoid",
    biases="fixed",
    theta=(0.35, 0.35, 0.15, 0.25, 0.2, 0.3, 0.6, 0.6, 0.4, 0.5, 0.45, 0.55),
    learning_rate=0.5,
    steps=1,
)
"""Mazur 2015, A step by step backpropagation example: E = ½ Σ (target - out)², which is mse over two outputs."""


def test_the_numbers_of_the_textbook_come_out() -> None:
    history = run(TEXTBOOK)
    tape = history.network.forward(history.theta[0], np.array([[0.05, 0.1]]))
    assert tape.z[0].ravel() == pytest.approx([0.3775, 0.3925], abs=1e-12)
    assert tape.a[1].ravel() == pytest.approx([0.593269992, 0.596884378], abs=1e-9)
    outputs = TEXTBOOK.output_activation()(tape.z[-1]).ravel()
    assert outputs == pytest.approx([0.75136507, 0.772928465], abs=1e-8)
    assert history.loss[0] == pytest.approx(0.298371109, abs=1e-9)
    (w1, b1), (w2, b2) = history.layout.split(history.theta[1])
    assert w2.ravel() == pytest.approx([0.35891648, 0.511301270, 0.408666186, 0.561370121], abs=1e-8)
    assert w1.ravel() == pytest.approx([0.149780716, 0.24975114, 0.19956143, 0.29950229], abs=1e-8)
    assert b1.tolist() == [0.35, 0.35] and b2.tolist() == [0.6, 0.6]
    assert run(TEXTBOOK.replace(steps=1)).loss[1] == pytest.approx(0.291027924, abs=1e-6)


def test_ten_thousand_steps_end_where_the_textbook_does() -> None:
    history = run(TEXTBOOK.replace(steps=10_000, record_every=1000))
    assert history.loss[-1] == pytest.approx(0.0000351085, rel=1e-2)


@pytest.mark.parametrize("output", ["sigmoid", "tanh", "relu", "leaky_relu", "erf"])
def test_the_gradient_is_right_through_every_output(output: str) -> None:
    config = TEXTBOOK.replace(output=output)
    history = run(config)
    check_gradient(history.network, config.loss_function(), history.theta[0], history.probe_x, history.probe_y)


@pytest.mark.parametrize("optimizer", nncore.OPTIMIZERS)
@pytest.mark.parametrize("biases", ["fixed", "none"])
def test_held_biases_stay_whatever_the_optimizer(optimizer: str, biases: str) -> None:
    config = RunConfig(
        hidden=(4, 3), optimizer=optimizer, biases=biases, bias_std=0.5, weight_decay=0.1, clip_norm=0.1, steps=9
    )
    history = run(config)
    held = config.held()
    first, last = history.theta[0], history.theta[-1]
    assert held is not None and held.sum() == 4 + 3 + 1
    np.testing.assert_array_equal(last[held], first[held])
    assert (first[held] == 0).all() == (biases == "none") and (first[~held] != last[~held]).all()


@pytest.mark.parametrize("optimizer", nncore.OPTIMIZERS)
def test_each_layer_may_have_fixed_biases_or_none(optimizer: str) -> None:
    config = RunConfig(
        hidden=(4, 3, 2),
        optimizer=optimizer,
        biases=("none", "learned", "fixed", "learned"),
        bias_std=0.5,
        weight_decay=0.1,
        steps=9,
    )
    history = run(config)
    first, last = (history.layout.split(history.theta[record]) for record in (0, -1))
    (_, none), (_, learned), (_, fixed), (_, output) = first
    assert (none == 0).all() and all((bias != 0).all() for bias in (learned, fixed, output))
    for layer, moves in enumerate((False, True, False, True)):
        assert (first[layer][1] != last[layer][1]).all() == moves == (first[layer][1] != last[layer][1]).any()
        assert (first[layer][0] != last[layer][0]).all()
    check_gradient(history.network, config.loss_function(), history.theta[-1], history.probe_x, history.probe_y)


def test_a_textbooks_layer_without_biases_moves_by_the_gradient_of_its_weights_alone() -> None:
    config = TEXTBOOK.replace(biases=("none", "learned"))
    history, layout = run(config), config.layout()
    theta = np.array(TEXTBOOK.theta)
    layout.split(theta)[0][1][...] = 0.0
    np.testing.assert_array_equal(history.theta[0], theta)
    loss, x, y = config.loss_function(), history.probe_x, history.probe_y

    def value(theta: np.ndarray) -> float:
        return float(loss.value(history.network.forward(theta, x).z[-1], y))

    moved = np.array([(value(theta + h) - value(theta - h)) / 2e-6 for h in 1e-6 * np.eye(len(theta))])
    moved[config.held()] = 0.0
    np.testing.assert_allclose(history.theta[1], theta - 0.5 * moved, rtol=1e-7, atol=1e-9)
    assert (history.theta[1][:2] == 0).all() and (history.theta[1][2:] != theta[2:]).all()


def test_theory_counts_no_biases_in_a_layer_that_has_none() -> None:
    config = RunConfig(hidden=(50, 60, 70), bias_std=0.5)
    some = standing(config.replace(biases=("none", "learned", "none", "fixed"))).sigma_b2
    assert some.tolist() == [0.0, 0.25, 0.0]
    q = predict_config(config.replace(biases=("learned", "none", "none", "learned"))).q
    np.testing.assert_allclose(q[0], predict_config(config).q[0])
    assert q[1] < predict_config(config).q[1]
    without = config.replace(biases="none")
    assert gained(without, 2.0) == gained(without.replace(bias_std=0.0), 2.0)


def test_a_sweeps_table_gives_each_layers_biases_back(tmp_path: Path) -> None:
    grid = Grid(RunConfig(hidden=(2,), steps=1), {"biases": ["learned", ("none", "fixed")]})
    for _ in write(tmp_path / "sweep", grid, workers=1):
        pass
    rows = table(tmp_path / "sweep").to_pylist()
    assert [row["biases"] for row in rows] == ["learned", "none,fixed"]
    assert [config_of(row) for row in rows] == list(grid)


@pytest.mark.parametrize("biases", ["fixed", ("none", "learned")])
def test_files_links_and_the_command_line_hold_all_of_it(
    biases: str | tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    textbook = TEXTBOOK.replace(biases=biases)
    history = run(textbook)
    assert RunConfig.from_dict(json.loads(json.dumps(textbook.to_dict()))) == textbook
    assert eval(repr(textbook), {"RunConfig": RunConfig}) == textbook
    for kind in ("parquet", "csv"):
        file = io.BytesIO()
        getattr(history, f"to_{kind}")(file)
        file.seek(0)
        again = getattr(History, f"from_{kind}")(file)
        assert again.config == textbook and again.theta.tobytes() == history.theta.tobytes()
    flags = [
        *("--dataset", "given", "--rows", textbook.rows, "--hidden", "2", "--activation", "sigmoid"),
        *(
            "--output",
            "sigmoid",
            "--biases",
            RunConfig.text("biases", biases),
            "--theta",
            RunConfig.text("theta", textbook.theta),
        ),
        *("--learning-rate", "0.5", "--steps", "1", "--json"),
    ]
    main(["run", *flags])
    assert json.loads(capsys.readouterr().out)["loss"] == history.loss[-1]


def test_measures_ledger_verdict_and_a_card_work_on_one_sample() -> None:
    history = run(TEXTBOOK.replace(steps=30))
    assert np.isfinite(measures.per_layer(history, "delta_norm")["delta_norm"]).all()
    assert ledger(history, 0).values and verdict(history) == () and history._repr_html_()
    assert measures.performance(history)["train_loss"][-1] == pytest.approx(history.loss[-1])
    shown = predictions(history, 30)
    assert shown["actual"].tolist() == [0.01, 0.99] and (np.abs(shown["prediction"] - 0.5) < 0.5).all()


def test_uniform_between_two_numbers() -> None:
    config = RunConfig(init="uniform", init_low=0.2, init_high=0.4, hidden=(50, 50))
    weights = [weight for weight, _ in config.layout().split(config.initial_theta())]
    assert all(weight.min() >= 0.2 and weight.max() <= 0.4 for weight in weights)
    assert np.mean(weights[1]) == pytest.approx(0.3, abs=0.01)
    with pytest.raises(ValueError, match=r"theory speaks of weights around 0; these are drawn between 0.2 and 0.4"):
        predict_config(config)
    around_0 = predict_config(config.replace(init_low=-0.3, init_high=0.3))
    np.testing.assert_allclose(
        around_0.q, predict_config(config.replace(init_low=None, init_high=None, init_scale=0.3)).q
    )


def test_one_end_alone_leaves_the_other_at_0() -> None:
    assert RunConfig(init="uniform", init_high=0.4).init_ends == (0.0, 0.4)
    assert RunConfig(init="uniform", init_low=-0.4).init_ends == (-0.4, 0.0)
    assert RunConfig(init="normal", init_low=-0.4).init_ends is None is RunConfig(init="uniform").init_ends


def test_auto_takes_squared_error_where_the_output_has_an_activation() -> None:
    assert RunConfig(dataset="moons", output="sigmoid").loss_name == "mse"
    assert RunConfig(dataset="moons").loss_name == "bce"


@pytest.mark.parametrize(
    "settings, message",
    [
        (
            {"output": "sigmoid", "loss": "bce"},
            "output must be linear for bce, which puts its own function on z; got 'sig",
        ),
        (
            {"hidden": (3,), "biases": ("fixed",)},
            "biases must be one of learned, fixed, none, or one for each of the 2 layers, the output last; got 1",
        ),
        ({"biases": ("fixed", "non")}, r"biases must be one of learned, fixed, none; got 'non' \(did you mean 'none'"),
        ({"theta": (1.0, 2.0)}, r"theta must have the .* parameters of widths \(2, .*\); got 2"),
        ({"theta": ("a",)}, "theta must be a number from -1e"),
        ({"theta": 3}, "theta must be at most 1,000 numbers; got 3"),
        ({"dataset": "given"}, "the data set given needs rows: give some, such as 0.05, 0.1 : 0.01, 0.99"),
        ({"rows": "1, 2"}, "a row must be inputs : targets, such as 0.05, 0.1 : 0.01, 0.99; got '1, 2'"),
        ({"rows": "1:2; 1,2:3"}, "rows must all have as many inputs, and as many targets, as the first one"),
        ({"rows": "inf:2"}, "the numbers of rows must be from -1e"),
        ({"rows": 3}, "rows must be text, such as 0.05, 0.1 : 0.01, 0.99; got 3"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RunConfig(**settings)


def test_theory_does_not_speak_of_a_given_theta() -> None:
    with pytest.raises(ValueError, match="this run begins with a theta that is given"):
        predict_config(TEXTBOOK)
