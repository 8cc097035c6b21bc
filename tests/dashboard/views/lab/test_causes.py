"""Why, on the lab page: findings with evidence and remedies, promises kept or not, and the cards for every kind of run."""

import re

import numpy as np
import pytest

from dashboard.state.address import FIRST_SIGHT, link, settings_of
from dashboard.views.lab import findings
from dashboard.words.markup import escape
from nncore import RunConfig, run
from nncore.config import cost
from nncore.diagnosis import CHARTS, RULES, remedies_for, trial_seconds, verdict
from nncore.diagnosis.candidates import changes
from tests.conftest import plots
from tests.dashboard.lab import SMALL, element, opened
from tests.dashboard.views.lab.test_page import KINDS, words
from tests.patience import until

SICK = {**SMALL, "depth": "6", "gain": "0.2"}
LOST = {**SMALL, "dataset": "diabetes", "activation": "linear", "learning_rate": "5000", "steps": "200"}


def config_of(query: dict) -> RunConfig:
    """The run of a link with plain settings."""
    changes = {
        name: type(getattr(FIRST_SIGHT, name))(value) for name, value in query.items() if name not in ("depth", "width")
    }
    return FIRST_SIGHT.replace(**changes, hidden=(int(query["width"]),) * int(query["depth"]))


def unfolded(**query: object):
    """The page with its list of findings open and all remedies tried out."""
    app = opened(**query)
    app.session_state["findings"] = True
    app.run()
    until(lambda: "Trying out" not in words(app), app.run)
    return app


def taken(app) -> dict[str, str]:
    """The buttons of the remedies: key -> label."""
    return {button.key: button.label for button in app.button if str(button.key).startswith("take_")}


# Findings ---------------------------------------------------------------------------------------------------


def test_every_chart_that_a_verdict_points_at_is_named_and_on_the_page() -> None:
    assert set(findings.PROOFS) == set(CHARTS)
    assert {f"chart_{key}" for key in CHARTS} <= set(plots(opened(**SMALL)))


def test_changes_are_not_tried_out_where_that_takes_longer_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    query = {**SICK, "n_samples": "4000"}
    history = run(config_of(query))
    seconds = sum(trial_seconds(each, history) for each in verdict(history))
    assert cost.estimate(config_of(query)).seconds < seconds / 4
    monkeypatch.setenv("NNCORE_MAX_SECONDS", str(seconds / 4))
    app = unfolded(**query)
    assert "Changes are not tried out on this network: it would take" in words(app)
    assert not taken(app) and "changes that were tried out" not in words(app)


def test_the_list_says_what_verdict_finds_with_evidence_proof_and_remedies() -> None:
    app = unfolded(**SICK)
    history = run(config_of(SICK))
    found = verdict(history)
    assert {each.rule for each in found} >= {"vanishing", "poor_initialization"}
    text = words(app)
    buttons = taken(app)
    for each in found:
        assert f"**{each.title}.** {escape(each.sentence)}" in text
        assert f"(#chart_{each.chart})" in text
        assert each.source in text
        assert f"fires {'above' if RULES[each.rule].above else 'below'}" in text
        offered = remedies_for(each, history)
        mine = [key for key in buttons if key.startswith(f"take_{each.rule}_")]
        assert len(mine) == len(offered)
        for key, remedy in zip(mine, offered, strict=True):
            assert buttons[key].endswith(remedy.label)
            assert findings.number(remedy.after.loss) in buttons[key]
            assert escape(remedy.sentence()) in element(app, key).help


def test_nothing_is_tried_out_before_the_list_is_opened() -> None:
    app = opened(**SICK)
    assert not taken(app)
    assert "findings" not in app.session_state["session"].watched
    (line,) = [each for each in app.expander if "findings at step 4" in each.label]
    assert "gradients vanish" in line.label


def test_a_healthy_run_gets_one_calm_line() -> None:
    app = opened(**{**SMALL, "steps": "100"}, activation="tanh", learning_rate="0.5", dataset="moons")
    assert f":green[:material/check_circle:] Nothing wrong at step 100: none of {len(RULES)} rules fires." in words(app)
    assert not [each for each in app.expander if "finding" in each.label]


def test_a_run_without_findings_that_has_learned_nothing_is_not_called_well() -> None:
    text = words(opened(**SMALL, activation="tanh"))
    assert "No finding at step 4, and nothing is learned yet either: the loss is" in text
    assert "Nothing wrong at step" not in text and "check_circle" not in text and ":material/check:" not in text


def test_findings_follow_the_step() -> None:
    query = {**SMALL, "activation": "relu", "init": "he_normal", "learning_rate": "10", "steps": "12"}
    history = run(config_of(query))
    app = opened(**query)
    seen = set()
    for step in (0, 6, 12):
        app.slider(key="step").set_value(step).run()
        found = verdict(history, step)
        titles = ", ".join(each.title.lower() for each in found)
        lines = [each.label for each in app.expander if f"at step {step}:" in each.label]
        calm = (f"Nothing wrong at step {step}", f"No finding at step {step}")
        assert (titles in lines[0]) if found else any(line in words(app) for line in calm)
        seen.add(titles)
    assert len(seen) > 1


# Promises ---------------------------------------------------------------------------------------------------


