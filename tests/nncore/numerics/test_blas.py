import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from nncore.numerics.blas import SEVERAL, _libraries, blas_threads
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
def every_library_loaded_by_now() -> Iterator[None]:
    """Libraries are looked up once; other tests may have loaded SciPy's own BLAS since."""
    _libraries.cache_clear()
    yield
    _libraries.cache_clear()


def blas() -> list[int]:
    return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]


@pytest.mark.parametrize("count", [1, SEVERAL])
def test_blas_is_held_inside_and_as_before_outside(count: int) -> None:
    np.ones((2, 2)) @ np.ones((2, 2))
    before = blas()
    with blas_threads(count):
        assert blas() and set(blas()) == {count}
    assert blas() == before


def test_blas_is_released_by_an_exception() -> None:
    before = blas()
    with pytest.raises(KeyError), blas_threads(1):
        raise KeyError
    assert blas() == before
    with blas_threads(SEVERAL):
        assert set(blas()) == {SEVERAL}


def started(body: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=body)
    thread.start()
    return thread


def test_blocks_that_agree_run_side_by_side_and_the_setting_outlives_the_first() -> None:
    inside, leave, seen = threading.Event(), threading.Event(), []

    def other() -> None:
        with blas_threads(1):
            inside.set()
            leave.wait(PATIENCE)
            seen.append(set(blas()))

    before = blas()
    with blas_threads(1):
        thread = started(other)
        assert inside.wait(PATIENCE)
    assert set(blas()) == {1}
    leave.set()
    thread.join()
    assert seen == [{1}]
    assert blas() == before


def test_a_block_that_wants_another_number_waits() -> None:
    inside = threading.Event()
    seen = []

    def other() -> None:
        with blas_threads(SEVERAL):
            seen.append(set(blas()))
            inside.set()

    with blas_threads(1):
        thread = started(other)
        assert not inside.wait(0.1)
        assert set(blas()) == {1}
    assert inside.wait(PATIENCE)
    thread.join()
    assert seen == [{SEVERAL}]


def test_threads_one_after_the_other_are_each_obeyed() -> None:
    seen = []

    def body(count: int) -> Callable[[], None]:
        def hold() -> None:
            with blas_threads(count):
                seen.append(set(blas()))

        return hold

    for count in (1, SEVERAL, 1):
        started(body(count)).join()
        body(3 - count)()
    assert seen == [{1}, {2}, {2}, {1}, {1}, {2}]


@pytest.mark.parametrize("outer", [1, SEVERAL])
@pytest.mark.parametrize("inner", [1, SEVERAL])
def test_a_block_inside_another_changes_nothing_and_does_not_wait_for_itself(outer: int, inner: int) -> None:
    before, seen = blas(), []

    def nested() -> None:
        with blas_threads(outer):
            with blas_threads(inner):
                seen.append(set(blas()))
            seen.append(set(blas()))
        with blas_threads(inner):
            seen.append(set(blas()))

    thread = threading.Thread(target=nested, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert seen == [{outer}, {outer}, {inner}]
    assert blas() == before
