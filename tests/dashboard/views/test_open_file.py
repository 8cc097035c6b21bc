"""A saved history opened again: the charts of the run it was saved from, bit for bit, in its own session alone."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from dashboard.jobs import limits, registry, work
from dashboard.jobs.work import RunRequest
from dashboard.state.address import FIRST_SIGHT, nearest, settings_of
from nncore import Fork, History, RunConfig, ScaleLayer, read_table, run
from nncore import measures as m
from nncore.history import compressing
from tests.conftest import plots
from tests.dashboard.jobs.conftest import ask
from tests.dashboard.lab import SMALL as ELSEWHERE
from tests.dashboard.lab import element
from tests.dashboard.lab import opened as app_at
from tests.patience import PATIENCE

SMALL = RunConfig(hidden=(4, 3), steps=6, n_samples=40, probe_size=16)
EXPLODING = RunConfig(dataset="line", hidden=(3,), activation="linear", learning_rate=1e3, steps=60, n_samples=20)
FORK = Fork(
    SMALL.replace(optimizer="adam", learning_rate=0.01), at=3, steps=8, activation="relu", edits=[ScaleLayer(1, 2.0)]
)


def written(history: History, kind: str = "parquet", **excerpt: object) -> bytes:
    file = io.BytesIO()
    getattr(history, f"to_{kind}")(file, **excerpt)
    return file.getvalue()


def page(app: AppTest | None = None) -> AppTest:
    app = app or app_at(**ELSEWHERE)
    return app.switch_page("views/open_file/page.py").run()


def upload(app: AppTest, content: bytes, name: str = "saved.parquet") -> AppTest:
    app.file_uploader(key="history_file").set_value((name, content, "")).run()
    assert not app.exception
    return app


def in_lab(content: bytes, name: str = "saved.parquet", app: AppTest | None = None) -> AppTest:
    app = upload(page(app), content, name)
    assert not app.error
    element(app, "open_history").click().run()
    assert not app.exception and is_from_a_file(app)
    return app.switch_page("views/lab/page.py").run()  # the harness does not notice by itself that the page has changed


def words(app: AppTest) -> str:
    kinds = (app.markdown, app.caption, app.info, app.warning, app.error)
    return "\n".join(str(each.value) for kind in kinds for each in kind)


def is_from_a_file(app: AppTest) -> bool:
    return "leave_file" in {button.key for button in app.button}


def leave(app: AppTest) -> AppTest:
    element(app, "leave_file").click().run()
    assert not app.exception and not is_from_a_file(app)
    return app


def same(one: object, other: object) -> bool:
    """Equal to the last bit, signs of zero and types of arrays included; any NaN is NaN."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.dtype == object:
            return one.tolist() == other.tolist()
        if one.dtype.kind == "f":  # a CSV has one way to write NaN
            one, other = (np.where(np.isnan(each), each.dtype.type("nan"), each) for each in (one, other))
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


def assert_same_charts(ours: dict, theirs: dict) -> None:
    assert list(ours) == list(theirs) and len(ours) >= 10
    assert [key for key in ours if not same(ours[key], theirs[key])] == []


@pytest.fixture(autouse=True)
def nothing_is_open() -> Iterator[None]:
    """All of Streamlit's test harness is one session to the dashboard."""
    yield
    for session, request in list(registry.runs().opened):
        registry.runs().close(session, request.config)


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[RunConfig]:
    """The configs that the dashboard has trained so far."""
    seen: list[RunConfig] = []

    def noted(config: RunConfig, **options: object) -> History:
        seen.append(config)
        return run(config, **options)

    monkeypatch.setattr(work, "run", noted)
    return seen


# The identical charts ---------------------------------------------------------------------------------------

CONFIGS = {
    "deep sigmoid": FIRST_SIGHT.replace(hidden=(5,) * 7, steps=12, n_samples=40),
    "first sight's own settings": FIRST_SIGHT.replace(steps=3),
    "regression": SMALL.replace(dataset="sine", optimizer="adam", learning_rate=0.01, activation="gelu"),
    "diverged": EXPLODING,
    "sparse float32 batches": SMALL.replace(dataset="blobs", steps=23, record_every=5, dtype="float32", batch_size=8),
    "no step": SMALL.replace(steps=0),
    "no hidden layer": SMALL.replace(hidden=()),
    "one activation each": SMALL.replace(activation=("relu", "tanh"), features=("x1_squared", "x1_x2")),
    "deeper than the slider": SMALL.replace(hidden=(2,) * 200, steps=2, activation="relu", init="he_normal"),
}


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_chart_of_the_lab_is_the_runs_own(name: str, kind: str, trained: list[RunConfig]) -> None:
    config = CONFIGS[name]
    app = in_lab(written(run(config), kind), f"x.{kind}")
    assert is_from_a_file(app)
    assert config not in trained
    from_file = plots(app)
    leave(app)
    assert_same_charts(from_file, plots(app))