def test_a_remedy_is_applied_by_one_click_and_held_to_its_prediction() -> None:
    app = unfolded(**SICK)
    before = config_of(SICK)
    vanishing = next(each for each in verdict(run(before)) if each.rule == "vanishing")
    remedy = remedies_for(vanishing, run(before))[0]
    element(app, "take_vanishing_0").click().run()
    shown = settings_of(remedy.config)
    assert {name: app.session_state[name] for name in shown} == shown
    text = words(app)
    assert "The prediction held" in text
    loss = f"{remedy.after.loss:.3g}"
    assert f"Loss: {remedy.before.loss:.3g} before, {loss} predicted; measured {loss} at step {remedy.tried}." in text
    element(app, "undo").click().run()
    assert "The prediction" not in words(app)
    shown = settings_of(before)
    assert {name: app.session_state[name] for name in shown} == shown


def test_a_promise_is_forgotten_when_something_else_is_changed() -> None:
    app = opened(**SICK)
    element(app, "mend").click().run()
    until(lambda: "The prediction held" in words(app), app.run)
    app.slider(key="width").set_value(5).run()
    assert "The prediction" not in words(app)
    app.slider(key="width").set_value(4).run()
    assert "The prediction" not in words(app)


def test_the_critical_gain_of_sigmoid_survives_the_sidebar() -> None:
    """It is the largest gain that a remedy sets, and no multiple of the slider's step."""
    sick = FIRST_SIGHT.replace(hidden=(6,) * 8, steps=2, n_samples=40)
    (critical,) = changes("critical", sick)
    assert critical.changes["gain"] > 10
    app = opened(**link(sick.replace(**critical.changes)))
    assert app.session_state["gain"] == critical.changes["gain"]


def test_a_diverged_run_is_mended_by_a_change_that_was_tried_out() -> None:
    app = opened(**LOST)
    until(lambda: any(button.key == "mend" for button in app.button), app.run)
    element(app, "mend").click().run()
    until(lambda: "The prediction held" in words(app), app.run)
    assert "Diverged" not in words(app)


# Cards ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", KINDS.values(), ids=KINDS)
def test_every_kind_of_run_has_its_ledger_and_its_float_types(query: dict) -> None:
    app = opened(**{**SMALL, **query})
    shown = plots(app)
    assert {"chart_ledger", "chart_precision"} <= set(shown)
    lost = "Diverged" in words(app)
    assert ({"chart_growth", "chart_place"} <= set(shown)) == lost
    assert next(iter(shown)) == ("chart_growth" if lost else "chart_learned")


def test_ledger_and_precision_follow_the_step() -> None:
    app = opened(**{**SMALL, "steps": "12"})
    before = plots(app)
    app.slider(key="step").set_value(5).run()
    for key in ("chart_ledger", "chart_precision"):
        assert str(before[key]["figure"]["data"]) != str(plots(app)[key]["figure"]["data"])


def test_forensics_name_the_step_the_layer_the_unit_and_what_tipped() -> None:
    app = opened(**LOST)
    broke = run(config_of(LOST)).divergence
    assert broke is not None
    assert re.search(r"From step \d+ to \d+, .* grew .*-fold, more than anything else before the end", words(app))
    assert f"first in layer {broke.layer}, unit {broke.unit}" in plots(app)["chart_place"]["alt"]


# Sharpness --------------------------------------------------------------------------------------------------


def test_sharpness_is_measured_when_it_is_asked_for() -> None:
    app = opened(**SMALL)
    assert "chart_sharpness" not in plots(app)
    element(app, "sharpness").set_value(True).run()
    until(lambda: "chart_sharpness" in plots(app) and "Measuring" not in words(app), app.run)
    assert "2/α = 20" in words(app)
    drawn = {trace["name"]: trace for trace in plots(app)["chart_sharpness"]["figure"]["data"]}
    assert np.isfinite(drawn["sharpness"]["y"]).any()
    element(app, "sharpness").set_value(False).run()
    assert "chart_sharpness" not in plots(app)
    assert "sharpness" not in app.session_state["session"].watched


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"momentum": "0.5"}, "2(1 + β)/α = 30"),
        ({"momentum": "0.5", "nesterov": "true"}, "2(1 + β)/(α(1 + 2β)) = 15"),
        ({"optimizer": "adam"}, "No stability line: 2/α holds for gradient descent, not for adam."),
        ({"batch_size": "8"}, "No stability line: 2/α holds for the full batch, not for mini-batches."),
    ],
)
def test_the_stability_line_is_named_or_its_absence_explained(query: dict, says: str) -> None:
    app = opened(**{**SMALL, "sharpness": "true", **query})
    until(lambda: "chart_sharpness" in plots(app), app.run)
    assert says in words(app)


def test_sharpness_over_budget_is_refused_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.views.lab.causes.curvature_seconds", lambda config, count: 1e9)
    app = opened(**SMALL, sharpness="true")
    assert not app.exception
    assert "are allowed" in app.info[0].value
    assert "chart_sharpness" not in plots(app)


# Theory -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "badge"),
    [
        ({"activation": "tanh", "width": "32"}, r"\d of 2 layers in the band, off by up to ×"),
        ({"activation": "sign"}, "Theory need not hold here"),
        ({"init": "zeros"}, "No theory"),
    ],
)
def test_distance_from_theory_and_where_it_need_not_hold_are_flagged(query: dict, badge: str) -> None:
    app = opened(**{**SMALL, **query})
    assert re.search(badge, words(app))
    assert not re.search("in the band|need not hold|No theory", words(opened(**{**SMALL, **query}, theory="false")))
