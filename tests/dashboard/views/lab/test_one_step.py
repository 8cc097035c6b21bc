"""The lab speaks of one step with one voice: headline, findings, numbers and captions name it and agree."""

import re

import numpy as np
import pytest

from dashboard.state.address import experiment_link
from dashboard.views.lab import findings
from dashboard.views.lab.charts_causes import culprit, lost
from dashboard.views.lab.headline import tiles
from dashboard.words.numbers import number
from dashboard.words.runs import headline
from nncore import History, RunConfig, run
from nncore.diagnosis import flow, ledger, precision, verdict
from nncore.diagnosis.loss_course import UNLEARNED, LossCourse
from nncore.experiments import EXPERIMENTS
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened


def some_config(seed: int) -> RunConfig:
    """A random set-up; every fourth one is likely to blow up."""
    rng = np.random.default_rng(seed)
    wild = seed % 4 == 3
    return RunConfig(
        dataset=str(rng.choice(["moons", "circles", "sine", "diabetes", "wine"])),
        n_samples=60,
        hidden=(int(rng.integers(2, 10)),) * int(rng.choice([0, 1, 2, 4, 8, 13])),
        activation=str(rng.choice(["tanh", "sigmoid", "relu", "linear", "sign", "softplus"])),
        init=str(rng.choice(["xavier_normal", "he_normal", "zeros", "lsuv"])),
        gain=3.0 if wild else 1.0,
        optimizer=str(rng.choice(["sgd", "adam"])),
        learning_rate=float(10 ** rng.uniform(0, 3)) if wild else float(10 ** rng.uniform(-4, 0)),
        batch_size=int(rng.choice([0, 7])),
        l2=float(rng.choice([0.0, 0.01])),
        standardize=bool(rng.integers(2)),
        steps=int(rng.integers(0, 70)),
        seed=seed,
    )


def agree(history: History, record: int) -> None:
    """Everything that the lab says of a record says the same."""
    step, said, found = int(history.step[record]), headline(history, record), verdict(history, record)
    course, seen, shown = LossCourse(history, record), flow(history, record), tiles(history, record, found)
    green = said.badge.colour == "green"
    text = said.plain()
    assert (f"At step {step:,}:" in text) or (history.divergence and f"stands on step {step:,}" in text)
    last = int(history.step[history.last_finite])
    assert ("the last finite one." in text) == bool(history.divergence and step == last)
    assert all(each.step == step for each in found)
    grave = [each for each in found if each.severity > 1]
    at_a_guess = not course.share < UNLEARNED
    if green:
        assert not grave and not at_a_guess and not history.divergence
    if not found:
        calm = findings.calm(history, record)
        assert f"at step {step:,}" in calm and ("green" in calm) == (not at_a_guess)
        assert green == ("green" in calm) or said.badge.title == "One layer"
    by_label = {tile.label: tile for tile in shown}
    if said.flow is not None and seen.kind not in ("zero", "not finite", "single"):
        assert number(seen.ratio) in text and by_label["δ first / last"].value == number(seen.ratio)
    assert (by_label["δ first / last"].below == "one layer") == (history.layout.n_layers == 1)
    assert number(course.constant) in by_label["Loss"].below or not np.isfinite(history.loss[record])
    for tile in shown:
        assert tile.below and not (tile.value == "undefined" and "nan" in tile.below)
        is_gain = (tile.colour, tile.below[0]) in (("inverse", "-"), ("normal", "+"))
        assert not (is_gain and (at_a_guess or grave)), tile
    for words in (culprit(ledger(history, record)), lost(precision(history, record))):
        assert "nan" not in words
    assert len(ledger(history, record).caveats) <= 4


@pytest.mark.parametrize("seed", range(40))
def test_headline_findings_numbers_and_captions_agree(seed: int) -> None:
    history = run(some_config(seed))
    for record in {0, history.last_finite // 2, history.last_finite, len(history) - 1}:
        agree(history, record)


def test_the_grid_holds_runs_of_every_kind() -> None:
    histories = [run(some_config(seed)) for seed in range(40)]
    titles = {headline(history, history.last_finite).badge.title.split(" at ")[0] for history in histories}
    assert {"Gradients flow", "Gradients vanish", "Diverged", "One layer", "No gradient", "Nothing learned"} <= titles


def test_captions_of_a_diverged_run_say_once_what_is_not_finite() -> None:
    history = run(EXPERIMENTS["clipping"].against)
    caveats = ledger(history, len(history) - 1).caveats
    assert len(caveats) == 2 and caveats[1] == "What arrives in layers 1 to 19 is not finite."


AT_A_GUESS = {
    "depth alone": {**experiment_link(EXPERIMENTS["depth"], EXPERIMENTS["depth"].config)},
    "Adam at step 0": {**experiment_link(EXPERIMENTS["adam"], EXPERIMENTS["adam"].config)},
    "SGD at step 0": {**experiment_link(EXPERIMENTS["adam"], EXPERIMENTS["adam"].against)},
    "large sigmoid": {**experiment_link(EXPERIMENTS["saturated"], EXPERIMENTS["saturated"].config)},
    "relu, too fast": {"activation": "relu", "init": "he_normal", "learning_rate": "0.5"},
}
GREEN = 1
"""The colour of a metric's change, as Streamlit writes it."""


@pytest.mark.parametrize("query", AT_A_GUESS.values(), ids=AT_A_GUESS)
def test_no_green_word_stands_over_a_run_at_a_guess_s_loss(query: dict) -> None:
    app = opened(**query)
    assert not app.exception
    shown = " ".join(text.value for kind in ("markdown", "caption") for text in app.main.get(kind))
    assert ":green" not in shown
    assert all(metric.proto.color != GREEN for metric in app.metric)
    steps = set(re.findall(r"(?:At|at) step ([\d,]+):", shown))
    assert steps == {str(element(app, "step").value)}


def test_every_chart_of_one_record_says_its_step() -> None:
    app = opened(**SMALL, step="2")
    drawn = plots(app)
    for key in ("flow", "heatmap", "ledger", "precision"):
        assert re.findall(r"At step ([\d,]+)", drawn[f"chart_{key}"]["alt"]) == ["2"], key
    element(app, "step").set_value(3).run()
    assert "At step 3:" in plots(app)["chart_flow"]["alt"]


def test_a_step_brought_along_beyond_a_divergence_becomes_the_last_finite_one() -> None:
    query = experiment_link(EXPERIMENTS["clipping"], EXPERIMENTS["clipping"].against)
    app = opened(**query)
    app.session_state["step"] = 400
    app.run()
    assert element(app, "step").value == 2
    assert "The page stands on step 2, the last finite one." in " ".join(each.value for each in app.markdown)
