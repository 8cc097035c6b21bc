"""Runs are shared by config, cancelled when nobody waits, stopped by hand, and bounded in number and memory."""

import threading
import time
import weakref

import numpy as np
import pytest

import nncore.seeds
from dashboard.jobs import limits, registry
from dashboard.jobs import work as module
from dashboard.jobs.registry import PINS, SEEDS, Runs, wait
from dashboard.jobs.work import Abandoned, RunRequest, SeedRequest
from nncore import RunConfig, read_table, run
from nncore.config.cost import estimate
from nncore.seeds import run_seeds
from tests.dashboard.jobs.conftest import HELD_AT, LONG, SMALL, ask, ask_all, ask_seeds, finished
from tests.patience import PATIENCE, until


def test_run_is_the_engines(shared: Runs) -> None:
    history = finished(ask(shared, "a", SMALL)).history
    np.testing.assert_array_equal(history.theta, run(SMALL).theta)


def test_two_sessions_share_a_run_and_a_third_finds_it_done(shared: Runs) -> None:
    one, two = ask(shared, "a", SMALL), ask(shared, "b", SMALL.replace())
    assert one is two
    history = finished(one).history
    ask(shared, "a", SMALL.replace(seed=1))
    ask(shared, "b", SMALL.replace(seed=2))
    assert ask(shared, "c", SMALL).history is history


def test_asking_again_changes_nothing(shared: Runs) -> None:
    training = ask(shared, "a", LONG)
    assert ask(shared, "a", LONG) is training
    assert shared.active == 1


@pytest.fixture
def training_now(monkeypatch) -> tuple[list[int], list[int]]:
    """([runs that are training], [the most that ever trained at the same time])."""
    running, most, lock = [0], [0], threading.Lock()

    def counted(config, **options):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        try:
            return run(config, **options)
        finally:
            with lock:
                running[0] -= 1

    monkeypatch.setattr(module, "run", counted)
    return running, most


def test_eight_quick_requests_leave_two_running_at_most_and_end_on_the_last(shared, training_now) -> None:
    running, most = training_now
    for seed in range(7):
        ask(shared, "a", LONG.replace(seed=seed))
        time.sleep(0.02)
    last = ask(shared, "a", SMALL.replace(seed=7))
    assert finished(last).history.config.seed == 7
    assert last.history.stopped == ""
    assert 1 <= most[0] <= limits.AT_ONCE
    until(lambda: running[0] == 0 and shared.active == 0)


def test_run_that_nobody_waits_for_ends_and_is_trained_anew_when_asked_for_again(shared: Runs) -> None:
    left = ask(shared, "a", LONG)
    until(lambda: left.step > 0)
    ask(shared, "a", SMALL)
    until(lambda: left.done)
    with pytest.raises(Abandoned):
        _ = left.history
    again = ask(shared, "a", LONG)
    assert again is not left
    shared.stop("a")


def test_leaving_does_not_disturb_who_still_waits(shared: Runs) -> None:
    config = LONG.replace(steps=8_000)
    training = ask(shared, "a", config)
    ask(shared, "b", config)
    until(lambda: training.step > 0)
    ask(shared, "a", SMALL)
    assert finished(training).history.stopped == ""
    assert ask(shared, "b", config) is training


def test_stop_keeps_what_there_is(shared: Runs) -> None:
    training = ask(shared, "a", LONG)
    until(lambda: training.step > 1500)
    shared.stop("a")
    history = finished(ask(shared, "a", LONG)).history
    assert history.stopped.startswith("Stopped by hand at step ")
    assert 1500 < history.step[-1] < LONG.steps
    whole = run(LONG.replace(steps=int(history.step[-1])))
    same = np.isin(history.step, whole.step)
    np.testing.assert_array_equal(history.theta[same], whole.theta[np.isin(whole.step, history.step)])


def test_stop_of_one_session_leaves_the_other_its_whole_run(shared: Runs, held: threading.Event) -> None:
    config = LONG.replace(steps=2_000)
    training = ask(shared, "a", config)
    ask(shared, "b", config)
    until(lambda: training.step == HELD_AT)
    shared.stop("a")
    held.set()
    mine = finished(ask(shared, "a", config))
    assert mine is not training
    assert mine.history.stopped
    assert mine.history.step[-1] == HELD_AT
    assert finished(ask(shared, "b", config)).history.stopped == ""
    assert ask(shared, "c", config) is training


