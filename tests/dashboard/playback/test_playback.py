"""The player's states in Streamlit's test harness: what is sent when, and what Pause and the buttons lead to."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard.charts.style import Figure
from dashboard.jobs.work import Training
from dashboard.playback import AT_MOST, Playback
from dashboard.playback.playing import records_to_play
from dashboard.views.lab.headline import FOLLOWED, facts
from dashboard.words.runs import headline
from nncore import RunConfig, run
from nncore import measures as m
from tests.conftest import decode, plots
from tests.dashboard.lab import SMALL, bar, element, opened, tell
from tests.dashboard.plot.test_frames import played
from tests.dashboard.views.lab.test_page import CHARTS, check, followed

LONGER = SMALL | {"steps": "150"}


def test_nothing_is_sent_before_play() -> None:
    app = opened(**LONGER)
    check(app)
    assert bar(app)["playing"] is None
    assert bar(app)["said"] == "Plays 60 of 151 records, evenly spread."
    assert not any(plot["frames"] for plot in plots(app).values())


def test_play_sends_every_chart_its_frames_once() -> None:
    app = opened(**LONGER)
    tell(app, "play", 150)
    check(app)
    playing = bar(app)["playing"]
    assert playing["start"] == 0
    assert len(playing["steps"]) == len(playing["facts"]) == AT_MOST
    assert (playing["steps"][0], playing["steps"][-1]) == (0, 150)
    drawn = plots(app)
    assert set(drawn) >= CHARTS
    for key, plot in drawn.items():
        assert plot["frames"], key
        assert plot["frames"]["run"] == playing["run"], key
        assert len(plot["frames"]["at"]) == AT_MOST, key
    history = run(
        RunConfig(dataset="circles", hidden=(4, 4), activation="sigmoid", init="xavier_normal", steps=150, n_samples=40)
    )
    record = playing["records"][31]
    flow = {trace.get("name"): trace for trace in played(drawn["chart_flow"]["frames"], 31)["data"]}
    expected = m.gradient_flow(history, record)["delta_norm"][1]
    np.testing.assert_array_equal(flow[f"δ at step {playing['steps'][31]}"]["y"], expected)
    marker = played(drawn["chart_loss"]["frames"], 31)["layout"]["shapes"][0]
    assert marker["x0"] == playing["steps"][31]
    assert app.session_state["step"] == 150  # the page stands where it stood until the playing rests


def test_headline_and_numbers_follow_the_player() -> None:
    app = opened(**LONGER)
    before = [(metric.label, metric.value, metric.delta) for metric in app.metric]
    tell(app, "play", 150)
    words, numbers = followed(app)
    run_name = bar(app)["playing"]["run"]
    assert (words["kind"], numbers["kind"]) == ("words", "numbers")
    for each in (words, numbers):
        assert each["run"] == run_name and len(each["at"]) == AT_MOST and len(each["frames"]) == FOLLOWED
        assert each["at"] == sorted(each["at"]) and (each["at"][0], each["at"][-1]) == (0, FOLLOWED - 1)
        assert each["start"] == 0
    assert [tuple(tile.values()) for tile in numbers["frames"][-1]] == before
    config = RunConfig(
        dataset="circles", hidden=(4, 4), activation="sigmoid", init="xavier_normal", steps=150, n_samples=40
    )
    history = run(config)
    for frame, record in ((0, 0), (FOLLOWED - 1, 150)):
        said, told = headline(history, record), words["frames"][frame]
        assert (told["colour"], told["title"]) == (said.badge.colour, said.badge.title)
        assert f"{told['title']}. {told['text']}" == said.plain()


def test_pause_shows_that_record_and_sends_no_more_frames() -> None:
    app = opened(**LONGER)
    tell(app, "play", 150)
    assert 76 in bar(app)["playing"]["steps"]
    tell(app, "stop", 76)
    check(app)
    assert element(app, "step").value == 76
    assert app.query_params["step"] == "76"
    assert bar(app)["record"] == 76
    assert bar(app)["playing"] is None
    names = {trace.get("name") for trace in plots(app)["chart_flow"]["figure"]["data"]}
    assert "δ at step 76" in names
    assert not any(plot["frames"] for plot in plots(app).values())
    tell(app, "play", 76)
    playing = bar(app)["playing"]
    assert playing["steps"][playing["start"]] == 76


def test_buttons_walk_from_record_to_record() -> None:
    app = opened(**SMALL | {"steps": "10", "record_every": "3"})
    for record, step in ((2, 6), (0, 0), (4, 10), (99, 10), (-1, 0)):
        tell(app, "go", record)
        check(app)
        assert element(app, "step").value == step
        assert bar(app)["step"] == step


def test_changed_settings_end_the_playing() -> None:
    app = opened(**LONGER)
    tell(app, "play", 150)
    element(app, "width").set_value(5).run()
    check(app)
    assert bar(app)["playing"] is None
    assert not any(plot["frames"] for plot in plots(app).values())


def test_playing_in_the_dark_with_another_quantity_sends_its_colours_and_numbers() -> None:
    app = opened(**SMALL, heat="∂E/∂W", theta_index="3", theory="false")
    tell(app, "play", 4)
    frames = {key: plot["frames"] for key, plot in plots(app).items()}
    assert played(frames["chart_heatmap"], 2)["layout"]["meta"]["name"] == "weight_gradient_norm_by_step"
    assert not any("theory" in trace["name"] for trace in played(frames["chart_flow"], 2)["data"])
    assert played(frames["chart_theta"], 2)["data"][0]["name"] == "θ"


@pytest.mark.parametrize("dataset", ["sine", "diabetes", "iris", "xor"])
def test_every_kind_of_picture_of_what_was_learned_is_played(dataset: str) -> None:
    app = opened(**SMALL, dataset=dataset)
    tell(app, "play", 4)
    check(app)
    drawn = plots(app)["chart_learned"]
    last = played(drawn["frames"], 4)
    for one, other in zip(last["data"], drawn["figure"]["data"], strict=True):
        key = "z" if "z" in other else "y"
        np.testing.assert_allclose(one[key], decode(other[key]), rtol=1e-6)


@pytest.mark.parametrize(
    "query",
    [{"steps": "0"}, {"steps": "2", "learning_rate": "1000", "gain": "10", "activation": "linear", "depth": "50"}],
)
def test_run_with_one_finite_record_has_no_player(query: dict[str, str]) -> None:
    app = opened(**SMALL | query)
    check(app)
    assert not [e for e in app.get("bidi_component") if e.proto.component_name == "nncore_player"]


def test_diverged_run_plays_its_finite_records() -> None:
    query = {"steps": "40", "learning_rate": "1000", "activation": "relu", "dataset": "sine", "init": "he_normal"}
    app = opened(**SMALL | query)
    assert "Diverged" in app.main.markdown[0].value
    tell(app, "play", 0)
    check(app)
    shown = bar(app)
    assert shown["last"] < 40
    assert shown["playing"]["records"][-1] == shown["last"]
    assert not any("∞" in fact or "undefined" in fact for fact in shown["playing"]["facts"])


def test_stopped_run_of_a_single_layer_is_played_without_a_ratio() -> None:
    history = run(RunConfig(hidden=(), steps=5, n_samples=40))
    assert records_to_play(history.last_finite) == (0, 1, 2, 3, 4, 5)
    assert all(fact.startswith("loss ") and "δ" not in fact for fact in facts(history, (0, 5)))


def test_frames_are_measured_once_for_all_readers() -> None:
    app = opened(**LONGER)
    calls = []
    measured = Training.measured

    def counted(self: Training, function: Any, *arguments: Any) -> Any:
        calls.append((function.__name__, *arguments))
        return measured(self, function, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "measured", counted)
        tell(app, "play", 0)
    batches = {call for call in calls if len(call) > 1 and isinstance(call[1], tuple)}
    names = {call[0] for call in batches}
    once = {
        "judged",
        "drawn_networks",
        "gradient_flows",
        "ledgers",
        "precisions",
        "signals",
        "decision_regions_of",
        "facts",
    }
    assert names == once | {"distributions"}
    assert len(batches) == len(once) + 3


def test_frames_that_the_browser_has_are_named_and_neither_measured_nor_sent_again() -> None:
    def draw(record: int) -> Figure:
        raise AssertionError(record)

    playback = Playback(run, range(3), (0, 1, 2), loaded="playing 1")
    assert playback.frames(draw) == playback.marks(draw) == {"run": "playing 1"}
    assert replace(playback, loaded="").frames(draw) is None