def test_run_stopped_by_hand_shows_the_steps_it_has(trained: list[RunConfig]) -> None:
    seen: list[int] = []
    history = run(SMALL, cancelled=lambda: len(seen) > 3, progress=lambda step, loss: seen.append(step))
    app = in_lab(written(history))
    assert history.stopped in words(app)
    assert element(app, "step").max == history.step[-1] < SMALL.steps
    assert SMALL not in trained
    assert "again" not in {button.key for button in app.button}


# What the sidebar cannot say --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_lab_shows_the_fork_and_says_what_it_is(kind: str, trained: list[RunConfig]) -> None:
    history = run(FORK)
    app = in_lab(written(history, kind))
    assert "It is a fork, from step 3 of its parent on: **Activation** tanh → relu" in words(app)
    assert (element(app, "step").min, element(app, "step").max) == (3, 8)
    assert not {FORK, FORK.from_the_start()} & set(trained)
    drawn = {trace["name"]: trace for trace in plots(app)["chart_flow"]["figure"]["data"]}
    measured = m.gradient_flow(history, len(history) - 1)
    assert same(drawn["δ at step 8"]["y"], measured["delta_norm"][-1])
    loss = next(t for t in plots(app)["chart_loss"]["figure"]["data"] if t["name"] == "training")
    assert loss["x"].tolist() == [3, 4, 5, 6, 7, 8]
    assert "theory speaks of step 0, and this run begins at step 3" in words(app)
    from_file = plots(app)
    leave(app)
    assert not same(plots(app)["chart_loss"], from_file["chart_loss"])
    assert element(app, "step").min == 0


FORKS = {
    "float32": Fork(SMALL.replace(dtype="float32", batch_size=8), at=2, momentum=0.5),
    "sparse": Fork(SMALL.replace(steps=20, record_every=6), at=7, steps=30),
    "vanishing": Fork(SMALL.replace(hidden=(4,) * 10, activation="sigmoid"), at=3),
    "diverging": Fork(EXPLODING.replace(learning_rate=0.01, steps=9), at=3, steps=40, learning_rate=1e3),
    "a step": Fork(SMALL, at=6),
    "fork of a fork": Fork(Fork(SMALL, at=2, activation="relu"), at=4, steps=9, edits=[ScaleLayer(1, 0.0)]),
}


@pytest.mark.parametrize("name", FORKS)
def test_every_page_about_a_run_takes_a_fork(name: str, trained: list[RunConfig]) -> None:
    app = in_lab(written(run(FORKS[name]), "csv"), "fork.csv")
    assert len(plots(app)) >= 13 and not app.error
    assert "at step 0" not in words(app).replace("theory speaks of step 0", "")
    element(app, "seeds").set_value(3).run()
    assert not app.exception and "a fork keeps its parent's seed" in app.warning[0].value
    element(app, "seeds").set_value(1).run()
    for view in ("landscape", "neurons", "fork"):
        app.switch_page(f"views/{view}/page.py").run()
        assert not app.exception and not app.error and is_from_a_file(app), view
    assert FORKS[name].from_the_start() not in trained


@pytest.mark.parametrize("step", [3, 5, 8])
def test_fork_of_an_opened_fork_is_trained_for_this_session_alone(step: int, trained: list[RunConfig]) -> None:
    app = in_lab(written(run(FORK))).switch_page("views/fork/page.py").run()
    assert not app.exception and not app.error and is_from_a_file(app)
    element(app, "step").set_value(step).run()
    assert not app.exception and not app.error
    assert trained and all(isinstance(config, Fork) for config in trained[1:])
    shared = [request.config for _, request in registry.runs().by_request if isinstance(request, RunRequest)]
    assert not any(isinstance(config, Fork) and config.parent == FORK for config in shared)


def test_settings_beyond_the_sidebar_stand_on_the_nearest_and_are_named(trained: list[RunConfig]) -> None:
    config = SMALL.replace(learning_rate=0.017, gain=30, bias_std=7, momentum=0.995, noise=0.033)
    history = run(config)
    app = in_lab(written(history))
    assert (element(app, "learning_rate").value, element(app, "gain").value) == (0.02, 20.0)
    assert "where the nearest value stands: Gain 30, Bias deviation 7, Learning rate 0.017, Momentum 0.995." in words(
        app
    )
    drawn = {trace["name"]: trace for trace in plots(app)["chart_flow"]["figure"]["data"]}
    assert same(drawn["δ at step 6"]["y"], m.gradient_flow(history, 6)["delta_norm"][-1])
    assert config not in trained and nearest(config) not in trained