def test_run_stopped_before_its_turn_keeps_its_first_step(shared: Runs) -> None:
    busy = [ask(shared, f"busy {session}", LONG.replace(seed=session)) for session in range(limits.AT_ONCE)]
    until(lambda: all(training.step > 0 for training in busy))
    config = LONG.replace(seed=99)
    queued = ask(shared, "a", config)
    assert not wait(queued, 0.1, lambda: None)
    shared.stop("a")
    for session in range(limits.AT_ONCE):
        ask(shared, f"busy {session}", SMALL.replace(seed=9))
    history = finished(ask(shared, "a", config)).history
    assert ask(shared, "a", config) is queued
    assert len(history) == 1
    assert history.stopped == "Stopped by hand at step 0 of 400000."


def test_stopped_run_is_not_shared_and_can_be_run_to_the_end(shared: Runs, held: threading.Event) -> None:
    config = LONG.replace(steps=2_000)
    training = ask(shared, "a", config)
    until(lambda: training.step == HELD_AT)
    shared.stop("a")
    held.set()
    finished(ask(shared, "a", config))
    assert finished(ask(shared, "b", config)).history.stopped == ""
    assert ask(shared, "a", config).history.stopped
    shared.leave("a")
    assert finished(ask(shared, "a", config)).history.stopped == ""


def test_stop_without_a_run_or_after_its_end_does_nothing(shared: Runs) -> None:
    shared.stop("nobody")
    training = finished(ask(shared, "a", SMALL))
    shared.stop("a")
    assert ask(shared, "a", SMALL) is training
    assert training.history.stopped == ""


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"steps": 1_000_000, "hidden": (256,) * 50, "record_every": 1_000_000}, "the run would take"),
        ({"steps": 100_000, "hidden": (64,) * 10}, "the history would take"),
    ],
)
def test_run_over_budget_is_refused_before_anything_starts(shared, monkeypatch, changes, sentence) -> None:
    monkeypatch.setattr(module, "run", lambda *_, **__: pytest.fail("it was started"))
    with pytest.raises(ValueError, match=sentence):
        ask(shared, "a", SMALL.replace(**changes))
    assert shared.active == 0
    assert not shared.by_session


def test_kept_histories_are_bounded_and_the_latest_stay(shared, monkeypatch) -> None:
    two_and_one_that_is_estimated = 2 * run(SMALL, compact=True).nbytes + SMALL.history_bytes()
    monkeypatch.setattr(limits, "bytes_kept", lambda: two_and_one_that_is_estimated)
    made = [finished(ask(shared, "a", SMALL.replace(seed=seed))) for seed in range(8)]
    assert [training.config.seed for training in shared.by_request.values()] == [5, 6, 7]
    assert ask(shared, "a", SMALL.replace(seed=6)) is made[6]
    assert ask(shared, "a", SMALL.replace(seed=0)) is not made[0]


def test_run_that_a_session_looks_at_is_not_dropped(shared, monkeypatch) -> None:
    monkeypatch.setattr(limits, "bytes_kept", lambda: 2 * SMALL.history_bytes())
    mine = finished(ask(shared, "a", SMALL))
    for seed in range(1, 6):
        finished(ask(shared, "b", SMALL.replace(seed=seed)))
    assert ask(shared, "c", SMALL) is mine


def test_a_run_that_finds_no_room_beside_those_in_use_is_refused_with_the_numbers(shared, monkeypatch) -> None:
    monkeypatch.setattr(limits, "bytes_kept", lambda: 2 * SMALL.history_bytes())
    mine, theirs = (finished(ask(shared, session, SMALL.replace(seed=seed))) for seed, session in enumerate("ab"))
    with pytest.raises(ValueError, match=r"it needs 0 MB, and of this site's 0 MB 0 are in use: try again in a minute"):
        ask(shared, "c", SMALL.replace(seed=2))
    assert ask(shared, "c", SMALL) is mine, "one that is there needs no room"
    shared.leave("a")
    shared.leave("c")
    assert finished(ask(shared, "c", SMALL.replace(seed=2))) is not theirs


def test_measurements_are_weighed_with_their_run(shared, monkeypatch) -> None:
    mine = finished(ask(shared, "a", SMALL))
    before = mine.nbytes
    mine.measured(lambda history: np.zeros(1_000_000))
    assert mine.nbytes >= before + 8_000_000
    monkeypatch.setattr(limits, "MEASURED_BYTES", 20_000_000)
    for record in range(9):
        mine.measured(lambda history, record: np.zeros(1_000_000), record)
    assert mine.nbytes <= before + 21_000_000


