"""The benchmark's own promises, as far as they need no peer installed."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import breakdown, report, scale, sweeps
from benchmarks.contenders import LABELS, prepare
from benchmarks.measure import CONTENDERS, check_agreement, difference
from benchmarks.scale import GROWTHS, Grown, Large
from benchmarks.worker import save, timed
from benchmarks.workloads import WORKLOADS, Problem, Recording
from nncore import RunConfig

SMALL = {"T": {"records": 90}, "M": {"records": 3}, "D32": {"records": 2}, "E": {"records": 2, "runs": 6}}


def small(name: str) -> Problem:
    return replace(WORKLOADS[name], **SMALL[name]).problem()


@pytest.mark.parametrize("name", ["T", "M", "D32"])
def test_nncore_and_naive_numpy_record_the_same(name: str, tmp_path: Path) -> None:
    files = {contender: tmp_path / f"{contender}.npz" for contender in ("nncore", "nncore_used", "naive")}
    for contender, file in files.items():
        train = prepare(contender, small(name))
        train()
        save(str(file), contender, small(name), train())
    check_agreement(name, files)


def test_a_contender_that_records_something_else_is_found(tmp_path: Path) -> None:
    files = {contender: tmp_path / f"{contender}.npz" for contender in ("nncore", "naive")}
    for contender, file in files.items():
        recording = prepare(contender, small("M"))()
        if contender == "naive":
            recording.statistics[1, 4, 5] *= 1.0001
        save(str(file), contender, small("M"), recording)
    with pytest.raises(AssertionError, match="M: statistics of naive is off by"):
        check_agreement("M", files)


def test_an_ensemble_records_what_its_runs_record_alone() -> None:
    together, alone = (prepare(name, small("E"))() for name in ("nncore", "nncore_loop"))
    for name in ("theta", "loss", "grad", "statistics"):
        np.testing.assert_array_equal(getattr(together, name), getattr(alone, name))


@pytest.mark.parametrize("name", ["nncore", "naive", "floor"])
def test_every_contender_counts_the_same_passes(name: str) -> None:
    assert timed(prepare(name, small("M")), small("M").workload) > 0
    with pytest.raises(AssertionError, match="M: 3 passes instead of 1000"):
        timed(prepare(name, small("M")), WORKLOADS["M"])


@pytest.mark.parametrize("name", ["T", "M", "D", "D32", "L"])
def test_every_workload_learns(name: str) -> None:
    loss = prepare("nncore", replace(WORKLOADS[name], records=6).problem())().loss
    assert loss is not None and loss[1:].max() < loss[0]


def test_what_keeps_no_history_is_held_to_the_state_after_the_last_update(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.npz" for name in ("nncore", "scikit_learn")}
    recording = prepare("nncore", small("M"))()
    save(str(files["nncore"]), "nncore", small("M"), recording)
    last = recording.theta[-1:] - 0.05 * recording.grad[-1:]
    save(str(files["scikit_learn"]), "scikit_learn", small("M"), Recording(3, last))
    check_agreement("M", files)
    save(str(files["scikit_learn"]), "scikit_learn", small("M"), Recording(3, recording.theta[-1:]))
    with pytest.raises(AssertionError, match="M: theta of scikit_learn is off by"):
        check_agreement("M", files)


def test_differences_are_relative_to_the_largest_entry_of_a_record() -> None:
    expected = np.array([[1e-8, 2e-8], [1.0, 100.0]])
    found = expected + np.array([[0.0, 2e-9], [1.0, 0.0]])
    assert difference(found, expected) == pytest.approx(0.1)


def test_ratios_are_medians_over_rounds_and_fastest_over_fastest() -> None:
    seconds = {"nncore": [1.0, 2.0, 4.0], "naive": [3.0, 4.0, 40.0]}
    assert report.ratio(seconds, "naive") == (3.0, 3.0)


def test_results_name_every_contender_and_every_goal_reached_or_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(report, "version", lambda name: "1.0")
    measured = {name: {who: [1.0, 1.0] for who in CONTENDERS[name]} for name in CONTENDERS}
    measured["M"]["torch_eager"] = [6.0, 7.0]
    measured["D"]["nncore_used"] = [0.5, 0.5]
    swept = {"tiny": {who: [2.0, 2.0] if who == "loop" else [1.0, 1.0] for who in sweeps.LABELS}}
    grown = {each.name: Grown(each, (1.0,) * len(each.sizes), (100,) * len(each.sizes)) for each in GROWTHS}
    waited = {f"{after} {what}": [60.0, 40.0, 50.0] for after, what in report.PAGE_PARTS.values()}
    waited |= {f"{name} sent": [30.0, 20.0, 20.0] for name in waited}
    waited |= {f"{after} told": [5.0] for after, _ in report.PAGE_PARTS.values()}
    waited |= {goal.waited: [60.0, 40.0, 50.0] for goal in report.PAGE_GOALS}
    waited |= {"floor depth headline": [25.0], "floor opened headline": [25.0], "lab frames a second": [15.0]}
    waited |= {"lab depth dragged told": [1.0, 3.0], "lab depth dragged flow": [90.0], "lab depth jumped flow": [60.0]}
    parts = dict.fromkeys(breakdown.PARTS, 0.05) | {"products": 0.35, "statistics": 0.3}
    broken = {"M": breakdown.Broken(parts, 91.6)}
    broken["first"] = breakdown.Broken({"interpreter": 0.1, "numpy": 0.25, "imports": 0.05, "training": 0.6})
    broken["threads"] = breakdown.Broken({"alone": 0.6, "slower": 0.1, "system": 0.1, "waiting": 0.2})
    report.write(measured, [("a run", 1.25)], swept, grown, Large(0.25, 0.2, 2**29), waited, broken)
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert all(LABELS[who] in text for seconds in measured.values() for who in seconds)
    assert "| M | PyTorch eager with hooks | 6× | 6.5× (6×) | reached |" in text
    assert "| E | nncore, one run after the other | 2× | 1× (1×) | missed: 50 % of it |" in text
    assert "| a run | 1.25 |" in text
    assert "| a plain loop of `run` | 2× (2×) |" in text
    assert "| steps | 25, 50, 100, 200, 400 | 0.00 | 0.00 | 16, 8, 4, 2, 1 |" in text
    assert "250 ms of one core a step" in text and "products alone take 80 %, and 512 MB at most" in text
    assert "| depth slider: flow chart | 50 | 2.0× | 2× | reached |" in text
    assert "| depth slider: headline | 50 | 2.0× | 1.5× | missed: 1.33 times the goal |" in text
    assert "| new depth: flow chart | 50 | 5 | 20 | 25 |" in text
    assert "3 trainings began of 2 at most; missed. Its flow chart was painted 1.5× as long" in text
    assert "15 frames a second of 30; missed: 50 % of it." in text
    assert "| matrix products | 35.0 |" in text and "| together | 100 |" in text
    assert "| matrix products: 10⁹ operations a second | 92 |" in text
    assert "**M.** Of its time: matrix products 35 %, statistics of each record 30 %, " in text
    assert "**first.** Of its time: training 60 %, import of NumPy 25 %, Python's start and end 10 %, " in text
    assert text.count("what the same blocks take on one thread 60 %, ") == 2
    assert (
        "**D.** Not broken down in this run. Products and activations alone are 100 % of its time. On memory that"
        in text
    )
    assert (
        "takes 50 % of that; beside it: scikit-learn (keeps no history) 2×, matrix products and activations alone 2×."
        in text
    )
    assert set(report.REMARKS) <= {goal.workload for goal in report.GOALS}


@pytest.mark.parametrize("name", ["T", "D32", "E"])
def test_the_parts_of_a_workload_add_up(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORKLOADS, name, small(name).workload)
    parts = breakdown.measure(name, 2).parts
    assert set(parts) == set(breakdown.PARTS)
    assert sum(parts.values()) == pytest.approx(1)
    assert all(each >= 0 for each in parts.values())
    assert all(parts[part] > 0 for part in ("products", "activations", "statistics"))


def test_the_rate_of_products_counts_the_operations_of_each_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breakdown, "_nanoseconds", lambda train: 1_000.0)
    monkeypatch.setattr(breakdown, "_timed_parts", lambda train: dict.fromkeys(breakdown.PARTS, 0.25))
    work = replace(WORKLOADS["T"], records=2)  # 1-2-1 on 100 rows: 4 + 3 into z, 4 + 3 into the gradient, 2 into delta
    monkeypatch.setitem(WORKLOADS, "T", work)
    assert breakdown.measure("T", 1).rate == 2 * 2 * 100 * (7 + 7 + 2) / (0.25 * 1_000)


def test_the_time_of_an_ensemble_s_threads_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORKLOADS, "E", small("E").workload)
    parts = breakdown.measure_threads(1).parts
    assert set(parts) == set(breakdown.THREAD_PARTS) and sum(parts.values()) == pytest.approx(1)
    assert all(each >= 0 for each in parts.values())


def test_what_is_broken_down_is_every_workload_with_a_goal() -> None:
    assert {*breakdown.BROKEN_DOWN, "first"} == {goal.workload for goal in report.GOALS}


def test_a_clock_in_the_parts_changes_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = []
    train = prepare("nncore", small("M"))
    monkeypatch.setitem(WORKLOADS, "M", small("M").workload)
    monkeypatch.setattr(breakdown, "_nanoseconds", lambda train: recorded.append(train()) or 1.0)
    breakdown.measure("M", 1)
    for found in recorded[1:]:
        for name in ("theta", "loss", "grad", "statistics"):
            np.testing.assert_array_equal(getattr(found, name), getattr(train(), name))


def test_a_part_inside_of_another_is_not_counted_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(breakdown, "now", lambda: next(ticks))
    clock = breakdown.Clock()
    inner = clock.timed("products", lambda: None)
    clock.timed("passes", lambda: (inner(), inner()))()
    assert clock.nanoseconds == {"products": 2, "passes": 3}


def test_every_goal_is_about_a_contender_that_takes_part() -> None:
    for goal in report.GOALS:
        assert goal.contender in CONTENDERS[goal.workload]


def test_a_sweep_does_what_the_loop_beside_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(sweeps.SWEEPS["tiny"], grid=sweeps.Grid(RunConfig(n_samples=20, hidden=(3,), steps=2), {}))
    monkeypatch.setattr(sweeps, "SWEEPS", {"tiny": small})
    measured = sweeps.measure(1)
    assert {who: len(seconds) for who, seconds in measured["tiny"].items()} == dict.fromkeys(sweeps.LABELS, 1)
    assert sweeps.thousand_runs()["tiny"].core_seconds > 0


def test_an_exponent_is_that_of_the_power_that_was_measured() -> None:
    growth = next(each for each in GROWTHS if each.name == "units a layer")
    grown = Grown(growth, tuple(3e-6 * size**2 for size in growth.sizes), tuple(size**3 for size in growth.sizes))
    assert grown.exponent(grown.seconds) == pytest.approx(2)
    assert grown.exponent(grown.bytes) == pytest.approx(3)
    assert grown.per_product == pytest.approx([1] * len(growth.sizes))


def test_a_large_run_is_measured_beside_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "LARGE", RunConfig(n_samples=20, hidden=(3, 3), steps=2))
    large = scale.measure_large(1)
    assert large.bytes > 0 and large.seconds > 0 and large.products >= 0


def test_every_growth_trains_at_its_smallest_size() -> None:
    for growth in GROWTHS:
        assert growth.work(growth.sizes[0]) is not None
