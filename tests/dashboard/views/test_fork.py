"""The fork page: a suggestion to begin with, every change and edit, and what it says of them."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.charts import style
from dashboard.jobs import progress
from dashboard.jobs.measurements import measurements
from dashboard.jobs.registry import FORK, runs
from dashboard.views.fork import charts as charts
from dashboard.views.fork import charts_learned, fork_words
from dashboard.views.fork.form import LABELS
from dashboard.words.settings import description
from nncore import (
    Fork,
    History,
    KillUnit,
    Measurement,
    RunConfig,
    ScaleLayer,
    SetParameter,
    diagnosis,
    edits_from_text,
    run,
)
from nncore.config.fork import CHANGEABLE
from nncore.diagnosis import suggested_fork
from nncore.measures import fork_and_parent
from tests.conftest import plots
from tests.dashboard.lab import element, opened, opened_on
from tests.patience import until

SMALL = {"depth": "2", "width": "4", "steps": "12", "n_samples": "40", "activation": "tanh"}
CHARTS = {"f_scores", "f_flow", "f_distance", "f_updates", "f_learned_parent", "f_learned_fork", "f_difference"}
BESIDE = RunConfig(n_samples=40, hidden=(4, 4), steps=12)


def open_page(**query: Any) -> AppTest:
    return finished(opened_on("fork", **{**SMALL, **query}))


def finished(app: AppTest) -> AppTest:
    """The page once parent and fork are trained."""
    until(lambda: not app.get("progress"), app.run)
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    kinds = ("markdown", "info", "error", "warning", "caption")
    return "\n".join(each.value for kind in kinds for each in app.get(kind))


def drawn(app: AppTest) -> set[str]:
    return {key.removeprefix("chart_") for key in plots(app)}


# Opening ----------------------------------------------------------------------------------------------------


def test_first_sight_is_forked_to_tanh_and_learns() -> None:
    app = open_page(
        **{name: str(value) for name, value in (("depth", 12), ("width", 32), ("steps", 400))},
        n_samples="400",
        activation="sigmoid",
    )
    assert drawn(app) == CHARTS
    text = words(app)
    assert "Fork at step 120" in text and "**Activation** sigmoid → tanh" in text
    assert "the fork's loss **falls to 0.0" in text and "the parent's **stays at 0.693**" in text
    assert "against 1.7 · 10⁻⁸ in the parent" in text
    assert element(app, "step").value == 120


def test_fork_opens_in_the_lab_from_step_0() -> None:
    app = open_page(learning_rate="0.03", gain="2.5", step="6")
    changed = element(app, "f_learning_rate").value
    element(app, "f_from_start").click().run()
    assert "chart_flow" in plots(finished(app))
    assert element(app, "learning_rate").value == changed != 0.03
    assert element(app, "gain").value == 2.5 and element(app, "depth").value == 2
    assert element(app, "step").value == 12


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {"learning_rate": 0.3}),
        ({"activation": "sigmoid", "hidden": (8,) * 10}, {"activation": "tanh"}),
        ({"hidden": ()}, {"learning_rate": 0.3}),
        (
            {"learning_rate": 1e3, "dataset": "parabola", "activation": "relu", "gain": 3.0, "steps": 60},
            {"learning_rate": 10.0},
        ),
        ({"learning_rate": 0.0}, {}),
    ],
)
def test_suggestion_follows_what_the_run_needs(changes: dict[str, Any], expected: dict[str, Any]) -> None:
    history = run(BESIDE.replace(**changes))
    found = suggested_fork(history)
    assert found.changes == expected
    assert found.at in history.step and found.at < history.step[-1]
    Fork(history.config, found.at, **found.changes)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_run_of_few_steps_has_a_page(steps: int) -> None:
    app = open_page(steps=str(steps), n_samples="41")
    assert not app.error
    assert drawn(app) == (CHARTS if steps else set())
    if not steps:
        assert "The fork ends where it begins" in words(app)


def test_the_labs_step_is_the_fork_point_unless_it_is_the_end_and_the_fork_is_there_again_on_the_way_back() -> None:
    app = finished(opened(**SMALL))
    assert element(app, "step").value == 12
    app.switch_page("views/fork/page.py")
    finished(app.run())
    assert element(app, "step").value == 4 and "**Learning rate** 0.1 → 0.3" in words(app)
    element(app, "f_learning_rate").set_value(0.5).run()
    element(app, "f_edits").set_value("kill 1:2").run()
    app.switch_page("views/lab/page.py")
    finished(app.run())
    assert element(app, "step").value == 4
    element(app, "step").set_value(7).run()
    app.switch_page("views/fork/page.py")
    finished(app.run())
    assert element(app, "step").value == 7
    assert "**Learning rate** 0.1 → 0.5; unit 2 of layer 1 is killed" in words(app)


def test_steps_follow_a_run_that_grows_and_shrinks_and_those_moved_stay() -> None:
    app = open_page(steps="20")
    for steps, at in ((40, 12), (15, 4), (30, 9)):
        element(app, "steps").set_value(steps).run()
        finished(app)
        assert (element(app, "step").value, element(app, "f_step").value) == (at, steps)
        assert drawn(app) == CHARTS
    for key, value in (("step", 3), ("f_step", 14), ("steps", 40)):
        element(app, key).set_value(value).run()
        finished(app)
    assert (element(app, "step").value, element(app, "f_step").value) == (3, 14)
    element(app, "steps").set_value(10).run()
    assert (element(finished(app), "step").value, element(app, "f_step").value) == (3, 10)


def test_a_diverged_run_is_forked_before_it_diverges() -> None:
    app = open_page(learning_rate="1000", dataset="parabola", activation="relu", gain="3.0", steps="60", depth="3")
    assert "does not diverge" in words(app) and drawn(app) == CHARTS
    assert "**Learning rate** 1000 → " in words(app)


def test_a_long_fork_goes_on_training_while_the_page_is_used_and_stops_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "INLINE_SECONDS", 0.4)
    app = open_page(n_samples="42")
    long = {"f_steps": 900_000, "f_record_every": 1000}
    element(app, "f_change").set_value(["Steps", "Record every … steps"]).run()
    for key, value in long.items():
        element(app, key).set_value(value)
    app.run()
    assert not app.exception and not drawn(app)
    (training,) = runs().by_session["test session id"][FORK]
    (bar,) = app.get("progress")
    assert "of 900,000" in bar.proto.text and "Training the fork" in words(app)
    element(app, "f_kind").set_value("scale").run()
    assert runs().by_session["test session id"][FORK] == [training] and not training.done
    element(app, "stop_fork").click().run()
    assert "Stopped by hand at step" in words(finished(app)) and drawn(app) == CHARTS
    assert element(app, "f_again").label == "Run to the end"


def test_a_long_search_for_a_suggestion_goes_on_beside_the_page_and_ends_by_hand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = threading.Event()

    def endless(history: History, *, cancelled: Callable[[], bool]) -> Fork:
        asked.set()
        until(cancelled)
        return suggested_fork(history, cancelled=cancelled)

    monkeypatch.setattr(diagnosis, "suggested_fork", endless)
    monkeypatch.setattr(diagnosis, "suggestion_seconds", lambda history: 2.0)
    monkeypatch.setattr(progress, "INLINE_SECONDS", 0.01)
    app = open_page(n_samples="43", activation="sigmoid", depth="10")
    until(asked.is_set)
    assert not drawn(app) and "Trying out changes" in words(app)
    element(app, "f_untried").click().run()
    assert drawn(finished(app)) == CHARTS and "**Learning rate** 0.1 → 0.3" in words(app)
    (measurement,) = [
        each for found in measurements().by_training.values() for key, each in found.items() if key[0] == "search"
    ]
    assert not measurement.waiting


def test_a_search_for_a_suggestion_ends_with_a_visit_to_another_page(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, ended = threading.Event(), threading.Event()

    def endless(history: History, *, cancelled: Callable[[], bool]) -> Fork:
        asked.set()
        until(cancelled)
        ended.set()
        return suggested_fork(history, cancelled=cancelled)

    monkeypatch.setattr(diagnosis, "suggested_fork", endless)
    monkeypatch.setattr(diagnosis, "suggestion_seconds", lambda history: 2.0)
    monkeypatch.setattr(progress, "INLINE_SECONDS", 0.01)
    app = open_page(n_samples="45", activation="sigmoid", depth="10")
    until(asked.is_set)  # one that has not begun has nothing to end
    assert not ended.is_set()
    app.switch_page("views/neurons/page.py").run()
    until(ended.is_set)


def test_a_search_above_what_is_allowed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "suggestion_seconds", lambda history: 1e9)
    app = open_page(n_samples="44", activation="sigmoid", depth="10")
    assert drawn(app) == CHARTS and "**Learning rate** 0.1 → 0.3" in words(app)


# Changes ----------------------------------------------------------------------------------------------------

OTHER: dict[str, tuple[str, dict[str, str]]] = {
    "activation": ("relu", {}),
    "alpha": ("0.3", {"activation": "leaky_relu"}),
    "output": ("sigmoid", {"loss": "mse"}),
    "biases": ("fixed", {}),
    "normalization": ("layer", {}),
    "skip": ("true", {}),
    "loss": ("mse", {"loss": "cross_entropy"}),
    "optimizer": ("adam", {}),
    "learning_rate": ("0.5", {}),
    "momentum": ("0.5", {}),
    "nesterov": ("true", {"momentum": "0.5"}),
    "rms_alpha": ("0.5", {"optimizer": "rmsprop"}),
    "beta_1": ("0.5", {"optimizer": "adam"}),
    "beta_2": ("0.5", {"optimizer": "adam"}),
    "epsilon": ("0.001", {"optimizer": "adam"}),
    "weight_decay": ("0.1", {}),
    "schedule": ("cosine", {}),
    "schedule_every": ("3", {"schedule": "step"}),
    "schedule_factor": ("0.1", {"schedule": "step", "schedule_every": "3"}),
    "schedule_floor": ("0.5", {"schedule": "cosine"}),
    "warmup_steps": ("30", {}),
    "batch_size": ("7", {}),
    "steps": ("15", {}),
    "l1": ("0.1", {}),
    "l2": ("0.1", {}),
    "clip_norm": ("0.01", {}),
    "clip_value": ("0.001", {}),
    "record_every": ("3", {}),
}


def test_every_changeable_setting_has_its_widget() -> None:
    assert set(LABELS) == set(CHANGEABLE) == set(OTHER)


@pytest.mark.parametrize("name", OTHER)
def test_a_link_with_a_change_opens_that_fork(name: str) -> None:
    (value, parent), suggested = OTHER[name], "Learning rate"
    app = open_page(**parent, step="5", f_change=LABELS[name], **{f"f_{name}": value})
    assert not app.error
    label = LABELS[name]
    assert f"**{label}**" in words(app) and drawn(app) == CHARTS
    same = "Nothing is changed" in words(app) or "has no effect" in words(app)
    assert same == (name in ("record_every", "steps"))
    assert app.query_params.get("f_change", suggested) == label and app.query_params["step"] == "5"


def test_the_widget_of_a_change_begins_at_the_parents_value() -> None:
    app = open_page(step="5", f_change=["Momentum", "Clip norm"], momentum="0.5", clip_norm="0.25")
    assert element(app, "f_momentum").value == 0.5 and element(app, "f_clip_norm").value == 0.25
    assert "are the same, bit for bit" in words(app)


def test_a_parent_with_other_biases_in_each_layer_is_forked_to_the_same_in_all() -> None:
    app = open_page(depth="1", layer_biases="none, fixed", step="5", f_change="Biases", f_biases="learned")
    assert not app.error and not app.exception
    assert "**Biases** none, fixed → learned" in words(app)


def test_with_nothing_changed_it_says_identical() -> None:
    app = open_page(step="5", f_change="")
    text = words(app)
    assert "Nothing is changed, and the fork repeats its parent" in text
    assert "all 8 recorded steps from 5 on are the same, bit for bit" in text
    values = plots(app)["chart_f_scores"]["figure"]
    assert all(
        t["name"] in ("parent", "fork", "difference", "accuracy, parent", "accuracy, fork") for t in values["data"]
    )


def test_a_forks_history_and_program_can_be_taken_away() -> None:
    app = open_page(step="5", f_change="", f_edits="kill 1:0")
    (program,) = [code.value for code in app.get("code")]
    assert "nncore.Fork(" in program and "nncore.KillUnit(layer=1, unit=0)" in program
    labels = [button.proto.label for button in app.get("download_button")]
    assert sum(label.startswith("History") for label in labels) == 1


def test_bit_for_bit_is_said_only_where_it_was_verified() -> None:
    parent, fork = run(BESIDE), run(Fork(BESIDE, 5))
    assert "bit for bit" in fork_words.verified(parent, fork)
    grad = fork.grad.copy()
    grad[3, 7] = np.nextafter(grad[3, 7], 1)
    tampered = History(**{name: getattr(fork, name) for name in History.__dataclass_fields__} | {"grad": grad})
    assert fork_words.verified(parent, tampered) == ""


def test_a_change_without_effect_is_called_one() -> None:
    app = open_page(step="5", f_change="β₁", f_beta_1="0.5")
    assert "The change has no effect" in words(app)


def test_a_setting_that_no_fork_has_is_named_until_others_are_chosen() -> None:
    app = open_page(step="5", f_change=["Momentum", "Speed <b>"], f_momentum="0.5")
    (warning,) = app.warning
    assert warning.value.startswith("The address changes 'Speed ") and "no setting of a fork" in warning.value
    assert element(app, "f_change").value == ["Momentum"]
    assert len(app.run().warning) == 1
    element(app, "f_change").set_value(["Optimizer"]).run()
    assert not app.warning and not open_page(step="5", f_change="").warning


def test_choosing_a_setting_brings_its_widget_and_moving_it_another_fork() -> None:
    app = open_page(step="5", f_change="")
    element(app, "f_change").set_value(["Optimizer"]).run()
    assert "are the same, bit for bit" in words(app)
    element(app, "f_optimizer").set_value("adam").run()
    assert not app.exception and "**Optimizer** sgd → adam" in words(app)


def test_an_untouched_suggestion_makes_way_for_the_next_runs() -> None:
    app = open_page(depth="12", activation="sigmoid")
    assert "**Activation** sigmoid → tanh" in words(app)
    element(app, "activation").set_value("tanh").run()
    assert "**Learning rate** 0.1 → 0.3" in words(app) and "**Activation**" not in words(app)
    element(app, "f_learning_rate").set_value(0.5).run()
    element(app, "activation").set_value("sigmoid").run()
    assert "**Learning rate** 0.1 → 0.5" in words(app)


# Edits ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("W2[0,1] = 0.5", "The weight from unit 0 to unit 1 in layer 2 is set to 0.5"),
        ("b3[0]=-1", "The bias of unit 0 in layer 3 is set to -1"),
        ("W2 * 3", "Layer 2's weights are multiplied by 3"),
        ("kill 1:3", "Unit 3 of layer 1 is killed"),
        ("W2*3; kill 1:3", "Layer 2's weights are multiplied by 3; unit 3 of layer 1 is killed"),
    ],
)
def test_a_link_with_edits_opens_that_fork(text: str, says: str) -> None:
    app = open_page(step="5", f_change="", f_edits=text)
    assert not app.error and drawn(app) == CHARTS
    assert says in words(app) and "are the same, bit for bit" not in words(app)


def test_edits_are_added_and_taken_back_by_button() -> None:
    app = open_page(step="5", f_change="")
    theta = run(RunConfig(**{**BESIDE.to_dict(), "activation": "tanh", "dataset": "circles"})).theta[5]
    present = RunConfig(dataset="circles", hidden=(4, 4)).layout().split(theta)[1][0][2, 1]
    element(app, "f_layer").set_value(2).run()
    element(app, "f_from").set_value("2").run()
    element(app, "f_to").set_value(1).run()
    assert f"It is **{present:.6g}** now, at step 5." in words(app)
    element(app, "f_value").set_value(0.75).run()
    element(app, "f_add").click().run()
    assert element(app, "f_edits").value == "W2[2,1] = 0.75"
    assert "It is **0.75** now" in words(app)
    element(app, "f_kind").set_value("scale").run()
    element(app, "f_factor").set_value(2.0).run()
    element(app, "f_add").click().run()
    element(app, "f_kind").set_value("kill").run()
    element(app, "f_add").click().run()
    assert element(app, "f_edits").value == "W2[2,1] = 0.75; W2 * 2.0; kill 2:0"
    assert not app.exception and "unit 0 of layer 2 is killed" in words(app)
    element(app, "f_remove_1").click().run()
    assert element(app, "f_edits").value == "W2[2,1] = 0.75; kill 2:0"
    assert app.query_params["f_edits"] == "W2[2,1] = 0.75; kill 2:0"


def test_the_place_of_an_edit_stays_inside_the_layer() -> None:
    app = open_page(step="5", widths="6, 3")
    element(app, "f_to").set_value(5).run()
    element(app, "f_layer").set_value(2).run()
    assert not app.exception and element(app, "f_to").value == 2
    element(app, "f_from").set_value("5").run()
    element(app, "f_layer").set_value(3).run()
    assert not app.exception and element(app, "f_from").value == "2" and element(app, "f_to").value == 0


def test_a_network_without_hidden_layers_has_no_unit_to_kill() -> None:
    app = open_page(depth="0", step="5")
    assert not app.error and element(app, "f_kind").options == ["One weight", "A layer × factor"]
    assert "no hidden layer" in words(open_page(depth="0", step="5", f_edits="kill 1:0"))


# Hostile ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"f_edits": "rm -rf"}, "an edit must read like"),
        ({"f_edits": "W9 * 2"}, "layer must be a whole number from 1 to 3; got 9"),
        ({"f_edits": "kill 1:4"}, "unit must be a whole number from 0 to 3"),
        ({"f_edits": "W1 * nan"}, "factor must be a number"),
        ({"f_edits": "W1 * 1e400"}, "factor must be a number"),
        ({"f_edits": "W1[0,0] = <script>alert(1)</script>"}, "an edit must read like"),
        ({"f_edits": "W" + "9" * 5000 + "*2"}, "an edit must read like"),
        ({"f_edits": ";".join(["W1*2"] * 51)}, "at most 50 edits"),
        ({"f_change": "Steps", "f_steps": "3"}, "steps must be at least 5"),
        ({"f_change": "Loss", "f_loss": "mse"}, "as many outputs as its parent's bce"),
        ({"f_change": "Nesterov", "f_nesterov": "true"}, "nesterov needs a momentum"),
        ({"f_change": "Steps", "f_steps": "1000000"}, "and 512 MB are allowed"),
        ({"f_change": "Batch size", "f_batch_size": "1"}, ""),
        ({"f_change": "Seed"}, ""),
        ({"f_change": ["Activation", "Activation", "nonsense"]}, ""),
        ({"f_change": "Activation", "f_activation": "rleu"}, ""),
        ({"f_change": "Learning rate", "f_learning_rate": "nan"}, ""),
        ({"f_change": "Clip norm", "f_clip_norm": "-5"}, ""),
        ({"step": "99999999999999999999"}, ""),
        ({"step": "12"}, ""),
        ({"f_step": "-3"}, ""),
        ({"f_step": "nan", "f_kind": "x", "f_layer": "77"}, ""),
    ],
)
def test_what_cannot_be_forked_is_said_in_a_sentence(query: dict[str, Any], says: str) -> None:
    app = open_page(**{"step": "5", **query})
    if says:
        assert [says in error.value for error in app.error] == [True]
        assert app.error[0].value.startswith("This fork cannot run: ") and not drawn(app)
    else:
        assert not app.error and drawn(app) == CHARTS


# Words and figures ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parent() -> History:
    return run(BESIDE)


@pytest.mark.parametrize(
    "config",
    [
        BESIDE,
        BESIDE.replace(dataset="parabola"),
        BESIDE.replace(dataset="iris", hidden=(4,)),
        BESIDE.replace(dataset="diabetes", hidden=(4,)),
    ],
    ids=lambda config: config.dataset,
)
def test_every_figure_draws_its_measurement(config: RunConfig) -> None:
    one = run(config)
    other = run(Fork(config, 5, [ScaleLayer(1, 1.5)], learning_rate=0.2))
    data = config.data()
    measured = fork_and_parent.learned(one, other, 9)
    assert charts_learned.difference(measured, data, style.DARK)["data"]
    scores = fork_and_parent.scores(one, other)
    figure = charts.scores(scores, style.LIGHT, 9)
    lines = {trace["name"]: trace["y"] for trace in figure["data"]}
    np.testing.assert_array_equal(lines["fork"], scores["fork_train_loss"])
    np.testing.assert_array_equal(lines["difference"], scores["train_loss_difference"])
    assert ("yaxis3" in figure["layout"]) == bool(data.class_names)
    flows = fork_and_parent.flows(one, other, 9)
    lines = {trace["name"]: trace["y"] for trace in charts.flow(flows, style.LIGHT)["data"]}
    np.testing.assert_array_equal(lines["δ, parent"], flows["parent_delta_norm"])
    np.testing.assert_array_equal(lines["δ, fork / parent"], flows["delta_norm_factor"])
    distances = fork_and_parent.weight_distance(one, other)
    assert charts.distance(distances, style.LIGHT, 9)["data"]
    assert "is farthest from its parent" in charts.distance_finding(distances, 9)


def test_parent_and_fork_are_told_apart_by_more_than_colour(parent: History) -> None:
    fork = run(Fork(BESIDE, 5, learning_rate=0.2))
    for figure in (
        charts.scores(fork_and_parent.scores(parent, fork), style.LIGHT, 9),
        charts.updates(fork_and_parent.update_ratios(parent, fork), style.LIGHT, 9),
        charts.flow(fork_and_parent.flows(parent, fork, 9), style.LIGHT),
    ):
        dashes = {"parent": set(), "fork": set()}
        for trace in figure["data"]:
            if trace.get("yaxis") != "y2":
                dashes["parent" if "parent" in trace["name"] else "fork"].add(trace["line"]["dash"])
        assert dashes == {"parent": {"dashdot"}, "fork": {"solid"}}


def test_exact_zeros_are_named(parent: History) -> None:
    fork = run(Fork(BESIDE, 5, edits_from_text("W2 * 0")))
    notes = charts.flow(fork_and_parent.flows(parent, fork, 5), style.LIGHT)["layout"]["annotations"]
    assert [note["text"] for note in notes] == [
        "δ of the fork is exactly 0 in layer 1",
        "∂E/∂W of the fork is exactly 0 in layer 1",
    ]
    same = run(Fork(BESIDE, 5))
    finding = charts.distance_finding(fork_and_parent.weight_distance(parent, same), 9)
    assert finding == "At step 9 all weights are the same, exactly."
    drawn_zero = charts.distance(fork_and_parent.weight_distance(parent, same), style.LIGHT, 9)
    assert drawn_zero["data"] and all((trace["y"] == 0).all() for trace in drawn_zero["data"])
    assert drawn_zero["layout"]["yaxis"].get("type") != "log"


def test_the_verdict_follows_the_numbers(parent: History) -> None:
    still = run(Fork(BESIDE, 5, learning_rate=0.0))
    said = fork_words.verdict(parent, still, fork_and_parent.scores(parent, still))
    assert "From step 5 to 12 the fork's loss **stays at" in said
    worse = run(Fork(BESIDE, 5, [SetParameter(3, None, 0, 50.0)], learning_rate=0.0))
    assert "**rises to" in fork_words.verdict(parent, worse, fork_and_parent.scores(parent, worse))
    other = BESIDE.replace(loss="mse", steps=40)
    broken, one = run(Fork(other, 5, learning_rate=1e6, activation="relu", l2=0.1)), run(other)
    said = fork_words.verdict(one, broken, fork_and_parent.scores(one, broken))
    assert said.startswith(f"**The fork diverges at step {broken.divergence.step}**, the parent does not.")
    longer = run(Fork(BESIDE, 5, steps=20))
    said = fork_words.verdict(parent, longer, fork_and_parent.scores(parent, longer))
    assert "After the parent's end at step 12 the fork goes on to a loss of" in said


def test_the_description_names_changes_and_edits() -> None:
    fork = Fork(BESIDE, 5, [KillUnit(1, 0)], clip_norm=0.5, skip=True, activation=("relu", "tanh"))
    assert description(fork) == (
        "**Activation** tanh → relu, tanh; **Skip connections** off → on; "
        "**Clip norm** none → 0.5; unit 0 of layer 1 is killed"
    )


def test_the_layer_said_to_be_farthest_is_the_highest_line(parent: History) -> None:
    fork = run(Fork(BESIDE, 5, learning_rate=0.3))
    measured = fork_and_parent.weight_distance(parent, fork)
    highest = int(measured["distance"][-1].argmax()) + 1
    assert f"layer {highest} is farthest" in charts.distance_finding(measured, int(measured.axes["step"][-1]))
    turned = Measurement(
        "distance",
        {"step": np.array([7]), "layer": np.array([1, 2])},
        {"distance": np.array([[3.0, 1.0]]), "relative_distance": np.array([[0.1, 0.4]])},
    )
    assert charts.distance_finding(turned, 7) == (
        "At step 7 layer 1 is farthest from its parent, by 3 (10\u00a0% of its ‖W‖), and layer 2 nearest, by 1 (40\u00a0%)."
    )
