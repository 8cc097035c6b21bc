"""Memory asked for ahead: a hint that changes no number."""

import os
import sys
from collections.abc import Callable

import numpy as np
import pytest

from nncore import History, RunConfig, run, run_many
from nncore.numerics import pages

CONFIG = RunConfig(dataset="moons", n_samples=40, hidden=(5, 3), steps=30)
REFUSING: dict[str, Callable[[], Callable[..., int] | None]] = {
    "no such call": lambda: None,
    "an older Linux": lambda: lambda *arguments: -1,
}


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of three rows of CONFIG."""
    monkeypatch.setattr(pages, "BLOCK_BYTES", 3 * 8 * CONFIG.layout().n_params)


@pytest.mark.parametrize("n_rows", [0, 1, 5, 6, 7, 100])
@pytest.mark.parametrize("lead", [(), (4,)])
def test_each_row_is_in_one_block(n_rows: int, lead: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BLOCK_BYTES", 3 * 8 * 7)
    rows = np.empty((n_rows, *lead, 7))
    found = [row for block in pages.blocks_ahead(rows) for row in range(n_rows)[block]]
    assert found == list(range(n_rows))


def test_each_block_but_the_first_is_asked_for_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "BLOCK_BYTES", 3 * 8 * 7)
    rows, asked = np.arange(70.0).reshape(10, 7), []
    monkeypatch.setattr(pages, "ask_for", lambda each: asked.extend(each[:, 0] // 7))
    for block in pages.blocks_ahead(rows):
        assert asked == list(range(3, min(block.stop + 3, 10)))


@pytest.mark.parametrize("lead", [(), (2,)])
def test_what_the_rows_hold_stays(lead: tuple[int, ...]) -> None:
    rows = np.random.default_rng(0).normal(size=(6, *lead, 70_001))[1:-1]
    before = rows.copy()
    assert pages._populate(rows) in (True, False)
    np.testing.assert_array_equal(rows, before)


def histories() -> list[History]:
    compact = run(CONFIG, compact=True)
    return [run(CONFIG), compact, *run_many([CONFIG.replace(seed=seed) for seed in range(3)])]


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("refusing", [None, *REFUSING])
def test_histories_have_the_same_bits_in_blocks(refusing: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if refusing:
        monkeypatch.setattr(pages, "_madvise", REFUSING[refusing])
    in_blocks = histories()
    monkeypatch.undo()
    for found, expected in zip(in_blocks, histories(), strict=True):
        for name in ("theta", "grad", "loss", "update_norm"):
            np.testing.assert_array_equal(np.asarray(getattr(found, name)), np.asarray(getattr(expected, name)))


@pytest.mark.usefixtures("small_blocks")
def test_a_run_goes_on_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    monkeypatch.setattr(pages, "_submit", lambda: refuse)
    assert len(run(CONFIG)) == CONFIG.steps + 1


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("system", ["another system", "no such call", "an older Linux"])
def test_no_thread_is_started_where_the_system_cannot_do_it(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Library:
        """The C library: without the call, or with one that refuses what it does not know."""

        def __init__(self, name: None) -> None:
            if system == "an older Linux":
                self.madvise = type("Call", (), {"__call__": lambda *arguments: -1})()

    monkeypatch.setattr(sys, "platform", "darwin" if system == "another system" else "linux")
    monkeypatch.setattr("ctypes.CDLL", Library)
    monkeypatch.setattr(pages, "_submit", lambda: pytest.fail("a thread was started"))
    pages._madvise.cache_clear()
    try:
        assert len(run(CONFIG)) == CONFIG.steps + 1
    finally:
        pages._madvise.cache_clear()


def test_a_forked_process_starts_a_thread_of_its_own() -> None:
    before = pages._submit()
    if hasattr(os, "fork"):
        child = os.fork()
        if child == 0:
            os._exit(pages._submit() is before)
        assert os.waitpid(child, 0)[1] == 0
