"""Short work comes before long, every visitor has a turn, and a small run never waits for three long ones."""

import threading
from types import SimpleNamespace

import pytest

from dashboard.jobs.progress import in_line
from dashboard.jobs.queue import Queue
from dashboard.jobs.work import Abandoned, Work
from tests.patience import PATIENCE, until


class Task(Work):
    """Work of so many seconds by estimate that ends when it is told to."""

    def __init__(self, name: str, seconds: float, visitor: str, begun: list[str]) -> None:
        super().__init__(SimpleNamespace(seconds=lambda: seconds))
        self.name, self.begun, self.go_on = name, begun, threading.Event()
        self.waiting.add(visitor)

    def compute(self) -> str:
        self.begun.append(self.name)
        self.go_on.wait(PATIENCE)
        return self.name


@pytest.fixture
def begun() -> list[str]:
    return []


@pytest.fixture
def line():
    made = Queue(2)
    yield made
    made.shutdown(wait=False)


def test_a_small_run_begins_beside_three_long_ones(line, begun):
    long = [Task(f"long {i}", 35, f"visitor {i}", begun) for i in range(3)]
    futures = [line.submit(each) for each in long]
    until(lambda: len(begun) == 2)
    small = Task("small", 0.7, "another", begun)
    future = line.submit(small)
    until(lambda: "small" in begun)
    assert begun == ["long 0", "long 1", "small"]
    assert (line.before(small), line.before(long[2])) == (None, 0)
    small.go_on.set()
    assert future.result(PATIENCE) == "small"
    for each in long:
        each.go_on.set()
    assert [each.result(PATIENCE) for each in futures] == ["long 0", "long 1", "long 2"]


def test_short_work_comes_before_long_and_says_how_many_are_before_it(line, begun):
    first = [Task(f"first {i}", 1, f"visitor {i}", begun) for i in range(2)]
    for each in first:
        line.submit(each)
    until(lambda: len(begun) == 2)
    tasks = [Task(name, seconds, name, begun) for name, seconds in (("c", 900), ("a", 300), ("b", 600))]
    for each in tasks:
        each.go_on.set()
        line.submit(each)
    assert [line.before(each) for each in tasks] == [2, 0, 1]
    first[0].go_on.set()
    until(lambda: len(begun) == 5)
    assert begun[2:] == ["a", "b", "c"]
    first[1].go_on.set()


def test_a_visitor_with_much_to_do_lets_others_go_first(line, begun):
    greedy = [Task(f"greedy {i}", 10, "greedy", begun) for i in range(4)]
    for each in greedy:
        line.submit(each)
    until(lambda: len(begun) == 2)
    modest = Task("modest", 30, "modest", begun)
    line.submit(modest)
    assert (line.before(modest), line.before(greedy[2])) == (0, 1)
    greedy[0].go_on.set()
    until(lambda: len(begun) == 3)
    assert begun[2] == "modest"
    for each in (*greedy, modest):
        each.go_on.set()


def test_long_work_is_not_passed_for_ever(line, begun):
    first = [Task(f"first {i}", 1, f"visitor {i}", begun) for i in range(2)]
    for each in first:
        line.submit(each)
    until(lambda: len(begun) == 2)
    long, short = Task("long", 9, "a", begun), Task("short", 5, "b", begun)
    line.submit(long)
    line.submit(short)
    assert line.before(long) == 1
    line.waiting[:] = [(since - 2 * (work is long), work, future) for since, work, future in line.waiting]
    assert line.before(long) == 0
    for each in (*first, long, short):
        each.go_on.set()


def test_work_that_everybody_left_ends_at_once_and_is_counted_by_nobody(line, begun):
    busy = [Task(f"busy {i}", 1, f"visitor {i}", begun) for i in range(2)]
    for each in busy:
        line.submit(each)
    until(lambda: len(begun) == 2)
    left, next_one = Task("left", 1, "gone", begun), Task("next", 2, "here", begun)
    future = line.submit(left)
    line.submit(next_one)
    left.waiting.clear()
    assert line.before(next_one) == 0
    for each in (*busy, next_one):
        each.go_on.set()
    with pytest.raises(Abandoned):
        future.result(PATIENCE)


def test_a_place_in_the_queue_is_said() -> None:
    assert in_line(None) == ""
    assert in_line(0) == "Waiting for its turn, the next one. Others are training now."
    assert in_line(3) == "Waiting for its turn: 3 before it. Others are training now."