@pytest.mark.parametrize("config", [*CONFIGS.values(), FORK])
def test_nearest_settings_are_stood_on_exactly(config: RunConfig) -> None:
    assert nearest(nearest(config)) == nearest(config)
    assert settings_of(nearest(config)) == settings_of(config)


# The session ------------------------------------------------------------------------------------------------


def test_history_outlasts_a_change_and_other_pages(trained: list[RunConfig]) -> None:
    app = in_lab(written(run(SMALL)))
    element(app, "seed").set_value(1).run()
    assert not is_from_a_file(app)
    element(app, "seed").set_value(0).run()
    assert is_from_a_file(app)
    before = plots(app)  # with the run of seed 1 as a ghost
    for view in ("landscape", "neurons", "fork", "lab"):
        app.switch_page(f"views/{view}/page.py").run()
        assert not app.exception and not app.error and is_from_a_file(app), view
    element(app, "step").set_value(SMALL.steps).run()  # which the fork's slider had moved
    assert SMALL not in trained
    assert_same_charts(before, plots(app))


def test_another_session_is_not_given_it(trained: list[RunConfig], monkeypatch: pytest.MonkeyPatch) -> None:
    config = SMALL.replace(seed=77)
    history = run(config)
    forged = History(
        config=config,
        step=history.step,
        loss=history.loss + 1,
        theta=history.theta * 2,
        grad=history.grad,
        update_norm=history.update_norm,
        probe_x=history.probe_x,
        probe_y=history.probe_y,
    )
    shared = registry.runs()
    shared.adopt("a", config, forged, "forged.csv")
    mine = ask(shared, "a", config)
    other = ask(shared, "b", config)
    assert registry.wait(other, PATIENCE, lambda: None)
    assert mine.history is forged and other.history is not forged
    np.testing.assert_array_equal(other.history.theta, history.theta)
    fork = Fork(config, at=2, learning_rate=0.5)
    theirs, ours = ask(shared, "b", fork, registry.FORK), ask(shared, "a", fork, registry.FORK, mine)
    assert registry.wait([theirs, ours], PATIENCE, lambda: None)
    np.testing.assert_array_equal(ours.history.theta[0], forged.theta[2])
    np.testing.assert_array_equal(theirs.history.theta[0], history.theta[2])
    assert ask(shared, "c", fork, registry.FORK) is theirs
    shared.close("a", config)
    assert ask(shared, "a", config) is other
    assert ask(shared, "a", fork, registry.FORK, other) is theirs
    for session in "abc":
        shared.leave(session)
        shared.leave(session, registry.FORK)


def test_files_are_bounded_in_number_and_memory_and_leave_with_their_session(monkeypatch) -> None:
    shared, history = registry.Runs(), run(SMALL)
    configs = [SMALL.replace(seed=seed) for seed in range(limits.FILES_KEPT + 2)]
    for config in configs:
        shared.adopt("a", config, history, "x")
        ask(shared, "a", configs[0])
    assert len(shared.opened) == limits.FILES_KEPT
    assert ("a", RunRequest(configs[0])) in shared.opened and ("a", RunRequest(configs[1])) not in shared.opened
    shared.adopt("b", SMALL, history, "x")
    monkeypatch.setattr(limits, "bytes_kept", lambda: 2 * history.nbytes)
    shared.adopt("b", SMALL, history, "x")
    assert len(shared.opened) == 2
    monkeypatch.setattr(registry, "_present", lambda session: session == "b")
    shared.adopt("b", SMALL, history, "x")
    assert [session for session, _ in shared.opened] == ["b"]
    shared.pool.shutdown()


def test_history_that_made_room_for_others_is_said_to_be_gone() -> None:
    app = in_lab(written(run(SMALL)), "mine_*x*.csv")
    ((session, request),) = registry.runs().opened
    registry.runs().close(session, request.config)
    app.run()
    assert not is_from_a_file(app)
    assert r"The history of mine\_\*x\*.csv made room for others" in words(app)