@pytest.fixture
def no_grace(monkeypatch) -> set[str]:
    """The sessions that are there; who leaves is noticed at the next look."""
    there = {"a", "b"}
    monkeypatch.setattr(registry, "_present", lambda session: session in there)
    monkeypatch.setattr(limits, "GRACE_SECONDS", 0.0)
    monkeypatch.setattr(limits, "KEPT_SECONDS", 0.0)
    return there


def test_a_closed_page_ends_its_run_though_nobody_asks_for_anything(shared, no_grace) -> None:
    alone, together = ask(shared, "a", LONG), ask(shared, "b", LONG.replace(seed=1))
    assert ask(shared, "a", LONG.replace(seed=1), SEEDS) is together
    until(lambda: alone.step > 0 and together.step > 0)
    shared.tidy()
    assert shared.active == 2
    no_grace.discard("a")
    assert shared.tidy()
    until(lambda: alone.done)
    assert isinstance(alone.error, Abandoned) and not together.done
    assert list(shared.by_session) == ["b"]


def test_a_page_that_comes_back_in_time_keeps_its_run(shared, no_grace, monkeypatch) -> None:
    monkeypatch.setattr(limits, "GRACE_SECONDS", 1e9)
    mine = ask(shared, "a", LONG)
    no_grace.discard("a")
    shared.tidy()
    no_grace.add("a")
    shared.tidy()
    assert mine.waiting == {"a"} and not shared.absent


def test_memory_is_given_back_once_the_last_reader_has_left(shared, no_grace) -> None:
    finished(ask(shared, "a", SMALL))
    shared.adopt("a", SMALL.replace(seed=5), run(SMALL.replace(seed=5)), "file")
    kept = finished(ask(shared, "b", SMALL.replace(seed=1)))
    finished(ask(shared, "b", SMALL.replace(seed=2)))
    no_grace.discard("a")
    for _ in range(3):
        shared.tidy()
    assert not shared.opened
    assert [work.config.seed for work in shared.by_request.values()] == [1, 2], "a reader may go back to what it saw"
    assert ask(shared, "b", SMALL.replace(seed=1)) is kept
    no_grace.clear()
    for _ in range(3):
        shared.tidy()
    assert not shared.by_request and not shared.by_session


def test_what_a_session_holds_besides_is_emptied_once_its_reader_has_left_for_good(
    shared, no_grace, monkeypatch
) -> None:
    emptied: list[str] = []
    for session in ("a", "b"):
        shared.hold(session, lambda session=session: emptied.append(session))
    assert not shared.tidy() and not emptied
    monkeypatch.setattr(limits, "KEPT_SECONDS", 1e9)
    no_grace.discard("a")
    assert not shared.tidy() and not emptied, "it may come back"
    monkeypatch.setattr(limits, "KEPT_SECONDS", 0.0)
    assert shared.tidy() and emptied == ["a"]
    assert not shared.tidy() and emptied == ["a"]


def test_a_thread_tidies_up_as_long_as_the_work_is_there(monkeypatch) -> None:
    looks = []
    monkeypatch.setattr(limits, "TIDY_SECONDS", 0.01)
    monkeypatch.setattr(Runs, "tidy", lambda self: looks.append(1) or True)
    made = Runs()
    thread = threading.Thread(target=registry._tidy_up, args=(weakref.ref(made),))
    thread.start()
    until(lambda: len(looks) > 2)
    made.pool.shutdown()
    del made
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_session_that_left_frees_its_run(shared, monkeypatch) -> None:
    left = ask(shared, "gone", LONG)
    until(lambda: left.step > 0)
    monkeypatch.setattr(registry, "_present", lambda session: session != "gone")
    finished(ask(shared, "here", SMALL))
    until(lambda: left.done)
    assert "gone" not in shared.by_session
    assert left.waiting == set()


def test_many_sessions_at_once_all_get_their_own_run(shared: Runs) -> None:
    problems: list[object] = []

    def reader(name: int) -> None:
        rng = np.random.default_rng(name)
        try:
            for _ in range(12):
                config = SMALL.replace(seed=int(rng.integers(4)))
                training = ask(shared, str(name), config)
                if rng.random() < 0.2:
                    shared.stop(str(name))
                if rng.random() < 0.6 and wait(training, PATIENCE, lambda: None) and not training.stop:
                    assert training.history.config == config
            training = ask(shared, str(name), SMALL)
            shared.leave(str(name))
            assert finished(ask(shared, str(name), SMALL)).history.stopped == ""
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=reader, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert not problems
    until(lambda: shared.active == 0)


