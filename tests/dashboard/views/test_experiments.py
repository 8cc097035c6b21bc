"""The gallery's pictures are true to fresh runs, and every experiment opens the lab on its own run."""

import json
import re
from urllib.parse import parse_qs

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts.style import DARK, LIGHT, Style
from dashboard.state import pins
from dashboard.state.address import FIRST_SIGHT, experiment_link, settings_of
from dashboard.state.session import PIN
from dashboard.views.experiments import pictures
from dashboard.views.experiments.charts import described, picture
from nncore.config.settings import LEARNING_RATES
from nncore.experiments import BASE, EXPERIMENTS, TOPICS, Experiment
from tests.conftest import plots
from tests.dashboard.lab import element, opened, opened_on
from tests.dashboard.state.test_sidebar import config_of, sidebar
from tests.nncore.experiments.nudge import nudge_first_weights

every_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)
FEW = 10
"""Steps of an experiment's run where only the page is looked at."""


def gallery() -> AppTest:
    return opened_on("gallery")


def numbers(line: dict) -> np.ndarray:
    values = line["rows"] if "rows" in line else line["y"]
    return np.array(values, dtype=float)


# Pictures ---------------------------------------------------------------------------------------------------


@every_experiment
@pytest.mark.parametrize("nudged", [False, True], ids=["as_it_is", "nudged"])
def test_stored_picture_equals_a_fresh_run(
    experiment: Experiment, nudged: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m dashboard.views.experiments.pictures` writes them anew; no processor's last bits decide what they show."""
    if nudged:
        nudge_first_weights(monkeypatch)
    fresh, kept = pictures.measured(experiment), pictures.stored()[experiment.name]
    assert len(fresh) == len(kept) >= 2
    for ours, theirs in zip(fresh, kept, strict=True):
        assert (ours["run"], ours["quantity"]) == (theirs["run"], theirs["quantity"])
        assert ours.get("x") == theirs.get("x")
        np.testing.assert_allclose(
            numbers(theirs), numbers(ours), rtol=1e-2, atol=1e-8 if "fit" in experiment.picture else 0
        )


def test_stored_file_is_strict_json_of_all_experiments_and_small() -> None:
    text = pictures.FILE.read_text(encoding="utf-8")
    assert list(json.loads(text, parse_constant=lambda name: pytest.fail(name))) == list(EXPERIMENTS)
    assert len(text) < 40_000


@every_experiment
@pytest.mark.parametrize("style", [LIGHT, DARK], ids=["light", "dark"])
def test_picture_draws_both_runs_inside_its_frame_and_names_them(experiment: Experiment, style: Style) -> None:
    labels, lines = (experiment.label, experiment.against_label), pictures.stored()[experiment.name]
    drawn = picture(lines, labels, described(experiment.title, labels, lines), style)
    assert not re.search(r"\bnan\b|\binf\b|None", drawn)
    for label in labels:
        assert f">{label}<" in drawn or f": {label}<" in drawn
        assert label in re.search('aria-label="(.*?)"', drawn)[1]
    if experiment.picture not in (("weights",), ("crossed",)):
        assert drawn.count("<polyline") == 2 * len(experiment.picture)
        for points in re.findall('points="(.*?)"', drawn):
            x, y = np.array([point.split(",") for point in points.split()], dtype=float).T
            assert 50 <= x.min() <= x.max() <= 352 and 30 <= y.min() <= y.max() <= 160
    for other in (each for each in (LIGHT, DARK) if each is not style):
        assert other.ink not in drawn and other.muted not in drawn


# The page ---------------------------------------------------------------------------------------------------


def test_gallery_shows_every_experiment_under_its_topic_with_both_runs_to_open() -> None:
    app = gallery()
    assert not app.exception
    assert [heading.value for heading in app.subheader] == list(TOPICS.values())
    words = " ".join(text.value for text in (*app.markdown, *app.caption)).replace("\u00a0", " ")
    links = [link.proto.query_string for link in app.get("page_link") if not link.proto.label.startswith("Compare")]
    assert len(links) == 2 * len(EXPERIMENTS)
    compared = [link.proto.query_string for link in app.get("page_link") if link.proto.label.startswith("Compare")]
    assert [parse_qs(query)[PIN] for query in compared] == [
        [pins.encoded(pin) for pin in pins.of_experiment(experiment)] for experiment in EXPERIMENTS.values()
    ]
    for experiment in EXPERIMENTS.values():
        assert experiment.title in words and experiment.claim in words and experiment.look_for in words
        assert sum(f"experiment={experiment.name}" in link for link in links) == 2


@every_experiment
def test_both_runs_can_be_compared_under_the_names_that_the_experiment_has_for_them(experiment: Experiment) -> None:
    found = pins.of_experiment(experiment)
    assert [pin.config for pin in found[:2]] == [experiment.config, experiment.against]
    assert len({pin.config for pin in found}) == len(found) == (4 if experiment.crossed else 2)
    for pin in found:
        assert pins.decoded(pins.encoded(pin)) == pin
    if experiment.crossed:
        names = {pin.name: pin.config for pin in found}
        assert all(name.split(", ")[0] == config.activation for name, config in names.items())


# Into the lab -----------------------------------------------------------------------------------------------


@every_experiment
def test_link_sets_every_widget_to_the_experiments_runs(experiment: Experiment) -> None:
    for config in (experiment.config, experiment.against):
        assert config_of(opened(sidebar, **experiment_link(experiment, config))) == config
        assert config.learning_rate in LEARNING_RATES


def test_what_an_experiment_leaves_unsaid_is_what_the_page_opens_on() -> None:
    assert BASE == FIRST_SIGHT


@every_experiment
def test_lab_opens_with_the_claim_on_top_and_the_charts_to_look_at_first(experiment: Experiment) -> None:
    short = experiment.config.replace(steps=min(FEW, experiment.config.steps), record_every=1)
    app = opened(**experiment_link(experiment, short) | {"step": str(min(experiment.step, FEW))})
    assert not app.exception and not app.error
    words = " ".join(text.value for text in app.main.get("markdown")).replace("\u00a0", " ")
    assert experiment.title in words and experiment.claim in words and experiment.look_for in words
    above = {"growth", "place", "learned"} - set(experiment.charts)  # of a run that diverged, and beside the network
    first = tuple(key for key in experiment.charts if key != "turn")  # of a run that went on to diverge
    drawn = [key for key in (name.removeprefix("chart_") for name in plots(app)) if key not in above]
    assert tuple(drawn[: len(first)]) == first
    assert len(drawn) == len(set(drawn)) >= 11
    for key, value in experiment.view:
        assert str(app.session_state[key]).lower() == value


def test_lab_goes_over_to_the_counterpart_and_back_and_says_when_it_was_changed() -> None:
    experiment = EXPERIMENTS["zeros"]
    app = opened(**experiment_link(experiment, experiment.config))
    assert "changed" not in " ".join(text.value for text in app.caption)
    element(app, "experiment_against").click().run()
    assert app.session_state["init"] == "xavier_normal"
    assert "This is the run" in element(app, "experiment_against").help
    element(app, "seed").set_value(5).run()
    assert "changed" in " ".join(text.value for text in app.caption)
    element(app, "experiment_run").click().run()
    assert (app.session_state["init"], app.session_state["seed"]) == ("zeros", 0)
    element(app, "sidebar_undo").click().run()
    assert (app.session_state["init"], app.session_state["seed"]) == ("xavier_normal", 5)


def test_set_up_of_a_link_takes_the_place_of_all_that_was_brought_along() -> None:
    """On the way from the gallery to the lab, where the reader has been before with another run."""
    experiment = EXPERIMENTS["zeros"]
    app = opened(depth="2", width="4", steps="4", n_samples="40", gain="2.5")
    app.query_params.clear()  # as the browser does on its way to another page
    app.switch_page("views/experiments/page.py").run()
    for name, value in experiment_link(experiment, experiment.config).items():
        app.query_params[name] = value
    app.switch_page("views/lab/page.py").run()
    assert not app.exception
    assert app.session_state["session"].undo.now == settings_of(experiment.config)


def test_closing_the_claim_leaves_the_set_up_and_the_usual_order() -> None:
    experiment = EXPERIMENTS["constant"]
    app = opened(**experiment_link(experiment, experiment.config))
    assert next(iter(plots(app))) == "chart_theta"
    element(app, "leave_experiment").click().run()
    assert not app.exception
    assert experiment.claim not in " ".join(text.value for text in app.main.get("markdown"))
    assert list(plots(app))[1] == "chart_flow"
    assert app.session_state["init"] == "constant"
    assert "experiment" not in app.query_params


@pytest.mark.parametrize("value", ["nothing", "", "<b>", "__class__", ["zeros", "constant"]])
def test_unknown_experiment_is_the_plain_lab(value: object) -> None:
    app = opened(depth="2", width="4", steps="4", n_samples="40", experiment=value)
    assert not app.exception and not app.error
    assert len(plots(app)) >= 11