@pytest.mark.parametrize("name", ["thinned.csv", "thinned.csv.gz", "thinned.zip"])
def test_thinned_history_opens_and_says_so(name: str, trained: list[RunConfig]) -> None:
    file = io.BytesIO()
    with compressing(file, name) as content:
        run(SMALL).to_csv(content, every=4)
    app = upload(page(), file.getvalue(), name)
    assert "Every 4 steps are recorded." in words(app)
    assert [metric.value for metric in app.metric[:3]] == ["3", "31", "6"]
    (frame,) = app.dataframe
    lines = {row["setting"]: (row["in the file"], row["in the lab at first"]) for _, row in frame.value.iterrows()}
    assert lines["Record every … steps"] == ("4", "1")
    app = in_lab(file.getvalue(), name, app)
    from_file = plots(app)
    assert SMALL.replace(record_every=4) not in trained
    leave(app)
    assert_same_charts(from_file, plots(app))


# The page ---------------------------------------------------------------------------------------------------


def test_page_says_what_was_read() -> None:
    app = upload(page(), written(run(SMALL.replace(learning_rate=0.5)), "csv"), "[a](b).csv")
    assert r"**\[a\](b).csv**" in words(app)
    assert "A run on **moons**, finished at step 6." in words(app)
    assert [metric.value for metric in app.metric[:3]] == ["7", "31", "6"]
    (frame,) = app.dataframe
    lines = {row["setting"]: (row["in the file"], row["in the lab at first"]) for _, row in frame.value.iterrows()}
    assert lines["Learning rate"] == ("0.5", "0.1")
    assert lines["Depth and width"] == ("4, 3", "12 × 32")
    assert lines["Activation"] == ("tanh", "sigmoid")
    assert "Initializer" not in lines


def test_opened_histories_are_listed_shown_and_closed() -> None:
    app = page(in_lab(written(run(SMALL))))
    assert "**saved.parquet**" in words(app)
    element(app, "show_0").click().run()
    assert is_from_a_file(app)
    page(app)
    element(app, "close_0").click().run()
    assert not registry.runs().opened
    assert "Opened in this session" not in words(app)


def summary_csv() -> bytes:
    file = io.BytesIO()
    m.summary(run(SMALL)).to_csv(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: b"", "it is empty"),
        (summary_csv, "do not hold θ"),
        (lambda: b"PK\x03\x04rest", "it is a zip archive or an Excel workbook"),
        (lambda: written(run(SMALL))[:-40], "Parquet"),
        (lambda: written(run(SMALL), "csv").replace(b"moons", b"[x](http://y)", 1), r"\[x\](http://y)"),
        (lambda: b"a,b\n1,2\n", "its first line is 'a,b'"),
        (
            lambda: written(run(SMALL), "csv", layers=[2], steps=[0, 6], columns="theta"),
            "this is a part of a history, 2 of 7 recorded steps, layer 2 of 3, θ without its gradient: ",
        ),
    ],
)
def test_what_cannot_be_opened_is_a_sentence(content: object, said: str) -> None:
    app = upload(page(), content())
    (error,) = app.error
    assert said in error.value
    assert error.value.startswith("This file cannot be opened: ") and error.value.endswith(".")
    assert "open_history" not in {button.key for button in app.button}


def test_history_over_the_memory_budget_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "bytes_allowed", lambda: 1000)
    app = upload(page(), written(run(SMALL)))
    assert "its 7 records of 31 parameters would take 0 MB and 0 MB are allowed" in app.error[0].value


def test_history_on_a_table_asks_for_its_file() -> None:
    rows = b"x,y\n" + b"".join(b"%d,%d.5\n" % (n, n * n) for n in range(20))
    table = read_table(rows)
    config = RunConfig(dataset="table", table=table.choose(), hidden=(3,), steps=3, n_samples=20)
    content, app = written(run(config)), page()
    upload(app, content)
    assert "The rows are not in the file" in words(app)
    app.file_uploader(key="table_again").set_value(("rows.csv", rows, "text/csv")).run()
    assert not app.exception and not app.error
    assert "A run on **rows.csv: y from 1 column**" in words(app)
    element(app, "open_history").click().run()
    assert not app.exception and is_from_a_file(app)


def test_fork_page_saves_a_history_that_opens_again(trained: list[RunConfig]) -> None:
    app = app_at(**ELSEWHERE).switch_page("views/fork/page.py").run()
    assert any(button.label.startswith("History, CSV") for button in app.get("download_button"))
    (training,) = [
        each
        for each in registry.runs().by_request.values()
        if isinstance(each, work.Training) and isinstance(each.config, Fork)
    ][-1:]
    fork, history = training.config, training.history
    app = in_lab(written(history), "fork.parquet", app)
    assert f"It is a fork, from step {fork.at} of its parent on" in words(app)