# Several at once --------------------------------------------------------------------------------------------


def test_session_waits_for_several_runs_in_their_order_and_two_train_at_once(shared, training_now) -> None:
    _, most = training_now
    configs = [SMALL.replace(seed=seed, steps=300) for seed in (5, 3, 4, 1, 2, 0)]
    asked = ask_all(shared, "a", configs)
    assert wait(asked, PATIENCE, lambda: None)
    assert [work.history.config for work in asked] == configs
    assert 1 <= most[0] <= limits.AT_ONCE
    assert all(ask(shared, str(seed), SMALL.replace(seed=seed, steps=300)) in asked for seed in range(6))


def test_asking_for_fewer_gives_up_the_others_and_keeps_the_rest_going(shared: Runs) -> None:
    configs = [LONG.replace(seed=seed) for seed in range(3)]
    first, second, queued = ask_all(shared, "a", configs)
    until(lambda: first.step > 0 and second.step > 0)
    assert ask_all(shared, "a", [configs[1], configs[2]]) == [second, queued]
    until(lambda: first.done)
    with pytest.raises(Abandoned):
        _ = first.history
    assert not second.done
    until(lambda: queued.step > 0)
    assert ask_all(shared, "a", [configs[2], configs[1]]) == [queued, second]
    shared.leave("a", PINS)
    until(lambda: second.done and queued.done)
    assert "a" not in shared.by_session


def test_run_wanted_for_two_purposes_lives_as_long_as_one_of_them(shared: Runs) -> None:
    training = ask(shared, "a", LONG)
    assert ask_all(shared, "a", [SMALL, LONG])[1] is training
    until(lambda: training.step > 0)
    ask(shared, "a", SMALL.replace(seed=9))
    assert training.waiting == {"a"}
    assert ask_all(shared, "a", [LONG]) == [training]
    shared.leave("a", PINS)
    until(lambda: training.done)
    with pytest.raises(Abandoned):
        _ = training.history


def test_stop_of_several_keeps_what_each_has_and_disturbs_no_other_session(shared: Runs, held: threading.Event) -> None:
    configs = [LONG.replace(seed=seed, steps=2_000) for seed in range(2)]
    mine = ask_all(shared, "a", configs)
    ask(shared, "b", configs[1])
    until(lambda: all(work.step == HELD_AT for work in mine))
    shared.stop("a", PINS)
    held.set()
    stopped = ask_all(shared, "a", configs)
    assert wait(stopped, PATIENCE, lambda: None)
    assert all(work.history.stopped.startswith("Stopped by hand") for work in stopped)
    assert stopped[0] is mine[0]
    assert stopped[1] is not mine[1]
    assert finished(ask(shared, "b", configs[1])).history.stopped == ""
    shared.leave("a", PINS)
    again = ask_all(shared, "a", configs)
    assert wait(again, PATIENCE, lambda: None)
    assert [work.history.stopped for work in again] == ["", ""]


def test_several_runs_are_held_to_one_budget_together(shared: Runs, monkeypatch) -> None:
    configs = [SMALL.replace(seed=seed) for seed in range(4)]
    requests = [RunRequest(config) for config in configs]
    assert shared.over_budget(requests) == {}
    monkeypatch.setattr(limits, "seconds_allowed", lambda: 2.5 * estimate(SMALL).seconds)
    over = shared.over_budget(requests)
    assert list(over) == requests[2:]
    assert "with the runs before it, it would take about" in over[requests[2]]
    with pytest.raises(ValueError, match="with the runs before it"):
        ask_all(shared, "a", configs)
    assert shared.active == 0
    assert wait(ask_all(shared, "a", configs[:2]), PATIENCE, lambda: None)
    assert list(shared.over_budget(requests)) == []  # what is there already costs no time
    monkeypatch.setattr(limits, "bytes_kept", lambda: 3 * SMALL.history_bytes())
    assert list(shared.over_budget(requests)) == requests[3:]
    large = RunRequest(SMALL.replace(steps=100_000, hidden=(64,) * 10))
    assert "the history would take" in shared.over_budget([large, RunRequest(SMALL)])[large]


# Many seeds -------------------------------------------------------------------------------------------------


