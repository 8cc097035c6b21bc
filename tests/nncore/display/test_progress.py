"""progress=True draws a bar and keeps what is done at Ctrl-C, for every function that takes a while."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nncore import Fork, History, RunConfig, fit, run, run_many
from nncore.seeds import SeedRuns, run_seeds
from nncore.sweep import Grid, results, table, write

CONFIG = RunConfig(hidden=(4,), steps=60, n_samples=40)
LONG = CONFIG.replace(steps=20_000, record_every=1000)


def test_run_draws_its_steps_and_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(CONFIG, progress=True).stopped == ""
    drawn = capsys.readouterr().err
    assert "60/60" in drawn and "loss 0." in drawn


def test_many_runs_seeds_and_sweeps_draw_all_their_runs(capsys: pytest.CaptureFixture[str]) -> None:
    run_many([CONFIG.replace(seed=seed) for seed in range(3)], progress=True, workers=1)
    assert "180/180" in capsys.readouterr().err
    run_many([Fork(CONFIG, at=20), Fork(CONFIG, at=30)], progress=True, workers=1)
    assert "70/70" in capsys.readouterr().err
    assert len(run_seeds(SeedRuns(CONFIG, 2), progress=True)) == 2
    assert "120/120" in capsys.readouterr().err
    list(results(Grid(CONFIG, {}, seeds=range(4)), workers=1, progress=True))
    assert "4/4" in capsys.readouterr().err


def test_nothing_is_drawn_unasked(capsys: pytest.CaptureFixture[str]) -> None:
    run(CONFIG)
    fit([[0.0], [1.0], [2.0], [3.0]], [0.0, 1.0, 2.5, 3.5], hidden=(2,), steps=2, progress=False)
    run(CONFIG, progress=lambda step, loss: None)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("start", [run, lambda config, **more: run_many([config], **more)], ids=["run", "run_many"])
def test_what_progress_may_be_is_said(start: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="progress must be True, False or a function; got 'yes'"):
        start(CONFIG, progress="yes")


PROGRAMS = {
    "run": """
history = nncore.run(LONG, progress=True)
assert history.was_stopped and history.step[-1] < LONG.steps, history.stopped
""",
    "run_many": """
histories = nncore.run_many([LONG, LONG.replace(seed=1)], progress=True)
assert all(history.was_stopped for history in histories)
""",
    "seeds": """
found = nncore.seeds.run_seeds(nncore.seeds.SeedRuns(LONG, 64), progress=True)
assert found.was_stopped and len(found) < 64
""",
    "sweep": """
grid = nncore.sweep.Grid(LONG, {}, seeds=range(40))
for result in nncore.sweep.write(sys.argv[1], grid, workers=1, progress=True):
    pass
assert len(nncore.sweep.table(sys.argv[1])) < 40
""",
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_ctrl_c_keeps_what_is_done(kind: str, tmp_path: Path) -> None:
    begin = f"import sys\nimport nncore\nimport nncore.seeds, nncore.sweep\nLONG = nncore.{LONG!r}\n"
    program = [sys.executable, "-c", f"{begin}{PROGRAMS[kind]}print('kept')", str(tmp_path / "sweep")]
    with subprocess.Popen(
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=0, start_new_session=True
    ) as process:
        assert process.stderr is not None and process.stdout is not None
        seen = ""
        while "%|" not in seen:  # the bar is drawn: the run has begun
            piece = process.stderr.read(1)
            assert piece, seen
            seen += piece
        os.kill(process.pid, signal.SIGINT)
        out, error = process.communicate()
    assert process.returncode == 0 and out == "kept\n", error


def test_in_another_thread_a_bar_needs_no_signals() -> None:
    found: list[History] = []
    thread = threading.Thread(target=lambda: found.append(run(CONFIG, progress=True)))
    thread.start()
    thread.join()
    assert found[0].stopped == ""


def test_ctrl_c_means_afterwards_what_it_meant_before(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    run(CONFIG, progress=True)
    for _ in write(tmp_path / "sweep", Grid(CONFIG, {}, seeds=range(2)), workers=1, progress=True):
        pass
    assert signal.getsignal(signal.SIGINT) is before and len(table(tmp_path / "sweep")) == 2