def test_seeds_are_the_engines_and_shared_between_sessions(shared: Runs) -> None:
    request = SeedRequest(SMALL, 3)
    one, two = ask_seeds(shared, "a", request), ask_seeds(shared, "b", SeedRequest(SMALL, 3))
    assert one is two
    found = finished(one).seeds
    expected = run_seeds(request)
    np.testing.assert_array_equal(found.layers["delta_norm"], expected.layers["delta_norm"])
    assert one.step == request.steps


def test_seeds_do_not_take_the_place_of_the_pages_own_run(shared: Runs) -> None:
    own = ask(shared, "a", LONG)
    seeds = ask_seeds(shared, "a", SeedRequest(SMALL, 2))
    finished(seeds)
    assert not own.done
    assert ask(shared, "a", LONG) is own
    assert ask_seeds(shared, "a", SeedRequest(SMALL, 2)) is seeds
    shared.leave("a", SEEDS)
    assert own.waiting == {"a"}
    assert seeds.waiting == set()


def test_stop_keeps_the_seeds_that_are_done(shared: Runs, monkeypatch) -> None:
    monkeypatch.setattr(nncore.seeds, "runs_at_once", lambda config: 2)
    request = SeedRequest(LONG.replace(steps=2_000), 64)
    training = ask_seeds(shared, "a", request)
    until(lambda: training.step > 0.05 * request.steps)
    shared.stop("a", SEEDS)
    found = finished(ask_seeds(shared, "a", request)).seeds
    assert 0 < len(found) < 64
    assert found.asked == 64
    assert "Stopped by hand" in found.layers.caveats[0]


def test_seeds_over_budget_are_refused_before_anything_starts(shared: Runs, monkeypatch) -> None:
    monkeypatch.setattr(module, "run_seeds", lambda *_, **__: pytest.fail("it was started"))
    with pytest.raises(ValueError, match="64 seeds would take about"):
        ask_seeds(shared, "a", SeedRequest(RunConfig(steps=20_000, record_every=100), 64))
    assert shared.active == 0


# Runs on an uploaded table ----------------------------------------------------------------------------------


def own(session_seed: int = 0) -> RunConfig:
    rng = np.random.default_rng(session_seed)
    rows = "".join(f"{x:.3f},{x * x:.3f}\n" for x in rng.normal(size=30))
    table = read_table(f"x,y\n{rows}".encode())
    return RunConfig(dataset="table", table=table.choose("y"), hidden=(3,), steps=5, n_samples=30)


def test_run_on_an_uploaded_table_is_not_shared_between_sessions(shared: Runs) -> None:
    one, two = finished(ask(shared, "a", own())), finished(ask(shared, "b", own()))
    assert own() == own()
    assert one is not two
    assert one.history is not two.history
    assert one.config.data() is not two.config.data()
    np.testing.assert_array_equal(one.history.theta, two.history.theta)
    seen = one.measured(lambda history: object())
    assert two.measured(lambda history: object()) is not seen


def test_run_on_an_uploaded_table_is_found_again_by_its_own_session(shared: Runs) -> None:
    training = finished(ask(shared, "a", own()))
    finished(ask(shared, "a", SMALL))
    assert ask(shared, "a", own()) is training
    ask(shared, "a", SMALL)
    assert ask(shared, "b", own()) is not training


def test_run_on_an_uploaded_table_leaves_with_its_reader(shared: Runs, monkeypatch) -> None:
    finished(ask(shared, "a", own()))
    finished(ask(shared, "b", SMALL))
    monkeypatch.setattr(registry, "_present", lambda session: session != "a")
    finished(ask(shared, "b", SMALL.replace(seed=1)))
    assert not any(training.config.dataset == "table" for training in shared.by_request.values())
    assert ("", RunRequest(SMALL)) in shared.by_request


def test_stopped_run_on_an_uploaded_table_is_trained_anew(shared: Runs) -> None:
    config = own().replace(steps=400_000, record_every=1000)
    training = ask(shared, "a", config)
    until(lambda: training.step > 0)
    shared.stop("a")
    assert finished(training).history.stopped
    shared.leave("a")
    assert ask(shared, "a", config) is not training


def test_seeds_of_an_uploaded_table_are_not_shared_between_sessions(shared: Runs) -> None:
    one = ask_seeds(shared, "a", SeedRequest(own(), 2))
    assert ask_seeds(shared, "b", SeedRequest(own(), 2)) is not one
    assert ask_seeds(shared, "a", SeedRequest(own(), 2)) is one
    finished(one)
